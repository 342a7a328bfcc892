/* Gathers a running node's status for status_json(). */
#include <stdlib.h>
#include <unistd.h>

#include "node/node_internal.h"
#include "node/status_json.h"
#include "session/store.h"

/* Both are too large for comfort on a stack. */
struct sample {
	struct cluster_status cluster;
	struct raft_view raft;
	struct status_alarm alarms[ALARMS_MAX];
};

void node_status_json(struct node *n, struct buf *b)
{
	struct sample *s = calloc(1, sizeof *s);
	const struct store *store = core_store(n->core);
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
	if (config_quorum_warning(n->config, warning, sizeof warning))
		extra.warning = warning;
	extra.uptime_ms = (extra.now_us - n->started_us) / 1000;
	core_status(n->core, &s->cluster, &s->raft);
	status_json(&extra, &s->cluster, &s->raft, b);
	free(s);
}
