#include "cmd/show.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	NAME_MAX_WIDTH = 30, /* longer node names are cut in tables: 80 columns */
	MATRIX_MAX = 16,     /* as many members as a cluster may have */
	TEXT_MAX = 1024 * 1024,
	WIDTH = 80,
};

struct page {
	const json_t *status;
	struct buf *b;
	bool colour;
};

static const char *text(const json_t *j, const char *key)
{
	const char *s = json_string_value(json_object_get(j, key));

	return s == NULL ? "" : s;
}

static long long integer(const json_t *j, const char *key)
{
	return (long long)json_integer_value(json_object_get(j, key));
}

static bool truth(const json_t *j, const char *key)
{
	return json_is_true(json_object_get(j, key));
}

/* A span of milliseconds as a person reads it; "-" when it is not known. */
static const char *span(const json_t *j, const char *key, char *ret, size_t cap)
{
	const json_t *v = json_object_get(j, key);
	const double ms = json_number_value(v);

	if (!json_is_number(v))
		(void)snprintf(ret, cap, "-");
	else if (ms < 10)
		(void)snprintf(ret, cap, "%.1f ms", ms);
	else if (ms < 1000)
		(void)snprintf(ret, cap, "%.0f ms", ms);
	else if (ms < 60000)
		(void)snprintf(ret, cap, "%.1f s", ms / 1000);
	else if (ms < 3600000)
		(void)snprintf(ret, cap, "%.0f min", ms / 60000);
	else if (ms < 172800000)
		(void)snprintf(ret, cap, "%.1f h", ms / 3600000);
	else
		(void)snprintf(ret, cap, "%.1f d", ms / 86400000);
	return ret;
}

static void coloured(const struct page *p, const char *code, const char *s)
{
	if (p->colour)
		buf_printf(p->b, "\x1b[%sm%s\x1b[0m", code, s);
	else
		buf_printf(p->b, "%s", s);
}

/* A sentence, broken into lines of at most 80 columns, each behind the indent. */
static void sentence(const struct page *p, const char *s, int indent, int used)
{
	while (*s != '\0') {
		const size_t room = (size_t)(WIDTH - indent - used);
		size_t len = strlen(s);

		if (len > room) {
			len = room;
			while (len > 0 && s[len] != ' ')
				len--;
			if (len == 0)
				len = strcspn(s, " ");
		}
		buf_printf(p->b, "%*s%.*s\n", used > 0 ? 1 : indent, "", (int)len, s);
		used = 0;
		for (s += len; *s == ' '; s++)
			;
	}
}

static const char *state_colour(const char *state)
{
	static const struct {
		const char *state;
		const char *code;
	} colours[] = {
	    {"serving", "32;1"}, {"degraded", "33;1"}, {"fenced", "31;1"}, {"stopped", "31;1"}};

	for (size_t i = 0; i < sizeof colours / sizeof colours[0]; i++) {
		if (strcmp(state, colours[i].state) == 0)
			return colours[i].code;
	}
	return "36;1";
}

static void verdict(const struct page *p)
{
	const json_t *left = json_object_get(p->status, "countdown_left_ms");
	const char *state = text(p->status, "state");
	char age[32];

	buf_printf(p->b, "%s: ", text(p->status, "node"));
	coloured(p, state_colour(state), state);
	buf_printf(p->b, " since %s\n", span(p->status, "state_age_ms", age, sizeof age));
	sentence(p, text(p->status, "why"), 2, 0);
	if (json_is_number(left))
		buf_printf(p->b, "  countdown of a minority: %s left\n",
		           span(p->status, "countdown_left_ms", age, sizeof age));
}

static void warnings(const struct page *p)
{
	const char *warning = text(json_object_get(p->status, "quorum"), "warning");
	const json_t *alarms = json_object_get(p->status, "alarms");
	const json_t *alarm;
	size_t i;

	if (warning[0] != '\0') {
		coloured(p, "33;1", "WARNING");
		sentence(p, warning, 2, 6);
	}
	json_array_foreach(alarms, i, alarm)
	{
		coloured(p, "31;1", "ALARM");
		sentence(p, text(alarm, "text"), 2, 4);
	}
}

/* When the state was last found equal to the others', and what is being fetched. */
static void checked(const struct page *p)
{
	const json_t *audit = json_object_get(p->status, "audit");
	const json_t *sync = json_object_get(p->status, "sync");
	const double all = json_number_value(json_object_get(sync, "bytes_all"));

	if (json_is_integer(json_object_get(audit, "verified_index")))
		buf_printf(p->b, "Checked  equal to a majority at index %lld, digest %s\n",
		           integer(audit, "verified_index"), text(audit, "verified_digest"));
	if (json_is_integer(json_object_get(sync, "fetching")) && all > 0)
		buf_printf(p->b, "Sync     fetching the state at index %lld, %.0f %%\n",
		           integer(sync, "fetching"),
		           100.0 * (double)integer(sync, "bytes_done") / all);
}

static void facts(const struct page *p)
{
	const json_t *quorum = json_object_get(p->status, "quorum");
	const json_t *raft = json_object_get(p->status, "raft");
	const json_t *store = json_object_get(p->status, "store");
	const char *leader = text(p->status, "leader");
	char lease[32];

	buf_printf(p->b,
	           "\nQuorum   %lld in sight, %lld needed; %lld voters, quorum size %lld; %s\n",
	           integer(p->status, "reachable"), integer(p->status, "needed"),
	           integer(quorum, "configured"), integer(quorum, "size"), text(p->status, "side"));
	buf_printf(p->b, "Leader   %s, term %lld; lease left: %s\n",
	           leader[0] == '\0' ? "none known" : leader, integer(raft, "term"),
	           span(raft, "lease_left_ms", lease, sizeof lease));
	if (text(p->status, "change")[0] != '\0') {
		buf_printf(p->b, "Change  ");
		sentence(p, text(p->status, "change"), 9, 8);
	}
	buf_printf(p->b, "Log      stored %lld, committed %lld, applied %lld\n",
	           integer(raft, "stored"), integer(raft, "commit"), integer(raft, "applied"));
	buf_printf(p->b, "State    %lld sessions, index %lld, digest %s\n",
	           integer(store, "sessions"), integer(store, "index"), text(store, "digest"));
	checked(p);
}

static int name_width(const json_t *members)
{
	const json_t *m;
	size_t width = 6;
	size_t i;

	json_array_foreach(members, i, m)
	{
		const size_t len = strlen(text(m, "name")) + (truth(m, "self") ? 2 : 0);

		width = len > width ? len : width;
	}
	return width > NAME_MAX_WIDTH ? NAME_MAX_WIDTH : (int)width;
}

static void member_row(const struct page *p, const json_t *m, size_t number, int width)
{
	const json_t *rtt = json_object_get(m, "rtt_us");
	const char *state = truth(m, "self") || truth(m, "heard") ? text(m, "state") : "lost";
	char name[512];
	char contact[32];
	char trip[32] = "-";
	char lag[32] = "-";

	(void)snprintf(name, sizeof name, "%s%s", text(m, "name"), truth(m, "self") ? " *" : "");
	if (json_is_integer(rtt) && !truth(m, "self"))
		(void)snprintf(trip, sizeof trip, "%.1f ms", json_number_value(rtt) / 1000);
	if (json_is_integer(json_object_get(m, "lag")))
		(void)snprintf(lag, sizeof lag, "%lld", integer(m, "lag"));
	if (!truth(m, "self") && !truth(m, "heard") &&
	    json_is_null(json_object_get(m, "last_contact_ms")))
		state = "never seen";
	buf_printf(p->b, "%2zu %-*.*s %-9s ", number, width, width, name, text(m, "role"));
	coloured(p, strcmp(state, "lost") == 0 ? "31;1" : state_colour(state), state);
	buf_printf(p->b, "%*s %8s %8s %6s\n", (int)(strlen(state) < 10 ? 10 - strlen(state) : 0),
	           "", truth(m, "self") ? "-" : span(m, "last_contact_ms", contact, sizeof contact),
	           trip, lag);
}

static void member_table(const struct page *p)
{
	const json_t *members = json_object_get(p->status, "members");
	const int width = name_width(members);
	const json_t *m;
	size_t i;

	buf_printf(p->b, "\n   %-*s %-9s %-10s %8s %8s %6s\n", width, "Member", "Role", "State",
	           "Contact", "Trip", "Lag");
	json_array_foreach(members, i, m) member_row(p, m, i + 1, width);
}

/* The edge from one member to another, or NULL. */
static const json_t *find_edge(const json_t *edges, const char *from, const char *to)
{
	const json_t *e;
	size_t i;

	json_array_foreach(edges, i, e)
	{
		if (strcmp(text(e, "from"), from) == 0 && strcmp(text(e, "to"), to) == 0)
			return e;
	}
	return NULL;
}

static const char *cell(const json_t *e)
{
	const json_t *up = json_object_get(e, "up");

	if (json_is_true(up))
		return "ok";
	return json_is_false(up) ? "CUT" : "?";
}

static void cuts(const struct page *p)
{
	const json_t *edges = json_object_get(p->status, "edges");
	const json_t *e;
	char age[32];
	size_t i;

	json_array_foreach(edges, i, e)
	{
		if (json_is_false(json_object_get(e, "up")))
			buf_printf(p->b, "   %s has not heard %s for %s\n", text(e, "to"),
			           text(e, "from"), span(e, "age_ms", age, sizeof age));
	}
}

static void matrix(const struct page *p)
{
	const json_t *members = json_object_get(p->status, "members");
	const json_t *edges = json_object_get(p->status, "edges");
	const size_t n = json_array_size(members);

	if (n < 2 || n > MATRIX_MAX)
		return;
	buf_printf(p->b, "\nReachability: the row's member hears the column's\n  ");
	for (size_t from = 0; from < n; from++)
		buf_printf(p->b, "%4zu", from + 1);
	for (size_t to = 0; to < n; to++) {
		buf_printf(p->b, "\n%2zu", to + 1);
		for (size_t from = 0; from < n; from++)
			buf_printf(
			    p->b, "%4s",
			    from == to
			        ? "."
			        : cell(find_edge(edges, text(json_array_get(members, from), "name"),
			                         text(json_array_get(members, to), "name"))));
	}
	buf_u8(p->b, '\n');
	cuts(p);
}

static void disagreements(const struct page *p)
{
	const json_t *list = json_object_get(p->status, "disagreements");
	const json_t *item;
	size_t i;

	if (json_array_size(list) == 0) {
		buf_printf(p->b, "\nDisagreements: none\n");
		return;
	}
	buf_printf(p->b, "\nDisagreements\n");
	json_array_foreach(list, i, item) buf_printf(p->b, "   %s\n", json_string_value(item));
}

static json_t *parse(const struct buf *json)
{
	json_t *status = json_loadb((const char *)json->base, json->len, 0, NULL);

	if (json_is_object(status) && text(status, "state")[0] != '\0')
		return status;
	json_decref(status);
	return NULL;
}

enum status show_text(const struct buf *json, bool colour, bool everything, struct buf *b)
{
	json_t *status = parse(json);
	const struct page p = {status, b, colour};

	if (status == NULL)
		return ST_MALFORMED;
	verdict(&p);
	warnings(&p);
	if (everything)
		facts(&p);
	member_table(&p);
	if (everything) {
		matrix(&p);
		disagreements(&p);
	}
	json_decref(status);
	return buf_status(b);
}

bool show_colour(FILE *to)
{
	return isatty(fileno(to)) && getenv("NO_COLOR") == NULL;
}

bool show_serving(const struct buf *json)
{
	json_t *status = parse(json);
	const bool serving = status != NULL && truth(status, "serving");

	json_decref(status);
	return serving;
}

static bool show(const struct buf *json, bool colour, bool everything)
{
	struct buf b;

	buf_init(&b, TEXT_MAX);
	if (show_text(json, colour, everything, &b) == ST_OK)
		(void)fwrite(b.base, 1, b.len, stdout);
	else
		(void)fprintf(stderr, "the node's answer is not a status: %.200s\n",
		              json->len == 0 ? "" : (const char *)json->base);
	(void)fflush(stdout);
	buf_close(&b);
	return show_serving(json);
}

bool show_summary(const struct buf *json, bool colour)
{
	return show(json, colour, false);
}

bool show_cluster(const struct buf *json, bool colour)
{
	return show(json, colour, true);
}
