/* How far each member is: asked when somebody wants to know. And the progress of a state that this
 * node fetches, told as it goes. */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "node/core_internal.h"

enum {
	SYNC_PATIENCE_US = 1000000, /* members in sight answer within a round trip */
	SYNC_PROGRESS_US = 1000000, /* a line of the log */
	SYNC_MESSAGE_MAX = 256,     /* bytes; a few numbers */
	SYNC_LAG = 256              /* entries that a member applies within a moment */
};

void core_sync_now(const struct core *c, struct audit_sync *ret)
{
	struct consensus_sync fetch = {0};

	if (c->consensus != NULL)
		consensus_sync(c->consensus, &fetch);
	*ret = (struct audit_sync){
	    .applied = c->view.last_applied,
	    .state_version = store_version(c->store),
	    .newest_version = store_newest(c->store),
	    .fetched = c->audit.fetched,
	    .verified = c->audit.totals.verified,
	    .digest = c->audit.totals.verified_digest,
	};
	if (!fetch.fetching)
		return;
	ret->fetching = fetch.index;
	ret->bytes_all = fetch.bytes_all;
	ret->bytes_done = fetch.bytes_done;
	ret->elapsed_ms = (uint64_t)fetch.elapsed_ms;
}

/* Before everything else: a member that fetches or catches up has a queue of large messages. */
static void send_soon(struct core *c, const char *peer, struct buf *b)
{
	if (buf_status(b) == ST_OK)
		core_send(c, peer, CHANNEL_AUDIT, TRAFFIC_URGENT, b->base, b->len);
	buf_close(b);
}

void core_answer_sync(struct core *c, const char *peer, uint64_t round)
{
	struct audit_sync now;
	struct buf b;

	core_sync_now(c, &now);
	buf_init(&b, SYNC_MESSAGE_MAX);
	audit_put_sync(&b, round, &now);
	send_soon(c, peer, &b);
}

/* --- Asking -------------------------------------------------------------------------- */

/* How far the members are, on this node's course of the log. */
static void reckon(struct core *c, struct sync_report *report)
{
	const struct course *course = &c->audit.course;
	const int64_t now_us = c->ops.now_us(c->ops.arg);

	for (size_t i = 0; i < report->n; i++) {
		struct sync_node *node = &report->nodes[i];

		if (!node->answered)
			continue;
		node->lag_bytes = course_bytes(course, node->sync.applied, report->commit);
		if (node->sync.applied < report->commit)
			node->lag_us = course_age_us(course, node->sync.applied, now_us);
		node->rate = course_rate(course, node->name);
		node->own_rate = course_rate(course, c->config.cluster.self);
	}
}

static void tell_pollers(struct core *c)
{
	struct core_audit *a = &c->audit;
	struct sync_waiter pollers[AUDIT_WAITERS_MAX];
	struct sync_report *report = a->poll;
	const size_t n = a->n_pollers;

	memcpy(pollers, a->pollers, n * sizeof pollers[0]);
	a->n_pollers = 0;
	a->poll = NULL;
	reckon(c, report);
	for (size_t i = 0; i < n; i++)
		pollers[i].cb(pollers[i].arg, report);
	free(report);
}

static void ask(struct core *c, const struct member_status *m, const struct raft_view *raft)
{
	struct sync_report *report = c->audit.poll;
	struct sync_node *node = &report->nodes[report->n];
	struct buf b;

	if (!m->member)
		return;
	report->n++;
	memcpy(node->name, m->name, sizeof node->name);
	node->self = m->self;
	node->leader = m->raft_id != 0 && m->raft_id == raft->leader_id;
	node->asked = m->self || (m->heard && m->hears_us);
	if (m->self && c->started) {
		core_sync_now(c, &node->sync);
		node->answered = true;
	} else if (node->asked && !m->self) {
		buf_init(&b, SYNC_MESSAGE_MAX);
		audit_put_ask_sync(&b, report->number);
		send_soon(c, m->name, &b);
	}
}

static enum status begin(struct core *c)
{
	struct cluster_status *status = malloc(sizeof *status);
	struct raft_view *raft = malloc(sizeof *raft);
	struct sync_report *report = calloc(1, sizeof *report);

	if (status == NULL || raft == NULL || report == NULL) {
		free(report);
	} else {
		core_status(c, status, raft);
		report->number = ++c->audit.number;
		report->commit = raft->commit;
		report->doubt_us = cluster_doubt_us(c->cluster, raft, c->ops.now_us(c->ops.arg));
		c->audit.poll = report;
		c->audit.poll_until_us = c->ops.now_us(c->ops.arg) + SYNC_PATIENCE_US;
		for (size_t i = 0; i < status->n_members; i++)
			ask(c, &status->members[i], raft);
	}
	free(status);
	free(raft);
	return c->audit.poll == NULL ? ST_NOMEM : ST_OK;
}

void core_sync(struct core *c, core_sync_cb cb, void *arg)
{
	struct core_audit *a = &c->audit;
	enum status st = c->closing ? ST_CLOSED : ST_OK;

	if (st == ST_OK && a->n_pollers == AUDIT_WAITERS_MAX)
		st = ST_BUSY;
	if (st == ST_OK && a->poll == NULL)
		st = begin(c);
	if (st != ST_OK) {
		cb(arg, NULL);
		return;
	}
	a->pollers[a->n_pollers++] = (struct sync_waiter){cb, arg};
	c->dirty = true;
}

void core_take_sync(struct core *c, const char *peer, const struct audit_message *m)
{
	struct sync_report *report = c->audit.poll;

	for (size_t i = 0; report != NULL && i < report->n; i++) {
		struct sync_node *node = &report->nodes[i];

		if (strcmp(node->name, peer) != 0 || !node->asked || m->round != report->number)
			continue;
		node->sync = m->sync;
		node->answered = true;
		c->dirty = true;
	}
}

static bool all_answered(const struct sync_report *report)
{
	for (size_t i = 0; i < report->n; i++) {
		if (report->nodes[i].asked && !report->nodes[i].answered)
			return false;
	}
	return true;
}

void sync_figures(const struct sync_report *r, const struct sync_node *node,
                  struct sync_figures *ret)
{
	const struct audit_sync *s = &node->sync;
	const double seconds = (double)s->elapsed_ms / 1000.0;

	*ret = (struct sync_figures){.state = node->asked ? "silent" : "unreachable",
	                             .result = s->fetched > 0 ? "complete" : "none",
	                             .left_s = -1};
	if (!node->answered)
		return;
	ret->lag = r->commit > s->applied ? r->commit - s->applied : 0;
	ret->percent =
	    r->commit == 0 ? 100 : 100.0 * (double)(r->commit - ret->lag) / (double)r->commit;
	ret->known = r->doubt_us == 0;
	if (!ret->known)
		ret->state = "unknown"; /* the others may have committed more */
	else if (node->leader)
		ret->state = "leader";
	else
		ret->state = ret->lag <= SYNC_LAG ? "in_sync" : "catching_up";
	ret->lag_bytes = node->lag_bytes;
	ret->lag_s = (double)node->lag_us / 1000000.0;
	ret->rate = node->rate;
	if (ret->lag == 0)
		ret->left_s = 0;
	else if (node->rate > node->own_rate)
		ret->left_s = (double)node->lag_bytes / (node->rate - node->own_rate);
	if (s->fetching == 0)
		return;
	ret->known = true;
	ret->state = "fetching";
	ret->result = "running";
	ret->lag_bytes = s->bytes_all - s->bytes_done;
	ret->percent =
	    s->bytes_all == 0 ? 100 : 100.0 * (double)s->bytes_done / (double)s->bytes_all;
	ret->rate = seconds > 0 ? (double)s->bytes_done / seconds : 0;
	ret->left_s = ret->rate > 0 ? (double)ret->lag_bytes / ret->rate : -1;
}

/* --- Progress ------------------------------------------------------------------------ */

static void tell(struct core *c, bool over)
{
	struct core_event ev = {.type = CORE_SYNC, .up = !over, .peer = ""};

	ev.text = buf_text(&c->note);
	if (ev.text != NULL)
		core_emit(c, &ev);
}

static void tell_end(struct core *c)
{
	struct core_audit *a = &c->audit;
	const bool well = store_index(c->store) >= a->fetch_to;

	a->fetching = false;
	a->fetched += well;
	buf_reset(&c->note);
	buf_printf(&c->note, "the state at index %" PRIu64 " %s", a->fetch_to,
	           well ? "is here and checked" : "was not fetched to its end");
	tell(c, true);
}

static void tell_progress(struct core *c, const struct consensus_sync *s)
{
	const double mib = 1024.0 * 1024.0;
	const double seconds = (double)s->elapsed_ms / 1000.0;
	const double rate = seconds > 0 ? (double)s->bytes_done / seconds : 0;

	buf_reset(&c->note);
	buf_printf(
	    &c->note, "fetching the state at index %" PRIu64 " from %s: %.1f of %.1f MiB (%.0f %%)",
	    s->index, s->from, (double)s->bytes_done / mib, (double)s->bytes_all / mib,
	    s->bytes_all == 0 ? 100.0 : 100.0 * (double)s->bytes_done / (double)s->bytes_all);
	if (rate > 0)
		buf_printf(&c->note, ", %.1f MiB/s, %.1f s left", rate / mib,
		           (double)(s->bytes_all - s->bytes_done) / rate);
	tell(c, false);
}

void core_picture(const struct core *c, struct consensus_picture *ret)
{
	if (c->consensus != NULL)
		*ret = *consensus_picture(c->consensus);
	else
		memset(ret, 0, sizeof *ret);
}

static void tell_picture(struct core *c, const struct consensus_picture *p)
{
	struct core_event ev = {.type = CORE_PICTURE, .peer = ""};
	const double mib = 1024.0 * 1024.0;

	c->audit.pictures = p->nth;
	buf_reset(&c->note);
	buf_printf(&c->note,
	           "the state at index %" PRIu64 " in %.3f s: %u of %u chunks new, %.1f of %.1f "
	           "MiB; longest step %.1f ms, at most %.1f MiB kept of what changed meanwhile",
	           p->index, (double)p->elapsed_ms / 1000.0, p->chunks_new, p->chunks,
	           (double)p->bytes_new / mib, (double)p->bytes / mib,
	           (double)p->step_max_us / 1000.0, (double)p->kept_max / mib);
	ev.text = buf_text(&c->note);
	if (ev.text != NULL)
		core_emit(c, &ev);
}

static void step_members(struct core *c, int64_t now_us)
{
	struct cluster_status *status = malloc(sizeof *status);
	struct raft_view *raft = malloc(sizeof *raft);

	c->audit.course_us = now_us + COURSE_STEP_US;
	if (status != NULL && raft != NULL) {
		core_status(c, status, raft);
		for (size_t i = 0; i < status->n_members; i++) {
			const struct member_status *m = &status->members[i];

			if (m->member && (m->self || m->heard))
				course_step(&c->audit.course, m->name, m->applied, now_us);
		}
	}
	free(status);
	free(raft);
}

void core_sync_step(struct core *c, int64_t now_us)
{
	struct core_audit *a = &c->audit;
	struct consensus_sync s = {0};

	if (a->poll != NULL && (all_answered(a->poll) || now_us >= a->poll_until_us))
		tell_pollers(c);
	if (consensus_picture(c->consensus)->nth != a->pictures)
		tell_picture(c, consensus_picture(c->consensus));
	consensus_sync(c->consensus, &s);
	course_note(&a->course, c->view.last_applied, s.applied_bytes, now_us);
	if (now_us >= a->course_us)
		step_members(c, now_us);
	if (a->fetching && (!s.fetching || s.index != a->fetch_to))
		tell_end(c);
	if (!s.fetching || (a->fetching && now_us < a->progress_us))
		return;
	a->fetching = true;
	a->fetch_to = s.index;
	a->progress_us = now_us + SYNC_PROGRESS_US;
	tell_progress(c, &s);
}

int64_t core_sync_deadline_us(const struct core *c)
{
	const struct core_audit *a = &c->audit;
	int64_t at = a->poll != NULL ? a->poll_until_us : INT64_MAX;

	return a->fetching && a->progress_us < at ? a->progress_us : at;
}

void core_sync_close(struct core *c)
{
	if (c->audit.poll != NULL)
		tell_pollers(c);
}
