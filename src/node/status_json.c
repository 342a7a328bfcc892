#include "node/status_json.h"

#include <assert.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "node/core_audit.h"
#include "node/metrics_view.h"

enum { TEXT_MAX = 1024 }; /* alarms and reasons are sentences */

/* Text as JSON; bytes that are no UTF-8 (a peer's, perhaps) become question marks. */
static json_t *text(const char *s)
{
	json_t *j = json_string(s);
	char copy[TEXT_MAX];

	if (j != NULL)
		return j;
	(void)snprintf(copy, sizeof copy, "%s", s);
	for (char *c = copy; *c != '\0'; c++) {
		if ((unsigned char)*c >= 0x80)
			*c = '?';
	}
	return json_string(copy);
}

static json_t *hex(uint64_t v)
{
	char s[32];

	(void)snprintf(s, sizeof s, "%016" PRIx64, v);
	return json_string(s);
}

static json_t *number(uint64_t v)
{
	return json_integer((json_int_t)v);
}

/* Milliseconds, or null when the microseconds are negative (never, unknown). */
static json_t *ms_of(int64_t us)
{
	return us < 0 ? json_null() : json_real((double)us / 1000.0);
}

static const char *raft_name(const struct raft_view *raft, uint64_t id)
{
	for (size_t i = 0; id != 0 && i < raft->n_members; i++) {
		if (raft->members[i].id == id)
			return raft->members[i].name;
	}
	return NULL;
}

static const char *role_of(const struct member_status *m, const struct raft_view *raft)
{
	if (m->raft_id != 0 && m->raft_id == raft->leader_id)
		return "leader";
	if (m->self && raft->started && raft->role == ROLE_CANDIDATE)
		return "candidate";
	if (m->voter)
		return "follower";
	return m->raft_id != 0 && raft_name(raft, m->raft_id) != NULL ? "learner" : "none";
}

/* The verdict and its numbers stand first and flat: scripts take them without a JSON parser. */
static json_t *verdict(const struct status_extra *x, const struct cluster_status *c,
                       const struct raft_view *raft)
{
	static const char *const sides[] = {"unknown", "minority", "majority"};
	const bool serving = c->state == CLUSTER_SERVING || c->state == CLUSTER_DEGRADED;
	const char *leader = raft_name(raft, raft->leader_id);

	return json_pack("{s:i, s:o, s:s, s:s, s:b, s:i, s:i, s:o, s:o, s:o, s:o, s:b}", "version",
	                 1, "node", text(x->node), "state", cluster_state_name(c->state), "side",
	                 sides[c->side], "serving", serving, "reachable", (int)c->reachable,
	                 "needed", (int)c->needed, "leader",
	                 leader == NULL ? json_null() : text(leader), "why", text(c->why),
	                 "state_age_ms", ms_of(x->now_us - c->state_since_us), "countdown_left_ms",
	                 ms_of(c->countdown_left_us), "served", c->served);
}

static json_t *quorum(const struct status_extra *x, const struct cluster_status *c)
{
	return json_pack("{s:i, s:i, s:b, s:b, s:o}", "configured", (int)c->configured, "size",
	                 (int)c->quorum_size, "mismatch", c->quorum_mismatch, "regrowing",
	                 c->regrowing, "warning",
	                 x->warning == NULL ? json_null() : text(x->warning));
}

static json_t *raft_json(const struct cluster_status *c, const struct raft_view *raft)
{
	static const char *const roles[] = {"follower", "candidate", "leader"};

	return json_pack("{s:b, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b}", "started",
	                 raft->started, "role", raft->started ? roles[raft->role] : "none", "term",
	                 number(raft->term), "commit", number(raft->commit), "stored",
	                 number(raft->last_stored), "applied", number(raft->last_applied),
	                 "lease_left_ms",
	                 c->lease_left_us <= 0 ? json_real(0.0) : ms_of(c->lease_left_us),
	                 "promise_ms", ms_of(raft->promise_us), "election_ms",
	                 ms_of(raft->election_us), "transferring", raft->transferring);
}

static json_t *member(const struct member_status *m, const struct raft_view *raft)
{
	const bool known = m->self || m->silent_us >= 0;
	const uint64_t applied = m->self ? raft->last_applied : m->applied;
	const bool clock_known = m->clock.error_us >= 0;

	return json_pack(
	    "{s:o, s:o, s:s, s:b, s:b, s:b, s:b, s:b, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
	    "name", text(m->name), "raft_id", m->raft_id == 0 ? json_null() : hex(m->raft_id),
	    "role", role_of(m, raft), "self", m->self, "voter", m->voter, "member", m->member,
	    "linked", m->linked, "heard", m->heard, "hears_us", m->hears_us, "state",
	    known ? text(cluster_state_name(m->state)) : json_null(), "last_contact_ms",
	    m->self ? json_null() : ms_of(m->silent_us), "rtt_us",
	    m->rtt_us < 0 ? json_null() : json_integer(m->rtt_us), "clock_offset_us",
	    clock_known ? json_integer(m->clock.us) : json_null(), "clock_error_us",
	    clock_known ? json_integer(m->clock.error_us) : json_null(), "applied",
	    known ? number(applied) : json_null(), "lag",
	    known ? number(raft->commit > applied ? raft->commit - applied : 0) : json_null());
}

static json_t *members(const struct cluster_status *c, const struct raft_view *raft)
{
	json_t *list = json_array();

	for (size_t i = 0; i < c->n_members; i++)
		(void)json_array_append_new(list, member(&c->members[i], raft));
	return list;
}

static json_t *edge(const struct status_extra *x, const struct cluster_status *c, size_t from,
                    size_t to)
{
	const struct edge_status *e = &c->edges[from][to];
	/* A state that no report has ever changed is no older than this process. */
	const int64_t age_us = e->age_us < x->uptime_ms * 1000 ? e->age_us : x->uptime_ms * 1000;

	return json_pack("{s:o, s:o, s:o, s:o}", "from", text(c->members[from].name), "to",
	                 text(c->members[to].name), "up",
	                 e->known ? json_boolean(e->up) : json_null(), "age_ms",
	                 e->known ? ms_of(age_us) : json_null());
}

static json_t *edges(const struct status_extra *x, const struct cluster_status *c)
{
	json_t *list = json_array();

	for (size_t from = 0; from < c->n_members; from++) {
		for (size_t to = 0; to < c->n_members; to++) {
			if (from != to)
				(void)json_array_append_new(list, edge(x, c, from, to));
		}
	}
	return list;
}

static void __attribute__((format(printf, 2, 3))) say(json_t *list, const char *fmt, ...)
{
	char s[TEXT_MAX];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(s, sizeof s, fmt, args);
	va_end(args);
	(void)json_array_append_new(list, text(s));
}

/* Where two sources of evidence contradict each other. */
static json_t *disagreements(const struct cluster_status *c, const struct raft_view *raft)
{
	json_t *list = json_array();

	for (size_t i = 0; i < c->n_members; i++) {
		const struct member_status *m = &c->members[i];

		if (!m->self && m->linked && !m->heard)
			say(list, "%s: the connection is up, but nothing is heard", m->name);
		if (!m->self && m->heard && !m->hears_us)
			say(list, "%s is heard here, but does not hear this node", m->name);
		if (m->heard && raft->started && !m->member && raft->n_voters > 0)
			say(list, "%s is in sight, but no member: `erlmcp-admin cluster join %s`",
			    m->name, m->name);
		for (size_t j = 0; j < i; j++) {
			const struct edge_status *there = &c->edges[i][j];
			const struct edge_status *back = &c->edges[j][i];

			if (there->known && back->known && there->up != back->up)
				say(list, "one-way cut: %s does not hear %s",
				    c->members[there->up ? i : j].name,
				    c->members[there->up ? j : i].name);
		}
	}
	return list;
}

static json_t *alarms(const struct status_extra *x)
{
	json_t *list = json_array();

	for (size_t i = 0; i < x->n_alarms; i++)
		(void)json_array_append_new(list, json_pack("{s:o, s:I}", "text",
		                                            text(x->alarms[i].text), "since_ms",
		                                            (json_int_t)x->alarms[i].since_ms));
	return list;
}

static json_t *limits(const struct status_extra *x)
{
	json_t *list = json_array();

	for (size_t i = 0; i < x->n_limits; i++) {
		const struct metrics_limit *l = &x->limits[i];

		(void)json_array_append_new(
		    list,
		    json_pack("{s:s, s:o, s:I, s:I}", "name", l->name, "in_use",
		              isnan(l->in_use) ? json_null() : json_integer((json_int_t)l->in_use),
		              "limit", (json_int_t)l->limit, "refused", (json_int_t)l->refusals));
	}
	return list;
}

static json_t *store(const struct status_extra *x)
{
	return json_pack("{s:o, s:o, s:o}", "sessions", number(x->sessions), "index",
	                 number(x->store_index), "digest", hex(x->store_digest));
}

static json_t *audit(const struct audit_totals *t)
{
	if (t == NULL)
		return json_null();
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b}", "rounds",
	                 number(t->rounds), "failed", number(t->failed), "unequal",
	                 number(t->unequal), "replaced", number(t->condemned), "index",
	                 t->index == 0 ? json_null() : number(t->index), "equal",
	                 t->index == 0 ? json_null() : json_boolean(t->equal), "digest",
	                 hex(t->digest), "verified_index",
	                 t->verified == 0 ? json_null() : number(t->verified), "verified_digest",
	                 hex(t->verified_digest), "sweeps", number(t->sweeps), "objects",
	                 number(t->looked), "damaged", t->damaged);
}

static json_t *sync_of(const struct audit_sync *s)
{
	if (s == NULL)
		return json_null();
	return json_pack("{s:o, s:o, s:o, s:o, s:o}", "fetching",
	                 s->fetching == 0 ? json_null() : number(s->fetching), "bytes_all",
	                 number(s->bytes_all), "bytes_done", number(s->bytes_done), "elapsed_ms",
	                 number(s->elapsed_ms), "transfers", number(s->fetched));
}

static int append(const char *bytes, size_t len, void *arg)
{
	struct buf *b = arg;

	buf_bytes(b, bytes, len);
	return b->st == ST_OK ? 0 : -1;
}

void status_json(const struct status_extra *x, const struct cluster_status *c,
                 const struct raft_view *raft, struct buf *b)
{
	json_t *root = verdict(x, c, raft);
	json_t *rest;

	assert(c->n_members <= MEMBERS_MAX);
	rest = json_pack(
	    "{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o}",
	    "quorum", quorum(x, c), "change", c->change[0] == '\0' ? json_null() : text(c->change),
	    "raft", raft_json(c, raft), "members", members(c, raft), "edges", edges(x, c),
	    "disagreements", disagreements(c, raft), "alarms", alarms(x), "store", store(x),
	    "software", ERLMCP_VERSION, "pid", (json_int_t)x->pid, "uptime_ms",
	    (json_int_t)x->uptime_ms, "wall_ms", (json_int_t)x->wall_ms, "cluster_id",
	    x->cluster_id == 0 ? json_null() : hex(x->cluster_id), "view", hex(c->view_hash),
	    "audit", audit(x->audit), "sync", sync_of(x->sync), "limits", limits(x));
	if (root == NULL || rest == NULL || json_object_update(root, rest) != 0 ||
	    json_dump_callback(root, append, b, JSON_COMPACT) != 0) {
		if (b->st == ST_OK)
			b->st = ST_NOMEM;
	}
	buf_u8(b, '\n');
	json_decref(rest);
	json_decref(root);
}
