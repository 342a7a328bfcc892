/* Gathers a running node's figures for metrics_render(). */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consensus/consensus.h"
#include "node/core_audit.h"
#include "node/metrics_render.h"
#include "node/node_internal.h"
#include "node/node_limits.h"
#include "node/node_metrics.h"
#include "session/store.h"

static void gather_node(struct node *n, struct metrics_view *v)
{
	const uint64_t id = core_identity(n->core)->cluster_id;

	v->node = n->config->node_name;
	if (id != 0)
		(void)snprintf(v->cluster_id, sizeof v->cluster_id, "%016" PRIx64, id);
	v->serving = n->running && !n->stopping_now && core_may_serve(n->core) ? 1 : 0;
	v->stopping = n->stopping_now ? 1 : 0;
	v->loading = 0;
	v->load_seconds = (double)n->load_us / 1e6;
	for (size_t i = 0; i < n->n_alarms; i++)
		v->alarms_active[metric_alarm_of(n->alarms[i].text)]++;
}

static void gather_links(struct node *n, struct metrics_view *v)
{
	struct net_link_status *links = calloc(NET_MEMBERS_MAX, sizeof *links);
	size_t count = links == NULL ? 0 : net_links(n->net, links, NET_MEMBERS_MAX);

	for (size_t i = 0; i < count; i++) {
		struct metrics_peer *p = metrics_view_peer(v, links[i].node);

		if (p == NULL)
			continue;
		p->link_received_bytes = (double)links[i].bytes_in;
		p->link_sent_bytes = (double)links[i].bytes_out;
		p->link_reconnects = (double)links[i].reconnects;
		p->link_queued_bytes = (double)links[i].queued;
	}
	free(links);
}

static void gather_state(struct node *n, struct metrics_view *v)
{
	const struct store *store = core_store(n->core);
	struct store_usage u;

	store_usage(store, &u);
	v->sessions = (double)u.sessions;
	v->state_index = (double)store_index(store);
}

static void gather_audit(struct node *n, struct metrics_view *v)
{
	struct audit_totals t;
	struct audit_sync s;

	core_audit_totals(n->core, &t);
	v->audit_rounds = (double)t.rounds;
	v->audit_failures = (double)t.failed;
	v->audit_mismatches = (double)t.unequal;
	v->audit_replacements = (double)t.condemned;
	if (t.index != 0) {
		v->audit_last_index = (double)t.index;
		v->audit_last_equal = t.equal ? 1 : 0;
	}
	if (t.verified != 0)
		v->audit_verified_index = (double)t.verified;
	v->state_damaged = t.damaged ? 1 : 0;
	v->scrub_sweeps = (double)t.sweeps;
	v->scrub_objects = (double)t.looked;
	core_sync_now(n->core, &s);
	v->sync_running = s.fetching != 0 ? 1 : 0;
	v->sync_transfers = (double)s.fetched;
	if (s.fetching == 0)
		return;
	v->sync_wanted_bytes = (double)s.bytes_all;
	v->sync_fetched_bytes = (double)s.bytes_done;
	v->sync_elapsed_seconds = (double)s.elapsed_ms / 1e3;
}

static void gather_snapshots(struct node *n, struct metrics_view *v)
{
	struct consensus_picture p;

	core_picture(n->core, &p);
	v->snapshots = (double)p.nth;
	if (p.nth == 0)
		return;
	v->snapshot_seconds = (double)p.elapsed_ms / 1e3;
	v->snapshot_written_bytes = (double)p.bytes_new;
	v->snapshot_kept_bytes = (double)p.kept_max;
	v->snapshot_step_seconds = (double)p.step_max_us / 1e6;
}

static void gather_work(struct node *n, struct metrics_view *v)
{
	const size_t pending = core_pending(n->core);
	struct http_server_counts http = {0};

	if (n->http != NULL)
		http_server_counts(n->http, &http);
	v->requests_pending = (double)pending;
	v->client_connections = n->clients == NULL ? 0 : (double)clients_count(n->clients);
	v->evaluations_running = (double)n->jobs.n;
	v->http_connections = (double)http.connections;
	v->http_displaced_connections = (double)http.displaced;
	v->http_refused_connections = (double)http.refused;
	v->scrape_render_seconds = (double)n->render_us / 1e6;
	v->n_limits = node_limits(n, v->limits);
}

static void gather(struct node *n, struct metrics_view *v, int64_t now_us)
{
	metrics_view_init(v, &n->metrics);
	core_status(n->core, &n->seen.cluster, &n->seen.raft);
	metrics_view_cluster(v, &n->seen.cluster, &n->seen.raft, now_us);
	gather_node(n, v);
	gather_links(n, v);
	gather_state(n, v);
	gather_audit(n, v);
	gather_snapshots(n, v);
	gather_work(n, v);
	host_process(v, now_us, node_wall_ms(NULL));
	if (n->config->metrics_network)
		host_network(v);
	host_disk(v, &n->disk, n->loop, now_us);
}

void node_metrics_text(struct node *n, enum exposition_format format, const char *pattern,
                       struct buf *b)
{
	const int64_t began_us = node_now_us(NULL);
	struct metrics_view *v = malloc(sizeof *v);

	if (v == NULL) {
		b->st = ST_NOMEM;
		return;
	}
	gather(n, v, began_us);
	metrics_render(v, format, pattern, b);
	free(v);
	n->render_us = node_now_us(NULL) - began_us;
}
