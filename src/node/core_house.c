/* Housekeeping, joined with the core: what it asks for is proposed, members tell of themselves. */
#include "base/cursor.h"
#include "node/core_internal.h"
#include "session/limits.h"
#include "session/objects.h"

enum { CHORES_A_TURN = HOUSE_ORPHANS + 4 }; /* all that one sweep can find */

static struct house_view house_view(struct core *c, int64_t now_us)
{
	const struct house_view v = {
	    .now_us = now_us,
	    .wall_ms = c->ops.wall_ms(c->ops.arg),
	    .raft = &c->view,
	    .store = c->store,
	    .origin = c->origin,
	    .orphan_us = c->config.orphan_us > 0 ? c->config.orphan_us : HOUSE_ORPHAN_US,
	};

	return v;
}

static void touched(void *arg, enum status st, const uint8_t *result, size_t len)
{
	(void)arg;
	(void)st; /* who is refused now uses it again, or does not need it */
	(void)result;
	(void)len;
}

static void expired(void *arg, enum status st, const uint8_t *result, size_t len)
{
	struct core *c = arg;

	(void)st; /* what is still there is found again */
	(void)result;
	(void)len;
	house_done(&c->house, CHORE_EXPIRE);
}

static void upgraded(void *arg, enum status st, const uint8_t *result, size_t len)
{
	struct core *c = arg;

	(void)st; /* the state says whether it worked; else it is proposed again */
	(void)result;
	(void)len;
	house_done(&c->house, CHORE_UPGRADE);
}

static const core_done_cb done_cbs[] = {
    [CHORE_TOUCH] = touched,
    [CHORE_EXPIRE] = expired,
    [CHORE_ORPHAN] = touched,
    [CHORE_UPGRADE] = upgraded,
};

static void propose(struct core *c, enum chore chore)
{
	struct command_head head = {0};
	struct buf b;

	buf_init(&b, COMMAND_MAX);
	core_stamp(c, &head);
	house_command(&c->house, chore, &head, &b);
	if (buf_status(&b) == ST_OK)
		core_write(c, &head, b.base, b.len, done_cbs[chore], c);
	else
		house_done(&c->house, chore);
	buf_close(&b);
}

static void tell_leader(struct core *c)
{
	const char *leader = core_leader_name(c);
	struct forward f = {.type = FORWARD_PRESENT, .request = c->origin};
	struct buf b;

	if (leader == NULL)
		return;
	buf_init(&b, sizeof(uint32_t));
	buf_u32(&b, store_newest(c->store));
	f.bytes = b.base;
	f.len = b.len;
	if (buf_status(&b) == ST_OK)
		core_forward(c, leader, &f, TRAFFIC_NORMAL);
	buf_close(&b);
}

/* A member with a release from before the upgrade: it stops by itself as soon as it meets it. */
static void tell_too_old(struct core *c, uint64_t raft_id, uint32_t takes)
{
	const char *name = core_member_name(c, raft_id);
	struct core_event ev = {.type = CORE_TRACE, .level = 1};

	if (name == NULL || c->too_old == raft_id)
		return;
	c->too_old = raft_id;
	buf_reset(&c->note);
	buf_printf(&c->note,
	           "%s takes the state up to version %u, this cluster's has version %u: it is "
	           "refused until the members' release is installed there, or "
	           "ERLMCP_STATE_VERSION_MAX removed",
	           name, takes, store_version(c->store));
	ev.text = buf_text(&c->note);
	core_emit(c, &ev);
}

void core_take_present(struct core *c, uint64_t raft_id, const struct forward *f)
{
	struct cursor cursor = cursor_of(f->bytes, f->len);
	struct presence p = {.origin = f->request};

	/* What a later release says behind the version is not for this one. */
	if (p.origin == 0 || cursor_u32(&cursor, &p.version) != ST_OK)
		return;
	house_heard(&c->house, raft_id, &p, c->ops.now_us(c->ops.arg));
	if (p.version < store_version(c->store))
		tell_too_old(c, raft_id, p.version);
}

void core_keep_house(struct core *c, int64_t now_us)
{
	const struct house_view v = house_view(c, now_us);
	enum chore chore;
	unsigned i;

	if (house_tells(&c->house, &v))
		tell_leader(c);
	for (i = 0; i < CHORES_A_TURN && house_next(&c->house, &v, &chore); i++)
		propose(c, chore);
}

void core_used(struct core *c, const struct session_id *id)
{
	const int64_t now_us = c->ops.now_us(c->ops.arg);

	if (!store_is_mortal(c->store, id) || house_use(&c->house, id, now_us))
		return;
	propose(c, CHORE_TOUCH);
	(void)house_use(&c->house, id, now_us);
}

uint64_t core_origin(const struct core *c)
{
	return c->origin;
}
