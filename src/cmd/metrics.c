#include "cmd/metrics.h"

#include <stdio.h>
#include <string.h>

#include "cmd/cli.h"
#include "node/metrics_table.h"

enum {
	ASK_MS = 5000,
	TEXT_MAX = 1024 * 1024, /* the reference is a few pages */
};

static int reference(void)
{
	struct buf b;
	int code = CLI_FAILED;

	buf_init(&b, TEXT_MAX);
	metrics_reference(&b);
	if (buf_status(&b) == ST_OK && fwrite(b.base, 1, b.len, stdout) == b.len)
		code = CLI_OK;
	else
		(void)fprintf(stderr, "erlmcp-admin: %s\n", status_text(b.st));
	buf_close(&b);
	return code;
}

int metrics_show(struct cli *c, int argc, char **argv)
{
	const char *what[1];
	size_t n = 0;
	int code;

	if (cli_flag(argc, argv, "--reference"))
		return reference();
	for (int i = 0; i < argc; i++) {
		if (strncmp(argv[i], "--", 2) != 0 && n == 0)
			what[n++] = argv[i];
	}
	code = cli_load(c, CLI_ASK);
	if (code == CLI_OK)
		code = cli_relay(c, "metrics", what, n, ASK_MS);
	config_close(&c->config);
	return code;
}
