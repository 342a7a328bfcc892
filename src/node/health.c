#include "node/health.h"

#include <jansson.h>

static bool is_stopping(const struct health_view *v)
{
	return v->stopping;
}

static bool is_loading(const struct health_view *v)
{
	return v->loading;
}

static bool is_starting(const struct health_view *v)
{
	return v->starting;
}

static bool is_damaged(const struct health_view *v)
{
	return v->damaged;
}

static bool is_removed(const struct health_view *v)
{
	return v->cluster->state == CLUSTER_STOPPED;
}

static bool is_forming(const struct health_view *v)
{
	return v->cluster->state == CLUSTER_FORMING;
}

static bool is_syncing(const struct health_view *v)
{
	return v->cluster->state == CLUSTER_SYNCING;
}

static bool is_minority(const struct health_view *v)
{
	return v->cluster->state == CLUSTER_FENCED && v->cluster->reachable < v->cluster->needed;
}

static bool is_unconfirmed(const struct health_view *v)
{
	return !v->may_serve;
}

static bool is_full(const struct health_view *v)
{
	return v->disk_full;
}

static bool is_degraded(const struct health_view *v)
{
	return v->cluster->state == CLUSTER_DEGRADED;
}

static bool has_alarm(const struct health_view *v)
{
	return v->alarms > 0;
}

static bool is_ok(const struct health_view *v)
{
	return v->may_serve;
}

/* The first line that fits is the verdict. */
static const struct {
	bool (*fits)(const struct health_view *v);
	bool ready;
	const char *reason;
	const char *message; /* NULL: as the cluster's verdict says */
	const char *remedy;
} verdicts[] = {
    {is_stopping, false, "stopping", "this node was told to stop and answers what is under way",
     "none needed; it leaves in good order"},
    {is_loading, false, "loading", NULL,
     "wait; a node with much state or a slow disk takes a while"},
    {is_starting, false, "starting", "this node is starting", "wait"},
    {is_damaged, false, "state_damaged", NULL,
     "none needed: it starts over with the others' state; look at the host's memory"},
    {is_removed, false, "removed", NULL,
     "it is no member any more: `erlmcp-admin cluster join`, from a member, takes it back"},
    {is_forming, false, "forming", NULL,
     "start the other expected members, or admit this node: `erlmcp-admin cluster join`"},
    {is_syncing, false, "syncing", NULL, "wait; progress: `erlmcp-admin cluster sync --watch`"},
    {is_minority, false, "no_majority", NULL,
     "restore the network to the other members (RB-008, RB-010); it heals by itself"},
    {is_unconfirmed, false, "no_leader", NULL,
     "wait for the election; if it lasts for seconds, look at the links: `erlmcp-admin cluster "
     "status`"},
    {is_full, true, "disk_full",
     "it serves, but a majority of the members has no disk space in reserve: writes are refused",
     "free space in the data directories; service returns by itself"},
    {is_degraded, true, "member_lost", NULL,
     "restore the lost member (RB-010); one more may be lost only if reachable exceeds needed"},
    {has_alarm, true, "alarm", "it serves, and an alarm stands",
     "`erlmcp-admin cluster status` names it"},
    {is_ok, true, "ok", NULL, "none needed"},
};

struct health health_of(const struct health_view *v)
{
	struct health h = {false, "no_leader", "", ""};

	for (size_t i = 0; i < sizeof verdicts / sizeof verdicts[0]; i++) {
		if (!verdicts[i].fits(v))
			continue;
		h.ready = verdicts[i].ready;
		h.reason = verdicts[i].reason;
		h.message = verdicts[i].message != NULL ? verdicts[i].message : v->cluster->why;
		h.remedy = verdicts[i].remedy;
		break;
	}
	return h;
}

static int append(const char *bytes, size_t len, void *arg)
{
	struct buf *b = arg;

	buf_bytes(b, bytes, len);
	return b->st == ST_OK ? 0 : -1;
}

void health_json(const struct health_view *v, const struct health *h, struct buf *b)
{
	static const char *const sides[] = {"unknown", "minority", "majority"};
	const struct cluster_status *c = v->cluster;
	json_t *j = json_pack("{s:b, s:b, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:s?, s:i, s:I}",
	                      "live", true, "ready", h->ready, "reason", h->reason, "message",
	                      h->message, "remedy", h->remedy, "node", v->node, "state",
	                      cluster_state_name(c->state), "side", sides[c->side], "reachable",
	                      (int)c->reachable, "needed", (int)c->needed, "leader", v->leader,
	                      "alarms", (int)v->alarms, "uptime_ms", (json_int_t)v->uptime_ms);

	if ((j == NULL || json_dump_callback(j, append, b, JSON_COMPACT) != 0) && b->st == ST_OK)
		b->st = ST_NOMEM;
	buf_u8(b, '\n');
	json_decref(j);
}
