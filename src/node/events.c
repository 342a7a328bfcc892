/* What happened, told to people (log) and to later questions (flight recorder).
 *
 * RB-008's lines appear byte for byte behind the timestamp; scripts and operators grep them. */
#include <stdio.h>
#include <string.h>

#include "node/explain.h"
#include "node/explain_json.h"
#include "node/node_internal.h"
#include "node/node_metrics.h"

/* How this member's clock differs from ours, as well as its beats told: what it takes to put
 * both recorders on one clock. */
static void record_clock(struct node *n, const char *peer)
{
	const struct clock_offset clock = core_clock(n->core, peer);

	if (clock.error_us < 0)
		return;
	recorder_int(n->recorder, "offset_us", clock.us);
	recorder_int(n->recorder, "error_us", clock.error_us);
}

/* What a change of state was decided from. */
static void record_inputs(struct node *n, const struct cluster_explanation *e)
{
	recorder_text(n->recorder, "cause", cause_text(e->cause)->word);
	recorder_text(n->recorder, "leader", e->confirmed);
	recorder_int(n->recorder, "leader_term", (int64_t)e->confirmed_term);
	recorder_int(n->recorder, "counted", e->counted);
	recorder_int(n->recorder, "voters", (int64_t)e->n_votes);
	if (e->lease_left_us != INT64_MIN)
		recorder_int(n->recorder, "lease_us", e->lease_left_us);
}

static void record(struct node *n, const char *event, const struct core_event *ev)
{
	const int64_t boot_us = node_now_us(NULL);

	recorder_begin(n->recorder, event, boot_us, node_wall_ms(NULL));
	if (ev->peer != NULL && ev->peer[0] != '\0')
		recorder_text(n->recorder, "peer", ev->peer);
	if (ev->type == CORE_MEMBER)
		record_clock(n, ev->peer);
	if (ev->type == CORE_STATE && n->decision != NULL)
		record_inputs(n, &n->decision->inputs);
	if (ev->type == CORE_STATE) {
		recorder_text(n->recorder, "from", cluster_state_name(ev->from));
		recorder_text(n->recorder, "to", cluster_state_name(ev->to));
		recorder_int(n->recorder, "reachable", ev->reachable);
		recorder_int(n->recorder, "needed", ev->needed);
	}
	if (ev->term != 0)
		recorder_int(n->recorder, "term", (int64_t)ev->term);
	recorder_int(n->recorder, "up", ev->up ? 1 : 0);
	if (ev->type == CORE_SHUTDOWN)
		recorder_int(n->recorder, "force", ev->force ? 1 : 0);
	if (ev->text != NULL && ev->text[0] != '\0')
		recorder_text(n->recorder, "why", ev->text);
	recorder_end(n->recorder);
}

static void say_minority(struct node *n, const struct core_event *ev)
{
	log_line(n->log, LOG_WARNING, "⚠️  MINORITY PARTITION DETECTED");
	log_line(n->log, LOG_WARNING, "Reachable nodes: %u (need %u for majority)", ev->reachable,
	         ev->needed);
}

static void say_majority(struct node *n, const struct core_event *ev)
{
	log_line(n->log, LOG_INFO, "✅ MAJORITY PARTITION: Continue operations");
	log_line(n->log, LOG_INFO, "This node is part of the majority partition (%u >= %u)",
	         ev->reachable, ev->needed);
}

/* A node that serves has just heard the others: one line each. */
static void record_clocks(struct node *n, const struct core_event *ev)
{
	char names[MEMBERS_MAX][NODE_NAME_MAX];
	size_t n_names;

	if (ev->to != CLUSTER_SERVING && ev->to != CLUSTER_DEGRADED)
		return;
	n_names = core_members_in_sight(n->core, names, MEMBERS_MAX);
	for (size_t i = 0; i < n_names; i++) {
		if (strcmp(names[i], n->config->node_name) == 0)
			continue;
		recorder_begin(n->recorder, "clock", node_now_us(NULL), node_wall_ms(NULL));
		recorder_text(n->recorder, "peer", names[i]);
		record_clock(n, names[i]);
		recorder_end(n->recorder);
	}
}

static void tell_manager(const struct node *n, const struct core_event *ev)
{
	char line[LOG_LINE_MAX];

	(void)snprintf(line, sizeof line, "%s: %s", cluster_state_name(ev->to), ev->text);
	notify_status(n->manager, line);
}

static void on_state(struct node *n, const struct core_event *ev)
{
	if (ev->to == CLUSTER_DEGRADED && ev->reachable >= ev->needed)
		say_majority(n, ev);
	if ((ev->to == CLUSTER_SERVING || ev->to == CLUSTER_DEGRADED) && n->served_us == 0)
		n->served_us = node_now_us(NULL);
	log_line(n->log, ev->to == CLUSTER_FENCED ? LOG_WARNING : LOG_INFO, "State %s -> %s: %s",
	         cluster_state_name(ev->from), cluster_state_name(ev->to), ev->text);
	node_note_decision(n, ev);
	tell_manager(n, ev);
	record(n, "state", ev);
	record_clocks(n, ev);
	if (ev->to == CLUSTER_STOPPED)
		node_stop(n, EXIT_REMOVED, ev->text);
}

static void on_member(struct node *n, const struct core_event *ev)
{
	if (ev->up)
		log_line(n->log, LOG_INFO, "Node '%s' connected", ev->peer);
	else
		log_line(n->log, LOG_WARNING, "Node '%s' lost: %s", ev->peer, ev->text);
	record(n, "member", ev);
}

static void on_countdown(struct node *n, const struct core_event *ev)
{
	const long long seconds = n->config->shutdown_delay_ms / 1000;

	/* The countdown begins with the certainty: fenced, and too few members in sight. */
	if (ev->up)
		say_minority(n, ev);

	if (!ev->up)
		log_line(n->log, LOG_INFO, "%s: %s",
		         n->countdown_over ? "Minority partition is over"
		                           : "Minority countdown aborted",
		         ev->text);
	else if (n->config->force_shutdown)
		log_line(n->log, LOG_WARNING,
		         "Minority countdown: this node stops in %lld s unless the "
		         "network heals (SHUTDOWN_DELAY=%lld)",
		         seconds, seconds);
	else
		log_line(n->log, LOG_INFO,
		         "Minority countdown (dry run): FORCE_SHUTDOWN=false, this node "
		         "would stop in %lld s (SHUTDOWN_DELAY=%lld)",
		         seconds, seconds);
	n->countdown_over = false;
	record(n, "countdown", ev);
}

static void on_shutdown(struct node *n, const struct core_event *ev)
{
	record(n, "shutdown", ev);
	n->countdown_over = true;
	if (!ev->force) {
		log_line(n->log, LOG_WARNING,
		         "Dry run: this minority node would shut down now; set "
		         "FORCE_SHUTDOWN=true to let it");
		return;
	}
	log_line(n->log, LOG_WARNING, "Shutting down minority partition...");
	node_stop(n, EXIT_MINORITY, "minority partition for longer than SHUTDOWN_DELAY");
}

/* An alarm is cleared by its subject: the text up to its first details. */
static bool is_about(const struct alarm *a, const char *peer, const char *subject)
{
	size_t len = strlen(subject);

	return strcmp(a->peer, peer) == 0 && strncmp(a->text, subject, len) == 0 &&
	       (a->text[len] == '\0' || a->text[len] == ':');
}

static void raise_alarm(struct node *n, const char *peer, const char *text)
{
	struct alarm *a;
	size_t i;

	for (i = 0; i < n->n_alarms; i++) {
		if (is_about(&n->alarms[i], peer, text))
			return;
	}
	if (n->n_alarms == ALARMS_MAX)
		return; /* logged and recorded all the same */
	a = &n->alarms[n->n_alarms++];
	(void)snprintf(a->peer, sizeof a->peer, "%s", peer);
	(void)snprintf(a->text, sizeof a->text, "%s", text);
	a->since_ms = node_wall_ms(NULL);
}

static void clear_alarm(struct node *n, const char *peer, const char *subject)
{
	size_t i;

	for (i = 0; i < n->n_alarms; i++) {
		if (is_about(&n->alarms[i], peer, subject)) {
			n->alarms[i] = n->alarms[--n->n_alarms];
			return;
		}
	}
}

static void on_alarm(struct node *n, const struct core_event *ev)
{
	if (ev->up) {
		raise_alarm(n, ev->peer, ev->text);
		log_line(n->log, LOG_ERROR, "ALARM: %s", ev->text);
	} else {
		clear_alarm(n, ev->peer, ev->text);
		log_line(n->log, LOG_INFO, "Alarm over: %s", ev->text);
	}
	record(n, "alarm", ev);
}

static void on_fatal(struct node *n, const struct core_event *ev)
{
	log_line(n->log, LOG_ERROR,
	         "FATAL: %s; stopping, so that nothing unsafe is said or written", ev->text);
	record(n, "fatal", ev);
	node_stop(n, EXIT_DISK, ev->text);
}

void node_refused(struct node *n)
{
	const struct store *s = core_store(n->core);
	const uint32_t takes = store_newest(s);

	log_line(n->log, LOG_ERROR,
	         "REFUSED: the state of this node's cluster has version %u, %s takes up to %u. %s. "
	         "Nothing was changed",
	         store_beyond(s), n->config->node_name, takes,
	         takes < STATE_VERSION_NEWEST
	             ? "Remove ERLMCP_STATE_VERSION_MAX (state_version_max) and start it again"
	             : "Install the release of the other members, and start it again");
}

static void on_refused(struct node *n, const struct core_event *ev)
{
	node_refused(n);
	record(n, "refused", ev);
	node_stop(n, EXIT_REMOVED, ev->text);
}

static void on_trace(struct node *n, const struct core_event *ev)
{
	static const enum log_level levels[] = {LOG_ERROR, LOG_ERROR, LOG_WARNING, LOG_DEBUG};

	log_line(n->log, ev->level >= 0 && ev->level < 4 ? levels[ev->level] : LOG_DEBUG, "%s",
	         ev->text);
}

static void say_expected(struct node *n)
{
	struct buf names;
	size_t i;

	buf_init(&names, MEMBERS_MAX * NODE_NAME_MAX + 64);
	for (i = 0; i < n->config->n_expected; i++)
		buf_printf(&names, "%s%s", i == 0 ? "" : ", ", n->config->expected[i]);
	if (buf_text(&names) != NULL)
		log_line(n->log, LOG_INFO, "Expected members: %s; ERLMCP_QUORUM_SIZE is %u",
		         buf_text(&names), n->config->quorum_size);
	buf_close(&names);
}

void node_log_start(struct node *n)
{
	const struct identity *id = core_identity(n->core);

	log_line(n->log, LOG_INFO, "erlmcp %s: node '%s' is up, distribution port %u, data in %s",
	         ERLMCP_VERSION, n->config->node_name, net_port(n->net), n->config->data_dir);
	if (n->config->alone)
		log_line(n->log, LOG_WARNING,
		         "A cluster of its own: neither ERLMCP_SEED_NODES nor "
		         "ERLMCP_QUORUM_SIZE is set, so this node serves alone, without fault "
		         "tolerance");
	else
		say_expected(n);
	if (id->state != IDENTITY_EMPTY)
		log_line(n->log, LOG_INFO,
		         "Member of cluster %016llx, start number %llu of this incarnation",
		         (unsigned long long)id->cluster_id, (unsigned long long)id->boot);
	recorder_begin(n->recorder, "start", node_now_us(NULL), node_wall_ms(NULL));
	recorder_text(n->recorder, "version", ERLMCP_VERSION);
	recorder_text(n->recorder, "node", n->config->node_name);
	recorder_int(n->recorder, "boot", (int64_t)id->boot);
	recorder_end(n->recorder);
}

void node_on_core_event(void *arg, const struct core_event *ev)
{
	struct node *n = arg;

	node_metrics_event(n, ev);
	switch (ev->type) {
	case CORE_STATE:
		on_state(n, ev);
		break;
	case CORE_MEMBER:
		on_member(n, ev);
		break;
	case CORE_LEADER:
		log_line(n->log, LOG_INFO, "Leader of term %llu: %s", (unsigned long long)ev->term,
		         ev->peer[0] == '\0' ? "none" : ev->peer);
		record(n, "leader", ev);
		break;
	case CORE_VOTE:
		record(n, "vote", ev);
		break;
	case CORE_COUNTDOWN:
		on_countdown(n, ev);
		break;
	case CORE_SHUTDOWN:
		on_shutdown(n, ev);
		break;
	case CORE_ALARM:
		on_alarm(n, ev);
		break;
	case CORE_FOUNDED:
		log_line(n->log, LOG_INFO, "%s", ev->text);
		record(n, "founded", ev);
		break;
	case CORE_CHANGE:
		log_line(n->log, LOG_INFO, "Members: %s", ev->text);
		record(n, "change", ev);
		break;
	case CORE_SYNC:
		log_line(n->log, LOG_INFO, "Synchronisation: %s", ev->text);
		record(n, "sync", ev);
		break;
	case CORE_PICTURE:
		log_line(n->log, LOG_INFO, "Snapshot: %s", ev->text);
		break;
	case CORE_TRACE:
		on_trace(n, ev);
		break;
	case CORE_REFUSED:
		on_refused(n, ev);
		break;
	case CORE_FATAL:
		on_fatal(n, ev);
		break;
	}
}
