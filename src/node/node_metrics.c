#include "node/node_metrics.h"

#include <string.h>

#include "node/api.h"
#include "node/node_internal.h"

enum { SYNC_LOOK_US = 10000 }; /* between looks at how far the members are, after a heal */

/* The node's own sample, fresh. */
static const struct cluster_status *sample(struct node *n)
{
	core_status(n->core, &n->seen.cluster, &n->seen.raft);
	return &n->seen.cluster;
}

static const struct member_status *find_member(const struct cluster_status *c, const char *name)
{
	for (size_t i = 0; i < c->n_members; i++) {
		if (strcmp(c->members[i].name, name) == 0)
			return &c->members[i];
	}
	return NULL;
}

/* Since that member's last word; 0: it is not known, or this node. */
static int64_t silence_us(const struct cluster_status *c, const char *name)
{
	const struct member_status *m = find_member(c, name);

	return m == NULL || m->self || m->silent_us < 0 ? 0 : m->silent_us;
}

/* Since so many voters as are needed, this node among them, were last heard: the silence of the
 * most silent of the others that it takes. */
static int64_t majority_silence_us(const struct cluster_status *c)
{
	int64_t silent_us[MEMBERS_MAX];
	const unsigned others = c->needed > 0 ? c->needed - 1 : 0;
	size_t n = 0;

	for (size_t i = 0; i < c->n_members; i++) {
		const struct member_status *m = &c->members[i];
		size_t at = n;

		if (m->self || !m->voter || m->silent_us < 0)
			continue;
		for (; at > 0 && silent_us[at - 1] > m->silent_us; at--)
			silent_us[at] = silent_us[at - 1];
		silent_us[at] = m->silent_us;
		n++;
	}
	if (n == 0 || others == 0)
		return 0;
	return silent_us[others <= n ? others - 1 : n - 1];
}

static void on_state(struct node *n, const struct core_event *ev)
{
	int64_t silent_us = 0;

	if (ev->to == CLUSTER_FENCED) {
		const struct cluster_status *c = sample(n);
		const struct metrics *m = &n->metrics;
		const int64_t leader_us =
		    silence_us(c, m->leader[0] != '\0' ? m->leader : m->before);

		silent_us = majority_silence_us(c);
		silent_us = silent_us > leader_us ? silent_us : leader_us;
	}
	metrics_state(&n->metrics, ev->to, silent_us);
}

static void on_member(struct node *n, const struct core_event *ev)
{
	const struct cluster_status *c = sample(n);
	const struct member_status *m = find_member(c, ev->peer);

	/* Who is none, or no longer, is not missed. */
	if (m != NULL && m->member)
		metrics_member(&n->metrics, node_now_us(NULL), ev->peer, ev->up,
		               m->silent_us < 0 ? 0 : m->silent_us, n->seen.raft.commit);
}

void node_metrics_event(struct node *n, const struct core_event *ev)
{
	struct metrics *m = &n->metrics;

	switch (ev->type) {
	case CORE_STATE:
		on_state(n, ev);
		break;
	case CORE_MEMBER:
		on_member(n, ev);
		break;
	case CORE_LEADER:
		metrics_leader(m, ev->peer);
		break;
	case CORE_COUNTDOWN:
		metrics_countdown(m, ev->up ? COUNTDOWN_BEGUN : COUNTDOWN_ABORTED);
		break;
	case CORE_SHUTDOWN:
		metrics_countdown(m, COUNTDOWN_OVER);
		break;
	case CORE_ALARM:
		if (ev->up)
			metrics_alarm(m, ev->text);
		break;
	default:
		break;
	}
}

static void note_election(struct node *n, int64_t now_us)
{
	const char *before = metrics_leader_before(&n->metrics, n->config->node_name);
	const struct raft_view *raft = core_view(n->core);
	int64_t silent_us = -1;

	if (!metrics_wants_elected(&n->metrics, raft))
		return;
	if (before[0] != '\0')
		silent_us = silence_us(sample(n), before);
	metrics_elected(&n->metrics, now_us, raft, silent_us);
}

/* How far are the members that came back? */
static void note_sync(struct node *n, int64_t now_us)
{
	uint64_t applied = UINT64_MAX;
	const struct cluster_status *c;

	if (!metrics_wants_sync(&n->metrics) || now_us - n->sync_look_us < SYNC_LOOK_US)
		return;
	n->sync_look_us = now_us;
	c = sample(n);
	for (size_t i = 0; i < c->n_members; i++) {
		const struct member_status *m = &c->members[i];
		const uint64_t one = m->self    ? n->seen.raft.last_applied
		                     : m->heard ? m->applied
		                                : 0;

		if ((m->member || m->self) && one < applied)
			applied = one;
	}
	metrics_synced(&n->metrics, now_us, applied);
}

void node_metrics_turn(struct node *n, int64_t began_us)
{
	const int64_t due_us = core_deadline_us(n->core);
	const struct metrics_turn turn = {
	    .now_us = began_us,
	    .wall_us = node_wall_ms(NULL) * 1000,
	    .state = core_state(n->core),
	    .may_serve = core_may_serve(n->core),
	    .raft = core_view(n->core),
	    .guard_us = (int64_t)n->config->lease_guard_ms * 1000,
	};

	note_election(n, began_us);
	metrics_turn(&n->metrics, &turn);
	note_sync(n, began_us);
	n->metrics.due_us = due_us > began_us ? due_us : began_us;
}

static enum metric_operation session_operation(const char *function)
{
	static const struct {
		const char *function;
		enum metric_operation operation;
	} known[] = {
	    {"create", OPERATION_CREATE},   {"get", OPERATION_GET},
	    {"put", OPERATION_PUT},         {"delete", OPERATION_DELETE},
	    {"append", OPERATION_STREAM},   {"replay", OPERATION_REPLAY},
	    {"trim", OPERATION_STREAM},     {"close", OPERATION_STREAM},
	    {"ask", OPERATION_PENDING},     {"answer", OPERATION_PENDING},
	    {"dismiss", OPERATION_PENDING}, {"pending", OPERATION_PENDING},
	};

	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		if (strcmp(known[i].function, function) == 0)
			return known[i].operation;
	}
	return OPERATION_SESSION;
}

static enum metric_operation operation_of(const struct api_entry *entry)
{
	if (strcmp(entry->module, "erlmcp_session") == 0)
		return session_operation(entry->function);
	if (strcmp(entry->module, "erlmcp_handle") == 0)
		return OPERATION_HANDLE;
	if (strcmp(entry->module, "erlmcp_task") == 0)
		return OPERATION_TASK;
	return OPERATION_OTHER;
}

/* What an operator does to bring a cluster back together. */
static bool is_order(const struct api_entry *entry)
{
	return entry->handler == api_order || entry->handler == api_found ||
	       entry->handler == api_reset_cluster_state || entry->handler == api_clear_table ||
	       entry->handler == api_full_sync || entry->handler == api_give_up;
}

void node_metrics_call(struct node *n, const struct api_entry *entry, int64_t now_us)
{
	if (is_order(entry))
		metrics_order(&n->metrics, now_us);
}

void node_metrics_call_refused(struct node *n, const struct api_entry *entry, int64_t began_us)
{
	if (is_order(entry))
		metrics_order_refused(&n->metrics, began_us);
}

void node_metrics_called(struct node *n, const struct api_entry *entry, enum metric_outcome outcome,
                         int64_t us)
{
	metrics_operation(&n->metrics, DOOR_API, operation_of(entry), outcome, us);
}

void node_metrics_written(void *arg, int64_t us)
{
	struct node *n = arg;

	histogram_add(&n->metrics.disk_write, us);
}
