/* The story as one page that needs nothing else: a picture of the partition over time, and all
 * events under it. A lane for each node, its colour is its state; a bar over it while others have
 * lost it; a band on it while it leads; and a row for each cut between two nodes. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cmd/story.h"

enum {
	LEFT = 190,   /* pixels for names */
	WIDTH = 1000, /* of time */
	LANE = 34,    /* height of a node's lane, with its gap */
	BAR = 20,     /* of that, what is coloured */
	CUT = 14,     /* height of a cut's row */
	TOP = 30,
	TICKS = 8,
	LINE_MAX_BYTES = 4096,
};

struct picture {
	const struct story *s;
	struct buf *b;
	int64_t from_us;
	int64_t to_us;
};

/* --- Small things -------------------------------------------------------------------- */

static void escaped(struct buf *b, const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '<')
			buf_printf(b, "&lt;");
		else if (*text == '&')
			buf_printf(b, "&amp;");
		else if (*text == '"')
			buf_printf(b, "&quot;");
		else
			buf_u8(b, (uint8_t)*text);
	}
}

static double x_of(const struct picture *p, int64_t at_us)
{
	const double span = (double)(p->to_us - p->from_us);

	return LEFT + (double)WIDTH * (double)(at_us - p->from_us) / (span > 0 ? span : 1);
}

static void stamp(const struct story *s, int64_t at_us, bool millis, char *ret, size_t cap)
{
	const int64_t wall_ms = story_wall_ms(s, at_us);
	const time_t at = (time_t)(wall_ms / 1000);
	size_t len = 0;
	struct tm tm;

	if (gmtime_r(&at, &tm) != NULL)
		len = strftime(ret, cap, "%H:%M:%S", &tm);
	ret[len] = '\0';
	if (millis)
		(void)snprintf(ret + len, cap - len, ".%03d", (int)(wall_ms % 1000));
}

/* A rectangle from one moment to another, with what it stands for as its tip. */
struct bar {
	const char *class_name;
	int64_t from_us;
	int64_t to_us;
	int y;
	int height;
	const char *tip;
};

static void draw(const struct picture *p, const struct bar *bar)
{
	const int64_t from = bar->from_us > p->from_us ? bar->from_us : p->from_us;
	const int64_t to = bar->to_us < p->to_us ? bar->to_us : p->to_us;

	if (to < from)
		return;
	buf_printf(p->b,
	           "<rect class=\"%s\" x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\"><title>",
	           bar->class_name, x_of(p, from), bar->y,
	           to > from ? x_of(p, to) - x_of(p, from) : 1.0, bar->height);
	escaped(p->b, bar->tip);
	buf_printf(p->b, "</title></rect>\n");
}

/* --- Lanes --------------------------------------------------------------------------- */

static int lane_y(size_t node)
{
	return TOP + (int)node * LANE;
}

/* The state that a node has from this event on; NULL: it changes nothing. */
static const char *state_after(const struct story_event *e)
{
	if (story_is(e, "state"))
		return story_text_of(e, "to");
	if (story_is(e, "start"))
		return "forming";
	return story_is(e, "stop") || story_is(e, "fatal") ? "down" : NULL;
}

static void draw_states(const struct picture *p, size_t node)
{
	struct bar bar = {.class_name = "down", .from_us = p->from_us};
	char tip[LINE_MAX_BYTES] = "not known";
	bool first = true;

	bar.y = lane_y(node) + (LANE - BAR) / 2;
	bar.height = BAR;
	bar.tip = tip;
	for (size_t i = 0; i < p->s->n_events; i++) {
		const struct story_event *e = &p->s->events[i];
		const char *state = e->node == node ? state_after(e) : NULL;

		if (state == NULL)
			continue;
		if (first && story_is(e, "state"))
			bar.class_name = story_text_of(e, "from");
		bar.to_us = e->at_us;
		/* A process that was killed says no goodbye: it was down until it started. */
		if (story_is(e, "start") && strcmp(bar.class_name, "down") != 0)
			bar.class_name = "unknown";
		draw(p, &bar);
		first = false;
		bar.class_name = state;
		bar.from_us = e->at_us;
		(void)snprintf(tip, sizeof tip, "%s: %s", state, story_text_of(e, "why"));
	}
	bar.to_us = p->to_us;
	draw(p, &bar);
}

/* While it led, by what it recorded itself. */
static void draw_leading(const struct picture *p, size_t node)
{
	struct bar bar = {.class_name = "leads", .height = 5};
	char tip[64] = "";
	bool leads = false;

	bar.y = lane_y(node) + (LANE + BAR) / 2 - 5;
	bar.tip = tip;
	for (size_t i = 0; i < p->s->n_events; i++) {
		const struct story_event *e = &p->s->events[i];

		if (e->node != node ||
		    !(story_is(e, "leader") || story_is(e, "stop") || story_is(e, "start")))
			continue;
		bar.to_us = e->at_us;
		if (leads)
			draw(p, &bar);
		leads = story_is(e, "leader") &&
		        strcmp(story_text_of(e, "peer"), p->s->nodes[node].name) == 0;
		bar.from_us = e->at_us;
		(void)snprintf(tip, sizeof tip, "leads term %" PRId64, story_int_of(e, "term"));
	}
	bar.to_us = p->to_us;
	if (leads)
		draw(p, &bar);
}

/* While `by` has lost `node`: one bar each time. */
static void draw_lost(const struct picture *p, size_t by, size_t node, struct bar *bar)
{
	bool lost = false;

	for (size_t i = 0; i < p->s->n_events; i++) {
		const struct story_event *e = &p->s->events[i];
		const bool about = e->node == by && story_is(e, "member") &&
		                   strcmp(story_text_of(e, "peer"), p->s->nodes[node].name) == 0;
		const bool ends = e->node == by && (story_is(e, "stop") || story_is(e, "start"));

		if (!about && !(ends && lost))
			continue;
		bar->to_us = e->at_us;
		if (lost)
			draw(p, bar);
		lost = about && story_int_of(e, "up") == 0;
		bar->from_us = e->at_us;
	}
	bar->to_us = p->to_us;
	if (lost)
		draw(p, bar);
}

static void draw_suspicion(const struct picture *p, size_t node)
{
	struct bar bar = {.class_name = "suspect", .height = 4};
	char tip[NODE_NAME_MAX + 32];

	bar.y = lane_y(node) + (LANE - BAR) / 2 - 5;
	bar.tip = tip;
	for (size_t by = 0; by < p->s->n_nodes; by++) {
		(void)snprintf(tip, sizeof tip, "%s has lost it", p->s->nodes[by].name);
		if (by != node)
			draw_lost(p, by, node, &bar);
	}
}

static void draw_lane(const struct picture *p, size_t node)
{
	buf_printf(p->b, "<text x=\"4\" y=\"%d\">", lane_y(node) + LANE / 2 + 4);
	escaped(p->b, p->s->nodes[node].name);
	buf_printf(p->b, "</text>\n");
	draw_states(p, node);
	draw_leading(p, node);
	draw_suspicion(p, node);
}

/* --- Cuts ---------------------------------------------------------------------------- */

static bool has_cut(const struct story *s, size_t by, size_t node)
{
	for (size_t i = 0; i < s->n_events; i++) {
		const struct story_event *e = &s->events[i];

		if (e->node == by && story_is(e, "member") && story_int_of(e, "up") == 0 &&
		    strcmp(story_text_of(e, "peer"), s->nodes[node].name) == 0)
			return true;
	}
	return false;
}

/* A row for each pair: the upper half while the first has lost the second, the lower half for the
 * other way. Returns how many rows. */
static int draw_cuts(const struct picture *p, int y)
{
	const struct story *s = p->s;
	int rows = 0;

	for (size_t a = 0; a < s->n_nodes; a++) {
		for (size_t b = a + 1; b < s->n_nodes; b++) {
			char tip[2 * NODE_NAME_MAX + 32];
			struct bar bar = {.class_name = "cut", .height = CUT / 2 - 1, .tip = tip};

			if (!has_cut(s, a, b) && !has_cut(s, b, a))
				continue;
			buf_printf(p->b,
			           "<text x=\"4\" y=\"%d\" class=\"small\">[%zu] x [%zu]</text>",
			           y + rows * CUT + CUT - 3, a + 1, b + 1);
			bar.y = y + rows * CUT;
			(void)snprintf(tip, sizeof tip, "%s does not hear %s", s->nodes[a].name,
			               s->nodes[b].name);
			draw_lost(p, a, b, &bar);
			bar.y += CUT / 2;
			(void)snprintf(tip, sizeof tip, "%s does not hear %s", s->nodes[b].name,
			               s->nodes[a].name);
			draw_lost(p, b, a, &bar);
			rows++;
		}
	}
	return rows;
}

/* --- The page ------------------------------------------------------------------------ */

static void draw_ticks(const struct picture *p, int height)
{
	for (int i = 0; i <= TICKS; i++) {
		const int64_t at = p->from_us + (p->to_us - p->from_us) * i / TICKS;
		char text[32];

		stamp(p->s, at, true, text, sizeof text);
		buf_printf(
		    p->b,
		    "<line class=\"tick\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>"
		    "<text class=\"small\" x=\"%.1f\" y=\"14\" text-anchor=\"middle\">%s</text>\n",
		    x_of(p, at), x_of(p, at), TOP - 8, height, x_of(p, at), text);
	}
}

static void draw_elections(const struct picture *p, int height)
{
	for (size_t i = 0; i < p->s->n_events; i++) {
		const struct story_event *e = &p->s->events[i];

		if (!story_is(e, "leader") || e->at_us < p->from_us || e->at_us > p->to_us ||
		    strcmp(story_text_of(e, "peer"), p->s->nodes[e->node].name) != 0)
			continue;
		buf_printf(p->b,
		           "<line class=\"election\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\">"
		           "<title>[%zu] leads term %" PRId64 "</title></line>\n",
		           x_of(p, e->at_us), x_of(p, e->at_us), TOP, height, e->node + 1,
		           story_int_of(e, "term"));
	}
}

static void style(struct buf *b)
{
	buf_printf(
	    b,
	    "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
	    "<title>erlmcp: timeline</title><style>\n"
	    "body{font:14px sans-serif;margin:1.5em;color:#222;background:#fff}\n"
	    "svg text{font:13px sans-serif}svg text.small{font-size:10px;fill:#555}\n"
	    ".serving{fill:#4c9f50}.degraded{fill:#d9c02a}.fenced{fill:#c8372d}"
	    ".syncing{fill:#3b7dc4}.forming{fill:#a9c6e8}.stopped,.down{fill:#b5b5b5}"
	    ".unknown{fill:#dedede}\n"
	    ".leads{fill:#143d16}.suspect{fill:#e8832a;opacity:.6}.cut{fill:#c8372d}"
	    ".tick{stroke:#e4e4e4}.election{stroke:#143d16;stroke-dasharray:3 3}\n"
	    "table{border-collapse:collapse;margin-top:1em}td{padding:1px 8px;vertical-align:top}"
	    "td.t{white-space:nowrap;font-family:monospace}tr:nth-child(even){background:#f6f6f6}\n"
	    ".key span{display:inline-block;padding:1px 8px;margin-right:6px;color:#fff}\n"
	    "</style></head><body>\n");
}

static void legend(struct buf *b)
{
	static const struct {
		const char *colour;
		const char *word;
	} keys[] = {
	    {"#4c9f50", "serving"},        {"#d9c02a", "degraded (a member is away)"},
	    {"#c8372d", "fenced, or cut"}, {"#3b7dc4", "rejoining"},
	    {"#b5b5b5", "down"},           {"#143d16", "leader"},
	    {"#e8832a", "lost by others"},
	};

	buf_printf(b, "<p class=\"key\">");
	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
		buf_printf(b, "<span style=\"background:%s\">%s</span>", keys[i].colour,
		           keys[i].word);
	buf_printf(b, "</p>\n");
}

static void put_error(struct buf *b, int64_t error_us)
{
	if (error_us < 0)
		buf_printf(b, "&plusmn;?");
	else
		buf_printf(b, "&plusmn;%.1f", (double)error_us / 1000);
}

static void table(const struct story *s, struct buf *b)
{
	buf_printf(b, "<table>\n");
	for (size_t i = 0; i < s->n_events; i++) {
		const struct story_event *e = &s->events[i];
		char at[32];
		struct buf words;

		if (!story_shows(s, e))
			continue;
		stamp(s, e->at_us, true, at, sizeof at);
		buf_printf(b, "<tr><td class=\"t\">%s</td><td class=\"t\">", at);
		put_error(b, e->error_us);
		buf_printf(b, " ms</td><td>[%zu]</td><td>", e->node + 1);
		buf_init(&words, LINE_MAX_BYTES);
		story_describe(s, e, &words);
		escaped(b, buf_text(&words) == NULL ? "" : buf_text(&words));
		buf_close(&words);
		buf_printf(b, "</td></tr>\n");
	}
	buf_printf(b, "</table>\n");
}

static void takeovers(const struct story *s, struct buf *b)
{
	struct story_takeover t;
	size_t at = 0;

	while (story_takeover(s, &at, &t)) {
		buf_printf(b, "<p>Term %" PRId64 ": [%zu] took over from [%zu]", t.term,
		           s->events[t.event].node + 1, t.from + 1);
		if (t.fenced) {
			buf_printf(b, ", which was fenced %.1f ms (",
			           (double)(t.margin_us < 0 ? -t.margin_us : t.margin_us) / 1000);
			put_error(b, t.error_us);
			buf_printf(b, ") %s", t.margin_us < 0 ? "after that" : "before");
		}
		buf_printf(b, ".</p>\n");
	}
}

static size_t rows_of(const struct story *s)
{
	size_t rows = 0;

	for (size_t a = 0; a < s->n_nodes; a++) {
		for (size_t b = a + 1; b < s->n_nodes; b++)
			rows += has_cut(s, a, b) || has_cut(s, b, a);
	}
	return rows;
}

/* The picture spans what is shown, with a little on both sides. */
static void frame(struct picture *p)
{
	const struct story *s = p->s;
	bool any = false;

	for (size_t i = 0; i < s->n_events; i++) {
		if (!story_shows(s, &s->events[i]))
			continue;
		if (!any)
			p->from_us = s->events[i].at_us;
		p->to_us = s->events[i].at_us;
		any = true;
	}
	p->from_us -= (p->to_us - p->from_us) / 50 + 1000;
	p->to_us += (p->to_us - p->from_us) / 50 + 1000;
}

void story_html(const struct story *s, struct buf *b)
{
	struct picture p = {.s = s, .b = b};
	const int lanes = TOP + (int)s->n_nodes * LANE + 8;
	const int height = lanes + (int)rows_of(s) * CUT + 8;

	frame(&p);
	style(b);
	buf_printf(b, "<h1>Timeline</h1>\n<p>Times are UTC, on the clock of ");
	escaped(b, s->n_nodes == 0 ? "" : s->nodes[s->reference].name);
	buf_printf(b, ".</p>\n");
	legend(b);
	buf_printf(b,
	           "<svg width=\"%d\" height=\"%d\" role=\"img\" aria-label=\"the partition over "
	           "time\">\n",
	           LEFT + WIDTH + 60, height);
	draw_ticks(&p, height);
	for (size_t i = 0; i < s->n_nodes; i++)
		draw_lane(&p, i);
	(void)draw_cuts(&p, lanes);
	draw_elections(&p, height);
	buf_printf(b, "</svg>\n");
	for (size_t i = 0; i < s->n_nodes; i++) {
		buf_printf(b, "<div>[%zu] ", i + 1);
		escaped(b, s->nodes[i].name);
		buf_printf(b, "</div>\n");
	}
	takeovers(s, b);
	table(s, b);
	buf_printf(b, "</body></html>\n");
}
