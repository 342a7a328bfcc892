#include "model.h"

#include <string.h>

#include "testing.h"

const char *const model_principals[3] = {"", "alice", "bob"};
static const char *const keys[MODEL_KEYS] = {"a", "ab", "b", "key"};

struct session_id model_id(unsigned i)
{
	struct prng prng = {.state = i + 1};
	const uint64_t words[2] = {prng_next(&prng), prng_next(&prng)};
	struct session_id id;

	memcpy(id.bytes, words, sizeof id.bytes);
	if (i % 3 == 0)
		id.bytes[0] = id.bytes[1] = 7;
	if (i % 9 == 0)
		memset(id.bytes, 7, 8);
	return id;
}

uint64_t model_pick(struct model *m, uint64_t n)
{
	return prng_next(&m->prng) % n;
}

static size_t count(const struct model *m)
{
	size_t n = 0;
	unsigned i;

	for (i = 0; i < MODEL_SESSIONS; i++)
		n += m->sessions[i].there;
	return n;
}

struct command_head model_head(struct model *m)
{
	struct command_head h = {.origin = {1 + model_pick(m, 3), ++m->seq}};

	/* Clocks of proposers differ, and one may be behind. */
	m->now_ms += (int64_t)model_pick(m, 20);
	h.now_ms = m->now_ms - (int64_t)model_pick(m, 5);
	return h;
}

/* Now and then a command comes with guards that hold, or do not. */
void model_guard(struct model *m, const struct model_session *x, struct command_head *h)
{
	if (model_pick(m, 4) == 0) {
		h->guards |= GUARD_EPOCH;
		h->epoch = model_pick(m, 3) == 0 ? x->epoch + 1 : x->epoch;
	}
	if (model_pick(m, 4) == 0) {
		const char *text =
		    model_principals[model_pick(m, 3) == 0 ? model_pick(m, 3) : x->principal];

		h->guards |= GUARD_PRINCIPAL;
		h->principal = (const uint8_t *)text;
		h->principal_len = strlen(text);
	}
}

/* Whether the guards hold; else ret says which one does not. */
bool model_guarded(const struct model_session *x, const struct command_head *h,
                   struct store_answer *ret)
{
	const char *text = model_principals[x->principal];

	if (!x->there)
		ret->result = RESULT_NOT_FOUND;
	else if ((h->guards & GUARD_PRINCIPAL) != 0 &&
	         (strlen(text) != h->principal_len ||
	          memcmp(text, h->principal, h->principal_len) != 0))
		ret->result = RESULT_PRINCIPAL;
	else if ((h->guards & GUARD_EPOCH) != 0 && h->epoch != x->epoch) {
		ret->result = RESULT_STALE_EPOCH;
		ret->epoch = x->epoch;
	}
	return ret->result == RESULT_OK;
}

void model_used(struct model_session *x, const struct command_head *h)
{
	x->active_ms = h->now_ms > x->active_ms ? h->now_ms : x->active_ms;
}

void model_changed(const struct model *m, struct model_session *x, struct store_answer *ret)
{
	x->revision = m->index;
	ret->revision = m->index;
	ret->epoch = x->epoch;
}

static void step_create(struct model *m, struct buf *b, unsigned i, struct store_answer *ret)
{
	const struct command_head h = model_head(m);
	const struct session_id id = model_id(i);
	struct model_session *x = &m->sessions[i];
	struct session_attrs a = {.info = (const uint8_t *)"info", .info_len = 4};
	unsigned principal = (unsigned)model_pick(m, 3);

	a.principal = (const uint8_t *)model_principals[principal];
	a.principal_len = strlen(model_principals[principal]);
	a.protocol = (const uint8_t *)"2025";
	a.protocol_len = model_pick(m, 5);
	a.owner = model_pick(m, 3);
	a.ttl_ms = model_pick(m, 2) * (1 + model_pick(m, 500));
	command2_create(b, &h, &id, &a);
	if (x->there) {
		ret->result = RESULT_EXISTS;
	} else if (count(m) >= m->sessions_max) {
		ret->result = RESULT_SESSIONS_LIMIT;
	} else {
		memset(x, 0, sizeof *x);
		x->there = true;
		x->created_ms = x->active_ms = h.now_ms;
		x->epoch = m->index << 16;
		x->owner = a.owner;
		x->ttl_ms = a.ttl_ms;
		x->principal = principal;
		x->revision = ret->revision = m->index;
		ret->epoch = x->epoch;
	}
}

static void step_old_create(struct model *m, struct buf *b, unsigned i, struct store_answer *ret)
{
	const struct command_head h = model_head(m);
	const struct session_id id = model_id(i);
	struct model_session *x = &m->sessions[i];

	command_create(b, &h, &id, (const uint8_t *)"old", 3);
	if (x->there) {
		ret->result = RESULT_EXISTS;
	} else if (count(m) >= m->sessions_max) {
		ret->result = RESULT_SESSIONS_LIMIT;
	} else {
		memset(x, 0, sizeof *x);
		x->there = true;
		x->created_ms = x->active_ms = h.now_ms;
		x->epoch = m->index << 16;
		x->revision = ret->revision = m->index;
		ret->epoch = x->epoch;
	}
}

/* The key of a put or unset, with an expectation or not; whether it holds. */
static bool key_of(struct model *m, const struct model_key *k, unsigned number,
                   struct command_key *ret)
{
	uint64_t revision = k->there ? k->revision : 0;

	ret->bytes = (const uint8_t *)keys[number];
	ret->len = strlen(keys[number]);
	ret->checked = model_pick(m, 2) == 0;
	ret->expected = model_pick(m, 3) == 0 ? m->index - model_pick(m, 3) : revision;
	return !ret->checked || ret->expected == revision;
}

static void conflict(const struct model_key *k, struct store_answer *ret)
{
	ret->result = RESULT_CONFLICT;
	ret->detail = k->there ? k->revision : 0;
}

static void step_put(struct model *m, struct buf *b, unsigned i, struct store_answer *ret)
{
	struct model_session *x = &m->sessions[i];
	unsigned number = (unsigned)model_pick(m, MODEL_KEYS);
	struct model_key *k = &x->keys[number];
	const struct session_id id = model_id(i);
	struct command_head h = model_head(m);
	uint8_t value[MODEL_TEXT];
	struct command_key key;
	size_t len = model_pick(m, MODEL_TEXT + 1);
	bool expected = key_of(m, k, number, &key);

	model_guard(m, x, &h);
	memset(value, (int)model_pick(m, 256), sizeof value);
	command2_put(b, &h, &id, &key, value, len);
	if (!model_guarded(x, &h, ret))
		return;
	if (!expected) {
		conflict(k, ret);
		return;
	}
	k->there = true;
	k->revision = m->index;
	k->len = len;
	memcpy(k->value, value, sizeof value);
	model_used(x, &h);
	model_changed(m, x, ret);
}

static void step_unset(struct model *m, struct buf *b, unsigned i, struct store_answer *ret)
{
	struct model_session *x = &m->sessions[i];
	unsigned number = (unsigned)model_pick(m, MODEL_KEYS);
	struct model_key *k = &x->keys[number];
	const struct session_id id = model_id(i);
	struct command_head h = model_head(m);
	struct command_key key;
	bool expected = key_of(m, k, number, &key);

	model_guard(m, x, &h);
	command2_unset(b, &h, &id, &key);
	if (!model_guarded(x, &h, ret))
		return;
	if (!expected) {
		conflict(k, ret);
	} else if (!k->there) {
		ret->result = RESULT_NO_KEY;
	} else {
		k->there = false;
		model_used(x, &h);
		model_changed(m, x, ret);
	}
}

static void step_delete(struct model *m, struct buf *b, unsigned i, struct store_answer *ret)
{
	struct model_session *x = &m->sessions[i];
	const struct session_id id = model_id(i);
	struct command_head h = model_head(m);

	model_guard(m, x, &h);
	command2_delete(b, &h, &id);
	if (!model_guarded(x, &h, ret))
		return;
	x->there = false;
	ret->revision = m->index;
}

static void step_claim(struct model *m, struct buf *b, unsigned i, struct store_answer *ret)
{
	struct model_session *x = &m->sessions[i];
	const struct session_id id = model_id(i);
	struct command_head h = model_head(m);
	uint64_t owner = model_pick(m, 5);

	model_guard(m, x, &h);
	command2_claim(b, &h, &id, owner);
	if (!model_guarded(x, &h, ret))
		return;
	x->owner = owner;
	x->epoch = m->index << 16;
	model_used(x, &h);
	model_changed(m, x, ret);
}

static void step_touch(struct model *m, struct buf *b, unsigned i, struct store_answer *ret)
{
	const struct command_head h = model_head(m);
	struct session_id ids[MODEL_SESSIONS];
	unsigned n = 0;

	for (; i < MODEL_SESSIONS; i += 1 + (unsigned)model_pick(m, 4)) {
		struct model_session *x = &m->sessions[i];

		ids[n++] = model_id(i);
		if (!x->there)
			continue;
		ret->detail++;
		x->active_ms = h.now_ms > x->active_ms ? h.now_ms : x->active_ms;
	}
	command2_touch(b, &h, ids, n);
	ret->revision = m->index;
}

static void step_expire(struct model *m, struct buf *b, unsigned i, struct store_answer *ret)
{
	const struct command_head h = model_head(m);
	struct expiry list[MODEL_SESSIONS];
	unsigned n = 0;

	for (; i < MODEL_SESSIONS; i += 1 + (unsigned)model_pick(m, 2)) {
		struct model_session *x = &m->sessions[i];
		/* What the proposer saw may be of the past. */
		bool seen = model_pick(m, 4) != 0;

		list[n].id = model_id(i);
		list[n].active_ms = seen ? x->active_ms : x->active_ms - 1;
		list[n++].revision = x->revision;
		if (!x->there || !seen || x->ttl_ms == 0 ||
		    x->active_ms + (int64_t)x->ttl_ms > h.now_ms)
			continue;
		x->there = false;
		ret->detail++;
	}
	command2_expire(b, &h, list, n);
	ret->revision = m->index;
}

static void step_mark(struct model *m, struct buf *b, unsigned i, struct store_answer *ret)
{
	const struct command_head h = model_head(m);

	(void)i;
	command2_mark(b, &h);
	ret->revision = m->index;
}

static void step_limits(struct model *m, struct buf *b, unsigned i, struct store_answer *ret)
{
	const struct command_head h = model_head(m);

	m->sessions_max = 20 + i;
	command2_limits(b, &h, m->sessions_max, 0);
	ret->revision = m->index;
}

void model_step(struct model *m, struct buf *b, struct store_answer *ret)
{
	static void (*const steps[])(struct model *, struct buf *, unsigned,
	                             struct store_answer *) = {
	    step_create, step_create, step_create, step_old_create, step_put,   step_put,
	    step_put,    step_put,    step_put,    step_unset,      step_unset, step_delete,
	    step_claim,  step_touch,  step_expire, step_mark,       step_limits};

	m->index++;
	memset(ret, 0, sizeof *ret);
	if (model_pick(m, 2) == 0) {
		model_objects_step(m, b, (unsigned)model_pick(m, MODEL_SESSIONS), ret);
		return;
	}
	steps[model_pick(m, sizeof steps / sizeof steps[0])](
	    m, b, (unsigned)model_pick(m, MODEL_SESSIONS), ret);
}

static void compare_keys(const struct model_session *x, const struct store *s,
                         const struct session_id *id)
{
	unsigned k;

	for (k = 0; k < MODEL_KEYS; k++) {
		const struct model_key *key = &x->keys[k];
		struct value_view view;
		enum status st =
		    store_value_view(s, id, (const uint8_t *)keys[k], strlen(keys[k]), &view);

		assert_int_equal(st, key->there ? ST_OK : ST_NOT_FOUND);
		if (!key->there)
			continue;
		assert_int_equal(view.len, key->len);
		assert_memory_equal(view.bytes, key->value, key->len);
		assert_true(view.revision == key->revision);
	}
}

void model_compare(const struct model *m, const struct store *s)
{
	unsigned i;

	assert_int_equal(store_count(s), count(m));
	for (i = 0; i < MODEL_SESSIONS; i++) {
		const struct model_session *x = &m->sessions[i];
		const struct session_id id = model_id(i);
		struct session_view view;

		assert_int_equal(store_get(s, &id, &view), x->there ? ST_OK : ST_NOT_FOUND);
		if (!x->there)
			continue;
		assert_true(view.created_ms == x->created_ms && view.active_ms == x->active_ms);
		assert_true(view.epoch == x->epoch && view.revision == x->revision);
		assert_true(view.owner == x->owner && view.ttl_ms == x->ttl_ms);
		assert_int_equal(view.principal_len, strlen(model_principals[x->principal]));
		assert_memory_equal(view.principal, model_principals[x->principal],
		                    view.principal_len);
		compare_keys(x, s, &id);
	}
	model_objects_compare(m, s);
}
