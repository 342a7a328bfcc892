#include "cluster/view.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cluster/alarm.h"
#include "cluster/quorum.h"
#include "cluster/room.h"
#include "cluster/why.h"

const struct raft_voter *config_by_name(const struct raft_view *raft, const char *name)
{
	const struct raft_voter *found = NULL;

	for (size_t i = 0; i < raft->n_members; i++) {
		if (strcmp(raft->members[i].name, name) != 0)
			continue;
		if (found == NULL || raft->members[i].voter)
			found = &raft->members[i];
	}
	return found;
}

const struct raft_voter *config_by_id(const struct raft_view *raft, uint64_t raft_id)
{
	for (size_t i = 0; i < raft->n_members; i++) {
		if (raft->members[i].id == raft_id)
			return &raft->members[i];
	}
	return NULL;
}

const struct member *view_find(const struct cluster *c, const char *name)
{
	for (size_t i = 0; i < c->n_members; i++) {
		if (strcmp(c->members[i].name, name) == 0)
			return &c->members[i];
	}
	return NULL;
}

const struct member *view_incarnation(const struct cluster *c, const struct raft_voter *entry)
{
	for (size_t i = 0; i < c->n_members; i++) {
		const struct member *m = &c->members[i];

		if (m->head.raft_id == entry->id && strcmp(m->name, entry->name) == 0)
			return m;
	}
	return NULL;
}

struct member *view_member(struct cluster *c, const char *name)
{
	const struct member *m = view_find(c, name);

	return m == NULL ? NULL : &c->members[m - c->members];
}

struct member *view_add(struct cluster *c, const char *name, bool expected)
{
	struct member *m = view_member(c, name);

	assert(strlen(name) < NODE_NAME_MAX);
	if (m != NULL)
		return m;
	if (c->n_members == MEMBERS_MAX)
		return NULL;
	c->rows[c->n_members].reported_us = -1;
	m = &c->members[c->n_members++];
	m->guest_us = c->now_us;
	m->away_since_us = -1;
	(void)snprintf(m->name, sizeof m->name, "%s", name);
	m->hash = wire_name_hash(name);
	m->expected = expected;
	m->heard_us = -1;
	m->rtt_us = -1;
	m->clock.error_us = -1;
	m->disagree_since_us = -1;
	return m;
}

bool view_wanted(const struct raft_view *raft, const struct member *m)
{
	return raft->n_members == 0 ? m->expected : config_by_name(raft, m->name) != NULL;
}

bool view_is_member(const struct raft_view *raft, const struct member *m)
{
	const struct raft_voter *entry;

	if (raft->n_members == 0)
		return m->expected;
	entry = m->known ? config_by_id(raft, m->head.raft_id) : NULL;
	return entry != NULL && strcmp(entry->name, m->name) == 0;
}

/* No action points into the table of members. */
static bool only_texts(const struct outbox *o)
{
	for (size_t i = 0; i < o->n; i++) {
		const enum cluster_action_type type = o->items[i].type;

		if (type != CLUSTER_PART && type != CLUSTER_MEET && type != CLUSTER_ALARM)
			return false;
	}
	return true;
}

void view_remove(struct cluster *c, struct member *m)
{
	size_t at = (size_t)(m - c->members);
	size_t behind = c->n_members - at - 1;

	assert(!is_self(c, m) && only_texts(&c->out));
	memmove(m, m + 1, behind * sizeof *m);
	memmove(&c->rows[at], &c->rows[at + 1], behind * sizeof c->rows[0]);
	c->n_members--;
	memset(&c->members[c->n_members], 0, sizeof *m);
	memset(&c->rows[c->n_members], 0, sizeof c->rows[0]);
	for (size_t i = 0; i < c->n_members; i++) {
		struct edge *edges = c->rows[i].edges;

		memmove(&edges[at], &edges[at + 1], behind * sizeof *edges);
		memset(&edges[c->n_members], 0, sizeof *edges);
	}
	if (c->self > at)
		c->self--;
	c->disks_lost = 0; /* bits by place: found again at once */
}

/* --- Links and contact --------------------------------------------------------------- */

void view_link_up(struct cluster *c, struct member *m, uint64_t epoch)
{
	if (m->linked && epoch <= m->epoch)
		return;
	m->linked = true;
	m->epoch = epoch;
	m->linked_us = c->now_us;
	m->sent_us = 0;
	m->next_beat_us = c->now_us;
	m->next_hello_us = c->now_us;
	m->hello = HELLO_NONE;
}

void view_link_down(struct cluster *c, struct member *m, uint64_t epoch)
{
	(void)c;
	/* The end of a link that was already replaced means nothing. */
	if (epoch != m->epoch)
		return;
	m->linked = false;
	m->foreign = false;
}

/* The latest moment on our clock at which this beat was certainly not sent yet: when the peer
 * had held our echoed beat for that long; without an echo, when the link came up. Contact
 * counts from here, never from arrival: a beat can sit in a buffer for seconds. */
static int64_t not_sent_before(const struct cluster *c, const struct member *m,
                               const struct wire_beat *beat)
{
	int64_t at = beat->echo_us + beat->held_us;

	if (beat->echo_us < m->linked_us)
		return m->linked_us;
	return at < c->now_us ? at : c->now_us;
}

static void take_round_trip(struct cluster *c, struct member *m, int64_t sent_us)
{
	int64_t rtt = c->now_us - sent_us;

	m->rtt_us = m->rtt_us < 0 ? rtt : (m->rtt_us * 7 + rtt) / 8;
}

/* What an offset is worth after a while: clocks drift. */
static int64_t worn_us(const struct member *m, int64_t now_us)
{
	return m->clock.error_us + (now_us - m->clock_us) / CLOCK_DRIFT_DIVISOR;
}

/* Our beat left at echo_us by our clock, was held for held_us there, and theirs left at sent_us
 * by their clock: the four times of a round trip. */
static void take_clock(struct cluster *c, struct member *m, const struct wire_beat *beat)
{
	const int64_t there = beat->sent_us - beat->held_us / 2;
	const int64_t here = beat->echo_us + (c->now_us - beat->echo_us) / 2;
	const int64_t error = (c->now_us - beat->echo_us - beat->held_us) / 2 + 1;
	const int64_t apart = there - here - m->clock.us;
	const int64_t worn = worn_us(m, c->now_us);
	const bool other = (apart < 0 ? -apart : apart) > error + worn;

	if (error < 0 || (m->clock.error_us >= 0 && !other && error > worn))
		return; /* what we have is better, and does not contradict it */
	m->clock = (struct clock_offset){there - here, error};
	m->clock_us = c->now_us;
}

struct clock_offset cluster_clock(const struct cluster *c, const char *name, int64_t now_us)
{
	const struct member *m = view_find(c, name);
	struct clock_offset clock = {0, -1};

	if (m != NULL && is_self(c, m))
		clock.error_us = 0;
	if (m == NULL || is_self(c, m) || m->clock.error_us < 0)
		return clock;
	clock.us = m->clock.us;
	clock.error_us = worn_us(m, now_us);
	return clock;
}

static size_t column_of(const struct cluster *c, uint64_t hash)
{
	size_t i = 0;

	while (i < c->n_members && c->members[i].hash != hash)
		i++;
	return i;
}

/* How a sender's matrix maps to ours. */
struct matrix {
	size_t n;
	size_t at[MEMBERS_MAX]; /* its columns' members here; n_members: unknown */
	int64_t sent_us;        /* when it said so, on our clock, at the earliest */
};

/* When the row's member said so, on our clock, at the earliest. */
static int64_t reported_us(const struct wire_row *row, const struct matrix *of)
{
	return of->sent_us - (int64_t)row->age_ms * 1000;
}

static void take_row(struct cluster *c, size_t row_at, const struct wire_row *row,
                     const struct matrix *of)
{
	struct row *mine = &c->rows[row_at];

	mine->reported_us = reported_us(row, of);
	mine->version = row->version;
	for (size_t i = 0; i < of->n; i++) {
		if (of->at[i] == c->n_members)
			continue;
		mine->edges[of->at[i]].up = row->edges[i].up;
		mine->edges[of->at[i]].since_us =
		    of->sent_us - (int64_t)row->edges[i].age_ms * 1000;
	}
}

/* A member's own word counts always; a relayed row only when it is newer than what we have, and
 * known to be no older (whom we reach slowly may have sent it long ago, for all that we know); or
 * when what we have is stale and of another time. */
static bool row_is_news(const struct cluster *c, size_t row_at, const struct wire_row *row,
                        const struct matrix *of)
{
	const struct row *mine = &c->rows[row_at];

	if (row->age_ms == WIRE_AGE_UNKNOWN || row_at == c->self)
		return false;
	if (mine->reported_us < 0)
		return true;
	if (row->version > mine->version && reported_us(row, of) >= mine->reported_us)
		return true;
	return row->version != mine->version &&
	       mine->reported_us + c->config.detection_us <= c->now_us;
}

static void take_matrix(struct cluster *c, const struct member *m, const struct wire_beat *beat,
                        int64_t sent_us)
{
	struct matrix of = {.n = beat->n, .sent_us = sent_us};
	size_t sender = (size_t)(m - c->members);

	for (size_t i = 0; i < beat->n; i++)
		of.at[i] = column_of(c, beat->names[i]);
	for (size_t i = 0; i < beat->n; i++) {
		const struct wire_row *row = &beat->rows[i];
		bool own_word = of.at[i] == sender && row->age_ms == 0;

		if (of.at[i] < c->n_members && (own_word || row_is_news(c, of.at[i], row, &of)))
			take_row(c, of.at[i], row, &of);
	}
}

void view_take(struct cluster *c, struct member *m, const struct wire_beat *beat)
{
	int64_t sent_us = not_sent_before(c, m, beat);

	assert(!is_self(c, m));
	if (sent_us > m->heard_us)
		m->heard_us = sent_us;
	m->arrived_us = c->now_us;
	m->sent_us = beat->sent_us;
	m->answer_due |= beat->ask;
	m->said = (struct said){
	    .state = beat->state,
	    .started = beat->started,
	    .role = beat->role,
	    .term = beat->term,
	    .leader_id = beat->leader_id,
	    .commit = beat->commit,
	    .applied = beat->applied,
	    .view_hash = beat->view_hash,
	};
	if (beat->echo_us >= m->linked_us) {
		take_round_trip(c, m, sent_us);
		take_clock(c, m, beat);
	}
	take_matrix(c, m, beat, sent_us);
}

static bool is_heard(const struct cluster *c, const struct member *m)
{
	return m->heard_us >= 0 && !m->foreign && c->now_us - m->heard_us < c->config.detection_us;
}

static void tell_member(struct cluster *c, const struct member *m)
{
	struct cluster_action *action = outbox_add(&c->out, CLUSTER_MEMBER);
	char text[STATUS_WHY_MAX];
	char span[WHY_SPAN_MAX];

	if (m->heard)
		(void)snprintf(text, sizeof text, "heard on link %" PRIu64, m->epoch);
	else if (m->foreign)
		(void)snprintf(text, sizeof text, "it belongs to another cluster");
	else
		(void)snprintf(text, sizeof text, "silent for %s, link %s",
		               why_span(c->now_us - m->heard_us, span),
		               m->linked ? "open" : "closed");
	action->up = m->heard;
	action->peer = m->name;
	action->raft_id = m->head.raft_id;
	action->text = outbox_text(&c->out, text);
}

void view_detect(struct cluster *c)
{
	for (size_t i = 0; i < c->n_members; i++) {
		struct member *m = &c->members[i];
		struct edge *edge = &c->rows[c->self].edges[i];

		if (is_self(c, m))
			continue;
		/* A cut is as old as the silence: it began with the last word, not with its loss.
		 */
		if (!m->heard && m->heard_us >= 0)
			edge->since_us = m->heard_us;
		if (is_heard(c, m) == m->heard)
			continue;
		m->heard = !m->heard;
		edge->up = m->heard;
		edge->since_us = m->heard ? c->now_us : m->heard_us;
		tell_member(c, m);
	}
}

/* What was heard within the detection time is evidence, and anew within a beat; the rest goes. */
void view_reset(struct cluster *c)
{
	for (size_t i = 0; i < c->n_members; i++) {
		struct member *m = &c->members[i];
		struct row *row = &c->rows[i];

		if (is_self(c, m))
			continue;
		m->rtt_us = -1;
		m->disagree_since_us = -1;
		m->away_since_us = -1;
		m->petition = JOIN_NO;
		alarm_clear(c, m, ALARM_DETECTORS);
		alarm_clear(c, m, ALARM_MALFORMED);
		if (m->heard)
			continue;
		m->heard_us = -1;
		row->reported_us = -1;
		memset(row->edges, 0, sizeof row->edges);
	}
}

int64_t view_deadline_us(const struct cluster *c)
{
	int64_t deadline = c->now_us + IDLE_TICK_US;

	for (size_t i = 0; i < c->n_members; i++) {
		const struct member *m = &c->members[i];

		if (m->heard && m->heard_us + c->config.detection_us < deadline)
			deadline = m->heard_us + c->config.detection_us;
	}
	return deadline;
}

/* --- Questions ----------------------------------------------------------------------- */

bool view_in_sight(const struct cluster *c, const struct member *m)
{
	const struct row *row = &c->rows[m - c->members];

	return m->heard && row->edges[c->self].up && row->reported_us >= 0 &&
	       c->now_us - row->reported_us < c->config.detection_us;
}

bool view_is_voter(const struct cluster *c, const struct raft_view *raft, const struct member *m)
{
	const struct raft_voter *voter;

	(void)c;
	if (raft->n_members == 0)
		return m->expected;
	voter = m->known ? config_by_id(raft, m->head.raft_id) : NULL;
	return voter != NULL && voter->voter && strcmp(voter->name, m->name) == 0;
}

unsigned view_reachable(const struct cluster *c, const struct raft_view *raft)
{
	unsigned n = 0;

	for (size_t i = 0; i < c->n_members; i++) {
		const struct member *m = &c->members[i];

		if ((is_self(c, m) || view_in_sight(c, m)) && view_is_voter(c, raft, m))
			n++;
	}
	return n;
}

unsigned view_quorum(const struct cluster *c, size_t n_voters)
{
	const bool fewer = n_voters > 0 && n_voters < c->config.quorum_size;

	return quorum_needed(
	    c->identity.regrowing && fewer ? (unsigned)n_voters : c->config.quorum_size, n_voters);
}

unsigned view_needed(const struct cluster *c, const struct raft_view *raft)
{
	if (raft->n_members == 0)
		return quorum_needed(c->config.quorum_size, c->config.n_expected);
	return view_quorum(c, raft->n_voters);
}

bool view_strict_enough(const struct cluster *c, const struct raft_view *raft)
{
	unsigned needed = view_needed(c, raft);

	return needed <= raft->n_voters / 2 + 1 || view_reachable(c, raft) >= needed;
}

bool view_complete(const struct cluster *c, const struct raft_view *raft)
{
	for (size_t i = 0; i < raft->n_members; i++) {
		const struct raft_voter *entry = &raft->members[i];
		const struct member *m;

		if (entry->id == raft->self_id)
			continue;
		m = view_incarnation(c, entry);
		if (m == NULL || !view_in_sight(c, m) || m->head.identity == IDENTITY_EMPTY)
			return false;
	}
	return true;
}

uint64_t view_hash(const struct cluster *c)
{
	uint64_t hash = 0;

	for (size_t i = 0; i < c->n_members; i++) {
		if (is_self(c, &c->members[i]) || c->members[i].heard)
			hash ^= c->members[i].hash;
	}
	return hash;
}

/* --- The matrix for a beat ----------------------------------------------------------- */

static uint32_t age_ms(const struct cluster *c, int64_t since_us)
{
	int64_t age = (c->now_us - since_us) / 1000;

	if (age < 0)
		return 0;
	return age > ROW_AGE_MAX_MS ? ROW_AGE_MAX_MS : (uint32_t)age;
}

void view_report(const struct cluster *c, struct wire_beat *beat)
{
	beat->view_hash = view_hash(c);
	beat->n = c->n_members;
	for (size_t i = 0; i < c->n_members; i++) {
		const struct row *row = &c->rows[i];
		bool own = i == c->self;

		beat->names[i] = c->members[i].hash;
		beat->rows[i].age_ms = own ? 0 : age_ms(c, row->reported_us);
		beat->rows[i].version = own ? (uint64_t)c->now_us : row->version;
		if (!own && (row->reported_us < 0 || beat->rows[i].age_ms == ROW_AGE_MAX_MS))
			beat->rows[i].age_ms = WIRE_AGE_UNKNOWN;
		for (size_t j = 0; j < c->n_members; j++) {
			beat->rows[i].edges[j].up = row->edges[j].up;
			beat->rows[i].edges[j].age_ms = age_ms(c, row->edges[j].since_us);
		}
	}
}
