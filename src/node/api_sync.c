/* erlmcp_session_ha and erlmcp_cluster_sync: proof that all members have the same state, and how
 * far each of them is. Results: doc/reference/sync.md. */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "node/api.h"
#include "node/core_audit.h"
#include "node/core_full.h"
#include "node/node_internal.h"

enum { FIELDS_MAX = 20, NODES_MAX = MEMBERS_MAX };

/* A map being put together. */
struct fields {
	struct arena *arena;
	const struct term *keys[FIELDS_MAX];
	const struct term *values[FIELDS_MAX];
	size_t n;
};

static void put(struct fields *f, const char *key, const struct term *value)
{
	if (f->n == FIELDS_MAX)
		return;
	f->keys[f->n] = term_atom(f->arena, key);
	f->values[f->n++] = value;
}

static void put_atom(struct fields *f, const char *key, const char *value)
{
	put(f, key, term_atom(f->arena, value));
}

static void put_int(struct fields *f, const char *key, uint64_t value)
{
	put(f, key, term_int(f->arena, (int64_t)value));
}

static void put_hex(struct fields *f, const char *key, uint64_t value)
{
	char text[24];

	(void)snprintf(text, sizeof text, "%016" PRIx64, value);
	put(f, key, term_binary(f->arena, text, strlen(text)));
}

static const struct term *map_of(const struct fields *f)
{
	return term_map(f->arena, f->keys, f->values, f->n);
}

static const struct term *text_of(struct arena *a, const char *text)
{
	return term_binary(a, text, strlen(text));
}

/* --- validate_consistency/0 ---------------------------------------------------------- */

static bool is_compared(const struct audit_node *node)
{
	return node->outcome >= AUDIT_EQUAL;
}

/* Nodes that were compared as names; the others as {Name, Why}. */
static const struct term *names(struct arena *a, const struct audit_round *r, bool compared)
{
	const struct term *items[NODES_MAX];
	size_t n = 0;

	for (size_t i = 0; i < r->n; i++) {
		const struct audit_node *node = &r->nodes[i];
		const struct term *name = term_atom(a, node->name);

		if (is_compared(node) != compared)
			continue;
		items[n++] =
		    compared
		        ? name
		        : term_tuple2(a, name, term_atom(a, audit_outcome_name(node->outcome)));
	}
	return term_list(a, items, n);
}

static const struct term *outcomes(const struct core *c, struct arena *a,
                                   const struct audit_round *r)
{
	const struct term *items[NODES_MAX];
	size_t n = 0;

	for (size_t i = 0; i < r->n; i++) {
		const struct audit_node *node = &r->nodes[i];
		struct fields f = {.arena = a};
		uint64_t digest;
		uint64_t index;

		if (!is_compared(node))
			continue;
		core_audit_told(c, r->index, node->digest, &index, &digest);
		put(&f, "node", term_atom(a, node->name));
		put_atom(&f, "outcome", audit_outcome_name(node->outcome));
		put_hex(&f, "digest", digest);
		put_int(&f, "sessions", node->sessions);
		put_int(&f, "damaged_buckets", node->n_damaged);
		put_atom(&f, "starts_over", node->replaced ? "true" : "false");
		items[n++] = map_of(&f);
	}
	return term_list(a, items, n);
}

static const struct term *buckets(struct arena *a, const struct audit_round *r)
{
	const struct term *items[AUDIT_BUCKETS_MAX];

	for (size_t i = 0; i < r->n_buckets; i++)
		items[i] = term_int(a, r->buckets[i]);
	return term_list(a, items, r->n_buckets);
}

static const struct term *keys(struct arena *a, const struct audit_round *r)
{
	static const char *const kinds[] = {"session", "handle", "task"};
	const struct term *items[AUDIT_KEYS_MAX];

	for (size_t i = 0; i < r->n_keys; i++) {
		const struct audit_key *key = &r->keys[i];
		struct fields f = {.arena = a};
		char id[SESSION_ID_TEXT];

		session_id_text(&key->id, id);
		put(&f, "node", term_atom(a, r->nodes[key->node].name));
		put_atom(&f, "kind",
		         key->kind < sizeof kinds / sizeof kinds[0] ? kinds[key->kind] : "unknown");
		put(&f, "id", text_of(a, id));
		put_int(&f, "bucket", key->bucket);
		put_atom(&f, "what", audit_fault_name(key->fault));
		items[i] = map_of(&f);
	}
	return term_list(a, items, r->n_keys);
}

static const struct term *verdict(const struct core *c, struct arena *a,
                                  const struct audit_round *r)
{
	const struct audit_node *truth = r->truth == SIZE_MAX ? NULL : &r->nodes[r->truth];
	struct fields f = {.arena = a};
	uint64_t digest;
	uint64_t index;

	core_audit_told(c, r->index, truth == NULL ? 0 : truth->digest, &index, &digest);
	put_atom(&f, "status", r->equal ? "consistent" : "inconsistent");
	put_int(&f, "index", index);
	put_hex(&f, "digest", digest);
	put_int(&f, "sessions", truth == NULL ? 0 : truth->sessions);
	put(&f, "nodes", r->equal ? names(a, r, true) : outcomes(c, a, r));
	put(&f, "not_compared", names(a, r, false));
	if (r->equal)
		return term_tuple2(a, term_atom(a, "ok"), map_of(&f));
	put_int(&f, "agreeing", r->agreeing);
	put_atom(&f, "majority", r->majority ? "true" : "false");
	put_atom(&f, "retry_tables_differ", r->rest ? "true" : "false");
	put_int(&f, "differing_buckets", r->differing);
	put(&f, "buckets", buckets(a, r));
	put(&f, "keys", keys(a, r));
	return term_tuple2(a, term_atom(a, "error"), map_of(&f));
}

/* {error, {Reason, Text}}: nothing was compared. */
static void refuse(struct api_call *call, enum status st)
{
	struct arena *a = &call->arena;
	char reason[32];
	size_t i;

	for (i = 0; status_name(st)[i] != '\0' && i + 1 < sizeof reason; i++)
		reason[i] = (char)tolower((unsigned char)status_name(st)[i]);
	reason[i] = '\0';
	api_error(call, term_tuple2(a, term_atom(a, reason),
	                            text_of(a, st == ST_UNSUPPORTED
	                                           ? "a member of an earlier release is among us: "
	                                             "states can be compared once all are newer"
	                                           : status_text(st))));
}

static void validated(void *arg, enum status st, const struct audit_round *r)
{
	struct api_call *call = arg;

	if (st == ST_OK)
		api_reply(call, verdict(call->node->core, &call->arena, r));
	else
		refuse(call, st);
}

void api_validate(struct node *node, struct api_call *call)
{
	core_validate(node->core, validated, call);
}

/* --- trigger_full_sync/0,1 ----------------------------------------------------------- */

/* /1: only that node; false: it is none of the members. */
static bool is_meant(const struct api_call *call, const struct full_node *node)
{
	char name[NODE_NAME_MAX];
	size_t len;

	if (call->entry->arity == 0)
		return true;
	return term_text(call->args[0], name, sizeof name, &len) == ST_OK &&
	       strcmp(name, node->name) == 0;
}

/* {error, {Why, Nodes}} when a member is told to start over and its return was not seen. */
static const char *unfinished(const struct full_report *r)
{
	for (size_t i = 0; i < r->n && !r->late; i++) {
		if (r->nodes[i].action == FULL_STARTS_OVER)
			return "starts_over";
	}
	return r->late ? "timeout" : NULL;
}

static void synced(void *arg, enum status st, const struct full_report *r)
{
	struct api_call *call = arg;
	struct arena *a = &call->arena;
	const struct term *items[NODES_MAX];
	size_t n = 0;

	if (st != ST_OK) {
		refuse(call, st);
		return;
	}
	for (size_t i = 0; i < r->n; i++) {
		const struct full_node *node = &r->nodes[i];
		struct fields f = {.arena = a};

		if (!is_meant(call, node))
			continue;
		put(&f, "node", term_atom(a, node->name));
		put_atom(&f, "action", full_action_name(node->action));
		put_int(&f, "index", node->index);
		put_hex(&f, "digest", node->digest);
		items[n++] = map_of(&f);
	}
	if (n == 0)
		api_error(call, term_tuple2(a, term_atom(a, "not_found"),
		                            text_of(a, "no member has that name")));
	else if (unfinished(r) != NULL)
		api_error(call,
		          term_tuple2(a, term_atom(a, unfinished(r)), term_list(a, items, n)));
	else
		api_reply(call, term_tuple2(a, term_atom(a, "ok"), term_list(a, items, n)));
}

void api_full_sync(struct node *node, struct api_call *call)
{
	core_full(node->core, synced, call);
}

/* --- get_sync_status/0 --------------------------------------------------------------- */

/* The atom unknown where it cannot be told. */
static void put_known(struct fields *f, const char *key, bool known, uint64_t value)
{
	if (known)
		put_int(f, key, value);
	else
		put_atom(f, key, "unknown");
}

static const struct term *node_term(struct arena *a, const struct sync_report *r,
                                    const struct sync_node *node)
{
	struct fields f = {.arena = a};
	struct sync_figures x;

	sync_figures(r, node, &x);
	put(&f, "node", term_atom(a, node->name));
	put_atom(&f, "state", x.state);
	if (!node->answered)
		return map_of(&f);
	put_int(&f, "index", node->sync.applied);
	put_known(&f, "lag_entries", x.known, x.lag);
	put_known(&f, "lag_bytes", x.known, x.lag_bytes);
	put_known(&f, "lag_seconds", x.known, (uint64_t)(x.lag_s + 0.5));
	put_known(&f, "seconds_left", x.known && x.left_s >= 0, (uint64_t)(x.left_s + 0.5));
	put_known(&f, "percent", x.known, (uint64_t)x.percent);
	put_int(&f, "bytes_per_second", (uint64_t)x.rate);
	put_int(&f, "transfers", node->sync.fetched);
	put_atom(&f, "last_result", x.result);
	put_int(&f, "verified_index", node->sync.verified);
	put_hex(&f, "verified_digest", node->sync.digest);
	put_int(&f, "state_version", node->sync.state_version);
	return map_of(&f);
}

static void polled(void *arg, const struct sync_report *r)
{
	struct api_call *call = arg;
	struct arena *a = &call->arena;
	const struct term *items[NODES_MAX];
	struct fields f = {.arena = a};

	if (r == NULL) {
		refuse(call, ST_BUSY);
		return;
	}
	for (size_t i = 0; i < r->n; i++)
		items[i] = node_term(a, r, &r->nodes[i]);
	put_int(&f, "committed", r->commit);
	put_atom(&f, "confirmed", r->doubt_us == 0 ? "true" : "false");
	if (r->doubt_us > 0)
		put_int(&f, "unconfirmed_seconds", (uint64_t)r->doubt_us / 1000000);
	put(&f, "nodes", term_list(a, items, r->n));
	api_reply(call, term_tuple2(a, term_atom(a, "ok"), map_of(&f)));
}

void api_sync_status(struct node *node, struct api_call *call)
{
	core_sync(node->core, polled, call);
}
