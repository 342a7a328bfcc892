/* Help on the functions of the registry: for `help(Module)` in `erlmcp eval`, for
 * `erlmcp functions`, and for doc/reference/api.md, which is made of it. */
#ifndef NODE_API_HELP_H
#define NODE_API_HELP_H

#include <stdbool.h>

#include "base/buf.h"

/* More on a function, whatever its arity. */
struct api_help {
	const char *module;
	const char *function;
	const char *more;    /* one or two sentences */
	const char *example; /* as one would type it behind `erlmcp eval` */
	const char *section; /* of the runbooks; "" where they say nothing about it */
};

/* NULL: there is none. */
const struct api_help *api_help_of(const char *module, const char *function);

/* All modules, a module's functions, or one function: what is NULL is not asked for. False: there
 * is no such thing. */
bool api_help_text(const char *module, const char *function, struct buf *b);

/* doc/reference/api.md */
void api_help_markdown(struct buf *b);

#endif
