/* Runs one program and shows it as an operator sees it. */
#ifndef EVAL_FIXTURE_H
#define EVAL_FIXTURE_H

#include <stdio.h>
#include <string.h>

#include "eval/eval.h"
#include "testing.h"

/* Output, then the value or the error; ret is NUL-terminated. */
static inline void eval_show(const char *text, const struct eval_host *host,
                             const struct eval_limits *limits, char *ret, size_t cap)
{
	struct eval_result r;
	struct eval *e = NULL;
	struct buf b;

	assert_int_equal(eval_new(text, strlen(text), host, limits, &e), ST_OK);
	eval_run(e, &r);
	buf_init(&b, 1 << 20);
	buf_bytes(&b, r.output, r.output_len);
	eval_print(&r, &b);
	assert_int_equal(buf_status(&b), ST_OK);
	if (r.outcome == EVAL_WAIT)
		buf_printf(&b, "waiting\n");
	(void)snprintf(ret, cap, "%s", buf_text(&b));
	buf_close(&b);
	eval_free(e);
}

#define SHOWS(text, expected)                                       \
	do {                                                        \
		char shown[2048];                                   \
		eval_show((text), NULL, NULL, shown, sizeof shown); \
		assert_string_equal(shown, (expected));             \
	} while (0)

#endif
