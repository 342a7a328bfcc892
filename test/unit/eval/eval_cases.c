/* Evaluates a file of expressions, one to a line, and prints each result as ~p: the value, or
 * {Class,Reason} of an exception. Lines that are empty or start with % are passed over. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eval/eval.h"

static void print_exception(struct buf *out, const struct eval_result *r)
{
	struct arena a;

	arena_init(&a, 1 << 16);
	term_print_pretty(out, term_tuple2(&a, term_atom(&a, r->klass), r->reason), 80);
	arena_close(&a);
}

static int run_line(const char *line, size_t len, struct buf *out)
{
	struct eval_result r;
	struct eval *e;

	if (eval_new(line, len, NULL, NULL, &e) != ST_OK)
		return EXIT_FAILURE;
	eval_run(e, &r);
	buf_bytes(out, r.output, r.output_len);
	if (r.outcome == EVAL_VALUE)
		term_print_pretty(out, r.value, 80);
	else if (r.outcome == EVAL_EXCEPTION)
		print_exception(out, &r);
	else
		buf_printf(out, "syntax %u:%u: %s", r.line, r.column, r.message);
	buf_u8(out, '\n');
	eval_free(e);
	return buf_status(out) == ST_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	FILE *file = argc == 2 ? fopen(argv[1], "r") : NULL;
	int status = EXIT_SUCCESS;
	char *line = NULL;
	size_t cap = 0;
	ssize_t len;

	if (file == NULL) {
		(void)fprintf(stderr, "usage: eval_cases FILE\n");
		return 2;
	}
	while (status == EXIT_SUCCESS && (len = getline(&line, &cap, file)) >= 0) {
		struct buf out;

		while (len > 0 && line[len - 1] == '\n')
			len--;
		if (len == 0 || line[0] == '%')
			continue;
		buf_init(&out, 1 << 24);
		status = run_line(line, (size_t)len, &out);
		(void)fwrite(out.base, 1, out.len, stdout);
		buf_close(&out);
	}
	free(line);
	(void)fclose(file);
	return status;
}
