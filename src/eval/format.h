/* io_lib:format/2: text with control sequences. */
#ifndef EVAL_FORMAT_H
#define EVAL_FORMAT_H

#include "eval/text.h"

/* Characters appended to out; false with a signal, badarg for a bad format or its arguments. */
bool format_text(struct machine *m, const struct term *format, const struct term *args,
                 struct chars *out);

#endif
