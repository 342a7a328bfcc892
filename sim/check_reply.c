/* Checkers of what leaves a node: every answer, whether its client hears it or not.
 *
 * A reply needs a majority's word that is younger than its request. A read's word is what the
 * members say of their leader; a write's is the entry on their disks. Under reads = lease a
 * leader's own reads need no word but a lease that runs when they leave. */
#include <inttypes.h>

#include "sim/check_inside.h"
#include "sim/member.h"
#include "sim/process.h"

static bool is_voter(const struct raft_view *view, uint64_t raft_id)
{
	for (size_t i = 0; i < view->n_members; i++) {
		if (view->members[i].id == raft_id)
			return view->members[i].voter;
	}
	return false;
}

/* This node said since then, as a voter of the view, that somebody leads in this term. */
static bool said_since(const struct watch *watch, const struct raft_view *view, uint64_t term,
                       int64_t since_us)
{
	for (unsigned i = 0; i < STATEMENTS; i++) {
		const struct statement *s = &watch->said[i];

		if (s->term == term && s->said_us >= since_us && is_voter(view, s->voter))
			return true;
	}
	return false;
}

/* Voters that said so; the leader counts itself. */
static unsigned confirmations(struct world *w, const struct raft_view *view, uint64_t term,
                              int64_t since_us)
{
	unsigned n = 1;

	for (unsigned i = 0; i < w->n; i++)
		n += said_since(&w->checks->watches[i], view, term, since_us);
	return n;
}

/* The most that agree on any leader. */
static unsigned best_word(struct world *w, const struct raft_view *view, int64_t since_us)
{
	unsigned best = 1;

	for (unsigned i = 0; i < w->n; i++) {
		for (unsigned j = 0; j < STATEMENTS; j++) {
			const struct statement *s = &w->checks->watches[i].said[j];
			unsigned n;

			if (s->said_us < since_us)
				continue;
			n = confirmations(w, view, s->term, since_us);
			best = n > best ? n : best;
		}
	}
	return best;
}

/* Majorities were counted over one configuration since then, as everybody knew it. */
static bool config_steady(const struct world *w, int64_t since_us)
{
	for (unsigned i = 0; i < w->n; i++) {
		if (w->checks->watches[i].config_us >= since_us)
			return false;
	}
	return true;
}

/* As this node knows it, which may have moved in this very turn. */
static bool own_config_steady(const struct node *node, int64_t since_us)
{
	const struct watch *watch = &node->world->checks->watches[node->at];

	return watch->config_us < since_us &&
	       watch->config_hash == member_hash(core_view(node->core));
}

/* The configuration in force: a leader counts over the newest in its log, before others know it. */
static const struct raft_view *newest_view(struct world *w)
{
	const struct raft_view *known = member_view(w);
	const struct node *leader = member_leader(w);

	if (known == NULL || leader == NULL || core_view(leader->core)->term < known->term)
		return known;
	return core_view(leader->core);
}

/* A node that has been removed may still be answered: the configuration in force counts. */
static const struct raft_view *in_force(const struct node *node, int64_t since_us)
{
	const struct raft_view *own = core_view(node->core);
	const struct raft_view *view = newest_view(node->world);

	/* It changed in this very turn: the word was counted over the one before. */
	if (node->world->checks->watches[node->at].config_hash != member_hash(own))
		return NULL;
	if (view == NULL || member_hash(view) == member_hash(own))
		return own;
	return config_steady(node->world, since_us) ? view : NULL;
}

static void check_read(struct node *node, const struct op *op)
{
	struct world *w = node->world;
	const struct raft_view *view = core_view(node->core);
	unsigned n;

	if (node->config.reads_by_lease && view->role == ROLE_LEADER) {
		w->stats.reads_checked++;
		if (!core_may_serve(node->core) || !view->term_committed)
			world_fail(w, CHECK_CONFIRMATION,
			           "%s answers operation %" PRIu64 " without a valid lease",
			           node->name, op->id);
		return;
	}
	if (!own_config_steady(node, op->invoked_us))
		return;
	view = in_force(node, op->invoked_us);
	if (view == NULL)
		return;
	n = best_word(w, view, op->invoked_us);
	w->stats.reads_checked++;
	if (n <= view->n_voters / 2)
		world_fail(w, CHECK_CONFIRMATION,
		           "%s answers operation %" PRIu64 " with the word of %u of %zu voters",
		           node->name, op->id, n, view->n_voters);
}

static void check_write(struct node *node, const struct op *op)
{
	struct world *w = node->world;
	const struct raft_view *view = in_force(node, op->invoked_us);
	struct disk_mark mark;
	struct incarnations voters;
	unsigned n;

	if (!disk_mark_at(&node->disk, op->revision, &mark))
		mark = check_place(w, op->revision)->committed;
	if (view == NULL || check_disks_damaged(w) || !config_steady(w, op->invoked_us) ||
	    !own_config_steady(node, op->invoked_us))
		return;
	/* Where there is no entry and never was a committed one, nobody has it. */
	voters = check_voters(view);
	n = mark.chain == 0 ? 0 : check_holders(w, &voters, op->revision, mark.chain);
	w->stats.writes_checked++;
	if (n <= view->n_voters / 2)
		world_fail(w, CHECK_CONFIRMATION,
		           "%s answers operation %" PRIu64
		           ", and %u of %zu voters have entry %" PRIu64 " on disk",
		           node->name, op->id, n, view->n_voters, op->revision);
}

/* A write that is repeated is answered with the same place. */
static void check_same_place(struct node *node, const struct op *op)
{
	uint64_t *revision = &node->world->checks->revisions[op->id - 1];

	if (*revision == 0)
		*revision = op->revision;
	if (*revision != op->revision)
		world_fail(node->world, CHECK_ONCE,
		           "%s says operation %" PRIu64 " is entry %" PRIu64
		           ", it was entry %" PRIu64,
		           node->name, op->id, op->revision, *revision);
}

void check_reply(struct node *node, const struct op *answer)
{
	if (op_reads(answer->kind)) {
		check_read(node, answer);
		session_read(node, answer);
	} else if (answer->result == RESULT_OK) {
		check_write(node, answer);
		check_same_place(node, answer);
		session_written(node, answer);
	}
}
