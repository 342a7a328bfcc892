#include "node/explain.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>

#include "node/core_audit.h"
#include "node/explain_json.h"
#include "node/node_internal.h"
#include "node/settings.h"

/* All are too large for comfort on a stack. */
struct sample {
	struct cluster_explanation now;
	struct cluster_status status;
	struct raft_view raft;
	struct cluster_config settings;
};

void node_note_decision(struct node *n, const struct core_event *ev)
{
	if (n->decision == NULL)
		n->decision = calloc(1, sizeof *n->decision);
	if (n->decision == NULL)
		return; /* the flight recorder has it all the same */
	n->decision->made = true;
	n->decision->from = ev->from;
	n->decision->boot_us = node_now_us(NULL);
	n->decision->wall_ms = node_wall_ms(NULL);
	core_explain(n->core, &n->decision->inputs);
	n->decision->inputs.state = ev->to;
	(void)snprintf(n->decision->inputs.why, sizeof n->decision->inputs.why, "%s", ev->text);
}

void node_explain_json(struct node *n, struct buf *b)
{
	struct sample *s = calloc(1, sizeof *s);
	struct explain_extra x = {
	    .node = n->config->node_name,
	    .now_us = node_now_us(NULL),
	    .wall_ms = node_wall_ms(NULL),
	    .data_dir = n->config->data_dir,
	    .disk_free = -1,
	    .disk_all = -1,
	    .disk = core_disk_space(n->core),
	    .decision = n->decision,
	};
	struct audit_totals totals;
	struct statvfs disk;

	if (s == NULL) {
		b->st = ST_NOMEM;
		return;
	}
	if (statvfs(n->config->data_dir, &disk) == 0) {
		x.disk_free = (int64_t)(disk.f_bavail * disk.f_frsize);
		x.disk_all = (int64_t)(disk.f_blocks * disk.f_frsize);
	}
	config_cluster(n->config, &s->settings);
	x.settings = &s->settings;
	core_audit_totals(n->core, &totals);
	x.damaged = totals.damaged;
	core_explain(n->core, &s->now);
	core_status(n->core, &s->status, &s->raft);
	x.served = s->status.served;
	x.disk_stored = s->raft.last_stored;
	x.disk_commit = s->raft.commit;
	explain_json(&x, &s->now, &s->status, &s->raft, b);
	free(s);
}

bool node_flight_text(struct node *n, int64_t since_ms, struct buf *b)
{
	enum status st;

	buf_printf(b, "{\"node\":\"%s\",\"boot_us\":%" PRId64 ",\"wall_ms\":%" PRId64 "}\n",
	           n->config->node_name, node_now_us(NULL), node_wall_ms(NULL));
	st = recorder_read(n->config->data_dir, since_ms, b);
	return (st == ST_OK || st == ST_NOT_FOUND) && buf_status(b) == ST_OK;
}
