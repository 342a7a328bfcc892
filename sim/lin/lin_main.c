/* lincheck: is the history in this file linearizable?
 *
 * Reads JSON lines (doc/protocol/history.md) from a file or standard input. Exit codes: 0 ok,
 * 1 violated, 2 undecided within the budget of steps, 64 usage, 65 not a history, 70 failed. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lin/history.h"
#include "lin/limits.h"
#include "lin/lin.h"

enum { EXIT_OK, EXIT_VIOLATED, EXIT_UNDECIDED, EXIT_USAGE = 64, EXIT_DATA, EXIT_FAILED = 70 };

static int usage(FILE *to, int code)
{
	(void)fprintf(to,
	              "usage: lincheck [--budget STEPS] [FILE]\n"
	              "Checks that a history of clients (JSON lines) is linearizable.\n"
	              "exit codes: 0 ok, 1 violated, 2 undecided, 64 usage, 65 not a history\n");
	return code;
}

static void show_op(const struct history *h, const struct history_op *op)
{
	static const char *const outcomes[] = {"unknown", "ok", "failed"};

	(void)printf("  process %s: %s", history_text(h, op->process), history_f_name(op->f));
	if (op->f == HISTORY_CAS)
		(void)printf(" %s to", history_text(h, op->expected));
	if (op->f == HISTORY_READ)
		(void)printf(" shows");
	if (op->f != HISTORY_DELETE)
		(void)printf(" %s", history_text(h, op->value));
	(void)printf(", asked at %" PRId64 ", ", op->invoke_time);
	if (op->returned == HISTORY_NEVER)
		(void)printf("no answer\n");
	else
		(void)printf("%s at %" PRId64 "\n", outcomes[op->outcome], op->return_time);
}

static int show(const struct history *h, const struct lin_result *r)
{
	static const char *const verdicts[] = {"ok", "violated", "undecided"};

	(void)printf("%s: %zu operations, %zu keys, %" PRIu64 " steps\n", verdicts[r->verdict],
	             h->n_ops, r->n_keys, r->steps);
	if (r->n_undecided > 0)
		(void)printf("%zu keys were not decided within the budget\n", r->n_undecided);
	if (r->verdict != LIN_VIOLATED)
		return r->verdict == LIN_OK ? EXIT_OK : EXIT_UNDECIDED;
	(void)printf("%zu keys have no explanation; the clearest is %s, no order explains:\n",
	             r->n_violated, history_text(h, r->key));
	for (size_t i = 0; i < r->n_shown; i++)
		show_op(h, &h->ops[r->shown[i]]);
	return EXIT_VIOLATED;
}

static int check(FILE *file, const char *name, uint64_t budget)
{
	struct history h;
	struct lin_result r;
	struct fault fault;
	size_t line;
	int code = EXIT_FAILED;

	if (history_init(&h) != ST_OK)
		goto out;
	if (history_load(&h, file, &fault, &line) != ST_OK) {
		(void)fprintf(stderr, "lincheck: %s, line %zu: %s\n", name, line, fault.what);
		code = EXIT_DATA;
		goto out;
	}
	if (lin_check(&h, budget, &r) != ST_OK)
		goto out;
	code = show(&h, &r);
	lin_result_close(&r);
out:
	if (code == EXIT_FAILED)
		(void)fprintf(stderr, "lincheck: %s\n", status_text(ST_NOMEM));
	history_close(&h);
	return code;
}

int main(int argc, char **argv)
{
	uint64_t budget = LIN_BUDGET_DEFAULT;
	FILE *file = stdin;
	int at = 1;
	int code;

	if (at < argc && strcmp(argv[at], "--help") == 0)
		return usage(stdout, EXIT_OK);
	if (at + 1 < argc && strcmp(argv[at], "--budget") == 0) {
		char *end;

		budget = strtoull(argv[at + 1], &end, 10);
		if (*end != '\0' || end == argv[at + 1])
			return usage(stderr, EXIT_USAGE);
		at += 2;
	}
	if (argc - at > 1 || (at < argc && argv[at][0] == '-'))
		return usage(stderr, EXIT_USAGE);
	if (at < argc)
		file = fopen(argv[at], "r");
	if (file == NULL) {
		perror(argv[at]);
		return EXIT_DATA;
	}
	code = check(file, at < argc ? argv[at] : "standard input", budget);
	if (file != stdin)
		(void)fclose(file);
	return code;
}
