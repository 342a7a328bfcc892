/* What links bring: their coming and going, and the members' messages, room by room. */
#include <assert.h>
#include <string.h>
#include <xxhash.h>

#include "base/cursor.h"
#include "node/core_internal.h"

static void link_event(struct core *c, enum cluster_event_type type, const char *peer,
                       uint64_t epoch)
{
	struct cluster_event ev;

	core_sample(c);
	ev = core_cluster_event(c, type);
	ev.peer = peer;
	ev.epoch = epoch;
	core_step(c, &ev);
}

void core_link_up(struct core *c, const char *peer, uint64_t epoch)
{
	const uint64_t id = cluster_peer_id(c->cluster, peer);

	link_event(c, CLUSTER_LINK_UP, peer, epoch);
	if (c->started && !c->closing && id != 0)
		consensus_link_reset(c->consensus, id);
}

void core_link_down(struct core *c, const char *peer, uint64_t epoch)
{
	struct late_down *late;

	if (!c->sending) {
		link_event(c, CLUSTER_LINK_DOWN, peer, epoch);
		return;
	}
	/* A send found the link broken, perhaps deep inside libraft: this is no time for a step.
	 * One place a member is enough, because a link is only made anew in a later turn. */
	assert(c->n_downs < MEMBERS_MAX && strlen(peer) < NODE_NAME_MAX);
	late = &c->downs[c->n_downs++];
	memcpy(late->peer, peer, strlen(peer) + 1);
	late->epoch = epoch;
	c->dirty = true;
}

void core_tell_downs(struct core *c)
{
	size_t i;

	assert(!c->sending);
	for (i = 0; i < c->n_downs; i++)
		link_event(c, CLUSTER_LINK_DOWN, c->downs[i].peer, c->downs[i].epoch);
	c->n_downs = 0;
}

/* The answer may be a new link in place of the one that is being read: that waits for a turn. */
void core_stranger(struct core *c, const char *peer)
{
	if (c->stranger[0] != '\0' || strlen(peer) >= sizeof c->stranger)
		return;
	memcpy(c->stranger, peer, strlen(peer) + 1);
	c->dirty = true;
}

void core_tell_stranger(struct core *c)
{
	char name[NODE_NAME_MAX];

	if (c->stranger[0] == '\0')
		return;
	memcpy(name, c->stranger, sizeof name);
	c->stranger[0] = '\0';
	link_event(c, CLUSTER_STRANGER, name, 0);
}

static bool serves_clients(const struct core *c)
{
	const enum cluster_state state = cluster_state(c->cluster);

	return state == CLUSTER_SERVING || state == CLUSTER_DEGRADED;
}

static void take_cluster(struct core *c, const char *peer, uint64_t epoch, const uint8_t *bytes,
                         size_t len)
{
	struct cluster_event ev;

	core_sample(c);
	ev = core_cluster_event(c, CLUSTER_MESSAGE);
	if (serves_clients(c)) /* founding and catching up have gaps of their own */
		pace_heard(&c->pace, peer, epoch, ev.now_us);
	ev.peer = peer;
	ev.epoch = epoch;
	ev.bytes = bytes;
	ev.len = len;
	core_step(c, &ev);
}

static void take_raft(struct core *c, const char *peer, const uint8_t *bytes, size_t len)
{
	struct core_event ev = {.type = CORE_TRACE, .level = 2, .peer = peer};
	const uint64_t id = cluster_peer_id(c->cluster, peer);
	enum status st;

	/* Unknown, foreign and rolled-back members have no say in consensus. */
	if (!c->started || c->closing || id == 0)
		return;
	st = consensus_receive(c->consensus, id, peer, bytes, len);
	if (st == ST_OK)
		return;
	/* Votes that come too late are dropped every day; what cannot be decoded is news. */
	if (st == ST_INVALID || st == ST_CLOSED)
		ev.level = 4;
	buf_reset(&c->note);
	buf_printf(&c->note, "dropped a consensus message of '%s': %s", peer, status_text(st));
	ev.text = buf_text(&c->note);
	core_emit(c, &ev);
}

uint32_t core_checksum(const uint8_t *bytes, size_t len)
{
	return (uint32_t)XXH3_64bits(bytes, len);
}

static bool is_intact(const uint8_t *bytes, size_t len)
{
	struct cursor sum = cursor_of(bytes + len, MESSAGE_SUM_BYTES);
	uint32_t said;

	return cursor_u32(&sum, &said) == ST_OK && said == core_checksum(bytes, len);
}

static void tell_damaged(struct core *c, const char *peer, size_t len)
{
	struct core_event ev = {.type = CORE_TRACE, .level = 1, .peer = peer};

	buf_reset(&c->note);
	buf_printf(&c->note, "dropped a message of '%s': its %zu bytes were changed on the way",
	           peer, len);
	ev.text = buf_text(&c->note);
	core_emit(c, &ev);
}

static bool is_member(const struct core *c, uint64_t id)
{
	for (size_t i = 0; id != 0 && i < c->view.n_members; i++) {
		if (c->view.members[i].id == id)
			return true;
	}
	return false;
}

void core_message(struct core *c, const char *peer, uint64_t epoch, const uint8_t *bytes,
                  size_t len)
{
	if (len < 1 + MESSAGE_SUM_BYTES || c->closing)
		return;
	/* TCP's sum of 16 bits lets some damage through, and a wrong term or entry would be
	 * believed by all rooms. */
	len -= MESSAGE_SUM_BYTES;
	if (!is_intact(bytes, len)) {
		tell_damaged(c, peer, len);
		return;
	}
	switch (bytes[0]) {
	case CHANNEL_CLUSTER:
		take_cluster(c, peer, epoch, bytes + 1, len - 1);
		break;
	case CHANNEL_RAFT:
		take_raft(c, peer, bytes + 1, len - 1);
		break;
	case CHANNEL_FORWARD:
		/* Only members of this very cluster may write or read here. */
		if (is_member(c, cluster_peer_id(c->cluster, peer)))
			core_take_forward(c, peer, bytes + 1, len - 1);
		break;
	case CHANNEL_AUDIT:
		if (is_member(c, cluster_peer_id(c->cluster, peer)))
			core_take_audit(c, peer, bytes + 1, len - 1);
		break;
	default:
		break; /* a channel of a later version */
	}
}
