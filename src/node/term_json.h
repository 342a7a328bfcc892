/* JSON as Erlang sees it: objects are maps with atoms for keys, texts are binaries, null is the
 * atom undefined. So what is told as JSON to programs is told as terms to Erlang. */
#ifndef NODE_TERM_JSON_H
#define NODE_TERM_JSON_H

#include <jansson.h>

struct arena;
struct term;

enum { TERM_JSON_DEPTH_MAX = 16 }; /* what we write ourselves is flatter */

/* NULL: out of memory, or deeper than that. */
const struct term *term_of_json(struct arena *a, const json_t *j, unsigned depth);

#endif
