#include "cluster/disks.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "cluster/alarm.h"
#include "cluster/room.h"
#include "cluster/view.h"

/* One bit for each member, by its place in the table. */
static unsigned bit_of(const struct cluster *c, const struct member *m)
{
	return 1U << (m - c->members);
}

static unsigned count(unsigned members)
{
	unsigned n = 0;

	for (; members != 0; members &= members - 1)
		n++;
	return n;
}

static bool serves(enum cluster_state state)
{
	return state == CLUSTER_SERVING || state == CLUSTER_DEGRADED;
}

/* A majority confirmed somebody in sight, so there is one. */
static bool somebody_serves(const struct cluster *c)
{
	if (serves(c->state))
		return true;
	for (size_t i = 0; i < c->n_members; i++) {
		const struct member *m = &c->members[i];

		if (!is_self(c, m) && view_in_sight(c, m) && serves(m->said.state))
			return true;
	}
	return false;
}

/* As a holder of the record knows it: voters whose names are in sight under a new, empty
 * incarnation. One that is new and has been admitted shows that the cluster went on. */
static unsigned lost_voters(const struct cluster *c)
{
	const struct raft_view *raft = c->raft;
	unsigned lost = 0;

	for (size_t i = 0; i < raft->n_members; i++) {
		const struct raft_voter *voter = &raft->members[i];
		const struct member *m = view_find(c, voter->name);

		if (!voter->voter || m == NULL || is_self(c, m) || !view_in_sight(c, m) ||
		    m->head.raft_id == voter->id)
			continue;
		if (m->head.identity != IDENTITY_EMPTY)
			return 0;
		lost |= bit_of(c, m);
	}
	return lost;
}

/* As an empty member knows it, which never saw the record: a founding names all expected
 * members, and the holders offer the record, or a leader invites, whom it names. So who stays
 * empty beside a holder has no part in any majority. */
static unsigned empty_members(const struct cluster *c)
{
	unsigned empty = bit_of(c, &c->members[c->self]);
	bool founded = false;

	for (size_t i = 0; i < c->n_members; i++) {
		const struct member *m = &c->members[i];

		/* Kept out for another reason, which has its own alarm. */
		if (m->hello == HELLO_DIFFERS || (m->alarms & 1U << ALARM_PROMISE) != 0)
			return 0;
		if (is_self(c, m) || !m->expected || !view_in_sight(c, m))
			continue;
		if (m->head.identity == IDENTITY_EMPTY)
			empty |= bit_of(c, m);
		else
			founded = true;
	}
	return founded ? empty : 0;
}

/* Voters of the configuration, as far as this node can know them. */
static unsigned voters(const struct cluster *c)
{
	bool empty = c->identity.state == IDENTITY_EMPTY;

	return (unsigned)(empty ? c->config.n_expected : c->raft->n_voters);
}

/* The members whose lost disks leave no majority; 0: there may be one. */
static unsigned fatal_losses(const struct cluster *c)
{
	bool empty = c->identity.state == IDENTITY_EMPTY;
	unsigned lost;

	if (somebody_serves(c))
		return 0;
	lost = empty ? empty_members(c) : lost_voters(c);
	return voters(c) - count(lost) > voters(c) / 2 ? 0 : lost;
}

static void tell(struct cluster *c)
{
	unsigned n = voters(c);
	unsigned left = n - count(c->disks_lost);
	unsigned needed = n / 2 + 1;
	char names[ALARM_TEXT_MAX] = "";
	size_t len = 0;

	assert(left < needed);
	for (size_t i = 0; i < c->n_members && len < sizeof names; i++) {
		if ((c->disks_lost & 1U << i) != 0)
			len += (size_t)snprintf(names + len, sizeof names - len, "%s%.60s",
			                        len == 0 ? "" : ", ", c->members[i].name);
	}
	/* The names come last: should there be too many, the remedy is whole. */
	alarm_raise(c, cluster_self(c), ALARM_DISKS,
	            "at most %u of %u voters still have their disks, %u are needed; restore %u of "
	            "the data directories named last or, if what only they held may be lost, stop "
	            "all members, move every data directory aside and start again to found anew; "
	            "came back empty: %s",
	            left, n, needed, needed - left, names);
}

void disks_advance(struct cluster *c)
{
	unsigned lost = fatal_losses(c);

	if (lost == 0 || lost != c->disks_lost)
		alarm_clear(c, cluster_self(c), ALARM_DISKS);
	if (lost != c->disks_lost) {
		c->disks_lost = lost;
		c->disks_lost_since_us = c->now_us;
	}
	if (lost != 0 &&
	    c->now_us - c->disks_lost_since_us > c->config.promise_max_us + DISKS_LOST_US)
		tell(c);
}
