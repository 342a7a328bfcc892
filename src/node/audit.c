#include "node/audit.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS_BYTES = STORE_BUCKETS * sizeof(uint64_t) };

struct audit_round *audit_round_new(uint64_t number)
{
	struct audit_round *r = calloc(1, sizeof *r);

	if (r == NULL)
		return NULL;
	r->number = number;
	r->truth = SIZE_MAX;
	return r;
}

static void forget_objects(struct audit_node *node)
{
	free(node->objects);
	node->objects = NULL;
	node->n_objects = 0;
	node->told = false;
}

void audit_round_free(struct audit_round *r)
{
	if (r == NULL)
		return;
	for (size_t i = 0; i < r->n; i++) {
		free(r->nodes[i].buckets);
		forget_objects(&r->nodes[i]);
	}
	free(r);
}

struct audit_node *audit_round_add(struct audit_round *r, const char *name, bool asked)
{
	struct audit_node *node = &r->nodes[r->n++];

	assert(r->n <= MEMBERS_MAX && strlen(name) < sizeof node->name);
	memcpy(node->name, name, strlen(name) + 1);
	node->outcome = asked ? AUDIT_WAITING : AUDIT_UNREACHABLE;
	return node;
}

struct audit_node *audit_round_node(struct audit_round *r, const char *name)
{
	for (size_t i = 0; i < r->n; i++) {
		if (strcmp(r->nodes[i].name, name) == 0)
			return &r->nodes[i];
	}
	return NULL;
}

enum status audit_round_report(struct audit_round *r, const char *name,
                               const struct audit_message *m)
{
	struct audit_node *node = audit_round_node(r, name);
	struct cursor list = m->list;
	struct cursor buckets = m->buckets;

	if (node == NULL || node->outcome != AUDIT_WAITING || m->round != r->number ||
	    m->index != r->index)
		return ST_NOT_FOUND;
	node->n_damaged = m->n_damaged;
	node->sessions = m->sessions;
	for (node->n_found = 0; node->n_found < m->n; node->n_found++)
		node->found[node->n_found] = audit_next_object(&list);
	if (m->standing == AUDIT_GONE) {
		node->outcome = node->n_damaged > 0 ? AUDIT_DAMAGED : AUDIT_NO_MARK;
		return ST_OK;
	}
	node->buckets = malloc(BUCKETS_BYTES);
	if (node->buckets == NULL)
		return ST_NOMEM;
	for (unsigned i = 0; i < STORE_BUCKETS; i++)
		node->buckets[i] = audit_next_u64(&buckets);
	node->digest = m->digest;
	node->rest = m->rest;
	node->outcome = node->n_damaged > 0 ? AUDIT_DAMAGED : AUDIT_EQUAL;
	return ST_OK;
}

bool audit_round_waits(const struct audit_round *r)
{
	for (size_t i = 0; i < r->n; i++) {
		if (r->nodes[i].outcome == AUDIT_WAITING)
			return true;
	}
	return false;
}

/* --- The judgement ------------------------------------------------------------------- */

static bool is_same(const struct audit_node *a, const struct audit_node *b)
{
	return a->buckets != NULL && b->buckets != NULL && a->digest == b->digest &&
	       a->rest == b->rest && memcmp(a->buckets, b->buckets, BUCKETS_BYTES) == 0;
}

static bool is_sound(const struct audit_node *node)
{
	return node->voter && node->buckets != NULL && node->n_damaged == 0;
}

static void find_truth(struct audit_round *r)
{
	for (size_t i = 0; i < r->n; i++) {
		size_t agreeing = 0;

		r->n_voters += r->nodes[i].voter;
		for (size_t k = 0; is_sound(&r->nodes[i]) && k < r->n; k++)
			agreeing += is_sound(&r->nodes[k]) && is_same(&r->nodes[i], &r->nodes[k]);
		if (agreeing > r->agreeing) {
			r->agreeing = agreeing;
			r->truth = i;
		}
	}
	r->majority = r->agreeing > r->n_voters / 2;
}

static bool differs_in(const struct audit_round *r, unsigned bucket)
{
	const struct audit_node *truth = &r->nodes[r->truth];

	for (size_t i = 0; i < r->n; i++) {
		if (r->nodes[i].buckets != NULL &&
		    r->nodes[i].buckets[bucket] != truth->buckets[bucket])
			return true;
	}
	return false;
}

static void find_buckets(struct audit_round *r)
{
	for (unsigned b = 0; r->truth != SIZE_MAX && b < STORE_BUCKETS; b++) {
		if (!differs_in(r, b))
			continue;
		if (r->n_buckets < AUDIT_BUCKETS_MAX)
			r->buckets[r->n_buckets++] = b;
		r->differing++;
	}
}

static void add_key(struct audit_round *r, const struct audit_key *key)
{
	if (r->n_keys < AUDIT_KEYS_MAX)
		r->keys[r->n_keys++] = *key;
}

static void name_damage(struct audit_round *r, size_t at)
{
	const struct audit_node *node = &r->nodes[at];

	for (size_t i = 0; i < node->n_found; i++) {
		const struct audit_key key = {.node = at,
		                              .fault = AUDIT_CHANGED,
		                              .bucket = store_bucket_of(&node->found[i].id),
		                              .kind = node->found[i].kind,
		                              .id = node->found[i].id};

		add_key(r, &key);
	}
}

void audit_round_judge(struct audit_round *r)
{
	find_truth(r);
	r->equal = true;
	for (size_t i = 0; i < r->n; i++) {
		struct audit_node *node = &r->nodes[i];

		if (node->outcome == AUDIT_WAITING)
			node->outcome = AUDIT_SILENT;
		if (node->outcome == AUDIT_EQUAL &&
		    (r->truth == SIZE_MAX || !is_same(node, &r->nodes[r->truth])))
			node->outcome = AUDIT_DIFFERS;
		if (node->outcome == AUDIT_DIFFERS && r->truth != SIZE_MAX)
			r->rest |= node->rest != r->nodes[r->truth].rest;
		if (node->outcome >= AUDIT_EQUAL)
			r->compared++;
		if (node->outcome > AUDIT_EQUAL)
			r->equal = false;
		name_damage(r, i);
	}
	find_buckets(r);
}

bool audit_round_condemns(const struct audit_round *r, const struct audit_node *node)
{
	return r->majority && node->outcome > AUDIT_EQUAL;
}

size_t audit_round_agreeing(const struct audit_round *r, uint64_t ids[MEMBERS_MAX])
{
	size_t n = 0;

	for (size_t i = 0; r->truth != SIZE_MAX && i < r->n; i++) {
		const struct audit_node *node = &r->nodes[i];

		if (is_sound(node) && is_same(node, &r->nodes[r->truth]))
			ids[n++] = node->raft_id;
	}
	return n;
}

/* --- Objects ------------------------------------------------------------------------- */

enum status audit_round_objects(struct audit_round *r, const char *name,
                                const struct audit_message *m)
{
	struct audit_node *node = audit_round_node(r, name);
	struct cursor list = m->list;

	if (node == NULL || node->buckets == NULL || m->round != r->number)
		return ST_NOT_FOUND;
	forget_objects(node);
	node->objects = malloc((m->n + 1) * sizeof *node->objects);
	if (node->objects == NULL)
		return ST_NOMEM;
	for (size_t i = 0; i < m->n; i++)
		node->objects[i] = audit_next_object(&list);
	node->n_objects = m->n;
	/* Changed since the mark: what differs now may only be later. */
	node->told = m->digest == node->buckets[m->bucket];
	return ST_OK;
}

/* Both lists are in order of the ids. */
static void compare_lists(struct audit_round *r, size_t at, unsigned bucket)
{
	const struct audit_node *truth = &r->nodes[r->truth];
	const struct audit_node *node = &r->nodes[at];
	size_t a = 0;
	size_t b = 0;

	while (a < node->n_objects || b < truth->n_objects) {
		struct audit_key key = {.node = at, .bucket = bucket};
		const struct object_digests *o = &node->objects[a];
		int order = 1;

		if (a < node->n_objects)
			order =
			    b == truth->n_objects
			        ? -1
			        : memcmp(o->id.bytes, truth->objects[b].id.bytes, SESSION_ID_BYTES);
		key.fault = order < 0 ? AUDIT_EXTRA : order > 0 ? AUDIT_MISSING : AUDIT_OTHER;
		if (order > 0)
			o = &truth->objects[b];
		key.id = o->id;
		key.kind = o->kind;
		if (order != 0 || o->digest != truth->objects[b].digest)
			add_key(r, &key);
		a += order <= 0;
		b += order >= 0;
	}
}

void audit_round_compare(struct audit_round *r, unsigned bucket)
{
	for (size_t i = 0; r->truth != SIZE_MAX && i < r->n; i++) {
		if (i != r->truth && r->nodes[i].told && r->nodes[r->truth].told)
			compare_lists(r, i, bucket);
	}
	for (size_t i = 0; i < r->n; i++)
		forget_objects(&r->nodes[i]);
}

const char *audit_outcome_name(enum audit_outcome outcome)
{
	static const char *const names[] = {
	    [AUDIT_UNREACHABLE] = "unreachable",
	    [AUDIT_WAITING] = "waiting",
	    [AUDIT_SILENT] = "silent",
	    [AUDIT_NO_MARK] = "later_state",
	    [AUDIT_EQUAL] = "equal",
	    [AUDIT_DIFFERS] = "differs",
	    [AUDIT_DAMAGED] = "damaged",
	};

	return names[outcome];
}

const char *audit_fault_name(enum audit_fault fault)
{
	static const char *const names[] = {
	    [AUDIT_CHANGED] = "memory_changed",
	    [AUDIT_OTHER] = "differs",
	    [AUDIT_MISSING] = "missing",
	    [AUDIT_EXTRA] = "extra",
	};

	return names[fault];
}
