#include "node/sync_json.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

#include "node/core_audit.h"

static json_t *number(uint64_t v)
{
	return json_integer((json_int_t)v);
}

static json_t *node_json(const struct sync_report *r, const struct sync_node *node)
{
	struct sync_figures x;
	char digest[24];

	sync_figures(r, node, &x);
	(void)snprintf(digest, sizeof digest, "%016" PRIx64, node->sync.digest);
	return json_pack(
	    "{s:s, s:b, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:f, s:o, s:o, s:s, s:o, s:s}",
	    "node", node->name, "self", node->self, "state", x.state, "index",
	    number(node->sync.applied), "lag_entries", x.known ? number(x.lag) : json_null(),
	    "lag_bytes", x.known ? number(x.lag_bytes) : json_null(), "lag_s",
	    x.known ? json_real(x.lag_s) : json_null(), "bytes_all", number(node->sync.bytes_all),
	    "bytes_done", number(node->sync.bytes_done), "percent",
	    x.known ? json_real(x.percent) : json_null(), "rate", x.rate, "left_s",
	    x.left_s < 0 ? json_null() : json_real(x.left_s), "transfers",
	    number(node->sync.fetched), "last_result", x.result, "verified_index",
	    number(node->sync.verified), "verified_digest", digest);
}

static int append(const char *bytes, size_t len, void *arg)
{
	struct buf *b = arg;

	buf_bytes(b, bytes, len);
	return b->st == ST_OK ? 0 : -1;
}

void sync_json(const struct sync_report *r, struct buf *b)
{
	json_t *nodes = json_array();
	json_t *root = json_pack("{s:o, s:b, s:f, s:o}", "committed", number(r->commit),
	                         "confirmed", r->doubt_us == 0, "unconfirmed_ms",
	                         (double)r->doubt_us / 1000.0, "nodes", nodes);

	for (size_t i = 0; i < r->n; i++)
		(void)json_array_append_new(nodes, node_json(r, &r->nodes[i]));
	if (root == NULL || json_dump_callback(root, append, b, JSON_COMPACT) != 0) {
		if (b->st == ST_OK)
			b->st = ST_NOMEM;
	}
	buf_u8(b, '\n');
	json_decref(root);
}
