/* The story as text and as JSON. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cmd/page.h"
#include "cmd/story.h"

enum {
	STAMP_MAX = 32,
	LINE_MAX_BYTES = 4096,
	INDENT = 24, /* columns in front of what happened */
	NAME_WIDTH = 40,
	DAY = 11, /* columns of the day in a stamp */
};

/* Day and time, UTC: "2026-11-22 03:10:01". */
static void stamp(int64_t wall_ms, char ret[STAMP_MAX])
{
	const time_t at = (time_t)(wall_ms / 1000);
	struct tm tm;

	ret[0] = '\0';
	if (gmtime_r(&at, &tm) != NULL)
		(void)strftime(ret, STAMP_MAX, "%Y-%m-%d %H:%M:%S", &tm);
}

/* "+-0.1": milliseconds, five columns; "+-?" when nothing was measured. */
static void uncertainty(int64_t error_us, char ret[16])
{
	if (error_us < 0)
		(void)snprintf(ret, 16, "+-?");
	else if (error_us < 9950)
		(void)snprintf(ret, 16, "+-%.1f", (double)error_us / 1000);
	else
		(void)snprintf(ret, 16, "+-%.0f", (double)error_us / 1000);
}

static const char *colour_of(const struct story_event *e)
{
	const char *to = story_text_of(e, "to");

	if (to[0] != '\0')
		return page_state_colour(to);
	if (story_is(e, "member") || story_is(e, "alarm"))
		return (story_int_of(e, "up") != 0) == story_is(e, "member") ? "32" : "31";
	return story_is(e, "leader") ? "1" : "0";
}

static void print_nodes(const struct story *s, struct buf *b)
{
	static const char *const sources[] = {"did not answer", "asked", "from its file"};

	for (size_t i = 0; i < s->n_nodes; i++) {
		const struct story_node *n = &s->nodes[i];
		char error[16];

		uncertainty(n->worst_us, error);
		buf_printf(b, "  [%zu] %-*.*s %-15s", i + 1, NAME_WIDTH, NAME_WIDTH, n->name,
		           sources[n->source]);
		if (n->n_events == 0)
			buf_printf(b, "nothing known\n");
		else if (i == s->reference)
			buf_printf(b, "the clock\n");
		else
			buf_printf(b, "%s ms\n", error);
	}
}

static void print_event(const struct story *s, const struct story_event *e, const struct page *p)
{
	const int64_t wall_ms = story_wall_ms(s, e->at_us);
	char at[STAMP_MAX];
	char error[16];
	char text[LINE_MAX_BYTES];
	struct buf words;

	stamp(wall_ms, at);
	uncertainty(e->error_us, error);
	buf_init(&words, sizeof text);
	story_describe(s, e, &words);
	(void)snprintf(text, sizeof text, "%s%s",
	               buf_text(&words) == NULL ? "(too long)" : buf_text(&words),
	               e->late ? " (!: the clocks say that this came before its cause)" : "");
	buf_close(&words);
	buf_printf(p->b, "%s.%03d %-6s", at[0] == '\0' ? at : at + DAY, (int)(wall_ms % 1000),
	           error);
	(void)snprintf(error, sizeof error, "[%zu]", e->node + 1);
	buf_printf(p->b, "%-4s", error);
	if (p->colour)
		buf_printf(p->b, "\x1b[%sm", colour_of(e));
	page_sentence(p, text, INDENT, 1);
	if (p->colour)
		buf_printf(p->b, "\x1b[0m");
}

/* "77.3 ms (+-0.2)" */
static void print_takeovers(const struct story *s, struct buf *b)
{
	struct story_takeover t;
	size_t at = 0;
	bool any = false;

	while (story_takeover(s, &at, &t)) {
		const struct story_event *e = &s->events[t.event];
		char error[16];

		if (story_wall_ms(s, e->at_us) < s->since_ms)
			continue;
		uncertainty(t.error_us, error);
		buf_printf(b, any ? "" : "\nTake-overs\n");
		any = true;
		buf_printf(b, "  term %" PRId64 ": [%zu] after [%zu], which ", t.term, e->node + 1,
		           t.from + 1);
		if (t.fenced)
			buf_printf(b, "was fenced %.1f ms (%s) %s\n",
			           (double)(t.margin_us < 0 ? -t.margin_us : t.margin_us) / 1000,
			           error, t.margin_us < 0 ? "AFTER it" : "before");
		else
			buf_printf(b, "handed over or had stopped\n");
	}
}

void story_print(const struct story *s, bool colour, struct buf *b)
{
	const struct page p = {NULL, b, colour};
	char from[STAMP_MAX];
	char day[STAMP_MAX] = "";

	stamp(s->since_ms, from);
	if (s->since_ms > 0)
		buf_printf(b, "Since %s UTC, on the clock of [%zu]; +- in milliseconds\n", from,
		           s->reference + 1);
	else
		buf_printf(b, "All that is recorded, on the clock of [%zu]; +- in milliseconds\n",
		           s->reference + 1);
	print_nodes(s, b);
	for (size_t i = 0; i < s->n_events; i++) {
		const struct story_event *e = &s->events[i];
		char today[STAMP_MAX];

		if (!story_shows(s, e))
			continue;
		stamp(story_wall_ms(s, e->at_us), today);
		today[DAY - 1] = '\0';
		if (strcmp(today, day) != 0)
			buf_printf(b, "\n%s UTC\n", today);
		memcpy(day, today, sizeof day);
		print_event(s, e, &p);
	}
	print_takeovers(s, b);
}

/* --- JSON ---------------------------------------------------------------------------- */

static json_t *error_json(int64_t us)
{
	return us < 0 ? json_null() : json_integer((json_int_t)us);
}

static json_t *nodes_json(const struct story *s)
{
	static const char *const sources[] = {"silent", "live", "file"};
	json_t *list = json_array();

	for (size_t i = 0; i < s->n_nodes; i++) {
		const struct story_node *n = &s->nodes[i];

		(void)json_array_append_new(
		    list, json_pack("{s:s, s:s, s:I, s:o}", "name", n->name, "source",
		                    sources[n->source], "events", (json_int_t)n->n_events,
		                    "error_us", error_json(n->n_events == 0 ? -1 : n->worst_us)));
	}
	return list;
}

static json_t *event_json(const struct story *s, const struct story_event *e)
{
	struct buf words;
	json_t *j;

	buf_init(&words, LINE_MAX_BYTES);
	story_describe(s, e, &words);
	j = json_pack("{s:I, s:I, s:o, s:s, s:s, s:s*, s:b, s:O}", "at_us", (json_int_t)e->at_us,
	              "wall_ms", (json_int_t)story_wall_ms(s, e->at_us), "error_us",
	              error_json(e->error_us), "node", s->nodes[e->node].name, "event",
	              story_text_of(e, "event"), "text", buf_text(&words), "contradicts_clocks",
	              e->late, "record", e->record);
	buf_close(&words);
	return j;
}

static json_t *takeovers_json(const struct story *s)
{
	json_t *list = json_array();
	struct story_takeover t;
	size_t at = 0;

	while (story_takeover(s, &at, &t)) {
		const struct story_event *e = &s->events[t.event];

		(void)json_array_append_new(
		    list,
		    json_pack("{s:I, s:s, s:s, s:o, s:o, s:I}", "term", (json_int_t)t.term,
		              "leader", s->nodes[e->node].name, "before", s->nodes[t.from].name,
		              "fence_margin_us",
		              t.fenced ? json_integer((json_int_t)t.margin_us) : json_null(),
		              "error_us", error_json(t.error_us), "at_us", (json_int_t)e->at_us));
	}
	return list;
}

static int append(const char *bytes, size_t len, void *arg)
{
	struct buf *b = arg;

	buf_bytes(b, bytes, len);
	return b->st == ST_OK ? 0 : -1;
}

void story_json(const struct story *s, struct buf *b)
{
	json_t *events = json_array();
	json_t *root;

	for (size_t i = 0; i < s->n_events; i++) {
		if (story_shows(s, &s->events[i]))
			(void)json_array_append_new(events, event_json(s, &s->events[i]));
	}
	root = json_pack("{s:i, s:s, s:I, s:o, s:o, s:o}", "version", 1, "clock_of",
	                 s->n_nodes == 0 ? "" : s->nodes[s->reference].name, "since_ms",
	                 (json_int_t)s->since_ms, "nodes", nodes_json(s), "events", events,
	                 "takeovers", takeovers_json(s));
	if ((root == NULL || json_dump_callback(root, append, b, JSON_COMPACT) != 0) &&
	    b->st == ST_OK)
		b->st = ST_NOMEM;
	buf_u8(b, '\n');
	json_decref(root);
}
