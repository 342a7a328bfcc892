/* Carries out what the plan says. */
#include <assert.h>

#include "sim/check.h"
#include "sim/member.h"
#include "sim/network.h"
#include "sim/operator.h"
#include "sim/process.h"

enum { MS = 1000, DAMAGE_PAUSE_US = 8000000 };

/* Cut every way from the nodes of the mask to the others, and back if both. */
static void split(struct world *w, unsigned mask, bool both, int delta)
{
	for (unsigned i = 0; i < w->n; i++) {
		for (unsigned j = 0; j < w->n; j++) {
			if (i == j || !(mask >> i & 1) || (mask >> j & 1))
				continue;
			network_cut(w, i, j, delta);
			if (both)
				network_cut(w, j, i, delta);
		}
	}
}

/* Faults of the wire: delta 1 begins, -1 ends. */
static bool wire(struct world *w, const struct plan_fault *f, int delta)
{
	unsigned a = f->a - 1;
	unsigned b = f->b - 1;

	switch (f->kind) {
	case FAULT_CUT:
		network_cut(w, a, b, delta);
		network_cut(w, b, a, delta);
		return true;
	case FAULT_CUT_ONE_WAY:
		network_cut(w, a, b, delta);
		return true;
	case FAULT_CUT_NOISY:
		network_noisy(w, a, b, delta);
		return true;
	case FAULT_SPLIT:
	case FAULT_SPLIT_ONE_WAY:
		split(w, f->a, f->kind == FAULT_SPLIT, delta);
		return true;
	case FAULT_RESET:
		network_reset(w, a, b);
		check_disturbed(&w->nodes[a]); /* it is over at once, but dialling takes its time */
		check_disturbed(&w->nodes[b]);
		return true;
	case FAULT_SLOW:
		network_slow(w, a, b, delta * f->amount * MS);
		return true;
	case FAULT_LOSS:
		network_loss(w, a, b, delta * (int)f->amount);
		return true;
	case FAULT_CORRUPT:
		network_corrupt(w, a, b, delta);
		return true;
	case FAULT_DUPLICATE:
		network_duplicate(w, a, b, delta);
		return true;
	case FAULT_REORDER:
		network_reorder(w, a, b, delta * f->amount * MS);
		return true;
	default:
		return false;
	}
}

/* A disk may lose something while everybody else is in order and nothing was lost lately:
 * more at once is outside of what is promised. */
static bool may_damage(struct world *w, const struct node *node)
{
	struct electorate e;

	if (w->plan.nodes < 3 || check_damaged_us(w) > w->now_us - DAMAGE_PAUSE_US ||
	    operator_busy(w))
		return false;
	for (unsigned i = 0; i < w->n; i++) {
		const struct node *other = &w->nodes[i];

		if (disk_rotten(&other->disk) || other->aside)
			return false; /* not found out yet, but as good as lost */
	}
	member_electorate(w, &e);
	return e.hash != 0 && member_others(w, &e, node->at) >= e.needed;
}

static void rot(struct node *node, const struct plan_fault *f)
{
	const char *file = disk_rot(&node->disk, (enum disk_part)(f->amount % DISK_PARTS),
	                            (uint64_t)(f->amount / DISK_PARTS));

	world_tell(node->world, node, "fault", "rot in: %s", file == NULL ? "nothing" : file);
	if (file == NULL)
		return;
	check_rotten(node);
	if (f->for_us == 0)
		return;
	process_kill(node, true, false);
	process_start_in(node, f->for_us);
}

static void damage(struct world *w, struct node *node, const struct plan_fault *f)
{
	if (((f->kind == FAULT_RESTORE || f->kind == FAULT_CHUNKS_OLD) && !node->copied[0]) ||
	    !may_damage(w, node)) {
		world_tell(w, node, "fault", "not now: more than one disk would be damaged");
		return;
	}
	if (f->kind == FAULT_ROT) {
		rot(node, f);
		return;
	}
	process_kill(node, true, false);
	if (f->kind == FAULT_CHUNKS_LOST || f->kind == FAULT_CHUNKS_OLD) {
		chunks_lose(&node->disk.chunks,
		            f->kind == FAULT_CHUNKS_LOST ? NULL : &node->copies[0].chunks);
		check_rotten(node);
	} else {
		if (f->kind == FAULT_WIPE)
			disk_wipe(&node->disk);
		else
			disk_copy(&node->copies[0], &node->disk);
		check_wiped(node, true);
	}
	process_start_in(node, f->for_us);
}

/* Faults of the chunk disk. */
static void begin_chunks(struct node *node, const struct plan_fault *f)
{
	static const enum chunk_failure errors[] = {CHUNK_STORE, CHUNK_SYNC, CHUNK_READ};
	struct chunks *c = &node->disk.chunks;

	switch (f->kind) {
	case FAULT_CHUNKS_SLOW:
		c->slow_us = f->amount * MS;
		break;
	case FAULT_CHUNKS_FULL:
		c->no_space = true;
		break;
	case FAULT_CHUNKS_SHORT:
		c->short_of_memory = true;
		break;
	case FAULT_CHUNKS_ERROR:
		c->failures |= errors[f->amount % 3];
		break;
	case FAULT_CHUNKS_POWER:
		c->power_off_at_sync = true;
		break;
	case FAULT_PICTURE_CRASH:
		node->picture_crash_in = (unsigned)f->amount;
		break;
	case FAULT_FETCH_CRASH:
		node->fetch_crash_in = (unsigned)f->amount;
		break;
	default:
		damage(node->world, node, f);
	}
}

static void begin_member(struct node *node, const struct plan_fault *f)
{
	struct node *leader = member_leader(node->world);

	if (f->kind != FAULT_TRANSFER)
		operator_wants(node->world, f);
	else if (leader != NULL)
		member_hand_over(leader);
}

static void begin_disk(struct node *node, const struct plan_fault *f)
{
	switch (f->kind) {
	case FAULT_DISK_SLOW:
		node->disk.slow_us = f->amount * MS;
		break;
	case FAULT_DISK_FULL:
		node->disk.full = true;
		break;
	case FAULT_DISK_ERROR:
		node->disk.failures |= f->amount == 0 ? DISK_APPEND : DISK_WRITE;
		break;
	case FAULT_META_ERROR:
		node->disk.failures |= f->amount == 0 ? DISK_META : DISK_PERSIST;
		break;
	case FAULT_CUT_ERROR:
		node->disk.failures |= DISK_TRUNCATE;
		break;
	case FAULT_SNAPSHOT_ERROR:
		node->disk.failures |= f->amount == 0 ? DISK_PUT : DISK_GET;
		break;
	case FAULT_LOAD_ERROR:
		node->disk.failures |= DISK_LOAD;
		process_kill(node, true, false);
		process_start_in(node, f->for_us);
		break;
	case FAULT_COPY:
		if (node->disk.image.has_identity && !node->copied[0]) {
			disk_copy(&node->disk, &node->copies[0]);
			node->copied[0] = true;
		}
		break;
	default:
		begin_chunks(node, f);
	}
}

static void leap(struct node *node, int64_t us)
{
	if (node->config.reads_by_lease) {
		world_tell(node->world, node, "fault", "not under reads = lease");
		return;
	}
	clock_stop_for(node, -us);
	node->clock.wall_ms -= us / MS; /* it does not leap with it */
	check_disturbed(node);
	if (!node->paused)
		process_wake(node);
}

static void begin_clock(struct node *node, const struct plan_fault *f)
{
	switch (f->kind) {
	case FAULT_DRIFT:
	case FAULT_DRIFT_WILD:
		clock_set_drift(node, f->amount);
		break;
	case FAULT_WALL:
		node->clock.wall_ms += f->amount;
		break;
	case FAULT_LEAP:
		leap(node, f->amount * MS);
		break;
	default:
		assert(f->kind == FAULT_FREEZE);
		if (node->paused)
			return;
		node->untrusted_clock = true;
		process_pause(node);
	}
}

static void change_release(struct node *node, bool older, int64_t away_us)
{
	node->older = older;
	node->older_snapshot = node->disk.image.has_snapshot ? node->disk.image.snapshot.index : 0;
	process_kill(node, true, false);
	process_start_in(node, away_us);
}

static void begin_process(struct node *node, const struct plan_fault *f)
{
	switch (f->kind) {
	case FAULT_OLDER:
		change_release(node, true, f->amount * MS);
		break;
	case FAULT_CRASH:
		node->crash_in = (unsigned)f->amount;
		break;
	case FAULT_STALL:
		node->stall_in = (unsigned)f->amount;
		node->stall_us = f->for_us;
		break;
	case FAULT_POWER:
		process_kill(node, false, true);
		process_start_in(node, f->for_us);
		break;
	case FAULT_STOP:
		process_stop(node);
		break;
	case FAULT_PAUSE:
		process_pause(node);
		break;
	case FAULT_SUSPEND:
		process_suspend(node);
		break;
	case FAULT_BUSY:
		node->busy_us = f->amount * MS;
		break;
	case FAULT_TRANSFER:
	case FAULT_MEMBER_JOIN:
	case FAULT_MEMBER_STANDBY:
	case FAULT_MEMBER_REPLACE:
	case FAULT_MEMBER_PROMOTE:
	case FAULT_MEMBER_DEMOTE:
	case FAULT_MEMBER_LEAVE:
	case FAULT_MEMBER_CANCEL:
	case FAULT_MEMBER_LEAD:
		begin_member(node, f);
		break;
	case FAULT_LEAP:
	case FAULT_DRIFT:
	case FAULT_DRIFT_WILD:
	case FAULT_WALL:
	case FAULT_FREEZE:
		begin_clock(node, f);
		break;
	default:
		begin_disk(node, f);
	}
}

void fault_begin(struct world *w, size_t at)
{
	const struct plan_fault *f = &w->plan.faults[at];

	if (w->healed)
		return;
	world_note(w, 600, at, f->kind);
	world_tell(w, NULL, "fault", "%s %u %u begins (amount %lld)", fault_word(f->kind), f->a,
	           f->b, (long long)f->amount);
	w->stats.faults[f->kind]++;
	if (!wire(w, f, 1))
		begin_process(&w->nodes[f->a - 1], f);
	check_faulted(w);
	if (f->for_us > 0)
		world_at(w, w->now_us + f->for_us, EVENT_END, at, 0);
}

static void end_process(struct node *node, const struct plan_fault *f)
{
	switch (f->kind) {
	case FAULT_OLDER:
		change_release(node, false, 0);
		break;
	case FAULT_STOP:
		process_start(node);
		break;
	case FAULT_PAUSE:
	case FAULT_SUSPEND:
		process_resume(node);
		break;
	case FAULT_FREEZE:
		if (node->paused)
			clock_stop_for(node, node->world->now_us - node->paused_us);
		process_resume(node);
		break;
	case FAULT_BUSY:
		node->busy_us = 0;
		break;
	case FAULT_DRIFT:
	case FAULT_DRIFT_WILD:
		clock_set_drift(node, 0);
		break;
	case FAULT_DISK_SLOW:
		node->disk.slow_us = 0;
		break;
	case FAULT_DISK_FULL:
		node->disk.full = false;
		break;
	case FAULT_CHUNKS_SLOW:
		node->disk.chunks.slow_us = 0;
		break;
	case FAULT_CHUNKS_FULL:
		node->disk.chunks.no_space = false;
		break;
	case FAULT_CHUNKS_SHORT:
		node->disk.chunks.short_of_memory = false;
		break;
	default:
		break;
	}
}

void fault_end(struct world *w, size_t at)
{
	const struct plan_fault *f = &w->plan.faults[at];

	if (w->healed)
		return;
	world_tell(w, NULL, "fault", "%s %u %u ends", fault_word(f->kind), f->a, f->b);
	if (!wire(w, f, -1))
		end_process(&w->nodes[f->a - 1], f);
}

void fault_heal_all(struct world *w)
{
	network_heal(w);
	for (unsigned i = 0; i < w->n; i++) {
		struct node *node = &w->nodes[i];

		node->crash_in = 0;
		node->stall_in = 0;
		node->busy_us = 0;
		node->disk.slow_us = 0;
		node->disk.full = false;
		node->disk.failures = 0;
		chunks_heal(&node->disk.chunks);
		node->picture_crash_in = 0;
		node->fetch_crash_in = 0;
		if (node->clock.drift_ppm > SIM_DRIFT_MAX_PPM ||
		    node->clock.drift_ppm < -SIM_DRIFT_MAX_PPM)
			clock_set_drift(node, 0);
		if (node->paused)
			process_resume(node);
		if (node->older)
			change_release(node, false, 0);
		if (disk_rotten(&node->disk)) /* no scare may come when all are well */
			process_kill(node, true, false);
		if (node->state == PROCESS_DOWN)
			process_start_in(node, 0);
	}
}
