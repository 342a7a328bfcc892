#include "cmd/sync.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd/cli.h"
#include "cmd/page.h"

enum {
	ASK_MS = 5000,
	FULL_MS = 60000,      /* all members look at all of their memory */
	TERMINAL_MS = 250,    /* between pictures of the bar */
	LINES_MS = 1000,      /* between lines of a log */
	BAR_WIDTH = 30,       /* a line of 80 columns has a name and numbers beside it */
	LINE_MAX_BYTES = 4096 /* sixteen members with long names */
};

static const char *text(const json_t *j, const char *key)
{
	const char *s = json_string_value(json_object_get(j, key));

	return s == NULL ? "" : s;
}

static double number(const json_t *j, const char *key)
{
	return json_number_value(json_object_get(j, key));
}

static bool is_state(const json_t *node, const char *state)
{
	return strcmp(text(node, "state"), state) == 0;
}

static bool is_in_step(const json_t *node)
{
	return is_state(node, "leader") || is_state(node, "in_sync");
}

/* True when all members are in step. */
static bool all_in_step(const json_t *report)
{
	const json_t *nodes = json_object_get(report, "nodes");
	const json_t *node;
	size_t i;

	json_array_foreach(nodes, i, node)
	{
		if (!is_in_step(node))
			return false;
	}
	return json_array_size(nodes) > 0;
}

static const double mib = 1024.0 * 1024.0;

static void put_pace(const json_t *node, struct buf *b)
{
	const json_t *left = json_object_get(node, "left_s");

	if (number(node, "rate") > 0)
		buf_printf(b, ", %.1f MiB/s", number(node, "rate") / mib);
	if (json_is_number(left))
		buf_printf(b, ", %.0f s left", json_number_value(left));
}

static void put_left(const json_t *node, struct buf *b)
{
	buf_printf(b, " %.1f of %.1f MiB", number(node, "bytes_done") / mib,
	           number(node, "bytes_all") / mib);
	put_pace(node, b);
}

static void put_bar(const json_t *node, struct buf *b)
{
	const int full = (int)(number(node, "percent") * BAR_WIDTH / 100);

	buf_u8(b, '[');
	for (int i = 0; i < BAR_WIDTH; i++)
		buf_u8(b, i < full ? '#' : '.');
	buf_printf(b, "] %3.0f %%", number(node, "percent"));
}

static void put_node(const json_t *node, struct buf *b)
{
	buf_printf(b, "%s%s ", b->len > 0 ? "; " : "", text(node, "node"));
	if (is_state(node, "fetching")) {
		put_bar(node, b);
		put_left(node, b);
	} else if (is_state(node, "catching_up")) {
		buf_printf(b, "%.0f entries behind", number(node, "lag_entries"));
		put_pace(node, b);
	} else {
		buf_printf(b, "%s", text(node, "state"));
	}
}

static json_t *parse(const struct buf *json)
{
	json_t *report = json_loadb((const char *)json->base, json->len, 0, NULL);

	if (json_is_array(json_object_get(report, "nodes")))
		return report;
	json_decref(report);
	return NULL;
}

enum status sync_line(const struct buf *json, struct buf *b)
{
	json_t *report = parse(json);
	const json_t *node;
	size_t i;

	if (report == NULL)
		return ST_MALFORMED;
	json_array_foreach(json_object_get(report, "nodes"), i, node)
	{
		if (!is_in_step(node))
			put_node(node, b);
	}
	if (b->len == 0 && i == 1)
		buf_printf(b, "the only member is in step at index %.0f",
		           number(report, "committed"));
	else if (b->len == 0)
		buf_printf(b, "all %zu members are in step at index %.0f", i,
		           number(report, "committed"));
	json_decref(report);
	return buf_status(b);
}

/* The index of the last comparison that found it equal. */
static const char *verified(const json_t *node, char *ret, size_t cap)
{
	const double index = number(node, "verified_index");

	(void)snprintf(ret, cap, index > 0 ? "%.0f" : "never", index);
	return ret;
}

/* The digests of the comparisons in the table; most often there was one for all. */
static void put_digests(const json_t *report, struct buf *b)
{
	const json_t *node;
	double shown = 0; /* the index whose digest was put last */
	size_t i;

	json_array_foreach(json_object_get(report, "nodes"), i, node)
	{
		if (number(node, "verified_index") <= 0 || number(node, "verified_index") == shown)
			continue;
		shown = number(node, "verified_index");
		buf_printf(b, "Compared at index %.0f: digest %s\n", shown,
		           text(node, "verified_digest"));
	}
}

static void put_row(const json_t *node, struct buf *b)
{
	char word[24];

	buf_printf(b, "%-24.24s %-11s", text(node, "node"), text(node, "state"));
	if (is_state(node, "unknown"))
		buf_printf(b, " %9.0f %7s %7s %7s %9s", number(node, "index"), "-", "-", "-",
		           verified(node, word, sizeof word));
	else if (!is_state(node, "unreachable") && !is_state(node, "silent"))
		buf_printf(b, " %9.0f %7.0f %7.1f %7.1f %9s", number(node, "index"),
		           number(node, "lag_entries"), number(node, "lag_bytes") / mib,
		           number(node, "lag_s"), verified(node, word, sizeof word));
	buf_u8(b, '\n');
}

/* Who is cut off knows what was committed before. */
static void put_doubt(const json_t *report, struct buf *b)
{
	char span[32];

	if (json_is_false(json_object_get(report, "confirmed")))
		buf_printf(b,
		           "No majority has confirmed this node for %s: the others may have\n"
		           "committed more, so how far anybody is cannot be known here.\n",
		           page_span(report, "unconfirmed_ms", span, sizeof span));
}

enum status sync_text(const struct buf *json, struct buf *b)
{
	json_t *report = parse(json);
	const json_t *node;
	size_t i;

	if (report == NULL)
		return ST_MALFORMED;
	buf_printf(b, "%-24s %-11s %9s %7s %7s %7s %9s\n", "Member", "State", "Index", "Lag",
	           "Lag MiB", "Lag s", "Verified");
	json_array_foreach(json_object_get(report, "nodes"), i, node) put_row(node, b);
	put_digests(report, b);
	put_doubt(report, b);
	json_decref(report);
	return buf_status(b);
}

/* Ask once. CLI_OK: answered, *ret_over tells whether all are in step. */
static int ask(struct cli *c, struct buf *ret_json, bool *ret_over)
{
	const struct control_request request = {c->config.values.data_dir, "cluster-sync", NULL, 0,
	                                        ASK_MS};
	struct control_answer a;
	json_t *report;

	if (cli_ask(c, &request, &a) != CLI_OK)
		return CLI_DOWN;
	report = parse(&a.out);
	*ret_over = report != NULL && all_in_step(report);
	if (report == NULL)
		(void)fprintf(stderr, "%.*s", (int)a.err.len,
		              a.err.len == 0 ? "" : (const char *)a.err.base);
	else
		buf_bytes(ret_json, a.out.base, a.out.len);
	buf_close(&a.out);
	buf_close(&a.err);
	json_decref(report);
	return report == NULL ? CLI_DOWN : CLI_OK;
}

static int once(struct cli *c, bool json)
{
	struct buf answer;
	struct buf table;
	bool over = false;
	int code;

	buf_init(&answer, 1 << 20);
	code = ask(c, &answer, &over);
	if (code == CLI_OK && json)
		(void)fwrite(answer.base, 1, answer.len, stdout);
	buf_init(&table, 1 << 20);
	if (code == CLI_OK && !json && sync_text(&answer, &table) == ST_OK)
		(void)fwrite(table.base, 1, table.len, stdout);
	buf_close(&table);
	buf_close(&answer);
	return code == CLI_OK && !over ? CLI_FAILED : code;
}

static void print_line(struct buf *line, bool terminal)
{
	const char *shown = buf_text(line);

	(void)printf(terminal ? "\r\x1b[K%s" : "%s\n", shown == NULL ? "" : shown);
	(void)fflush(stdout);
}

/* Until all are in step. One line that changes on a terminal, else a line each second. */
static int watch(struct cli *c)
{
	const bool terminal = isatty(STDOUT_FILENO);
	const long ms = terminal ? TERMINAL_MS : LINES_MS;
	const struct timespec pause = {ms / 1000, (ms % 1000) * 1000000L};
	bool over = false;
	int code = CLI_OK;

	while (code == CLI_OK && !over && !ferror(stdout)) {
		struct buf answer;
		struct buf line;

		buf_init(&answer, 1 << 20);
		buf_init(&line, LINE_MAX_BYTES);
		code = ask(c, &answer, &over);
		if (code == CLI_OK && sync_line(&answer, &line) == ST_OK)
			print_line(&line, terminal);
		buf_close(&answer);
		buf_close(&line);
		if (code == CLI_OK && !over)
			(void)nanosleep(&pause, NULL);
	}
	if (terminal)
		(void)printf("\n");
	return code;
}

/* Compare, and have who differs replaced; ret_whole: all that was begun came to its end. */
static int full_sync(struct cli *c, bool *ret_whole)
{
	static const char *const full[] = {"erlmcp_cluster_sync:trigger_full_sync()."};
	const struct control_request request = {c->config.values.data_dir, "eval", full, 1,
	                                        FULL_MS};
	struct control_answer a;
	int code = cli_ask(c, &request, &a);

	if (code != CLI_OK)
		return code;
	(void)fwrite(a.out.base, 1, a.out.len, stdout);
	(void)fflush(stdout);
	(void)fwrite(a.err.base, 1, a.err.len, stderr);
	*ret_whole = a.out.len > 3 && memcmp(a.out.base, "{ok", 3) == 0;
	code = a.exit_code;
	buf_close(&a.out);
	buf_close(&a.err);
	return code;
}

int sync_show(struct cli *c, int argc, char **argv)
{
	int code = cli_load(c, CLI_ASK);
	bool whole = true;

	if (code == CLI_OK && cli_flag(argc, argv, "--full"))
		code = full_sync(c, &whole);
	if (code == CLI_OK)
		code = cli_flag(argc, argv, "--watch") ? watch(c)
		                                       : once(c, cli_flag(argc, argv, "--json"));
	config_close(&c->config);
	return code == CLI_OK && !whole ? CLI_FAILED : code;
}
