/* What operators ask of the cluster, one fact at a time: all of it from the status, so that every
 * door says the same. */
#include <assert.h>
#include <jansson.h>
#include <string.h>

#include "node/api.h"
#include "node/core_audit.h"
#include "node/node_internal.h"
#include "node/status_json.h"
#include "node/term_json.h"

/* One question: the value of the answer; NULL: out of memory. */
typedef const struct term *(*pick)(struct api_call *call, const json_t *status);

static const struct term *ok_of(struct api_call *call, const struct term *value)
{
	struct arena *a = &call->arena;

	return value == NULL ? NULL : term_tuple2(a, term_atom(a, "ok"), value);
}

static const char *text_of(const json_t *j, const char *key)
{
	const char *s = json_string_value(json_object_get(j, key));

	return s == NULL ? "" : s;
}

static const struct term *truth(struct api_call *call, bool value)
{
	return term_atom(&call->arena, value ? "true" : "false");
}

static const struct term *whole(struct api_call *call, const json_t *status)
{
	return ok_of(call, term_of_json(&call->arena, status, 0));
}

/* Names of members that vote, or do not. */
static const struct term *members(struct api_call *call, const json_t *status, bool voters)
{
	const struct term *items[MEMBERS_MAX];
	const json_t *m;
	size_t n = 0;
	size_t i;

	json_array_foreach(json_object_get(status, "members"), i, m)
	{
		if (n < MEMBERS_MAX && json_is_true(json_object_get(m, "member")) &&
		    json_is_true(json_object_get(m, "voter")) == voters)
			items[n++] = term_atom(&call->arena, text_of(m, "name"));
	}
	return ok_of(call, term_list(&call->arena, items, n));
}

static const struct term *get_voters(struct api_call *call, const json_t *status)
{
	return members(call, status, true);
}

static const struct term *get_standbys(struct api_call *call, const json_t *status)
{
	return members(call, status, false);
}

static const struct term *is_member(struct api_call *call, const json_t *status)
{
	const json_t *m;
	size_t i;

	json_array_foreach(json_object_get(status, "members"), i, m)
	{
		if (term_is_atom(call->args[0], text_of(m, "name")))
			return truth(call, json_is_true(json_object_get(m, "member")));
	}
	return truth(call, false);
}

static const struct term *get_leader(struct api_call *call, const json_t *status)
{
	struct arena *a = &call->arena;
	const char *leader = text_of(status, "leader");

	if (leader[0] != '\0')
		return ok_of(call, term_atom(a, leader));
	return term_tuple2(a, term_atom(a, "error"), term_atom(a, "no_leader"));
}

static const struct term *is_leader(struct api_call *call, const json_t *status)
{
	return truth(call, strcmp(text_of(status, "leader"), text_of(status, "node")) == 0);
}

static const struct term *has_quorum(struct api_call *call, const json_t *status)
{
	return truth(call, json_integer_value(json_object_get(status, "reachable")) >=
	                       json_integer_value(json_object_get(status, "needed")));
}

static const struct term *get_state(struct api_call *call, const json_t *status)
{
	return ok_of(call, term_atom(&call->arena, text_of(status, "state")));
}

static const struct term *get_side(struct api_call *call, const json_t *status)
{
	return ok_of(call, term_atom(&call->arena, text_of(status, "side")));
}

static const struct term *get_digest(struct api_call *call, const json_t *status)
{
	json_t *both = json_pack("{s:O, s:O}", "store", json_object_get(status, "store"), "audit",
	                         json_object_get(status, "audit"));
	const struct term *value = term_of_json(&call->arena, both, 0);

	json_decref(both);
	return ok_of(call, value);
}

/* Both ways, as the matrix tells. */
static bool connected(const json_t *status, const char *a, const char *b)
{
	const json_t *e;
	unsigned ways = 0;
	size_t i;

	json_array_foreach(json_object_get(status, "edges"), i, e)
	{
		const char *from = text_of(e, "from");
		const char *to = text_of(e, "to");

		if ((strcmp(from, a) == 0 && strcmp(to, b) == 0) ||
		    (strcmp(from, b) == 0 && strcmp(to, a) == 0))
			ways += json_is_true(json_object_get(e, "up"));
	}
	return ways == 2;
}

/* side[i]: the lowest member that i is connected with, by way of others too. */
static size_t find_sides(const json_t *status, size_t side[MEMBERS_MAX])
{
	const json_t *list = json_object_get(status, "members");
	const size_t all = json_array_size(list);
	const size_t n = all < MEMBERS_MAX ? all : MEMBERS_MAX;
	bool changed = true;

	for (size_t i = 0; i < n; i++)
		side[i] = i;
	while (changed) {
		changed = false;
		for (size_t i = 0; i < n * n; i++) {
			const size_t a = i / n;
			const size_t b = i % n;

			if (side[a] < side[b] &&
			    connected(status, text_of(json_array_get(list, a), "name"),
			              text_of(json_array_get(list, b), "name"))) {
				side[b] = side[a];
				changed = true;
			}
		}
	}
	return n;
}

static const struct term *get_partitions(struct api_call *call, const json_t *status)
{
	const json_t *list = json_object_get(status, "members");
	const struct term *sides[MEMBERS_MAX];
	struct arena *a = &call->arena;
	size_t side[MEMBERS_MAX];
	const size_t n = find_sides(status, side);
	size_t n_sides = 0;

	for (size_t i = 0; i < n; i++) {
		const struct term *names[MEMBERS_MAX];
		size_t n_names = 0;

		for (size_t j = 0; j < n && side[i] == i; j++) {
			if (side[j] == i)
				names[n_names++] =
				    term_atom(a, text_of(json_array_get(list, j), "name"));
		}
		if (n_names > 0)
			sides[n_sides++] = term_list(a, names, n_names);
	}
	return ok_of(call, term_list(a, sides, n_sides));
}

static const struct term *is_split(struct api_call *call, const json_t *status)
{
	size_t side[MEMBERS_MAX];
	const size_t n = find_sides(status, side);
	bool split = false;

	for (size_t i = 0; i < n; i++)
		split |= side[i] != 0;
	return truth(call, split);
}

static const struct {
	const char *function;
	pick answer;
} questions[] = {
    {"get_status", whole},          {"get_voters", get_voters},
    {"get_standbys", get_standbys}, {"is_member", is_member},
    {"get_leader", get_leader},     {"is_leader", is_leader},
    {"has_quorum", has_quorum},     {"get_state", get_state},
    {"get_side", get_side},         {"get_partitions", get_partitions},
    {"is_split", is_split},         {"get_digest", get_digest},
};

void api_cluster_fact(struct node *node, struct api_call *call)
{
	const struct term *value = NULL;
	json_t *status;
	struct buf b;
	size_t i = 0;

	while (strcmp(questions[i].function, call->entry->function) != 0) {
		i++;
		assert(i < sizeof questions / sizeof questions[0]);
	}
	buf_init(&b, API_MEMORY_MAX);
	node_status_json(node, &b);
	status = buf_status(&b) != ST_OK ? NULL : json_loadb((const char *)b.base, b.len, 0, NULL);
	buf_close(&b);
	if (status != NULL)
		value = questions[i].answer(call, status);
	json_decref(status);
	if (value == NULL)
		api_raise(call, NULL);
	else
		api_reply(call, value);
}

/* --- erlmcp_cluster_sync:is_in_sync/0 ------------------------------------------------- */

static void polled(void *arg, const struct sync_report *r)
{
	struct api_call *call = arg;
	bool all = r != NULL && r->n > 0 && r->doubt_us == 0;

	for (size_t i = 0; all && i < r->n; i++) {
		struct sync_figures x;

		if (r->nodes[i].answered)
			sync_figures(r, &r->nodes[i], &x);
		all = r->nodes[i].answered && x.lag == 0;
	}
	api_reply(call, truth(call, all));
}

void api_in_sync(struct node *node, struct api_call *call)
{
	core_sync(node->core, polled, call);
}
