/* The room's front door: checks the configuration, takes each event to the files that learn
 * from it, and lets them act in one fixed order. Decisions are elsewhere. */
#include "cluster/cluster.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/admission.h"
#include "cluster/alarm.h"
#include "cluster/beats.h"
#include "cluster/change.h"
#include "cluster/detectors.h"
#include "cluster/disks.h"
#include "cluster/founding.h"
#include "cluster/guests.h"
#include "cluster/lease.h"
#include "cluster/lifecycle.h"
#include "cluster/room.h"
#include "cluster/rounds.h"
#include "cluster/slow_disk.h"
#include "cluster/view.h"

/* --- Making and freeing -------------------------------------------------------------- */

static bool names_are_sound(const struct cluster_config *config)
{
	bool self = false;

	for (size_t i = 0; i < config->n_expected; i++) {
		if (config->expected[i][0] == '\0')
			return false;
		self |= strcmp(config->expected[i], config->self) == 0;
		for (size_t j = 0; j < i; j++) {
			if (strcmp(config->expected[i], config->expected[j]) == 0)
				return false;
		}
	}
	return self;
}

/* The rule that the configuration breaks; NULL: none. */
static const char *broken_rule(const struct cluster_config *config, const struct identity *id)
{
	if (config->n_expected == 0 || config->n_expected > MEMBERS_MAX)
		return "1 to 16 members can be expected";
	if (!names_are_sound(config))
		return "expected members must be distinct and contain this node";
	if (config->quorum_size == 0 || config->quorum_size > QUORUM_SIZE_MAX)
		return "the quorum size must be from 1 to 1000";
	if (config->beat_interval_us <= 0 || config->detection_us < 2 * config->beat_interval_us)
		return "detection must take at least two heartbeats";
	if (config->shutdown_delay_us < 0 || config->start_period_us < 0 ||
	    config->lease_guard_us < 0 || config->standby_after_us < 0)
		return "times must not be negative";
	if (config->promise_max_us <= config->lease_guard_us)
		return "the longest promise must exceed the lease guard";
	if (id->raft_id == 0 || (id->state == IDENTITY_EMPTY) != (id->cluster_id == 0))
		return "the identity contradicts itself";
	if (id->state != IDENTITY_EMPTY &&
	    config->promise_max_us > (int64_t)id->promise_max_ms * 1000)
		return "election timeouts exceed the bound that this cluster was founded with";
	return NULL;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void init_members(struct cluster *c)
{
	qsort(c->config.expected, c->config.n_expected, sizeof c->config.expected[0], by_name);
	for (size_t i = 0; i < c->config.n_expected; i++)
		(void)view_add(c, c->config.expected[i], true);
	c->self = (size_t)(view_find(c, c->config.self) - c->members);
	cluster_self(c)->known = true;
	cluster_self(c)->head.raft_id = c->identity.raft_id;
	c->rows[c->self].edges[c->self].up = true;
}

enum status cluster_new(const struct cluster_config *config, const struct identity *identity,
                        int64_t now_us, struct fault *fault, struct cluster **ret)
{
	const char *rule = broken_rule(config, identity);
	struct cluster *c;

	if (rule != NULL) {
		*fault = (struct fault){.st = ST_INVALID, .what = rule};
		return ST_INVALID;
	}
	c = calloc(1, sizeof *c);
	if (c == NULL)
		goto err_fault;
	buf_init(&c->scratch, CLUSTER_MESSAGE_MAX);
	(void)buf_extend(&c->scratch, CLUSTER_MESSAGE_MAX); /* steps allocate nothing */
	if (buf_status(&c->scratch) != ST_OK)
		goto err_cluster;
	c->config = *config;
	c->identity = *identity;
	c->started_us = now_us;
	c->now_us = now_us;
	c->state_since_us = now_us;
	c->restarted = identity->state != IDENTITY_EMPTY;
	c->countdown_since_us = -1;
	c->better_since_us = -1;
	slow_disk_init(&c->slow_disk);
	init_members(c);
	*ret = c;
	return ST_OK;

err_cluster:
	free(c);
err_fault:
	*fault = (struct fault){.st = ST_NOMEM, .what = "out of memory"};
	return ST_NOMEM;
}

void cluster_free(struct cluster *c)
{
	if (c == NULL)
		return;
	buf_close(&c->scratch);
	free(c);
}

/* --- Messages ------------------------------------------------------------------------ */

/* False when m must not be listened to. */
static bool take_head(struct cluster *c, struct member *m, const struct wire_head *head)
{
	bool foreign = head->cluster_id != 0 && c->identity.cluster_id != 0 &&
	               head->cluster_id != c->identity.cluster_id;

	if (head->raft_id != m->head.raft_id) {
		m->untrusted = false;
		alarm_clear(c, m, ALARM_ROLLED_BACK);
	}
	m->known = true;
	m->head = *head;
	m->foreign = foreign;
	if (foreign) {
		alarm_raise(c, m, ALARM_FOREIGN,
		            "%.60s is in cluster %016" PRIx64 ", this node in %016" PRIx64
		            "; `erlmcp-admin cluster resolve` shows what differs",
		            m->name, head->cluster_id, c->identity.cluster_id);
		return false;
	}
	alarm_clear(c, m, ALARM_FOREIGN);
	return true;
}

static enum status take_beat(struct cluster *c, struct member *m, struct cursor *body)
{
	struct wire_beat beat;
	enum status st = wire_get_beat(body, &beat);

	if (st != ST_OK)
		return st;
	/* Nobody can echo what we have not sent yet. */
	if (beat.echo_us > c->now_us)
		return ST_MALFORMED;
	view_take(c, m, &beat);
	admission_check(c, m, &beat);
	lease_take(c, m, &beat);
	rounds_take(c, m, &beat);
	return ST_OK;
}

static enum status take_body(struct cluster *c, struct member *m, struct cursor *body)
{
	union {
		struct wire_hello hello;
		struct wire_found found;
		struct wire_join join;
		struct wire_outdated outdated;
		struct wire_roster roster;
		struct wire_removed removed;
		struct wire_petition petition;
	} in;
	enum status st = ST_MALFORMED;

	switch (m->head.type) {
	case WIRE_BEAT:
		return take_beat(c, m, body);
	case WIRE_HELLO:
		st = wire_get_hello(body, &in.hello);
		if (st == ST_OK)
			founding_take_hello(c, m, &in.hello);
		break;
	case WIRE_FOUND:
		st = wire_get_found(body, &in.found);
		if (st == ST_OK)
			founding_take_record(c, m, &in.found);
		break;
	case WIRE_JOIN:
		st = wire_get_join(body, &in.join);
		if (st == ST_OK)
			admission_take_join(c, m, &in.join);
		break;
	case WIRE_OUTDATED:
		st = wire_get_outdated(body, &in.outdated);
		if (st == ST_OK)
			admission_take_outdated(c, m, &in.outdated);
		break;
	case WIRE_ROSTER:
		st = wire_get_roster(body, &in.roster);
		if (st == ST_OK)
			guests_take_roster(c, &in.roster);
		break;
	case WIRE_REMOVED:
		st = wire_get_removed(body, &in.removed);
		if (st == ST_OK)
			guests_take_removed(c, m, &in.removed);
		break;
	case WIRE_PETITION:
		st = wire_get_petition(body, &in.petition);
		if (st == ST_OK)
			change_take_petition(c, m, &in.petition);
		break;
	}
	return st;
}

static void take_message(struct cluster *c, struct member *m, const struct cluster_event *ev)
{
	struct cursor in = cursor_of(ev->bytes, ev->len);
	struct wire_head head;
	enum status st;

	if (!m->linked || ev->epoch != m->epoch)
		return;
	st = wire_get_head(&in, &head);
	if (st == ST_OK && take_head(c, m, &head))
		st = take_body(c, m, &in);
	if (st == ST_UNSUPPORTED)
		alarm_raise(c, m, ALARM_MALFORMED,
		            "%.60s speaks a newer protocol; update this node", m->name);
	else if (st != ST_OK)
		alarm_raise(c, m, ALARM_MALFORMED, "%.60s sent %zu bytes that make no sense",
		            m->name, ev->len);
}

/* --- The step ------------------------------------------------------------------------ */

static void begin(struct cluster *c, const struct cluster_event *ev)
{
	assert(ev->raft != NULL && ev->now_us > 0);
	outbox_reset(&c->out);
	c->raft = ev->raft;
	c->now_us = ev->now_us > c->now_us ? ev->now_us : c->now_us;
	c->random = ev->random;
	if (c->run == 0)
		c->run = ev->random | 1;
	guests_forget(c);
	if (!ev->raft->started)
		return;
	c->term = ev->raft->term;
	if (!c->stored_known)
		c->stored = ev->raft->last_stored;
	c->stored_known = true;
	c->alone = ev->raft->n_voters == 1 && view_is_voter(c, ev->raft, cluster_self(c));
	/* A hand-over must never find a lease again in its term. */
	if (ev->raft->role == ROLE_LEADER && ev->raft->transferring)
		cluster_release_lease(c);
	guests_follow_config(c);
}

static void take_event(struct cluster *c, const struct cluster_event *ev)
{
	struct member *m;

	if (ev->type == CLUSTER_TICK)
		return;
	m = view_member(c, ev->peer);
	if (ev->type == CLUSTER_STRANGER) {
		if (m == NULL)
			guests_meet(c, ev->peer);
		return;
	}
	if (m == NULL || is_self(c, m))
		return; /* neither expected nor configured: not listened to */
	if (ev->type == CLUSTER_MESSAGE) {
		take_message(c, m, ev);
		return;
	}
	if (ev->type == CLUSTER_LINK_UP)
		view_link_up(c, m, ev->epoch);
	else
		view_link_down(c, m, ev->epoch);
	if (!m->foreign)
		alarm_clear(c, m, ALARM_FOREIGN);
	alarm_clear(c, m, ALARM_MALFORMED);
}

static void finish(struct cluster *c, struct cluster_actions *ret)
{
	c->raft = NULL;
	ret->items = c->out.items;
	ret->n = c->out.n;
}

void cluster_step(struct cluster *c, const struct cluster_event *ev, struct cluster_actions *ret)
{
	begin(c, ev);
	if (c->state != CLUSTER_STOPPED)
		take_event(c, ev);
	if (c->state != CLUSTER_STOPPED) {
		view_detect(c);
		guests_advance(c);
		founding_advance(c);
		rounds_confirm(c);
		lifecycle_advance(c);
	}
	if (c->state != CLUSTER_STOPPED) {
		admission_advance(c);
		change_advance(c);
		detectors_compare(c);
		detectors_yield(c);
		disks_advance(c);
		beats_send(c);
	}
	finish(c, ret);
}

enum status cluster_open_round(struct cluster *c, const struct cluster_event *ev, uint64_t *round,
                               struct cluster_actions *ret)
{
	const struct raft_view *raft = ev->raft;

	if (!raft->started || raft->role != ROLE_LEADER)
		return ST_NOT_LEADER;
	if (c->state == CLUSTER_STOPPED || lease_end_us(c, raft) <= ev->now_us)
		return ST_FENCED;
	begin(c, ev);
	rounds_open(c);
	beats_hurry(c);
	rounds_confirm(c);
	beats_send(c);
	*round = c->round;
	finish(c, ret);
	return ST_OK;
}

enum status cluster_found(struct cluster *c, const struct cluster_event *ev,
                          const char names[][NODE_NAME_MAX], size_t n, char text[ORDER_TEXT_MAX],
                          struct cluster_actions *ret)
{
	enum status st;

	begin(c, ev);
	st = founding_order(c, names, n, text);
	finish(c, ret);
	return st;
}

void cluster_reset_view(struct cluster *c, const struct cluster_event *ev,
                        struct cluster_actions *ret)
{
	begin(c, ev);
	if (c->state != CLUSTER_STOPPED) {
		guests_forget_all(c);
		view_reset(c);
		beats_hurry(c);
		beats_send(c);
	}
	finish(c, ret);
}

int64_t cluster_deadline_us(const struct cluster *c)
{
	int64_t deadline = lifecycle_deadline_us(c);
	int64_t beats = beats_deadline_us(c);
	int64_t silence = view_deadline_us(c);

	deadline = beats < deadline ? beats : deadline;
	return silence < deadline ? silence : deadline;
}

bool cluster_may_serve(const struct cluster *c, const struct raft_view *raft, int64_t now_us)
{
	return (c->state == CLUSTER_SERVING || c->state == CLUSTER_DEGRADED) &&
	       lease_confirmed_until_us(c, raft) > now_us;
}

bool cluster_votes_muted(const struct cluster *c, int64_t now_us)
{
	int64_t promise_us = (int64_t)c->identity.promise_max_ms * 1000;

	return c->restarted && !c->alone && now_us < c->started_us + promise_us;
}

uint64_t cluster_peer_id(const struct cluster *c, const char *peer)
{
	const struct member *m = view_find(c, peer);

	if (m == NULL || !m->known || !m->linked || m->untrusted ||
	    c->identity.state == IDENTITY_EMPTY || m->head.cluster_id != c->identity.cluster_id)
		return 0;
	return m->head.raft_id;
}

const struct identity *cluster_identity(const struct cluster *c)
{
	return &c->identity;
}

bool cluster_note_logged(struct cluster *c)
{
	if (c->identity.logged || c->identity.state == IDENTITY_EMPTY)
		return false;
	c->identity.logged = true;
	return true;
}

enum cluster_state cluster_state(const struct cluster *c)
{
	return c->state;
}

int64_t cluster_state_since_us(const struct cluster *c)
{
	return c->state_since_us;
}
