#include "cmd/show.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/page.h"

enum {
	NAME_MAX_WIDTH = 30,  /* longer node names are cut in tables: 80 columns */
	STATE_WIDTH = 11,     /* never heard */
	MATRIX_MAX = 16,      /* as many members as a cluster may have */
	LINE_MAX_BYTES = 600, /* two long names in a sentence */
	TEXT_MAX = 1024 * 1024,
	NEARLY_PERCENT = 80, /* of a limit: time to do something before it is hit */
};

static void verdict(const struct page *p)
{
	const json_t *left = json_object_get(p->status, "countdown_left_ms");
	const char *state = page_text(p->status, "state");
	char age[32];

	buf_printf(p->b, "%s: ", page_text(p->status, "node"));
	page_coloured(p, page_state_colour(state), state);
	buf_printf(p->b, " for %s\n", page_span(p->status, "state_age_ms", age, sizeof age));
	page_sentence(p, page_text(p->status, "why"), 2, 0);
	if (!json_is_number(left))
		return;
	/* Who was to stop has stopped. */
	if (json_number_value(left) <= 0)
		buf_printf(p->b,
		           "  countdown of a minority: over (FORCE_SHUTDOWN=false: a dry run)\n");
	else
		buf_printf(p->b, "  countdown of a minority: %s left\n",
		           page_span(p->status, "countdown_left_ms", age, sizeof age));
}

static void warnings(const struct page *p)
{
	const char *warning = page_text(json_object_get(p->status, "quorum"), "warning");
	const json_t *alarms = json_object_get(p->status, "alarms");
	const json_t *alarm;
	size_t i;

	if (warning[0] != '\0') {
		page_coloured(p, "33;1", "WARNING");
		page_sentence(p, warning, 2, 6);
	}
	json_array_foreach(alarms, i, alarm)
	{
		page_coloured(p, "31;1", "ALARM");
		page_sentence(p, page_text(alarm, "text"), 2, 4);
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
		           page_integer(audit, "verified_index"),
		           page_text(audit, "verified_digest"));
	if (json_is_integer(json_object_get(sync, "fetching")) && all > 0)
		buf_printf(p->b, "Sync     fetching the state at index %lld, %.0f %%\n",
		           page_integer(sync, "fetching"),
		           100.0 * (double)page_integer(sync, "bytes_done") / all);
}

static bool has_lease(const struct page *p)
{
	const json_t *raft = json_object_get(p->status, "raft");

	return json_number_value(json_object_get(raft, "lease_left_ms")) > 0;
}

static void facts(const struct page *p)
{
	const json_t *quorum = json_object_get(p->status, "quorum");
	const json_t *raft = json_object_get(p->status, "raft");
	const json_t *store = json_object_get(p->status, "store");
	const char *leader = page_text(p->status, "leader");
	const long long sessions = page_integer(store, "sessions");
	char lease[32] = "none";

	buf_printf(p->b,
	           "\nQuorum   %lld in sight, %lld needed; %lld voters, quorum size %lld; %s\n",
	           page_integer(p->status, "reachable"), page_integer(p->status, "needed"),
	           page_integer(quorum, "configured"), page_integer(quorum, "size"),
	           page_text(p->status, "side"));
	if (has_lease(p))
		(void)page_span(raft, "lease_left_ms", lease, sizeof lease);
	buf_printf(p->b, "Leader   %s, term %lld; lease left: %s\n",
	           leader[0] == '\0' ? "none known" : leader, page_integer(raft, "term"), lease);
	if (page_text(p->status, "change")[0] != '\0') {
		buf_printf(p->b, "Change  ");
		page_sentence(p, page_text(p->status, "change"), 9, 8);
	}
	buf_printf(p->b, "Log      stored %lld, committed %lld, applied %lld\n",
	           page_integer(raft, "stored"), page_integer(raft, "commit"),
	           page_integer(raft, "applied"));
	buf_printf(p->b, "State    %lld session%s, index %lld, digest %s\n", sessions,
	           sessions == 1 ? "" : "s", page_integer(store, "index"),
	           page_text(store, "digest"));
	checked(p);
}

static int name_width(const json_t *members)
{
	const json_t *m;
	size_t width = 6;
	size_t i;

	json_array_foreach(members, i, m)
	{
		const size_t len = strlen(page_text(m, "name")) + (page_truth(m, "self") ? 2 : 0);

		width = len > width ? len : width;
	}
	return width > NAME_MAX_WIDTH ? NAME_MAX_WIDTH : (int)width;
}

static void member_row(const struct page *p, const json_t *m, size_t number, int width)
{
	const json_t *rtt = json_object_get(m, "rtt_us");
	const bool here = page_truth(m, "self") || page_truth(m, "heard");
	const char *role = page_text(m, "role");
	const char *state = here ? page_text(m, "state") : "lost";
	char name[512];
	char contact[32];
	char trip[32] = "-";
	char lag[32] = "-";

	(void)snprintf(name, sizeof name, "%s%s", page_text(m, "name"),
	               page_truth(m, "self") ? " *" : "");
	if (json_is_integer(rtt) && here && !page_truth(m, "self"))
		(void)snprintf(trip, sizeof trip, "%.1f ms", json_number_value(rtt) / 1000);
	/* Who is not confirmed does not know what is committed. */
	if (json_is_integer(json_object_get(m, "lag")) && here && has_lease(p))
		(void)snprintf(lag, sizeof lag, "%lld", page_integer(m, "lag"));
	if (!here && json_is_null(json_object_get(m, "last_contact_ms")))
		state = "never heard";
	/* Whom it follows, or whether it leads by now, nobody knows here. */
	if (!here && strcmp(role, "follower") == 0)
		role = "voter";
	buf_printf(p->b, "%2zu %-*.*s %-9s ", number, width, width, name, role);
	page_coloured(p, strcmp(state, "lost") == 0 ? "31;1" : page_state_colour(state), state);
	buf_printf(p->b, "%*s %8s %8s %6s\n",
	           (int)(strlen(state) < STATE_WIDTH ? STATE_WIDTH - strlen(state) : 0), "",
	           page_truth(m, "self") ? "-"
	                                 : page_span(m, "last_contact_ms", contact, sizeof contact),
	           trip, lag);
}

static void member_table(const struct page *p)
{
	const json_t *members = json_object_get(p->status, "members");
	const int width = name_width(members);
	const json_t *m;
	size_t i;

	buf_printf(p->b, "\n   %-*s %-9s %-*s %8s %8s %6s\n", width, "Member", "Role", STATE_WIDTH,
	           "State", "Silent", "Trip", "Lag");
	json_array_foreach(members, i, m) member_row(p, m, i + 1, width);
}

/* The edge from one member to another, or NULL. */
static const json_t *find_edge(const json_t *edges, const char *from, const char *to)
{
	const json_t *e;
	size_t i;

	json_array_foreach(edges, i, e)
	{
		if (strcmp(page_text(e, "from"), from) == 0 && strcmp(page_text(e, "to"), to) == 0)
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
	char line[LINE_MAX_BYTES];
	char age[32];
	size_t i;

	json_array_foreach(edges, i, e)
	{
		if (!json_is_false(json_object_get(e, "up")))
			continue;
		(void)snprintf(line, sizeof line, "seen from %s: %s has been silent for %s",
		               page_text(e, "to"), page_text(e, "from"),
		               page_span(e, "age_ms", age, sizeof age));
		page_sentence(p, line, 3, 0);
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
			        : cell(find_edge(edges,
			                         page_text(json_array_get(members, from), "name"),
			                         page_text(json_array_get(members, to), "name"))));
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
	json_array_foreach(list, i, item) page_sentence(p, json_string_value(item), 3, 0);
}

/* Those that are nearly used up, or that something was refused for. */
static void limits(const struct page *p)
{
	const json_t *list = json_object_get(p->status, "limits");
	const json_t *limit;
	bool any = false;
	size_t i;

	json_array_foreach(list, i, limit)
	{
		const long long all = page_integer(limit, "limit");
		const long long used = page_integer(limit, "in_use");
		const long long refused = page_integer(limit, "refused");

		if (refused == 0 && used * 100 <= all * NEARLY_PERCENT)
			continue;
		buf_printf(p->b, "%s   %-20s", any ? "" : "\nLimits\n", page_text(limit, "name"));
		any = true;
		if (json_is_integer(json_object_get(limit, "in_use")))
			buf_printf(p->b, "%lld of %lld in use", used, all);
		else
			buf_printf(p->b, "at most %lld", all);
		if (refused > 0)
			buf_printf(p->b, "; refused because of it since the start: %lld", refused);
		buf_u8(p->b, '\n');
	}
}

static json_t *parse(const struct buf *json)
{
	json_t *status = json_loadb((const char *)json->base, json->len, 0, NULL);

	if (json_is_object(status) && page_text(status, "state")[0] != '\0')
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
		limits(&p);
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
	const bool serving = status != NULL && page_truth(status, "serving");

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
