#include "node/loading.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/side.h"
#include "node/host_figures.h"
#include "node/http_door.h"
#include "node/metrics_render.h"
#include "node/node_internal.h"

enum {
	TELL_US = 1000000, /* between sentences to the service manager */
	PATIENCE_S = 60,   /* without progress, until the manager's own patience counts again */
	MB = 1000000,      /* as disks are sold */
	ASKER_EXIT = 2,    /* of whoever asks meanwhile: as if no node answered */
};

struct loading {
	struct node *node; /* the thread reads its configuration, and takes its doors' sockets */
	struct side *side;
	struct http_server *http; /* NULL: none */
	struct control *control;  /* NULL: none */
	struct notify *manager;   /* NULL: nobody wants to be told */
	struct metrics counts;    /* what was counted meanwhile */
	struct cluster_status cluster;
	uint64_t cluster_id; /* 0: none */
	int64_t told_us;     /* when the manager was told last */
	int64_t moved_us;    /* when there was progress last */
	uint64_t seen;       /* how much had been read then */
	atomic_uint_fast64_t done;
	atomic_uint_fast64_t all; /* 0: not known yet */
};

static void closed(void *arg)
{
	(void)arg; /* the memory goes when the thread has ended */
}

static void say(struct loading *l, char *text, size_t size)
{
	const uint64_t all = atomic_load(&l->all);
	const uint64_t done = atomic_load(&l->done);

	if (all == 0)
		(void)snprintf(text, size, "the log is read");
	else
		(void)snprintf(text, size, "%" PRIu64 " of %" PRIu64 " MB of the state are read",
		               done / MB, (all + MB - 1) / MB);
}

static void on_request(void *arg, uint64_t id, const char *verb, const char *const *args,
                       size_t n_args)
{
	struct loading *l = arg;
	char what[STATUS_WHY_MAX];
	char text[STATUS_WHY_MAX + NODE_NAME_MAX + 64];

	(void)args;
	(void)n_args;
	if (strcmp(verb, "stop") == 0) {
		control_reply_text(l->control, id, 0, "ok\n", "");
		_exit(EXIT_STOPPED); /* nothing was begun: as good as a signal */
	}
	if (strcmp(verb, "pid") == 0) {
		(void)snprintf(text, sizeof text, "%ld\n", (long)getpid());
		control_reply_text(l->control, id, 0, text, "");
		return;
	}
	say(l, what, sizeof what);
	(void)snprintf(text, sizeof text, "%s is loading: %s; ask again when that is done\n",
	               l->node->config->node_name, what);
	control_reply_text(l->control, id, ASKER_EXIT, "", text);
}

static void on_open(void *arg, struct uv_loop_s *loop)
{
	struct loading *l = arg;
	const struct node *n = l->node;
	const struct http_server_ops http = {l, node_http_loading, node_now_us};
	const struct control_ops control = {.arg = l, .request = on_request};

	/* Without one of them the others still answer. */
	if (n->http == NULL || http_server_share(n->http, loop, &http, &l->http) != ST_OK)
		l->http = NULL;
	if (control_share(n->control, loop, &control, &l->control) != ST_OK)
		l->control = NULL;
	l->manager = notify_open_from_environment(loop);
}

static void on_tick(void *arg)
{
	struct loading *l = arg;
	const int64_t now_us = node_now_us(NULL);
	const uint64_t done = atomic_load(&l->done);
	char what[STATUS_WHY_MAX];
	char text[STATUS_WHY_MAX + 16];

	if (done != l->seen)
		l->moved_us = now_us;
	l->seen = done;
	if (now_us - l->told_us < TELL_US)
		return;
	l->told_us = now_us;
	say(l, what, sizeof what);
	(void)snprintf(text, sizeof text, "loading: %s", what);
	if (now_us - l->moved_us < (int64_t)PATIENCE_S * 1000000)
		notify_starting(l->manager, text, (uint64_t)PATIENCE_S * 1000000);
	else
		notify_status(l->manager, text);
}

static void on_leave(void *arg)
{
	struct loading *l = arg;

	if (l->http != NULL)
		http_server_leave(l->http);
	if (l->control != NULL)
		control_leave(l->control);
}

static bool is_empty(void *arg)
{
	const struct loading *l = arg;
	struct http_server_counts counts = {0};

	if (l->http != NULL)
		http_server_counts(l->http, &counts);
	return counts.connections == 0 && (l->control == NULL || control_clients(l->control) == 0);
}

static void on_close(void *arg)
{
	struct loading *l = arg;

	if (l->http != NULL)
		http_server_close(l->http, closed, l);
	if (l->control != NULL)
		control_close(l->control, closed, l);
	notify_close(l->manager);
	l->manager = NULL;
}

/* NULL: without memory or a thread it loads without a word. */
static struct loading *begin(struct node *n)
{
	struct loading *l = calloc(1, sizeof *l);
	const struct side_ops ops = {
	    .arg = l,
	    .open = on_open,
	    .tick = on_tick,
	    .leave = on_leave,
	    .is_empty = is_empty,
	    .close = on_close,
	};

	if (l == NULL)
		return NULL;
	l->node = n;
	metrics_init(&l->counts);
	core_status(n->core, &l->cluster, &n->seen.raft);
	l->cluster.state = CLUSTER_SYNCING;
	l->cluster_id = core_identity(n->core)->cluster_id;
	l->moved_us = node_now_us(NULL);
	if (side_start(&ops, &l->side) == ST_OK)
		return l;
	free(l);
	return NULL;
}

void loading_progress(struct loading *l, uint64_t done, uint64_t all)
{
	if (l == NULL)
		return;
	atomic_store(&l->done, done);
	atomic_store(&l->all, all);
}

/* The node's own loop serves from now on. */
static void end(struct loading *l)
{
	if (l == NULL)
		return;
	side_end(l->side);
	for (unsigned i = 0; i < METRIC_HTTP_CODES; i++)
		l->node->metrics.http[i] += l->counts.http[i];
	http_server_free(l->http);
	control_free(l->control);
	free(l);
}

enum status loading_run(struct node *n, const char **why)
{
	const int64_t began_us = node_now_us(NULL);
	enum status st;

	n->loading = begin(n);
	st = core_start(n->core, why);
	end(n->loading);
	n->loading = NULL;
	n->load_us = node_now_us(NULL) - began_us;
	return st;
}

struct health_view loading_health(struct loading *l)
{
	say(l, l->cluster.why, sizeof l->cluster.why);
	return (struct health_view){
	    .node = l->node->config->node_name,
	    .loading = true,
	    .uptime_ms = (node_now_us(NULL) - l->node->started_us) / 1000,
	    .cluster = &l->cluster,
	};
}

void loading_metrics(struct loading *l, enum exposition_format format, struct buf *b)
{
	struct metrics_view *v = malloc(sizeof *v);
	struct http_server_counts http;
	const uint64_t all = atomic_load(&l->all);

	if (v == NULL) {
		b->st = ST_NOMEM;
		return;
	}
	metrics_view_init(v, &l->counts);
	v->node = l->node->config->node_name;
	v->state = l->cluster.state;
	if (l->cluster_id != 0)
		(void)snprintf(v->cluster_id, sizeof v->cluster_id, "%016" PRIx64, l->cluster_id);
	v->loading = 1;
	v->serving = 0;
	v->stopping = 0;
	if (all > 0) {
		v->loading_wanted_bytes = (double)all;
		v->loading_read_bytes = (double)atomic_load(&l->done);
	}
	http_server_counts(l->http, &http);
	v->http_connections = (double)http.connections;
	v->http_displaced_connections = (double)http.displaced;
	v->http_refused_connections = (double)http.refused;
	host_process(v, node_now_us(NULL), node_wall_ms(NULL));
	if (l->node->config->metrics_network)
		host_network(v);
	metrics_render(v, format, NULL, b);
	free(v);
}

struct metrics *loading_counts(struct loading *l)
{
	return &l->counts;
}

struct http_server *loading_server(struct loading *l)
{
	return l->http;
}
