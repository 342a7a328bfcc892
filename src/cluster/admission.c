#include "cluster/admission.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cluster/alarm.h"
#include "cluster/beats.h"
#include "cluster/guests.h"
#include "cluster/lease.h"
#include "cluster/lifecycle.h"
#include "cluster/room.h"
#include "cluster/sums.h"
#include "cluster/view.h"

/* --- Rolled-back disks --------------------------------------------------------------- */

static struct identity_member *recorded(struct cluster *c, struct member *m)
{
	struct identity *id = &c->identity;

	if (m->record < id->n_members && strcmp(id->members[m->record].name, m->name) == 0)
		return &id->members[m->record];
	for (size_t i = 0; i < id->n_members; i++) {
		if (strcmp(id->members[i].name, m->name) != 0)
			continue;
		m->record = i;
		return &id->members[i];
	}
	return NULL;
}

/* Highest boot counter that this incarnation of m ever announced to us; 0: none. */
static uint64_t recorded_boot(struct cluster *c, struct member *m)
{
	const struct identity_member *entry = recorded(c, m);

	return entry != NULL && entry->raft_id == m->head.raft_id ? entry->boot : 0;
}

static void tell_outdated(struct cluster *c, struct member *m, const struct wire_outdated *out)
{
	if (!m->untrusted || m->next_offer_us <= c->now_us) {
		message_begin(c, WIRE_OUTDATED);
		wire_put_outdated(&c->scratch, out);
		message_send(c, m);
		m->next_offer_us = c->now_us + OFFER_INTERVAL_US;
	}
	m->untrusted = true;
	alarm_raise(c, m, ALARM_ROLLED_BACK,
	            "it says boot %" PRIu64 "; boot %" PRIu64 "%s and entries up to %" PRIu64
	            " were seen; it will start over with an empty disk",
	            m->head.boot, out->boot, out->run != 0 ? " of another process" : "",
	            out->stored);
}

void admission_check(struct cluster *c, struct member *m, const struct wire_beat *beat)
{
	struct wire_outdated out = {
	    .raft_id = m->head.raft_id,
	    .boot = recorded_boot(c, m),
	};
	bool older =
	    out.boot > m->head.boot || (out.boot > 0 && m->head.identity == IDENTITY_EMPTY);

	if (c->identity.state == IDENTITY_EMPTY)
		return;
	/* A boot counter names one process: a second one under it started from an old disk. */
	if (out.boot > 0 && out.boot == m->head.boot && m->boot_id == m->head.raft_id &&
	    m->boot == m->head.boot && m->boot_run != m->head.run) {
		out.run = m->boot_run;
		older = true;
	}
	/* A new process must have what its predecessor certainly stored. */
	if (beat != NULL && beat->started && m->proven_id == m->head.raft_id &&
	    m->checked_run != m->head.run) {
		out.stored = m->proven;
		if (beat->last_stored < m->proven)
			older = true;
		else
			m->checked_run = m->head.run;
	}
	if (older)
		tell_outdated(c, m, &out);
}

void admission_take_outdated(struct cluster *c, struct member *m,
                             const struct wire_outdated *outdated)
{
	const struct identity *id = &c->identity;
	bool boot =
	    outdated->boot > id->boot || (outdated->boot > 0 && id->state == IDENTITY_EMPTY);
	bool run = outdated->boot == id->boot && outdated->run != 0 && outdated->run != c->run;
	bool stored = c->stored_known && outdated->stored > c->stored;

	if (outdated->raft_id != id->raft_id || m->head.identity == IDENTITY_EMPTY)
		return;
	if (!boot && !run && !stored)
		return;
	lifecycle_reset(c, m, outdated->boot, outdated->stored);
}

/* --- Being admitted ------------------------------------------------------------------ */

void admission_take_join(struct cluster *c, struct member *m, const struct wire_join *join)
{
	struct identity *id = &c->identity;

	if (id->state != IDENTITY_EMPTY || join->raft_id != id->raft_id ||
	    m->head.identity == IDENTITY_EMPTY)
		return;
	if (c->config.promise_max_us > (int64_t)join->promise_max_ms * 1000) {
		alarm_raise(c, m, ALARM_PROMISE,
		            "its cluster allows promises of %u ms, this node is configured for "
		            "%" PRId64 " ms; use the same election timeouts everywhere",
		            join->promise_max_ms, c->config.promise_max_us / 1000);
		return;
	}
	id->state = IDENTITY_ADMITTED;
	id->cluster_id = m->head.cluster_id;
	id->promise_max_ms = join->promise_max_ms;
	id->regrowing = m->regrowing;
	(void)outbox_add(&c->out, CLUSTER_PERSIST);
	(void)outbox_add(&c->out, CLUSTER_START);
	beats_hurry(c);
}

/* --- Recording ----------------------------------------------------------------------- */

/* A place for a new name: one of a name that belongs to the cluster no more. */
static struct identity_member *place_for(struct cluster *c)
{
	struct identity *id = &c->identity;

	if (id->n_members < MEMBERS_MAX)
		return &id->members[id->n_members++];
	for (size_t i = 0; i < id->n_members; i++) {
		if (config_by_name(c->raft, id->members[i].name) == NULL)
			return &id->members[i];
	}
	return NULL;
}

/* True when the identity changed and must be written. */
static bool record_boot(struct cluster *c, struct member *m)
{
	struct identity_member *entry = recorded(c, m);

	if (entry == NULL) {
		entry = place_for(c);
		if (entry == NULL)
			return false;
		memset(entry, 0, sizeof *entry);
		memcpy(entry->name, m->name, sizeof entry->name);
	}
	if (entry->raft_id == m->head.raft_id && entry->boot >= m->head.boot)
		return false;
	if (entry->raft_id != m->head.raft_id && entry->raft_id != 0 && !c->settled)
		return false; /* until the first commit nobody can have been replaced */
	entry->raft_id = m->head.raft_id;
	entry->boot = m->head.boot;
	return true;
}

static void record(struct cluster *c)
{
	const struct raft_view *raft = c->raft;
	bool changed = false;

	for (size_t i = 0; i < c->n_members; i++) {
		struct member *m = &c->members[i];
		const struct raft_voter *voter;

		if (is_self(c, m) || !m->heard || m->untrusted ||
		    m->head.identity == IDENTITY_EMPTY)
			continue;
		voter = config_by_id(raft, m->head.raft_id);
		if (voter == NULL)
			continue;
		changed |= record_boot(c, m);
		m->boot_id = m->head.raft_id;
		m->boot = m->head.boot;
		m->boot_run = m->head.run;
		if (raft->role == ROLE_LEADER && m->checked_run == 0)
			m->checked_run = m->head.run;
		if (raft->role == ROLE_LEADER && m->checked_run == m->head.run) {
			uint64_t proven = voter->match < raft->commit ? voter->match : raft->commit;

			if (m->proven_id != voter->id || proven > m->proven)
				m->proven = proven;
			m->proven_id = voter->id;
		}
	}
	if (changed)
		(void)outbox_add(&c->out, CLUSTER_PERSIST);
}

/* --- The leader's work --------------------------------------------------------------- */

static void change(struct cluster *c, const struct member *m, enum cluster_action_type type,
                   uint64_t raft_id)
{
	struct cluster_action *action = outbox_add(&c->out, type);

	action->peer = m->name;
	action->raft_id = raft_id;
	c->next_change_us = c->now_us + CHANGE_INTERVAL_US;
}

/* Remove the lost incarnation unless too few members would remain to serve. */
static void expel(struct cluster *c, struct member *m, const struct raft_voter *lost)
{
	const struct sums left = sums_after(c, c->raft, lost->id, 0);

	if (lost->voter && !sums_enough(&left)) {
		alarm_raise(c, m, ALARM_EXPEL,
		            "it came back empty, and without its lost incarnation %u members would "
		            "remain, %u in sight, %u needed; restore its disk or another member",
		            left.voters, left.up, left.needed);
		return;
	}
	alarm_clear(c, m, ALARM_EXPEL);
	change(c, m, CLUSTER_EXPEL, lost->id);
}

static void invite(struct cluster *c, struct member *m)
{
	const struct wire_join join = {
	    .raft_id = m->head.raft_id,
	    .promise_max_ms = c->identity.promise_max_ms,
	};

	if (m->next_offer_us > c->now_us)
		return;
	message_begin(c, WIRE_JOIN);
	wire_put_join(&c->scratch, &join);
	message_send(c, m);
	m->next_offer_us = c->now_us + OFFER_INTERVAL_US;
}

/* Another incarnation under the same name: its disk is lost. NULL: there is none. */
static const struct raft_voter *twin_of(const struct raft_view *raft, const struct raft_voter *of)
{
	for (size_t i = 0; i < raft->n_members; i++) {
		const struct raft_voter *v = &raft->members[i];

		if (v->id != of->id && strcmp(v->name, of->name) == 0)
			return v;
	}
	return NULL;
}

/* The new incarnation stands beside the lost one until it votes as that did. So the name is in
 * the configuration all the time, whoever leads. */
static void replace_twin(struct cluster *c, struct member *m, const struct raft_voter *new,
                         const struct raft_voter *lost)
{
	const struct sums both = sums_after(c, c->raft, 0, new->id);

	if (new->spare)
		change(c, m, CLUSTER_ADMIT, new->id);
	else if (new->voter || !lost->voter)
		expel(c, m, lost);
	else if (sums_enough(&both))
		change(c, m, CLUSTER_PROMOTE, new->id);
}

/* Bring m and the configuration together by one step. */
static void reconcile(struct cluster *c, struct member *m)
{
	const struct raft_view *raft = c->raft;
	const struct raft_voter *by_id = config_by_id(raft, m->head.raft_id);
	const struct raft_voter *twin = by_id == NULL ? NULL : twin_of(raft, by_id);

	if (twin == NULL)
		alarm_clear(c, m, ALARM_EXPEL);
	/* Only what is committed is told: a member stays one. */
	if (by_id != NULL && m->head.identity == IDENTITY_EMPTY && raft->config_committed)
		invite(c, m);
	if (by_id == NULL && !view_wanted(raft, m)) {
		if (m->head.identity != IDENTITY_EMPTY && raft->config_committed)
			guests_tell_removed(c, m);
		return;
	}
	if (c->next_change_us > c->now_us)
		return;
	if (by_id == NULL && m->takes != 0 && m->takes < raft->state_version)
		return; /* told already: ALARM_VERSION */
	if (by_id == NULL)
		change(c, m, CLUSTER_ADMIT, m->head.raft_id);
	else if (twin != NULL)
		replace_twin(c, m, by_id, twin);
}

/* This leader came back empty itself, and was elected before its lost incarnation was removed. */
static void retire_own(struct cluster *c, struct member *self)
{
	const struct raft_voter *new = config_by_id(c->raft, c->raft->self_id);
	const struct raft_voter *lost = new == NULL ? NULL : twin_of(c->raft, new);

	if (lost != NULL && c->next_change_us <= c->now_us)
		replace_twin(c, self, new, lost);
}

/* Who leads no more neither removes anybody nor knows whether somebody else could. */
static void leave_to_the_leader(struct cluster *c)
{
	for (size_t i = 0; i < c->n_members; i++)
		alarm_clear(c, &c->members[i], ALARM_EXPEL);
}

void admission_advance(struct cluster *c)
{
	const struct raft_view *raft = c->raft;

	if (c->identity.state == IDENTITY_EMPTY || !raft->started)
		return;
	record(c);
	if (raft->role != ROLE_LEADER)
		leave_to_the_leader(c);
	if (raft->role != ROLE_LEADER || !raft->term_committed || !c->settled ||
	    lease_end_us(c, raft) <= c->now_us)
		return;
	for (size_t i = 0; i < c->n_members; i++) {
		struct member *m = &c->members[i];

		if (is_self(c, m))
			retire_own(c, m);
		else if (m->linked && view_in_sight(c, m) && !m->untrusted)
			reconcile(c, m);
	}
}
