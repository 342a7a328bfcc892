#include "cluster/guests.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cluster/alarm.h"
#include "cluster/beats.h"
#include "cluster/lifecycle.h"
#include "cluster/room.h"
#include "cluster/view.h"

/* --- The table ----------------------------------------------------------------------- */

static bool is_guest(const struct cluster *c, const struct member *m)
{
	return !is_self(c, m) && !m->expected && !view_wanted(c->raft, m);
}

static void tell(struct cluster *c, enum cluster_action_type type, const char *name)
{
	struct cluster_action *action = outbox_add(&c->out, type);

	action->peer = outbox_text(&c->out, name); /* the table's own text may go */
}

static void forget(struct cluster *c, struct member *m)
{
	alarm_clear_all(c, m);
	tell(c, CLUSTER_PART, m->name);
	view_remove(c, m);
}

/* A member of the configuration needs a place: a guest gives his, else a name that this node
 * expected once and that belongs here no more. */
static void make_room(struct cluster *c)
{
	struct member *victim = NULL;

	if (c->n_members < MEMBERS_MAX)
		return;
	for (size_t i = 0; i < c->n_members; i++) {
		struct member *m = &c->members[i];

		if (is_self(c, m) || view_wanted(c->raft, m))
			continue;
		if (victim == NULL || (victim->expected && !m->expected))
			victim = m;
	}
	if (victim != NULL)
		forget(c, victim);
}

static void add(struct cluster *c, const char *name)
{
	if (view_find(c, name) != NULL || view_add(c, name, false) == NULL)
		return;
	tell(c, CLUSTER_MEET, name);
}

void guests_follow_config(struct cluster *c)
{
	for (size_t i = 0; i < c->raft->n_members; i++) {
		const char *name = c->raft->members[i].name;

		if (view_incarnation(c, &c->raft->members[i]) != NULL || view_find(c, name) != NULL)
			continue;
		make_room(c);
		add(c, name);
	}
}

static size_t count_guests(const struct cluster *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n_members; i++)
		n += is_guest(c, &c->members[i]);
	return n;
}

void guests_meet(struct cluster *c, const char *name)
{
	/* The last place is kept for a member. */
	if (count_guests(c) >= GUESTS_MAX || c->n_members + 1 >= MEMBERS_MAX)
		return;
	add(c, name);
}

void guests_take_roster(struct cluster *c, const struct wire_roster *roster)
{
	if (c->identity.state != IDENTITY_EMPTY)
		return;
	for (size_t i = 0; i < roster->n; i++) {
		if (strchr(roster->names[i], '@') != NULL)
			add(c, roster->names[i]);
	}
}

/* --- What guests are told ------------------------------------------------------------ */

static void say_roster(struct cluster *c, const struct member *m)
{
	struct wire_roster roster = {.n = c->raft->n_members};

	for (size_t i = 0; i < roster.n; i++)
		memcpy(roster.names[i], c->raft->members[i].name, NODE_NAME_MAX);
	message_begin(c, WIRE_ROSTER);
	wire_put_roster(&c->scratch, &roster);
	message_send(c, m);
}

static void say_petition(struct cluster *c, const struct member *m)
{
	const struct wire_petition petition = {.voter = c->config.join == JOIN_VOTER};

	message_begin(c, WIRE_PETITION);
	wire_put_petition(&c->scratch, &petition);
	message_send(c, m);
}

/* Together with the hello, and as often. */
static void talk(struct cluster *c, const struct member *m)
{
	const bool empty = c->identity.state == IDENTITY_EMPTY;

	if (!m->linked || !m->known || m->foreign || m->next_hello_us > c->now_us)
		return;
	if (!empty && m->head.identity == IDENTITY_EMPTY && c->raft->n_members > 0)
		say_roster(c, m);
	if (empty && c->config.join != JOIN_NO && m->head.identity != IDENTITY_EMPTY)
		say_petition(c, m);
}

static void forget_guests(struct cluster *c, int64_t silent_us)
{
	for (size_t i = c->n_members; i > 0; i--) {
		struct member *m = &c->members[i - 1];

		if (is_guest(c, m) && !m->linked && c->now_us - m->guest_us >= silent_us)
			forget(c, m);
	}
}

void guests_forget(struct cluster *c)
{
	forget_guests(c, GUEST_FORGET_US);
}

void guests_forget_all(struct cluster *c)
{
	forget_guests(c, 0);
}

void guests_advance(struct cluster *c)
{
	for (size_t i = 0; i < c->n_members; i++) {
		struct member *m = &c->members[i];

		talk(c, m);
		if (m->linked || !is_guest(c, m))
			m->guest_us = c->now_us;
	}
}

/* --- Removed ------------------------------------------------------------------------- */

void guests_tell_removed(struct cluster *c, struct member *m)
{
	const struct wire_removed removed = {.raft_id = m->head.raft_id, .commit = c->raft->commit};

	assert(c->raft->config_committed);
	if (m->next_offer_us > c->now_us)
		return;
	message_begin(c, WIRE_REMOVED);
	wire_put_removed(&c->scratch, &removed);
	message_send(c, m);
	m->next_offer_us = c->now_us + OFFER_INTERVAL_US;
}

void guests_take_removed(struct cluster *c, struct member *m, const struct wire_removed *removed)
{
	char why[STATUS_WHY_MAX];

	if (c->identity.state == IDENTITY_EMPTY || removed->raft_id != c->identity.raft_id ||
	    m->head.identity == IDENTITY_EMPTY)
		return;
	(void)snprintf(why, sizeof why,
	               "removed from the cluster, as leader %.80s says at index %" PRIu64
	               "; to join again, move the data directory aside first",
	               m->name, removed->commit);
	lifecycle_stop(c, why);
}
