#include "node/housekeeping.h"

#include <assert.h>
#include <string.h>

#include "session/command.h"
#include "session/objects.h"

static_assert((size_t)HOUSE_SLOTS >= 2 * (size_t)TOUCH_MAX, "the hash is at most half full");
static_assert((size_t)TOUCH_MAX < UINT16_MAX, "a slot holds a place");

void house_init(struct house *h)
{
	memset(h, 0, sizeof *h);
}

/* --- Uses ------------------------------------------------------------------------------ */

/* The slot of an id, or the free one where it would be. Ids are random, but a client may have
 * chosen them: the end of the id is as good as any other part. */
static uint16_t *slot_of(struct house *h, const struct session_id *id)
{
	size_t at = 0;
	unsigned i;

	for (i = 0; i < SESSION_ID_BYTES; i++)
		at = at * 31 + id->bytes[i];
	for (;; at++) {
		uint16_t *slot = &h->slots[at % HOUSE_SLOTS];

		if (*slot == 0 || memcmp(&h->used[*slot - 1], id, sizeof *id) == 0)
			return slot;
	}
}

bool house_use(struct house *h, const struct session_id *id, int64_t now_us)
{
	uint16_t *slot = slot_of(h, id);

	if (*slot != 0)
		return true;
	if (h->n_used == TOUCH_MAX)
		return false;
	if (h->n_used == 0)
		h->touch_us = now_us + HOUSE_TOUCH_US;
	h->used[h->n_used++] = *id;
	*slot = (uint16_t)h->n_used;
	return true;
}

static void forget_uses(struct house *h)
{
	memset(h->slots, 0, sizeof h->slots);
	h->n_used = 0;
}

/* --- Who is there ---------------------------------------------------------------------- */

bool house_tells(struct house *h, const struct house_view *v)
{
	const struct raft_view *raft = v->raft;

	if (!raft->started || raft->leader_id == 0 || raft->role == ROLE_LEADER)
		return false;
	if (raft->leader_id == h->told_leader && raft->term == h->told_term &&
	    v->now_us < h->present_us)
		return false;
	h->told_leader = raft->leader_id;
	h->told_term = raft->term;
	h->present_us = v->now_us + HOUSE_PRESENT_US;
	return true;
}

static struct house_process *process_of(struct house *h, uint64_t raft_id)
{
	size_t i;

	for (i = 0; i < h->n_processes; i++) {
		if (h->processes[i].raft_id == raft_id)
			return &h->processes[i];
	}
	return NULL;
}

static void forget_suspect(struct house *h, uint64_t origin)
{
	size_t i;

	for (i = 0; i < HOUSE_SUSPECTS; i++) {
		if (h->suspects[i].origin == origin)
			h->suspects[i].origin = 0;
	}
}

void house_heard(struct house *h, uint64_t raft_id, const struct presence *p, int64_t now_us)
{
	struct house_process *process = process_of(h, raft_id);

	if (process == NULL) {
		if (h->n_processes == MEMBERS_MAX)
			return; /* those who left are dropped by the next sweep */
		process = &h->processes[h->n_processes++];
		process->raft_id = raft_id;
	}
	process->presence = *p;
	process->heard_us = now_us;
	forget_suspect(h, p->origin);
}

static bool is_member(const struct raft_view *raft, uint64_t raft_id)
{
	size_t i;

	for (i = 0; i < raft->n_members; i++) {
		if (raft->members[i].id == raft_id)
			return true;
	}
	return false;
}

static void drop_strangers(struct house *h, const struct raft_view *raft)
{
	size_t i = 0;

	while (i < h->n_processes) {
		if (is_member(raft, h->processes[i].raft_id))
			i++;
		else
			h->processes[i] = h->processes[--h->n_processes];
	}
}

/* All other members have told of themselves at this time or later. */
static bool all_told_since(struct house *h, const struct raft_view *raft, int64_t since_us)
{
	size_t i;

	for (i = 0; i < raft->n_members; i++) {
		const struct house_process *p;

		if (raft->members[i].id == raft->self_id)
			continue;
		p = process_of(h, raft->members[i].id);
		if (p == NULL || p->heard_us < since_us)
			return false;
	}
	return true;
}

/* --- Owners ---------------------------------------------------------------------------- */

/* The record of an unknown owner, made if there is room; NULL: none. */
static struct house_suspect *suspect_of(struct house *h, uint64_t origin, int64_t now_us)
{
	struct house_suspect *place = NULL;
	size_t i;

	for (i = 0; i < HOUSE_SUSPECTS; i++) {
		struct house_suspect *s = &h->suspects[i];

		if (s->origin == origin)
			return s;
		if (s->origin == 0 || now_us - s->seen_us > HOUSE_FORGET_US)
			place = s;
	}
	if (place != NULL)
		*place = (struct house_suspect){.origin = origin, .since_us = now_us};
	return place;
}

static bool owner_is_gone(struct house *h, const struct house_view *v, uint64_t owner)
{
	struct house_suspect *s;
	size_t i;

	/* Nobody owns it: it waits for somebody to claim it. */
	if (owner == 0 || owner == v->origin)
		return false;
	for (i = 0; i < h->n_processes; i++) {
		if (h->processes[i].presence.origin == owner)
			return v->now_us - h->processes[i].heard_us >= v->orphan_us;
	}
	s = suspect_of(h, owner, v->now_us);
	if (s == NULL)
		return false;
	s->seen_us = v->now_us;
	/* It worked before it was suspected, so it would have told of itself since. */
	return v->now_us - s->since_us >= v->orphan_us ||
	       all_told_since(h, v->raft, s->since_us + HOUSE_SETTLE_US);
}

struct task_search {
	struct house *house;
	const struct house_view *view;
};

static void on_task(void *arg, const struct task_view *task)
{
	struct task_search *search = arg;
	struct house *h = search->house;

	if (task->state == TASK_COMPLETED || task->state == TASK_FAILED ||
	    task->state == TASK_CANCELLED || h->n_orphans == HOUSE_ORPHANS)
		return;
	if (!owner_is_gone(h, search->view, task->owner))
		return;
	h->orphans[h->n_orphans++] = (struct house_orphan){
	    .id = task->id, .epoch = task->epoch, .claimable = task->orphan == TASK_ORPHAN_CLAIM};
}

/* --- The leader's sweep ---------------------------------------------------------------- */

static void begin_term(struct house *h, uint64_t term)
{
	h->term = term;
	h->n_processes = 0;
	memset(h->suspects, 0, sizeof h->suspects);
	h->n_due = 0;
	h->n_orphans = 0;
	h->sweep_us = 0;
}

static void sweep(struct house *h, const struct house_view *v)
{
	struct task_search search = {h, v};

	drop_strangers(h, v->raft);
	if (!h->expiring)
		h->n_due = store_expired(v->store, &h->expiry_scan, v->wall_ms - HOUSE_GRACE_MS,
		                         HOUSE_STEPS, h->due, EXPIRE_MAX);
	h->n_orphans = 0;
	store_task_scan(v->store, &h->task_scan, HOUSE_STEPS, on_task, &search);
}

static bool may_upgrade(struct house *h, const struct house_view *v)
{
	uint32_t newest = store_newest(v->store);
	size_t i;

	if (h->upgrading || store_version(v->store) >= newest || !v->raft->config_committed ||
	    !all_told_since(h, v->raft, v->now_us - HOUSE_FRESH_US))
		return false;
	for (i = 0; i < h->n_processes; i++) {
		if (h->processes[i].presence.version < newest)
			newest = h->processes[i].presence.version;
	}
	h->upgrade = newest;
	return newest > store_version(v->store);
}

static bool leads(const struct raft_view *raft)
{
	return raft->started && raft->role == ROLE_LEADER && raft->term_committed &&
	       !raft->transferring;
}

static bool next_of_leader(struct house *h, const struct house_view *v, enum chore *ret)
{
	if (h->term != v->raft->term)
		begin_term(h, v->raft->term);
	if (v->now_us >= h->sweep_us) {
		h->sweep_us = v->now_us + HOUSE_SWEEP_US;
		sweep(h, v);
	}
	if (may_upgrade(h, v))
		*ret = CHORE_UPGRADE;
	else if (h->n_due > 0 && !h->expiring)
		*ret = CHORE_EXPIRE;
	else if (h->n_orphans > 0)
		*ret = CHORE_ORPHAN;
	else
		return false;
	return true;
}

bool house_next(struct house *h, const struct house_view *v, enum chore *ret)
{
	if (h->n_used > 0 && (v->now_us >= h->touch_us || h->n_used == TOUCH_MAX)) {
		*ret = CHORE_TOUCH;
		return true;
	}
	if (leads(v->raft))
		return next_of_leader(h, v, ret);
	h->term = 0;
	return false;
}

/* --- Commands -------------------------------------------------------------------------- */

/* The work of a lost owner fails, or is nobody's until another node claims it. */
static void orphan_command(const struct house_orphan *o, const struct command_head *head,
                           struct buf *b)
{
	static const char lost[] = "the node that worked on it is gone";
	struct command_fields claim = {.numbers = {o->epoch, 0}};
	struct command_fields fail = {.numbers = {o->epoch, TASK_FAILED}};

	fail.texts[0] = (struct bytes_view){(const uint8_t *)lost, sizeof lost - 1};
	if (o->claimable)
		command2_fields(b, head, COMMAND_TASK_CLAIM, &o->id, &claim);
	else
		command2_fields(b, head, COMMAND_TASK_UPDATE, &o->id, &fail);
}

void house_command(struct house *h, enum chore chore, const struct command_head *head,
                   struct buf *b)
{
	switch (chore) {
	case CHORE_TOUCH:
		command2_touch(b, head, h->used, h->n_used);
		forget_uses(h);
		break;
	case CHORE_EXPIRE:
		command2_expire(b, head, h->due, h->n_due);
		h->n_due = 0;
		h->expiring = true;
		break;
	case CHORE_ORPHAN:
		assert(h->n_orphans > 0);
		orphan_command(&h->orphans[--h->n_orphans], head, b);
		break;
	case CHORE_UPGRADE:
		command2_upgrade(b, head, h->upgrade);
		h->upgrading = true;
		break;
	}
}

void house_done(struct house *h, enum chore chore)
{
	if (chore == CHORE_EXPIRE)
		h->expiring = false;
	else if (chore == CHORE_UPGRADE)
		h->upgrading = false;
}

int64_t house_deadline_us(const struct house *h, const struct raft_view *raft)
{
	int64_t at = INT64_MAX;

	if (h->n_used > 0)
		at = h->touch_us;
	if (!raft->started)
		return at;
	if (leads(raft))
		return h->sweep_us < at ? h->sweep_us : at;
	if (raft->leader_id != 0 && raft->role != ROLE_LEADER && h->present_us < at)
		at = h->present_us;
	return at;
}
