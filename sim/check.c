#include "sim/check.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "sim/check_things.h"
#include "sim/member.h"
#include "sim/process.h"

enum { DAMAGE_MEND_US = 5000000 }; /* a majority's disks have everything again after this */

static const struct {
	const char *word;
	const char *text;
} checkers[CHECKS_N] = {
#define CHECK_TEXT(name, word, text) [CHECK_##name] = {word, text},
    CHECK_MAP(CHECK_TEXT)
#undef CHECK_TEXT
};

const char *check_name(enum check check)
{
	assert(check < CHECKS_N);
	return checkers[check].word;
}

void check_list(FILE *out)
{
	for (unsigned i = 0; i < CHECKS_N; i++)
		fprintf(out, "%-14s %s\n", checkers[i].word, checkers[i].text);
	fprintf(out, "%-14s %s\n", "crash", "an assertion, a sanitizer's report, or no end");
}

struct checks *checks_new(struct world *w)
{
	struct checks *k = calloc(1, sizeof *k);
	enum status st;

	(void)w;
	assert(k != NULL);
	k->leaders = calloc(SIM_TERMS_MAX, sizeof *k->leaders);
	k->handed = calloc(SIM_TERMS_MAX, sizeof *k->handed);
	k->votes = calloc(VOTES_MAX, sizeof *k->votes);
	k->things = calloc(THINGS_MAX, sizeof *k->things);
	assert(k->leaders != NULL && k->votes != NULL && k->things != NULL);
	k->things_first = 1;
	k->damaged_us = INT64_MIN / 2;
	st = history_init(&k->history);
	assert(st == ST_OK);
	(void)st;
	return k;
}

void checks_free(struct checks *k)
{
	if (k == NULL)
		return;
	free(k->places);
	free(k->leaders);
	free(k->handed);
	free(k->votes);
	free(k->things);
	history_close(&k->history);
	free(k);
}

struct place *check_place(struct world *w, raft_index index)
{
	struct checks *k = w->checks;

	assert(index < SIM_INDEX_MAX);
	if (index >= k->n_places) {
		raft_index n = k->n_places == 0 ? 4096 : 2 * k->n_places;

		n = n > index ? n : index + 1;
		k->places = realloc(k->places, n * sizeof *k->places);
		assert(k->places != NULL);
		memset(k->places + k->n_places, 0, (n - k->n_places) * sizeof *k->places);
		k->n_places = n;
	}
	return &k->places[index];
}

uint64_t check_floor(const struct world *w)
{
	return w->checks->floor;
}

void check_committed(const struct node *node, raft_index index, struct disk_mark *ret)
{
	*ret = check_place(node->world, index)->committed;
}

bool check_disks_damaged(const struct world *w)
{
	return w->now_us - w->checks->damaged_us < DAMAGE_MEND_US;
}

int64_t check_damaged_us(const struct world *w)
{
	return w->checks->damaged_us;
}

void check_started(struct node *node)
{
	struct watch *watch = &node->world->checks->watches[node->at];

	watch->led_term = 0;
	watch->commit = 0;
	watch->serve_term = 0;
	watch->seen_index = 0;
	watch->config_us = node->world->now_us;
	shutdown_started(node);
	picture_started(node);
}

void check_wiped(struct node *node, bool lost)
{
	struct watch *watch = &node->world->checks->watches[node->at];

	if (lost)
		node->world->checks->damaged_us = node->world->now_us;
	watch->raft_id = 0;
	watch->told_term = 0;
	watch->boot = 0;
	watch->stopped = false;
}

void check_rotten(struct node *node)
{
	node->world->checks->damaged_us = node->world->now_us;
}

void check_identity(struct node *node, const struct identity *id)
{
	struct world *w = node->world;
	struct watch *watch = &w->checks->watches[node->at];

	if (id->raft_id == watch->raft_id && id->boot < watch->boot)
		world_fail(w, CHECK_IDENTITY, "boot counter of %s went back from %llu to %llu",
		           node->name, (unsigned long long)watch->boot,
		           (unsigned long long)id->boot);
	watch->raft_id = id->raft_id;
	watch->boot = id->boot;
	if (id->cluster_id == 0)
		return;
	if (w->checks->cluster_id == 0)
		w->checks->cluster_id = id->cluster_id;
	if (id->cluster_id != w->checks->cluster_id)
		world_fail(w, CHECK_IDENTITY, "%s is in cluster %llx, others in %llx", node->name,
		           (unsigned long long)id->cluster_id,
		           (unsigned long long)w->checks->cluster_id);
}

/* Majorities are counted over the newest configuration in the log. */
static void check_config(struct node *node)
{
	struct watch *watch = &node->world->checks->watches[node->at];
	const struct raft_view *view = core_view(node->core);
	const struct disk_mark last = disk_last(&node->disk);
	uint64_t hash = member_hash(view);

	/* While a leader's snapshot is being written, the log is empty and all is under way. */
	if (last.config != 0 && node->disk.shadow.n > 0 && hash != last.config)
		world_fail(node->world, CHECK_CONFIGURATION,
		           "%s uses another configuration than its log ends with", node->name);
	if (hash == watch->config_hash)
		return;
	watch->config_hash = hash;
	watch->before = watch->voters;
	watch->voters = check_voters(view);
	watch->config_us = node->world->now_us;
}

void check_turn(struct node *node)
{
	if (!core_view(node->core)->started)
		return;
	check_config(node);
	release_turn(node);
	log_turn(node);
	member_turn(node);
	picture_turn(node);
	lease_turn(node);
	shutdown_turn(node);
	session_turn(node);
	thing_turn(node);
}

/* What a beat says of its sender's leader counts towards confirmations. */
static void note_statement(struct node *from)
{
	const struct raft_view *view = core_view(from->core);
	struct watch *watch = &from->world->checks->watches[from->at];
	struct statement *oldest = &watch->said[0];

	if (!view->started || view->role != ROLE_FOLLOWER || view->leader_id == 0)
		return;
	for (unsigned i = 0; i < STATEMENTS; i++) {
		struct statement *s = &watch->said[i];

		if (s->voter == view->self_id && s->term == view->term &&
		    s->leader_id == view->leader_id) {
			s->said_us = process_now(from);
			return;
		}
		if (s->said_us < oldest->said_us)
			oldest = s;
	}
	*oldest = (struct statement){view->self_id, view->term, view->leader_id, process_now(from)};
}

void check_sent(struct node *from, const struct node *to, const uint8_t *bytes, size_t len)
{
	if (bytes[0] == 'C') {
		note_statement(from);
		promise_sent(from, bytes + 1, len - 1);
	} else if (bytes[0] == 'R') {
		vote_sent(from, to, bytes + 1, len - 1);
	}
}

void check_time(struct world *w)
{
	live_time(w);
	thing_time(w);
}
