#include "node/metrics.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
	CLOCK_JUMP_US = 500000, /* beyond what slewing does between two turns */
	STALL_US = 10000,       /* earlier is the scheduler's ordinary grain */
};

static const int64_t bounds[][HISTOGRAM_BUCKETS] = {
    [SCALE_INCIDENT] = {10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000, 5000000,
                        10000000, 15000000, 30000000, 60000000, 120000000, 300000000, 600000000},
    [SCALE_REQUEST] = {50, 100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000,
                       500000, 1000000, 2500000, 5000000},
};

const unsigned metric_http_codes[METRIC_HTTP_CODES] = {200, 400, 404, 405, 408, 413, 414,
                                                       417, 431, 501, 503, 505, 0};

const int64_t *histogram_bounds_us(enum histogram_scale scale)
{
	return bounds[scale];
}

void histogram_add(struct histogram *h, int64_t us)
{
	const int64_t *bound = bounds[h->scale];
	unsigned i = 0;

	if (us < 0)
		us = 0;
	while (i < HISTOGRAM_BUCKETS && us > bound[i])
		i++;
	h->counts[i]++;
	h->n++;
	h->sum_us += us;
}

double histogram_mean_s(const struct histogram *h)
{
	return h->n == 0 ? (double)NAN : (double)h->sum_us / (double)h->n / 1e6;
}

void metrics_init(struct metrics *m)
{
	memset(m, 0, sizeof *m);
	m->disk_write.scale = SCALE_REQUEST;
	for (unsigned d = 0; d < METRIC_DOORS; d++) {
		for (unsigned o = 0; o < METRIC_OPERATIONS; o++)
			m->operations[d][o].scale = SCALE_REQUEST;
	}
}

static const struct {
	const char *word;
	const char *text;
} alarms[] = {
#define METRIC_ALARM_TEXT(name, word, text) {word, text},
    METRIC_ALARM_MAP(METRIC_ALARM_TEXT)
#undef METRIC_ALARM_TEXT
};

enum metric_alarm metric_alarm_of(const char *text)
{
	unsigned i = 0;

	while (strncmp(text, alarms[i].text, strlen(alarms[i].text)) != 0)
		i++;
	assert(i < METRIC_ALARMS); /* the last one fits every text */
	return (enum metric_alarm)i;
}

const char *metric_alarm_word(enum metric_alarm alarm)
{
	return alarms[alarm].word;
}

/* NULL: there are too many names. */
static struct metric_member *member_of(struct metrics *m, const char *peer)
{
	struct metric_member *one;

	for (size_t i = 0; i < m->n_members; i++) {
		if (strcmp(m->members[i].name, peer) == 0)
			return &m->members[i];
	}
	if (m->n_members == MEMBERS_MAX || strlen(peer) >= NODE_NAME_MAX)
		return NULL;
	one = &m->members[m->n_members++];
	memcpy(one->name, peer, strlen(peer) + 1);
	return one;
}

static void member_lost(struct metrics *m, int64_t now_us, int64_t silent_us)
{
	struct incident *i = &m->incident;

	if (!i->open) {
		*i = (struct incident){.open = true, .began_us = now_us - silent_us};
		m->partitions++;
		histogram_add(&m->detection, silent_us);
	}
	i->heal_us = 0;
	i->syncing = false;
}

void metrics_member(struct metrics *m, int64_t now_us, const char *peer, bool up, int64_t silent_us,
                    uint64_t commit)
{
	struct metric_member *one = member_of(m, peer);

	if (one != NULL && up)
		one->returns++;
	else if (one != NULL)
		one->losses++;
	if (!m->whole)
		return;
	if (!up) {
		member_lost(m, now_us, silent_us);
	} else if (m->incident.open && m->incident.heal_us == 0) {
		m->incident.heal_us = now_us;
		m->incident.syncing = true;
		m->incident.sync_index = commit;
	}
}

static void incident_over(struct metrics *m, int64_t now_us)
{
	struct incident *i = &m->incident;

	histogram_add(&m->duration, now_us - i->began_us);
	if (i->heal_us != 0)
		histogram_add(&m->heal, now_us - i->heal_us);
	if (i->order_us != 0) {
		m->by_hand++;
		histogram_add(&m->manual, now_us - i->order_us);
	} else {
		m->automatic++;
	}
	i->open = false;
}

void metrics_order(struct metrics *m, int64_t now_us)
{
	if (m->incident.open && m->incident.order_us == 0)
		m->incident.order_us = now_us;
}

void metrics_order_refused(struct metrics *m, int64_t given_us)
{
	if (m->incident.order_us == given_us)
		m->incident.order_us = 0;
}

bool metrics_wants_sync(const struct metrics *m)
{
	return m->incident.syncing;
}

void metrics_synced(struct metrics *m, int64_t now_us, uint64_t applied)
{
	struct incident *i = &m->incident;

	if (!i->syncing || applied < i->sync_index)
		return;
	i->syncing = false;
	histogram_add(&m->in_sync, now_us - i->heal_us);
}

void metrics_state(struct metrics *m, enum cluster_state to, int64_t silent_us)
{
	assert(to < CLUSTER_STATES);
	m->state_changes[to]++;
	if (to == CLUSTER_FENCED)
		histogram_add(&m->fence, silent_us);
}

void metrics_leader(struct metrics *m, const char *name)
{
	if (strcmp(name, m->leader) == 0)
		return;
	if (m->leader[0] != '\0')
		memcpy(m->before, m->leader, sizeof m->before);
	if (name[0] != '\0' && m->before[0] != '\0' && strcmp(name, m->before) != 0)
		m->leader_changes++;
	(void)snprintf(m->leader, sizeof m->leader, "%s", name);
}

const char *metrics_leader_before(const struct metrics *m, const char *self)
{
	const char *last =
	    m->leader[0] != '\0' && strcmp(m->leader, self) != 0 ? m->leader : m->before;

	return strcmp(last, self) == 0 ? "" : last;
}

void metrics_alarm(struct metrics *m, const char *text)
{
	m->alarms[metric_alarm_of(text)]++;
}

void metrics_countdown(struct metrics *m, enum metric_countdown what)
{
	assert(what < METRIC_COUNTDOWNS);
	m->countdowns[what]++;
}

bool metrics_wants_elected(const struct metrics *m, const struct raft_view *raft)
{
	return raft->started && raft->role == ROLE_LEADER &&
	       (!m->reign.leads || m->reign.term != raft->term);
}

void metrics_elected(struct metrics *m, int64_t now_us, const struct raft_view *raft,
                     int64_t silent_us)
{
	struct reign *r = &m->reign;

	r->leads = true;
	r->served = false;
	r->elected_us = now_us;
	r->empty_us = silent_us < 0 ? 0 : now_us - silent_us;
	if (r->term != raft->term)
		m->term_changes += r->term != 0;
	r->term = raft->term;
}

/* Any majority shares a member with the one that elected this node, and that member's promise to
 * the old leader was over when it voted; the lease had ended lease_guard_ms before that. */
static void note_takeover(struct metrics *m, const struct metrics_turn *t)
{
	struct reign *r = &m->reign;

	r->served = true;
	if (r->empty_us == 0)
		return;
	histogram_add(&m->takeover, t->now_us - r->empty_us);
	histogram_add(&m->margin, t->now_us - r->elected_us + t->guard_us);
}

static void note_raft(struct metrics *m, const struct metrics_turn *t)
{
	struct reign *r = &m->reign;

	if (t->raft->role != ROLE_LEADER)
		r->leads = false;
	if (t->raft->started && t->raft->term != r->term) {
		m->term_changes += r->term != 0;
		r->term = t->raft->term;
	}
	if (r->leads && !r->served && t->raft->term_committed && t->may_serve)
		note_takeover(m, t);
}

static void note_clock(struct metrics *m, const struct metrics_turn *t)
{
	const int64_t offset_us = t->wall_us - t->now_us;
	const int64_t jump_us = offset_us - m->wall_offset_us;

	if (m->wall_offset_us != 0 && (jump_us > CLOCK_JUMP_US || jump_us < -CLOCK_JUMP_US)) {
		m->clock_jumps++;
		m->clock_jump_us = jump_us;
	}
	m->wall_offset_us = offset_us;
	if (m->due_us != 0 && t->now_us - m->due_us > STALL_US)
		histogram_add(&m->stall, t->now_us - m->due_us);
	m->due_us = 0;
}

void metrics_turn(struct metrics *m, const struct metrics_turn *t)
{
	note_clock(m, t);
	note_raft(m, t);
	m->whole |= t->state == CLUSTER_SERVING;
	if (m->incident.open && t->state == CLUSTER_SERVING)
		incident_over(m, t->now_us);
}

void metrics_operation(struct metrics *m, enum metric_door door, enum metric_operation operation,
                       enum metric_outcome outcome, int64_t us)
{
	assert(door < METRIC_DOORS && operation < METRIC_OPERATIONS && outcome < METRIC_OUTCOMES);
	histogram_add(&m->operations[door][operation], us);
	m->outcomes[door][outcome]++;
}

void metrics_too_large(struct metrics *m, unsigned how)
{
	assert(how < METRIC_RESULTS);
	m->too_large[how]++;
}

void metrics_http(struct metrics *m, unsigned code)
{
	unsigned i = 0;

	while (i + 1 < METRIC_HTTP_CODES && metric_http_codes[i] != code)
		i++;
	m->http[i]++;
}
