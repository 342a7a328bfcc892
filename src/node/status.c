/* Gathers a running node's status for status_json(). */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "node/core_audit.h"
#include "node/node_internal.h"
#include "node/node_limits.h"
#include "node/status_json.h"
#include "session/store.h"

/* Both are too large for comfort on a stack. */
struct sample {
	struct cluster_status cluster;
	struct raft_view raft;
	struct status_alarm alarms[ALARMS_MAX];
	struct metrics_limit limits[METRICS_LIMITS_MAX];
};

/* Before the founding the setting is held against the expected members, afterwards against the
 * voters: a smaller one has no effect, a larger one makes this node stricter than it must be. */
static bool quorum_warning(const struct node *n, const struct sample *s, char *ret, size_t cap)
{
	const unsigned voters = (unsigned)s->raft.n_voters;
	const unsigned size = s->cluster.quorum_size;

	if (voters == 0)
		return config_quorum_warning(n->config, ret, cap);
	if (s->cluster.regrowing && voters < size) {
		(void)snprintf(
		    ret, cap,
		    "recovered with %u of %u voters: the majority of those counts until as "
		    "many as ERLMCP_QUORUM_SIZE vote. Admit others with `erlmcp-admin "
		    "cluster join`",
		    voters, size);
		return true;
	}
	if (size / 2 <= voters / 2)
		return false;
	(void)snprintf(ret, cap,
	               "ERLMCP_QUORUM_SIZE is %u, but the cluster has %u voters: %s. Set it to %u "
	               "on every node (RB-008, False Positive)",
	               size, voters,
	               size / 2 + 1 > voters
	                   ? "this node can never see as many as that needs and will not serve"
	                   : "this node fences itself although it is in a majority",
	               voters);
	return true;
}

void node_status_json(struct node *n, struct buf *b)
{
	struct sample *s = calloc(1, sizeof *s);
	const struct store *store = core_store(n->core);
	struct audit_totals totals;
	struct audit_sync sync;
	char warning[512];
	struct status_extra extra = {
	    .node = n->config->node_name,
	    .pid = getpid(),
	    .now_us = node_now_us(NULL),
	    .wall_ms = node_wall_ms(NULL),
	    .cluster_id = core_identity(n->core)->cluster_id,
	    .store_index = store_index(store),
	    .store_digest = store_digest(store),
	    .sessions = store_count(store),
	    .n_alarms = n->n_alarms,
	};

	if (s == NULL) {
		b->st = ST_NOMEM;
		return;
	}
	for (size_t i = 0; i < n->n_alarms; i++)
		s->alarms[i] = (struct status_alarm){n->alarms[i].text, n->alarms[i].since_ms};
	extra.alarms = s->alarms;
	extra.limits = s->limits;
	extra.n_limits = node_limits(n, s->limits);
	extra.uptime_ms = (extra.now_us - n->started_us) / 1000;
	core_audit_totals(n->core, &totals);
	core_sync_now(n->core, &sync);
	extra.audit = &totals;
	extra.sync = &sync;
	core_status(n->core, &s->cluster, &s->raft);
	if (quorum_warning(n, s, warning, sizeof warning))
		extra.warning = warning;
	status_json(&extra, &s->cluster, &s->raft, b);
	free(s);
}
