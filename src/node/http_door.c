#include "node/http_door.h"

#include <arpa/inet.h>
#include <string.h>

#include "node/core_audit.h"
#include "node/health.h"
#include "node/loading.h"
#include "node/node_internal.h"
#include "node/node_metrics.h"

enum { TEXT_MAX = 4 * 1024 * 1024 }; /* 16 members and 64 devices are 150 KiB */

static const char plain_type[] = "text/plain; charset=utf-8";

/* A request being answered. */
struct reply {
	struct http_server *server;
	struct metrics *counts;
	struct node *node;       /* NULL: it is loading, in another thread */
	struct loading *loading; /* NULL: it is not */
	uint64_t connection;
	const struct http_request *request;
	struct buf text;
};

static void reply(struct reply *r, unsigned code, const char *type, const char *headers)
{
	struct http_answer a = {.code = code,
	                        .type = type,
	                        .headers = headers,
	                        .body = r->text.base,
	                        .len = r->text.len,
	                        .wall_s = node_wall_ms(NULL) / 1000};

	if (buf_status(&r->text) != ST_OK) {
		a.code = 500;
		a.body = "out of memory\n";
		a.len = strlen(a.body);
		a.type = plain_type;
	}
	metrics_http(r->counts, a.code);
	http_server_answer(r->server, r->connection, &a);
}

/* Prometheus asks for OpenMetrics by name, and takes its older format otherwise. */
static bool wants_openmetrics(const struct http_request *q)
{
	static const char type[] = "application/openmetrics-text";
	const struct http_text *accept = http_header(&q->head, "accept");

	return accept != NULL && memmem(accept->at, accept->len, type, sizeof type - 1) != NULL;
}

static void get_metrics(struct reply *r)
{
	const bool open = wants_openmetrics(r->request);
	const enum exposition_format format = open ? FORMAT_OPENMETRICS : FORMAT_PROMETHEUS;

	if (r->loading != NULL)
		loading_metrics(r->loading, format, &r->text);
	else
		node_metrics_text(r->node, format, NULL, &r->text);
	reply(r, 200,
	      open ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
	           : "text/plain; version=0.0.4; charset=utf-8",
	      "Vary: Accept\r\n");
}

static void get_livez(struct reply *r)
{
	buf_printf(&r->text, "alive\n");
	reply(r, 200, plain_type, NULL);
}

static const char *leader_of(const struct raft_view *raft)
{
	for (size_t i = 0; raft->leader_id != 0 && i < raft->n_members; i++) {
		if (raft->members[i].id == raft->leader_id)
			return raft->members[i].name;
	}
	return NULL;
}

static struct health_view node_health(struct node *n)
{
	struct audit_totals audit;

	core_status(n->core, &n->seen.cluster, &n->seen.raft);
	core_audit_totals(n->core, &audit);
	return (struct health_view){
	    .node = n->config->node_name,
	    .starting = !n->running && !n->stopping_now,
	    .stopping = n->stopping_now,
	    .may_serve = core_may_serve(n->core),
	    .damaged = audit.damaged,
	    .disk_full = core_disk_space(n->core) == CORE_DISK_FULL,
	    .alarms = (unsigned)n->n_alarms,
	    .leader = leader_of(&n->seen.raft),
	    .uptime_ms = (node_now_us(NULL) - n->started_us) / 1000,
	    .cluster = &n->seen.cluster,
	};
}

static struct health_view view_of(const struct reply *r)
{
	return r->loading != NULL ? loading_health(r->loading) : node_health(r->node);
}

static void get_readyz(struct reply *r)
{
	const struct health_view v = view_of(r);
	const struct health h = health_of(&v);

	buf_printf(&r->text, "%sready: %s: %s\n", h.ready ? "" : "not ", h.reason, h.message);
	reply(r, h.ready ? 200 : 503, plain_type, h.ready ? NULL : "Retry-After: 1\r\n");
}

static void get_health(struct reply *r)
{
	const struct health_view v = view_of(r);
	const struct health h = health_of(&v);

	health_json(&v, &h, &r->text);
	reply(r, h.ready ? 200 : 503, "application/json", h.ready ? NULL : "Retry-After: 1\r\n");
}

static const struct {
	const char *path;
	void (*get)(struct reply *r);
	const char *help;
} paths[] = {
    {"/metrics", get_metrics, "figures for Prometheus"},
    {"/livez", get_livez, "200: the process answers"},
    {"/readyz", get_readyz, "200: this node serves; 503: it does not"},
    {"/health", get_health, "the verdict as JSON, with reason and remedy"},
};

enum { PATHS = sizeof paths / sizeof paths[0] };

static void not_found(struct reply *r)
{
	buf_printf(&r->text, "There is nothing at this path. There is:\n");
	for (size_t i = 0; i < PATHS; i++)
		buf_printf(&r->text, "  %-9s %s\n", paths[i].path, paths[i].help);
	reply(r, 404, plain_type, NULL);
}

static void not_allowed(struct reply *r)
{
	buf_printf(&r->text, "This path is only read: GET or HEAD.\n");
	reply(r, 405, plain_type, "Allow: GET, HEAD\r\n");
}

static void answer(struct reply *r)
{
	const struct http_head *h = &r->request->head;
	size_t i;

	buf_init(&r->text, TEXT_MAX);
	for (i = 0; i < PATHS && !http_text_is(&h->path, paths[i].path); i++)
		;
	if (i == PATHS)
		not_found(r);
	else if (h->verb != VERB_GET && h->verb != VERB_HEAD)
		not_allowed(r);
	else
		paths[i].get(r);
	buf_close(&r->text);
}

static void on_request(void *arg, uint64_t connection, const struct http_request *request)
{
	struct node *n = arg;
	struct reply r = {.server = n->http,
	                  .counts = &n->metrics,
	                  .node = n,
	                  .connection = connection,
	                  .request = request};

	answer(&r);
}

void node_http_loading(void *arg, uint64_t connection, const struct http_request *request)
{
	struct loading *l = arg;
	struct reply r = {.server = loading_server(l),
	                  .counts = loading_counts(l),
	                  .loading = l,
	                  .connection = connection,
	                  .request = request};

	answer(&r);
}

void node_open_http(struct node *n)
{
	const struct http_server_ops ops = {n, on_request, node_now_us};
	struct sockaddr_in address = {.sin_family = AF_INET};
	enum status st = ST_OK;

	if (n->config->http_port == 0)
		return;
	address.sin_port = htons((uint16_t)n->config->http_port);
	if (n->config->http_interface[0] != '\0' &&
	    inet_pton(AF_INET, n->config->http_interface, &address.sin_addr) != 1)
		st = ST_INVALID;
	if (st == ST_OK)
		st = http_server_open(loop_uv(n->loop), &address, &ops, &n->http);
	if (st != ST_OK)
		log_line(
		    n->log, LOG_WARNING,
		    "HTTP (metrics, health) cannot listen on %s, port %u: %s. The node goes on "
		    "without it; choose another http_port or http_interface, or port 0 for none",
		    n->config->http_interface[0] == '\0' ? "all addresses"
		                                         : n->config->http_interface,
		    n->config->http_port, status_text(st));
}
