#include "node/explain_json.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

static const char *const roles[] = {"follower", "candidate", "leader"};

/* Only when memory is short does a text fail; a peer's bytes that are no UTF-8 are no text. */
static json_t *text(const char *s)
{
	json_t *j = json_string(s);

	return j == NULL ? json_string("?") : j;
}

static json_t *name(const char *s)
{
	return s[0] == '\0' ? json_null() : text(s);
}

static json_t *ms_of(int64_t us)
{
	return us < 0 ? json_null() : json_real((double)us / 1000.0);
}

static json_t *vote(const struct explain_vote *v)
{
	return json_pack("{s:o, s:b, s:b, s:b, s:o, s:o}", "name", text(v->name), "self", v->self,
	                 "in_sight", v->in_sight, "counts", v->counts, "silent_ms",
	                 ms_of(v->silent_us), "promise_ms", ms_of(v->promise_us));
}

static json_t *votes(const struct cluster_explanation *e)
{
	json_t *list = json_array();

	for (size_t i = 0; i < e->n_votes; i++)
		(void)json_array_append_new(list, vote(&e->votes[i]));
	return list;
}

/* What was looked at, whenever that was. */
static json_t *inputs(const struct cluster_explanation *e)
{
	return json_pack(
	    "{s:s, s:s, s:o, s:s, s:I, s:o, s:o, s:I, s:o, s:b, s:i, s:i, s:i, s:i, s:o, s:o}",
	    "state", cluster_state_name(e->state), "cause", cause_text(e->cause)->word, "why",
	    text(e->why), "role", roles[e->role], "term", (json_int_t)e->term, "leader",
	    name(e->leader), "confirmed", name(e->confirmed), "confirmed_term",
	    (json_int_t)e->confirmed_term, "lease_left_ms",
	    e->lease_left_us == INT64_MIN ? json_null()
	                                  : json_real((double)e->lease_left_us / 1000.0),
	    "muted", e->muted, "reachable", (int)e->reachable, "needed", (int)e->needed, "majority",
	    (int)e->majority, "counted", (int)e->counted, "countdown_left_ms",
	    ms_of(e->countdown_left_us), "votes", votes(e));
}

static bool serves(enum cause cause)
{
	return cause == CAUSE_ALL_HERE || cause == CAUSE_SOME_AWAY;
}

static json_t *rule(const struct explain_extra *x, enum cause cause)
{
	const struct cause_text *t = cause_text(cause);

	if (x->damaged)
		return json_pack(
		    "{s:s, s:s, s:s, s:s}", "word", "memory_damaged", "text",
		    "A node whose state is not that of the others, or whose memory changed by "
		    "itself, serves nobody.",
		    "runbook", "RB-010, State Synchronization", "remedy",
		    "It starts over once a majority of the others agrees; or restart it.");
	/* A new leader without space cannot begin its term: it waits, as all others do. */
	if (x->disk == CORE_DISK_FULL && (serves(cause) || cause == CAUSE_NOT_CONFIRMED))
		return json_pack(
		    "{s:s, s:s, s:s, s:s}", "word", "disk_full", "text",
		    "While a majority of the members has no disk space in reserve, writes are "
		    "refused.",
		    "runbook", t->section, "remedy",
		    "Free space in the data directories; service returns by itself.");
	if (x->disk == CORE_DISK_SHORT && serves(cause))
		return json_pack("{s:s, s:s, s:s, s:s}", "word", t->word, "text", t->rule,
		                 "runbook", t->section, "remedy",
		                 "Free space in this node's data directory: it may be unable to "
		                 "store what comes.");
	return json_pack("{s:s, s:s, s:s, s:s}", "word", t->word, "text", t->rule, "runbook",
	                 t->section, "remedy", t->remedy);
}

static json_t *decision(const struct explain_extra *x)
{
	const struct explain_decision *d = x->decision;
	json_t *j;

	if (d == NULL || !d->made)
		return json_null();
	j = inputs(&d->inputs);
	if (j == NULL ||
	    json_object_set_new(j, "from", json_string(cluster_state_name(d->from))) != 0 ||
	    json_object_set_new(j, "boot_us", json_integer((json_int_t)d->boot_us)) != 0 ||
	    json_object_set_new(j, "wall_ms", json_integer((json_int_t)d->wall_ms)) != 0 ||
	    json_object_set_new(j, "age_ms", ms_of(x->now_us - d->boot_us)) != 0)
		return json_null();
	return j;
}

static json_t *clocks(const struct explain_extra *x, const struct cluster_status *status)
{
	json_t *list = json_array();

	for (size_t i = 0; i < status->n_members; i++) {
		const struct member_status *m = &status->members[i];

		if (!m->self && m->clock.error_us >= 0)
			(void)json_array_append_new(
			    list, json_pack("{s:o, s:I, s:I}", "node", text(m->name), "offset_us",
			                    (json_int_t)m->clock.us, "error_us",
			                    (json_int_t)m->clock.error_us));
	}
	return json_pack("{s:I, s:I, s:o}", "boot_us", (json_int_t)x->now_us, "wall_ms",
	                 (json_int_t)x->wall_ms, "others", list);
}

static json_t *disk(const struct explain_extra *x)
{
	return json_pack(
	    "{s:o, s:o, s:o, s:b, s:b, s:I, s:I}", "path", text(x->data_dir), "free_bytes",
	    x->disk_free < 0 ? json_null() : json_integer((json_int_t)x->disk_free), "all_bytes",
	    x->disk_all < 0 ? json_null() : json_integer((json_int_t)x->disk_all), "full",
	    x->disk == CORE_DISK_FULL, "short", x->disk == CORE_DISK_SHORT, "stored",
	    (json_int_t)x->disk_stored, "commit", (json_int_t)x->disk_commit);
}

static json_t *settings(const struct cluster_config *c, const struct raft_view *raft)
{
	return json_pack("{s:i, s:o, s:o, s:o, s:o, s:o, s:b, s:o, s:o, s:o}", "quorum_size",
	                 (int)c->quorum_size, "heartbeat_ms", ms_of(c->beat_interval_us),
	                 "detection_ms", ms_of(c->detection_us), "lease_guard_ms",
	                 ms_of(c->lease_guard_us), "promise_max_ms", ms_of(c->promise_max_us),
	                 "shutdown_delay_ms", ms_of(c->shutdown_delay_us), "force_shutdown",
	                 c->force_shutdown, "start_period_ms", ms_of(c->start_period_us),
	                 "standby_after_ms", ms_of(c->standby_after_us), "election_ms",
	                 ms_of(raft->started ? raft->election_us : -1));
}

/* The configuration, or before there is one who is expected: what a cut is played with. */
static json_t *members(const struct cluster_config *c, const struct raft_view *raft)
{
	json_t *list = json_array();

	for (size_t i = 0; i < raft->n_members; i++)
		(void)json_array_append_new(
		    list, json_pack("{s:o, s:b, s:b}", "name", text(raft->members[i].name), "voter",
		                    raft->members[i].voter, "leads",
		                    raft->members[i].id == raft->leader_id));
	for (size_t i = 0; raft->n_members == 0 && i < c->n_expected; i++)
		(void)json_array_append_new(list, json_pack("{s:o, s:b, s:b}", "name",
		                                            text(c->expected[i]), "voter", true,
		                                            "leads", false));
	return list;
}

static int append(const char *bytes, size_t len, void *arg)
{
	struct buf *b = arg;

	buf_bytes(b, bytes, len);
	return b->st == ST_OK ? 0 : -1;
}

void explain_json(const struct explain_extra *x, const struct cluster_explanation *e,
                  const struct cluster_status *status, const struct raft_view *raft, struct buf *b)
{
	json_t *root = inputs(e);
	json_t *rest = json_pack(
	    "{s:i, s:s, s:o, s:o, s:o, s:b, s:o, s:o, s:o, s:o, s:o}", "version", 1, "software",
	    ERLMCP_VERSION, "node", text(x->node), "state_age_ms",
	    ms_of(x->now_us - status->state_since_us), "rule", rule(x, e->cause), "served",
	    x->served, "decision", decision(x), "clock", clocks(x, status), "disk", disk(x),
	    "settings", settings(x->settings, raft), "members", members(x->settings, raft));

	if (root == NULL || rest == NULL || json_object_update(root, rest) != 0 ||
	    (x->damaged && json_object_set_new(root, "state", json_string("fenced")) != 0) ||
	    (x->damaged && json_object_set_new(root, "why", text(status->why)) != 0) ||
	    json_dump_callback(root, append, b, JSON_COMPACT) != 0) {
		if (b->st == ST_OK)
			b->st = ST_NOMEM;
	}
	buf_u8(b, '\n');
	json_decref(rest);
	json_decref(root);
}
