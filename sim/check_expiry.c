/* Checkers of times to live, by the clock of those who stamp commands: the leaders.
 *
 * What was used is not ended before its time is over, counted from the last use; that is read off
 * the log, whatever the state says. What nobody uses is ended soon, and a use that a reader was
 * shown is written down soon, as long as nothing disturbs. */
#include <inttypes.h>
#include <string.h>

#include "base/cursor.h"
#include "node/housekeeping.h"
#include "sim/check_things.h"
#include "sim/member.h"

enum {
	EXPIRED_LATE_MS = 2000,   /* after its grace it is gone within this */
	USE_WRITTEN_US = 2000000, /* a use is written down within this */
	BATCH_HEAD_BYTES = 4,     /* of an entry, before its commands ... */
	BATCH_COUNT_BYTES = 2,    /* ... of which these count them */
};

/* --- The log ------------------------------------------------------------------------- */

/* The committed entry at an index, from any disk; NULL: no disk has it any more. */
static const struct disk_entry *entry_at(struct world *w, uint64_t index)
{
	uint64_t chain = check_place(w, index)->committed.chain;

	for (unsigned i = 0; i < w->n && chain != 0; i++) {
		const struct disk_image *m = &w->nodes[i].disk.image;

		if (index >= m->start && index < m->start + m->n &&
		    m->entries[index - m->start].mark.chain == chain)
			return &m->entries[index - m->start];
	}
	return NULL;
}

struct commands {
	struct cursor c;
	uint16_t left;
};

static bool commands_of(const struct disk_entry *e, struct commands *ret)
{
	const uint8_t *head;

	ret->c = cursor_of(e->bytes, e->len);
	return e->type == RAFT_COMMAND &&
	       cursor_bytes(&ret->c, BATCH_HEAD_BYTES - BATCH_COUNT_BYTES, &head) == ST_OK &&
	       cursor_u16(&ret->c, &ret->left) == ST_OK;
}

static bool commands_next(struct commands *commands, struct command *ret)
{
	const uint8_t *bytes;
	struct fault fault;
	uint32_t len;

	return commands->left-- > 0 && cursor_u32(&commands->c, &len) == ST_OK &&
	       cursor_bytes(&commands->c, len, &bytes) == ST_OK &&
	       command_decode(bytes, len, ret, &fault) == ST_OK;
}

/* What an expire says of this id: when it was last used, as its proposer saw it. */
static bool names(const struct command *cmd, const struct session_id *id, int64_t *ret_active_ms)
{
	struct cursor list = cmd->list;
	const uint8_t *bytes;
	uint64_t active_ms;
	uint64_t revision;

	if (cmd->type != COMMAND_EXPIRE)
		return false;
	for (size_t i = 0; i < cmd->n; i++) {
		if (cursor_bytes(&list, SESSION_ID_BYTES, &bytes) != ST_OK ||
		    cursor_u64(&list, &active_ms) != ST_OK || cursor_u64(&list, &revision) != ST_OK)
			return false;
		*ret_active_ms = (int64_t)active_ms;
		if (memcmp(bytes, id->bytes, SESSION_ID_BYTES) == 0)
			return true;
	}
	return false;
}

/* --- Uses ---------------------------------------------------------------------------- */

/* The stamp of an operation's command in the entry where it took effect. */
static bool stamp_of(struct world *w, const struct op *op, int64_t *ret)
{
	const struct disk_entry *e = entry_at(w, op->revision);
	struct commands commands;
	struct command cmd;
	char request[32];
	size_t len = (size_t)snprintf(request, sizeof request, "r%" PRIu64, op->id);

	if (e == NULL || !commands_of(e, &commands))
		return false;
	while (commands_next(&commands, &cmd)) {
		if (cmd.head.request_id_len != len ||
		    memcmp(cmd.head.request_id, request, len) != 0)
			continue;
		*ret = cmd.head.now_ms;
		return true;
	}
	return false;
}

void expiry_present(struct world *w, uint64_t number, uint64_t index, const struct thing_seen *seen)
{
	struct thing_watch *t = thing_watch(w, number);
	const struct op *use = clients_op(w, t->use);
	int64_t stamp_ms;

	if (seen->active_ms < t->active_ms)
		thing_fail(w, CHECK_EXPIRY, number,
		           "its last use goes back from %" PRId64 " to %" PRId64
		           " at entry %" PRIu64,
		           t->active_ms, seen->active_ms, index);
	t->active_ms = seen->active_ms;
	if (use == NULL || w->checks->revisions[use->id - 1] > index)
		return;
	t->use = 0;
	if (stamp_of(w, use, &stamp_ms) && seen->active_ms < stamp_ms)
		thing_fail(w, CHECK_EXPIRY, number,
		           "it was used at %" PRId64 " (operation %" PRIu64
		           "), its state says %" PRId64,
		           stamp_ms, use->id, seen->active_ms);
}

/* --- Ends ---------------------------------------------------------------------------- */

/* What the log says about an end. */
struct ending {
	bool named;         /* an expire names it: the newest one ... */
	int64_t expired_ms; /* ... with this stamp ... */
	int64_t active_ms;  /* ... and this last use */
	bool due;           /* one of them may end it: a new leader names again what is gone */
	bool whole;         /* all entries were there */
};

static void read_entry(const struct disk_entry *e, const struct thing *thing, int64_t used_ms,
                       struct ending *ret)
{
	struct commands commands;
	struct command cmd;

	if (!commands_of(e, &commands))
		return;
	while (commands_next(&commands, &cmd)) {
		int64_t active_ms;

		if (!names(&cmd, &thing->id, &active_ms))
			continue;
		if (ret->named && active_ms > ret->active_ms)
			ret->due = false; /* it was used since: the one before ended nothing */
		ret->named = true;
		ret->expired_ms = cmd.head.now_ms;
		ret->active_ms = active_ms;
		ret->due |= thing->ttl_ms > 0 && active_ms >= used_ms &&
		            cmd.head.now_ms >= active_ms + (int64_t)thing->ttl_ms;
	}
}

void expiry_gone(struct world *w, uint64_t number, uint64_t before, uint64_t index)
{
	const struct thing *thing = things_at(w, number);
	int64_t active_ms = thing_watch(w, number)->active_ms;
	struct ending end = {.whole = true};

	for (uint64_t at = before + 1; at <= index; at++) {
		const struct disk_entry *e = entry_at(w, at);

		if (e != NULL)
			read_entry(e, thing, active_ms, &end);
		else
			end.whole = false;
	}
	if (!end.named && (thing->ttl_ms == 0 || end.whole))
		thing_fail(w, CHECK_EXPIRY, number,
		           "it is gone at entry %" PRIu64 ", and nobody ended it", index);
	if (end.named && !end.due)
		thing_fail(w, CHECK_EXPIRY, number,
		           "it was ended at %" PRId64 " as last used at %" PRId64
		           ", though used at %" PRId64 " to live for %" PRIu64 " ms",
		           end.expired_ms, end.active_ms, active_ms, thing->ttl_ms);
}

/* --- Without disturbance ------------------------------------------------------------- */

static int64_t wall_ms(const struct node *node)
{
	return clock_read(node, node->world->now_us) / 1000 + node->clock.wall_ms;
}

void expiry_used(struct node *node, uint64_t number, const struct thing_seen *seen)
{
	struct world *w = node->world;
	struct use_watch *u = &thing_watch(w, number)->used;
	const struct node *leader = member_leader(w);

	if (w->settled_us == 0 || leader == NULL || u->at_us != 0 || seen->ttl_ms == 0 ||
	    seen->active_ms + seen->ttl_ms <= wall_ms(leader))
		return;
	*u = (struct use_watch){w->now_us, core_view(leader->core)->term, wall_ms(leader), node->at,
	                        node->life};
}

static void check_use(struct node *leader, uint64_t number, const struct thing_seen *seen)
{
	struct world *w = leader->world;
	struct thing_watch *t = thing_watch(w, number);
	const struct use_watch u = t->used;

	if (u.at_us == 0 || w->now_us - u.at_us < USE_WRITTEN_US)
		return;
	t->used.at_us = 0;
	if (u.term != core_view(leader->core)->term || u.life != w->nodes[u.node].life ||
	    t->ends > 0 || (seen->present && seen->active_ms >= u.wall_ms))
		return;
	thing_fail(w, CHECK_EXPIRY, number, "it was read at %" PRId64 " at %s, and %s", u.wall_ms,
	           w->nodes[u.node].name, seen->present ? "nobody noted that" : "ended");
}

void expiry_time(struct node *leader, uint64_t number, const struct thing_seen *seen)
{
	int64_t due_ms = seen->active_ms + seen->ttl_ms;

	check_use(leader, number, seen);
	if (seen->present && seen->ttl_ms > 0 &&
	    due_ms + HOUSE_GRACE_MS + EXPIRED_LATE_MS < wall_ms(leader))
		thing_fail(leader->world, CHECK_EXPIRY, number,
		           "its time was over at %" PRId64 ", now it is %" PRId64
		           " at the leader and it is still there",
		           due_ms, wall_ms(leader));
}
