/* Checkers of the replicated log and of what is made of it. */
#include <assert.h>
#include <inttypes.h>

#include "sim/check_inside.h"

/* A state without a new entry is compared so seldom. */
enum { UNCHANGED_TURNS = 16 };

void check_appended(struct node *node, raft_index index, const struct disk_mark *mark)
{
	struct world *w = node->world;
	struct place *p = check_place(w, index);

	for (unsigned i = 0; i < p->n; i++) {
		if (p->marks[i].term != mark->term)
			continue;
		if (p->marks[i].chain != mark->chain)
			world_fail(w, CHECK_LOG_MATCHING,
			           "%s has another log up to entry %llu of term %llu", node->name,
			           index, mark->term);
		return;
	}
	if (p->n < SIM_TERMS_PER_INDEX)
		p->marks[p->n++] = *mark;
}

static struct node *node_of(struct world *w, uint64_t raft_id)
{
	for (unsigned i = 0; i < w->n; i++) {
		const struct disk_image *m = &w->nodes[i].disk.image;

		if (m->has_identity && m->identity.raft_id == raft_id)
			return &w->nodes[i];
	}
	return NULL;
}

struct incarnations check_voters(const struct raft_view *view)
{
	struct incarnations v = {.n = 0};

	for (size_t i = 0; i < view->n_members; i++) {
		if (view->members[i].voter)
			v.ids[v.n++] = view->members[i].id;
	}
	return v;
}

unsigned check_holders(struct world *w, const struct incarnations *v, raft_index index,
                       uint64_t chain)
{
	unsigned holders = 0;

	for (size_t i = 0; i < v->n; i++) {
		const struct node *node = node_of(w, v->ids[i]);

		holders += node != NULL && disk_holds(&node->disk, index, chain);
	}
	return holders;
}

/* What a leader calls committed is on the disks of a majority of its voters. In a turn in which
 * it began a change of them, these are the voters before or after that. */
static void check_durable(struct node *leader, raft_index index, uint64_t chain)
{
	struct world *w = leader->world;
	const struct watch *watch = &w->checks->watches[leader->at];
	const struct incarnations *v = &watch->voters;
	unsigned holders;

	if (core_view(leader->core)->role != ROLE_LEADER || check_disks_damaged(w))
		return;
	holders = check_holders(w, v, index, chain);
	if (holders <= v->n / 2 && watch->config_us == w->now_us) {
		v = &watch->before;
		holders = check_holders(w, v, index, chain);
	}
	if (holders <= v->n / 2)
		world_fail(w, CHECK_DURABILITY,
		           "%s calls entry %llu committed, %u of %zu voters have it on disk",
		           leader->name, index, holders, v->n);
}

static void note_commit(struct node *node, raft_index index, const struct disk_mark *mark)
{
	struct world *w = node->world;
	struct place *p = check_place(w, index);

	if (p->committed.chain != 0) {
		if (p->committed.chain != mark->chain)
			world_fail(w, CHECK_STATE_MACHINE,
			           "%s committed another entry %llu (of term %llu)", node->name,
			           index, mark->term);
		return;
	}
	p->committed = *mark;
	p->seen_term = core_view(node->core)->term;
	w->stats.commits++;
	if (index > w->checks->committed)
		w->checks->committed = index;
}

static void check_commits(struct node *node)
{
	struct world *w = node->world;
	struct watch *watch = &w->checks->watches[node->at];
	raft_index commit = core_view(node->core)->commit;
	raft_index before = w->checks->committed;
	raft_index index = watch->commit + 1;
	struct disk_mark mark;

	if (index < node->disk.shadow.start)
		index = node->disk.shadow.start;
	for (; index <= commit; index++) {
		if (disk_mark_at(&node->disk, index, &mark))
			note_commit(node, index, &mark);
	}
	if (commit > watch->commit)
		watch->commit = commit;
	if (w->checks->committed > before && disk_mark_at(&node->disk, commit, &mark)) {
		world_tell(w, node, "commit", "entry %llu of term %llu", commit, mark.term);
		check_durable(node, commit, mark.chain);
	}
}

/* The newest entry whose commit was known in an older term must be in a new leader's log. */
static void check_complete(struct node *leader, raft_term term)
{
	struct world *w = leader->world;
	raft_index index = w->checks->committed;
	struct disk_mark mark;

	while (index > 0 && check_place(w, index)->seen_term >= term)
		index--;
	if (index == 0 || index < leader->disk.shadow.start)
		return;
	if (!disk_mark_at(&leader->disk, index, &mark) ||
	    mark.chain != check_place(w, index)->committed.chain)
		world_fail(w, CHECK_COMPLETENESS,
		           "%s leads in term %llu without committed entry %llu", leader->name, term,
		           index);
}

static void check_leader(struct node *node)
{
	struct world *w = node->world;
	struct checks *k = w->checks;
	const struct raft_view *view = core_view(node->core);
	struct watch *watch = &k->watches[node->at];

	if (view->role != ROLE_LEADER || view->term == watch->led_term)
		return;
	watch->led_term = view->term;
	watch->led_us = w->now_us;
	if (view->term >= SIM_TERMS_MAX) {
		world_fail(w, CHECK_ONE_LEADER, "term %" PRIu64 " was reached", view->term);
		return;
	}
	if (k->leaders[view->term] != 0 && k->leaders[view->term] != view->self_id)
		world_fail(w, CHECK_ONE_LEADER, "%s leads in term %" PRIu64 " as another one did",
		           node->name, view->term);
	k->leaders[view->term] = view->self_id;
	w->stats.elections++;
	world_note(w, 500, node->at, view->term);
	world_tell(w, node, "wins", "term %" PRIu64, view->term);
	check_complete(node, view->term);
	lease_won(node);
	member_won(node);
	if (view->term > k->newest_term)
		k->newest_term = view->term;
}

/* Equal state at equal index; between two entries nothing may change it. */
static void check_digest(struct node *node)
{
	const struct store *store = core_store(node->core);
	struct watch *watch = &node->world->checks->watches[node->at];
	uint64_t index = store_index(store);
	uint64_t digest;
	struct place *p;

	if (index == 0 || (index == watch->digest_index && ++watch->unchanged % UNCHANGED_TURNS))
		return;
	watch->digest_index = index;
	digest = store_digest(store) | 1;
	p = check_place(node->world, index);
	if (p->digest != 0 && p->digest != digest)
		world_fail(node->world, CHECK_STATE_MACHINE,
		           "%s has another state at entry %" PRIu64, node->name, index);
	p->digest = digest;
}

void log_turn(struct node *node)
{
	check_leader(node);
	check_commits(node);
	check_digest(node);
}
