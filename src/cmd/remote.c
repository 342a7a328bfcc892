#include "cmd/remote.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "cmd/cli.h"
#include "io/tool.h"
#include "term/term.h"

enum { ANSWER_MAX = 64 << 20 }; /* as large as a node's answer can be */

struct tool *remote_open(const struct cli *c)
{
	const struct node_config *v = &c->config.values;
	const char *at = strchr(v->node_name, '@');
	char name[NODE_NAME_MAX + 32];
	const struct tool_config config = {name, v->short_names, v->cookie, (uint16_t)v->epmd_port};
	struct tool *t = NULL;
	char why[512] = "";

	(void)snprintf(name, sizeof name, "admin%ld%s", (long)getpid(), at == NULL ? "@" : at);
	if (tool_open(&config, &t, why, sizeof why) == ST_OK)
		return t;
	(void)fprintf(stderr, "%s: %s\n", c->program, why);
	return NULL;
}

static bool is_ok(const struct term *t)
{
	return term_type(t) == TERM_TUPLE && term_tuple_size(t) == 2 &&
	       term_is_atom(term_element(t, 0), "ok");
}

enum status remote_text(struct tool *t, const struct remote_call *call, struct buf *ret)
{
	struct tool_call rpc = {.node = call->node,
	                        .module = call->module,
	                        .function = call->function,
	                        .timeout_ms = (unsigned)call->timeout_ms};
	const struct term *got = NULL;
	struct arena arena;
	enum status st;

	arena_init(&arena, ANSWER_MAX);
	rpc.args = term_list(&arena, call->args, call->n_args);
	st = tool_rpc(t, &rpc, &arena, &got);
	if (st == ST_OK && is_ok(got) && term_type(term_element(got, 1)) == TERM_BINARY) {
		const struct term_bytes bytes = term_binary_bytes(term_element(got, 1));

		buf_bytes(ret, bytes.base, bytes.len);
		st = buf_status(ret);
	} else if (st == ST_OK) {
		st = ST_UNSUPPORTED;
	}
	arena_close(&arena);
	return st;
}

void remote_name(const struct cli *c, const char *word, char *ret, size_t cap)
{
	const char *self = c->config.values.node_name;
	const int local = (int)strcspn(self, "@");

	if (strchr(word, '@') != NULL)
		(void)snprintf(ret, cap, "%s", word);
	else
		(void)snprintf(ret, cap, "%.*s@%s", local, self, word);
}
