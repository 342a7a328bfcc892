#include "cmd/explain.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cmd/cli.h"
#include "cmd/page.h"
#include "cmd/remote.h"
#include "cmd/show.h"
#include "cmd/story.h"
#include "io/tool.h"
#include "node/recorder.h"
#include "term/term.h"

enum {
	ASK_MS = 5000,
	TEXT_MAX = 1 << 20,
	RECORDER_MAX = 64 << 20,
	LAST_MS = 10000, /* of a node that is down: its last seconds */
	HEAD = 10,       /* columns of what stands before each fact */
	NAME_MAX_WIDTH = 30,
};

static const json_t *in(const json_t *j, const char *key)
{
	return json_object_get(j, key);
}

/* "Rule      a sentence, broken behind column 10" */
static void fact(const struct page *p, const char *head, const char *s)
{
	if (s[0] == '\0')
		return;
	buf_printf(p->b, "%-*s", HEAD - 1, head);
	page_sentence(p, s, HEAD, HEAD - 1 > 0 ? 1 : 0);
}

static void verdict(const struct page *p)
{
	const json_t *rule = in(p->status, "rule");
	const char *state = page_text(p->status, "state");
	char age[32];

	buf_printf(p->b, "%s: ", page_text(p->status, "node"));
	page_coloured(p, page_state_colour(state), state);
	buf_printf(p->b, " for %s\n", page_span(p->status, "state_age_ms", age, sizeof age));
	page_sentence(p, page_text(p->status, "why"), 2, 0);
	buf_u8(p->b, '\n');
	fact(p, "Rule", page_text(rule, "text"));
	fact(p, "Runbook", page_text(rule, "runbook"));
	fact(p, "Remedy", page_text(rule, "remedy"));
}

static const char *yes(const json_t *j, const char *key)
{
	return page_truth(j, key) ? "yes" : "no";
}

/* The table of votes, of now or of a decision. */
static void votes(const struct page *p, const json_t *of)
{
	const json_t *v;
	size_t i;

	buf_printf(p->b, "   %-*s  %-6s  %-8s  %11s  %9s\n", NAME_MAX_WIDTH, "Voter", "Counts",
	           "In sight", "Silent", "Promise");
	json_array_foreach(in(of, "votes"), i, v)
	{
		char silent[32] = "-";
		char promise[32];
		char name[NODE_NAME_MAX + 4];

		(void)snprintf(name, sizeof name, "%s%s", page_text(v, "name"),
		               page_truth(v, "self") ? " *" : "");
		if (!page_truth(v, "self"))
			(void)page_span(v, "silent_ms", silent, sizeof silent);
		if (!page_truth(v, "self") && !json_is_number(in(v, "silent_ms")))
			(void)snprintf(silent, sizeof silent, "never heard");
		buf_printf(p->b, "   %-*.*s  %-6s  %-8s  %11s  %9s\n", NAME_MAX_WIDTH,
		           NAME_MAX_WIDTH, name, yes(v, "counts"), yes(v, "in_sight"), silent,
		           page_span(v, "promise_ms", promise, sizeof promise));
	}
}

static void lease(const json_t *of, char *ret, size_t cap)
{
	const json_t *left = in(of, "lease_left_ms");
	const double ms = json_number_value(left);
	char span[32];

	if (!json_is_number(left))
		(void)snprintf(ret, cap, "no lease was ever confirmed here");
	else if (ms > 0)
		(void)snprintf(ret, cap, "the lease runs for %s more",
		               page_span_of(ms, span, sizeof span));
	else
		(void)snprintf(ret, cap, "the lease ended %s ago",
		               page_span_of(-ms, span, sizeof span));
}

static void leadership(const struct page *p)
{
	const json_t *s = p->status;
	const char *leader = page_text(s, "leader");
	const char *confirmed = page_text(s, "confirmed");
	char left[96];
	char line[1024];

	lease(s, left, sizeof left);
	(void)snprintf(line, sizeof line, "%s; last confirmed: %s in term %lld; %s",
	               leader[0] == '\0' ? "none known" : leader,
	               confirmed[0] == '\0' ? "nobody" : confirmed,
	               page_integer(s, "confirmed_term"), left);
	fact(p, "Leader", line);
	(void)snprintf(
	    line, sizeof line, "%s in term %lld%s", page_text(s, "role"), page_integer(s, "term"),
	    page_truth(s, "muted") ? "; it was restarted, and neither asks for votes nor "
	                             "gives any until its old promises are over"
	                           : "");
	fact(p, "Role", line);
}

static void quorum(const struct page *p)
{
	char line[256];

	(void)snprintf(line, sizeof line,
	               "%lld of %zu votes count; %lld needed to serve (ERLMCP_QUORUM_SIZE %lld), "
	               "%lld to elect",
	               page_integer(p->status, "counted"), json_array_size(in(p->status, "votes")),
	               page_integer(p->status, "needed"),
	               page_integer(in(p->status, "settings"), "quorum_size"),
	               page_integer(p->status, "majority"));
	fact(p, "Quorum", line);
	votes(p, p->status);
}

static void countdown(const struct page *p)
{
	const bool force = page_truth(in(p->status, "settings"), "force_shutdown");
	char span[32];
	char line[200];

	if (!json_is_number(in(p->status, "countdown_left_ms")))
		return;
	if (json_number_value(in(p->status, "countdown_left_ms")) <= 0)
		(void)snprintf(line, sizeof line, "over: this node %s",
		               force ? "stops now (FORCE_SHUTDOWN=true)"
		                     : "stays fenced (FORCE_SHUTDOWN=false: a dry run)");
	else
		(void)snprintf(line, sizeof line, "%s left; then this node %s",
		               page_span(p->status, "countdown_left_ms", span, sizeof span),
		               force ? "stops (FORCE_SHUTDOWN=true)"
		                     : "says so, and stays fenced (FORCE_SHUTDOWN=false)");
	fact(p, "Countdown", line);
}

static void clocks(const struct page *p)
{
	const json_t *o;
	size_t i;

	json_array_foreach(in(in(p->status, "clock"), "others"), i, o)
	{
		char line[NODE_NAME_MAX + 64];

		(void)snprintf(line, sizeof line, "%s is %+.3f ms off, to within %.3f ms",
		               page_text(o, "node"), (double)page_integer(o, "offset_us") / 1000,
		               (double)page_integer(o, "error_us") / 1000);
		fact(p, i == 0 ? "Clock" : "", line);
	}
}

static void disk(const struct page *p)
{
	const json_t *d = in(p->status, "disk");
	const double mib = 1024.0 * 1024.0;
	char line[1400];

	(void)snprintf(line, sizeof line,
	               "%s: %.0f MiB of %.0f MiB free%s; stored %lld, committed "
	               "%lld",
	               page_text(d, "path"), (double)page_integer(d, "free_bytes") / mib,
	               (double)page_integer(d, "all_bytes") / mib,
	               page_truth(d, "full")    ? " (a majority has no space in reserve: writes "
	                                          "are refused)"
	               : page_truth(d, "short") ? " (no space in reserve)"
	                                        : "",
	               page_integer(d, "stored"), page_integer(d, "commit"));
	fact(p, "Disk", line);
}

static void settings(const struct page *p)
{
	const json_t *s = in(p->status, "settings");
	char line[400];
	char spans[5][32];

	(void)snprintf(line, sizeof line,
	               "heartbeat %s, detection %s, promises up to %s, lease guard %s, shutdown "
	               "delay %s",
	               page_span(s, "heartbeat_ms", spans[0], sizeof spans[0]),
	               page_span(s, "detection_ms", spans[1], sizeof spans[1]),
	               page_span(s, "promise_max_ms", spans[2], sizeof spans[2]),
	               page_span(s, "lease_guard_ms", spans[3], sizeof spans[3]),
	               page_span(s, "shutdown_delay_ms", spans[4], sizeof spans[4]));
	fact(p, "Settings", line);
}

static void decision(const struct page *p)
{
	const json_t *d = in(p->status, "decision");
	const time_t at = (time_t)(page_integer(d, "wall_ms") / 1000);
	char stamp[32] = "";
	char left[96];
	char span[32];
	struct tm tm;

	if (!json_is_object(d)) {
		buf_printf(p->b, "\nNo decision since this process started.\n");
		return;
	}
	if (gmtime_r(&at, &tm) != NULL)
		(void)strftime(stamp, sizeof stamp, "%Y-%m-%d %H:%M:%S", &tm);
	buf_printf(p->b, "\nLast decision, %s.%03lld UTC (%s ago): %s -> %s\n", stamp,
	           page_integer(d, "wall_ms") % 1000, page_span(d, "age_ms", span, sizeof span),
	           page_text(d, "from"), page_text(d, "state"));
	page_sentence(p, page_text(d, "why"), 2, 0);
	lease(d, left, sizeof left);
	buf_printf(p->b, "  cause %s; %lld of %zu votes counted, %lld needed;\n  %s\n",
	           page_text(d, "cause"), page_integer(d, "counted"),
	           json_array_size(in(d, "votes")), page_integer(d, "needed"), left);
	votes(p, d);
}

enum status explain_text(const struct buf *json, bool colour, struct buf *b)
{
	json_t *status = json_loadb((const char *)json->base, json->len, 0, NULL);
	const struct page p = {status, b, colour};

	if (!json_is_object(in(status, "rule"))) {
		json_decref(status);
		return ST_MALFORMED;
	}
	verdict(&p);
	buf_u8(b, '\n');
	quorum(&p);
	leadership(&p);
	countdown(&p);
	clocks(&p);
	disk(&p);
	settings(&p);
	decision(&p);
	json_decref(status);
	return buf_status(b);
}

/* --- Asking -------------------------------------------------------------------------- */

static int ask_here(struct cli *c, struct buf *ret)
{
	const struct control_request request = {c->config.values.data_dir, "explain", NULL, 0,
	                                        ASK_MS};
	struct control_answer a;
	int code = cli_ask(c, &request, &a);

	if (code != CLI_OK)
		return code;
	buf_bytes(ret, a.out.base, a.out.len);
	if (a.exit_code != 0)
		(void)fprintf(stderr, "%.*s", (int)a.err.len, (const char *)a.err.base);
	code = a.exit_code;
	buf_close(&a.out);
	buf_close(&a.err);
	return code;
}

static int ask_there(struct cli *c, const char *node, struct buf *ret)
{
	struct remote_call call = {.node = node,
	                           .module = "erlmcp_split_brain_detector",
	                           .function = "explain",
	                           .n_args = 1,
	                           .timeout_ms = ASK_MS};
	struct tool *t = remote_open(c);
	const struct term *json;
	struct arena arena;
	enum status st;

	if (t == NULL)
		return CLI_FAILED;
	arena_init(&arena, 4096);
	json = term_atom(&arena, "json");
	call.args = &json;
	st = remote_text(t, &call, ret);
	arena_close(&arena);
	tool_close(t);
	if (st == ST_OK)
		return CLI_OK;
	(void)fprintf(stderr,
	              st == ST_UNSUPPORTED
	                  ? "%s: %s cannot explain itself: it is of an earlier release\n"
	                  : "%s: %s does not answer: it is down, cut off from here, or has another "
	                    "cookie; its own erlmcp-admin can tell more\n",
	              c->program, node);
	return CLI_DOWN;
}

int explain_ask(struct cli *c, const char *node, struct buf *ret)
{
	char name[NODE_NAME_MAX];
	int code;

	buf_init(ret, TEXT_MAX);
	remote_name(c, node == NULL ? c->config.values.node_name : node, name, sizeof name);
	code = strcmp(name, c->config.values.node_name) == 0 ? ask_here(c, ret)
	                                                     : ask_there(c, name, ret);
	if (code != CLI_OK)
		buf_close(ret);
	return code;
}

static int show(const struct buf *json, bool as_json)
{
	struct buf b;
	int code = CLI_OK;

	if (as_json) {
		(void)fwrite(json->base, 1, json->len, stdout);
		return CLI_OK;
	}
	buf_init(&b, TEXT_MAX);
	if (explain_text(json, show_colour(stdout), &b) == ST_OK)
		(void)fwrite(b.base, 1, b.len, stdout);
	else
		code = CLI_FAILED;
	if (code != CLI_OK)
		(void)fprintf(stderr, "the node's answer is no explanation: it may be of another "
		                      "version\n");
	buf_close(&b);
	return code;
}

/* Its last process was told to stop. */
static bool said_goodbye(const struct story *s)
{
	bool stopped = false;

	for (size_t i = 0; i < s->n_events; i++) {
		if (story_is(&s->events[i], "start"))
			stopped = false;
		stopped |= story_is(&s->events[i], "stop");
	}
	return stopped;
}

/* What a node that does not run recorded last. */
static void tell_last(const struct cli *c)
{
	struct story s;
	struct buf b;

	buf_init(&b, RECORDER_MAX);
	story_init(&s);
	if (recorder_read(c->config.values.data_dir, 0, &b) == ST_OK)
		(void)story_add(&s, &b, c->config.values.node_name, STORY_FILE);
	buf_reset(&b);
	if (s.n_events > 0 && story_order(&s) == ST_OK) {
		s.since_ms = story_wall_ms(&s, s.events[s.n_events - 1].at_us) - LAST_MS;
		(void)printf(said_goodbye(&s) ? "What it recorded last, before it stopped:\n"
		                              : "What it recorded last, before it ended without a "
		                                "word (killed, or power lost):\n");
		story_print(&s, show_colour(stdout), &b);
		(void)fwrite(b.base, 1, b.len, stdout);
	}
	story_close(&s);
	buf_close(&b);
}

int explain_show(struct cli *c, int argc, char **argv)
{
	const bool json = cli_flag(argc, argv, "--json");
	const char *node = NULL;
	struct buf answer;
	int code = cli_load(c, CLI_ASK);

	for (int i = 0; i < argc; i++)
		node = strncmp(argv[i], "--", 2) == 0 ? node : argv[i];
	if (code == CLI_OK)
		code = explain_ask(c, node, &answer);
	if (code == CLI_DOWN && node == NULL && !json)
		tell_last(c);
	if (code == CLI_OK) {
		code = show(&answer, json);
		buf_close(&answer);
	}
	config_close(&c->config);
	return code;
}
