#include "cmd/story.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- Taking in ----------------------------------------------------------------------- */

void story_init(struct story *s)
{
	memset(s, 0, sizeof *s);
	s->only = -1;
}

void story_close(struct story *s)
{
	for (size_t i = 0; i < s->n_events; i++)
		json_decref(s->events[i].record);
	free(s->events);
	memset(s, 0, sizeof *s);
}

int story_node(struct story *s, const char *name)
{
	struct story_node *n;

	for (size_t i = 0; i < s->n_nodes; i++) {
		if (strcmp(s->nodes[i].name, name) == 0)
			return (int)i;
	}
	if (s->n_nodes == STORY_NODES_MAX)
		return -1;
	n = &s->nodes[s->n_nodes];
	(void)snprintf(n->name, sizeof n->name, "%s", name);
	n->error_us = -1;
	return (int)s->n_nodes++;
}

static bool have_room(struct story *s)
{
	const size_t cap = s->cap == 0 ? 1024 : s->cap * 2;
	struct story_event *bigger;

	if (s->n_events < s->cap)
		return true;
	if (cap > 2 * (size_t)STORY_EVENTS_MAX)
		return false;
	bigger = realloc(s->events, cap * sizeof *bigger);
	if (bigger == NULL)
		return false;
	s->events = bigger;
	s->cap = cap;
	return true;
}

const char *story_text_of(const struct story_event *e, const char *key)
{
	const char *text = json_string_value(json_object_get(e->record, key));

	return text == NULL ? "" : text;
}

/* No clock, count or term is beyond that: sums of some of them stay in range. */
static int64_t bounded(const json_t *v)
{
	const int64_t max = 1000000000000000; /* microseconds of 31 years, milliseconds of 31,000 */
	const int64_t value = json_integer_value(v);

	if (value > max)
		return max;
	return value < -max ? -max : value;
}

int64_t story_int_of(const struct story_event *e, const char *key)
{
	return bounded(json_object_get(e->record, key));
}

bool story_is(const struct story_event *e, const char *event)
{
	return strcmp(story_text_of(e, "event"), event) == 0;
}

/* The first line of a node's answer: it has no event. */
static int take_header(struct story *s, const json_t *j)
{
	const char *name = json_string_value(json_object_get(j, "node"));
	const int at = name == NULL ? -1 : story_node(s, name);

	if (at >= 0)
		s->nodes[at].boot_us = bounded(json_object_get(j, "boot_us"));
	return at;
}

/* An earlier file is of the same node: which one it is stands in a start record. */
static const char *name_in(const char *text, size_t len, char *ret, size_t cap)
{
	static const char key[] = "\"node\":\"";
	const char *at = memmem(text, len, key, sizeof key - 1);
	const char *end;

	if (at == NULL)
		return NULL;
	at += sizeof key - 1;
	end = memchr(at, '"', len - (size_t)(at - text));
	if (end == NULL || (size_t)(end - at) >= cap)
		return NULL;
	memcpy(ret, at, (size_t)(end - at));
	ret[end - at] = '\0';
	return ret;
}

static void take_record(struct story *s, size_t node, json_t *j)
{
	struct story_event *e;

	if (!json_is_string(json_object_get(j, "event")) ||
	    !json_is_integer(json_object_get(j, "boot_us")) || !have_room(s)) {
		json_decref(j);
		return;
	}
	e = &s->events[s->n_events++];
	*e = (struct story_event){.record = j, .node = node, .order = s->n_events, .error_us = -1};
	e->boot_us = story_int_of(e, "boot_us");
	e->wall_ms = story_int_of(e, "wall_ms");
	/* The clock of a machine that was booted anew begins anew. */
	if (s->nodes[node].n_events > 0 && e->boot_us < (e - 1)->boot_us && (e - 1)->node == node)
		s->nodes[node].epoch++;
	e->epoch = s->nodes[node].epoch;
	s->nodes[node].n_events++;
}

int story_add(struct story *s, const struct buf *text, const char *fallback,
              enum story_source source)
{
	const char *at = (const char *)text->base;
	size_t left = text->len;
	char name[NODE_NAME_MAX];
	const char *told = left == 0 ? NULL : name_in(at, left, name, sizeof name);
	const int node = story_node(s, told == NULL ? fallback : told);

	if (node < 0)
		return -1;
	s->nodes[node].source = source;
	while (left > 0) {
		const char *end = memchr(at, '\n', left);
		const size_t len = end == NULL ? left : (size_t)(end - at);
		json_t *j = json_loadb(at, len, 0, NULL);

		if (json_is_object(j) && json_object_get(j, "event") == NULL) {
			(void)take_header(s, j);
			json_decref(j);
		} else if (json_is_object(j)) {
			take_record(s, (size_t)node, j);
		} else {
			json_decref(j);
		}
		at += end == NULL ? len : len + 1;
		left -= end == NULL ? len : len + 1;
	}
	return node;
}

/* --- Looking at it ------------------------------------------------------------------- */

int64_t story_wall_ms(const struct story *s, int64_t at_us)
{
	return (at_us + s->wall_base_us) / 1000;
}

bool story_shows(const struct story *s, const struct story_event *e)
{
	return !story_is(e, "clock") && (s->only < 0 || (size_t)s->only == e->node) &&
	       story_wall_ms(s, e->at_us) >= s->since_ms;
}

static void describe_leader(const struct story *s, const struct story_event *e, struct buf *b)
{
	const char *peer = story_text_of(e, "peer");

	if (peer[0] == '\0')
		buf_printf(b, "has no leader in term %" PRId64, story_int_of(e, "term"));
	else if (strcmp(peer, s->nodes[e->node].name) == 0)
		buf_printf(b, "LEADS term %" PRId64, story_int_of(e, "term"));
	else
		buf_printf(b, "follows %s in term %" PRId64, peer, story_int_of(e, "term"));
}

static void describe_state(const struct story *s, const struct story_event *e, struct buf *b)
{
	const int64_t lease_us = story_int_of(e, "lease_us");

	(void)s;
	buf_printf(b, "%s -> %s: %s", story_text_of(e, "from"), story_text_of(e, "to"),
	           story_text_of(e, "why"));
	if (json_object_get(e->record, "counted") == NULL)
		return;
	buf_printf(b, " [%s; %" PRId64 " of %" PRId64 " votes", story_text_of(e, "cause"),
	           story_int_of(e, "counted"), story_int_of(e, "voters"));
	if (json_object_get(e->record, "lease_us") != NULL)
		buf_printf(b,
		           lease_us > 0 ? ", lease left %.0f ms" : ", lease ended %.0f ms before",
		           (double)(lease_us < 0 ? -lease_us : lease_us) / 1000);
	buf_u8(b, ']');
}

static void describe_member(const struct story *s, const struct story_event *e, struct buf *b)
{
	(void)s;
	buf_printf(b, "%s %s: %s", story_int_of(e, "up") ? "hears" : "has LOST",
	           story_text_of(e, "peer"), story_text_of(e, "why"));
}

static void describe_vote(const struct story *s, const struct story_event *e, struct buf *b)
{
	const bool self = strcmp(story_text_of(e, "peer"), s->nodes[e->node].name) == 0;

	buf_printf(b, "votes for %s in term %" PRId64, self ? "itself" : story_text_of(e, "peer"),
	           story_int_of(e, "term"));
}

static void describe_start(const struct story *s, const struct story_event *e, struct buf *b)
{
	(void)s;
	buf_printf(b, "starts: version %s, start number %" PRId64, story_text_of(e, "version"),
	           story_int_of(e, "boot"));
}

static void describe_stop(const struct story *s, const struct story_event *e, struct buf *b)
{
	(void)s;
	buf_printf(b, "stops with exit code %" PRId64 ": %s", story_int_of(e, "exit_code"),
	           story_text_of(e, "why"));
}

static void describe_turned(const struct story *s, const struct story_event *e, struct buf *b)
{
	const bool alarm = story_is(e, "alarm");
	const bool up = story_int_of(e, "up") != 0;

	(void)s;
	if (alarm)
		buf_printf(b, "%s: %s", up ? "ALARM" : "alarm over", story_text_of(e, "why"));
	else
		buf_printf(b, "countdown of a minority %s: %s", up ? "begins" : "ends",
		           story_text_of(e, "why"));
}

/* Recorders of before do not say whether the node obeyed. */
static void describe_shutdown(const struct story *s, const struct story_event *e, struct buf *b)
{
	const bool dry =
	    json_is_integer(json_object_get(e->record, "force")) && story_int_of(e, "force") == 0;

	(void)s;
	buf_printf(b, "%s: %s", dry ? "would shut down, if FORCE_SHUTDOWN were true" : "shuts down",
	           story_text_of(e, "why"));
}

static void describe_other(const struct story *s, const struct story_event *e, struct buf *b)
{
	(void)s;
	buf_printf(b, "%s: %s", story_text_of(e, "event"), story_text_of(e, "why"));
}

void story_describe(const struct story *s, const struct story_event *e, struct buf *b)
{
	static const struct {
		const char *event;
		void (*describe)(const struct story *s, const struct story_event *e, struct buf *b);
	} words[] = {
	    {"leader", describe_leader},     {"state", describe_state},
	    {"member", describe_member},     {"vote", describe_vote},
	    {"start", describe_start},       {"stop", describe_stop},
	    {"alarm", describe_turned},      {"countdown", describe_turned},
	    {"shutdown", describe_shutdown},
	};

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		if (story_is(e, words[i].event)) {
			words[i].describe(s, e, b);
			return;
		}
	}
	describe_other(s, e, b);
}

/* --- Take-overs ---------------------------------------------------------------------- */

static bool leads(const struct story *s, const struct story_event *e)
{
	return story_is(e, "leader") &&
	       strcmp(story_text_of(e, "peer"), s->nodes[e->node].name) == 0;
}

/* The election before this one; n_events: not recorded. */
static size_t leader_before(const struct story *s, size_t at)
{
	const int64_t term = story_int_of(&s->events[at], "term");
	size_t found = s->n_events;

	for (size_t i = 0; i < s->n_events; i++) {
		const int64_t other = story_int_of(&s->events[i], "term");

		if (leads(s, &s->events[i]) && other < term &&
		    (found == s->n_events || other > story_int_of(&s->events[found], "term")))
			found = i;
	}
	return found;
}

bool story_takeover(const struct story *s, size_t *at, struct story_takeover *ret)
{
	for (; *at < s->n_events; (*at)++) {
		const struct story_event *e = &s->events[*at];
		const size_t before = leads(s, e) ? leader_before(s, *at) : s->n_events;

		if (before == s->n_events || s->events[before].node == e->node)
			continue;
		*ret = (struct story_takeover){
		    .event = *at,
		    .from = s->events[before].node,
		    .term = story_int_of(e, "term"),
		    .error_us = -1,
		};
		/* Its last fence since it led, until it serves again. */
		for (size_t i = before; i < s->n_events; i++) {
			const struct story_event *f = &s->events[i];

			if (f->node != ret->from || !story_is(f, "state"))
				continue;
			if (ret->fenced && i > *at)
				break;
			if (strcmp(story_text_of(f, "to"), "fenced") != 0)
				continue;
			ret->fenced = true;
			ret->margin_us = e->at_us - f->at_us;
			ret->error_us =
			    e->error_us < 0 || f->error_us < 0 ? -1 : e->error_us + f->error_us;
		}
		(*at)++;
		return true;
	}
	return false;
}
