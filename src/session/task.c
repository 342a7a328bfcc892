#include <assert.h>
#include <stdlib.h>

#include <xxhash.h>

#include "base/queue.h"
#include "session/life.h"
#include "session/limits.h"

enum { SEED_TASK = 7 };

/* Places in a task's texts. */
enum text_place { TEXT_PRINCIPAL, TEXT_NAME, TEXT_ARGUMENTS, TEXT_MESSAGE, TEXT_RESULT, TEXTS };

static const size_t text_max[TEXTS] = {
    [TEXT_PRINCIPAL] = SESSION_PRINCIPAL_MAX, [TEXT_NAME] = TASK_NAME_MAX,
    [TEXT_ARGUMENTS] = TASK_BYTES_MAX,        [TEXT_MESSAGE] = TASK_BYTES_MAX,
    [TEXT_RESULT] = TASK_BYTES_MAX,
};

struct task {
	struct object object;
	struct life life;
	uint64_t owner;
	uint64_t epoch;
	uint8_t state;  /* enum task_state */
	uint8_t orphan; /* enum task_orphan */
	uint64_t hash;  /* of all of it */
	struct text texts[TEXTS];
};

static const char *const state_texts[] = {
#define TASK_STATE_TEXT(name, value, text) [TASK_##name] = (text),
    TASK_STATE_MAP(TASK_STATE_TEXT)
#undef TASK_STATE_TEXT
};

const char *task_state_text(enum task_state state)
{
	return (unsigned)state <= TASK_CANCELLED ? state_texts[state] : "unknown";
}

struct object *task_object(struct task *t)
{
	return &t->object;
}

struct task *task_of(struct object *o)
{
	assert(o->kind == OBJECT_TASK);
	return CONTAINER_OF(o, struct task, object);
}

static const struct task *of(const struct object *o)
{
	return (const struct task *)(const void *)o;
}

static bool state_ends(unsigned state)
{
	return state == TASK_COMPLETED || state == TASK_FAILED || state == TASK_CANCELLED;
}

bool task_finished(const struct task *t)
{
	return state_ends(t->state);
}

static uint64_t task_hash(const struct task *t)
{
	const uint64_t fields[] = {(uint64_t)t->life.created_ms,
	                           (uint64_t)t->life.active_ms,
	                           (uint64_t)t->life.ttl_ms,
	                           t->life.revision,
	                           t->owner,
	                           t->epoch,
	                           t->state,
	                           t->orphan};
	uint64_t hash = XXH64(fields, sizeof fields, SEED_TASK);
	unsigned i;

	for (i = 0; i < TEXTS; i++) {
		const uint64_t len = t->texts[i].len;

		hash = XXH64(&len, sizeof len, hash);
		hash = XXH64(t->texts[i].at, t->texts[i].len, hash);
	}
	return hash;
}

static void task_free(struct object *o)
{
	struct task *t;
	unsigned i;

	if (o == NULL)
		return;
	t = task_of(o);
	for (i = 0; i < TEXTS; i++)
		text_close(&t->texts[i]);
	free(t);
}

static enum status set(struct task *t, enum text_place which, const struct bytes_view *from)
{
	return text_set(&t->texts[which], from, text_max[which]);
}

enum status task_new(const struct task_view *v, struct task **ret)
{
	struct task *t = calloc(1, sizeof *t);
	enum status st;

	if (t == NULL)
		return ST_NOMEM;
	t->object.id = v->id;
	t->object.kind = OBJECT_TASK;
	t->life = (struct life){v->created_ms, v->active_ms, v->ttl_ms, v->revision};
	t->owner = v->owner;
	t->epoch = v->epoch;
	t->state = TASK_WORKING;
	t->orphan = (uint8_t)v->orphan;
	st = set(t, TEXT_PRINCIPAL, &v->principal);
	if (st == ST_OK)
		st = set(t, TEXT_NAME, &v->name);
	if (st == ST_OK)
		st = set(t, TEXT_ARGUMENTS, &v->arguments);
	if (st != ST_OK) {
		task_free(&t->object);
		return st;
	}
	t->hash = task_hash(t);
	*ret = t;
	return ST_OK;
}

void task_view(const struct task *t, struct task_view *ret)
{
	ret->id = t->object.id;
	ret->created_ms = t->life.created_ms;
	ret->active_ms = t->life.active_ms;
	ret->ttl_ms = t->life.ttl_ms;
	ret->revision = t->life.revision;
	ret->owner = t->owner;
	ret->epoch = t->epoch;
	ret->state = (enum task_state)t->state;
	ret->orphan = (enum task_orphan)t->orphan;
	ret->principal = text_view(&t->texts[TEXT_PRINCIPAL]);
	ret->name = text_view(&t->texts[TEXT_NAME]);
	ret->arguments = text_view(&t->texts[TEXT_ARGUMENTS]);
	ret->message = text_view(&t->texts[TEXT_MESSAGE]);
	ret->result = text_view(&t->texts[TEXT_RESULT]);
}

static void changed(struct task *t, int64_t now_ms, uint64_t revision)
{
	life_use(&t->life, now_ms);
	t->life.revision = revision;
	t->hash = task_hash(t);
}

enum status task_update(struct task *t, const struct task_update *u)
{
	enum status st;

	if (u->epoch != t->epoch)
		return ST_FENCED;
	if (task_finished(t))
		return ST_EXISTS;
	if ((unsigned)u->state > TASK_CANCELLED || (u->result.len > 0 && !state_ends(u->state)))
		return ST_INVALID;
	if (u->message.len > TASK_BYTES_MAX || u->result.len > TASK_BYTES_MAX)
		return ST_LIMIT;
	st = set(t, TEXT_MESSAGE, &u->message);
	if (st == ST_OK)
		st = set(t, TEXT_RESULT, &u->result);
	/* Out of memory ends the process: a half done change is never seen. */
	if (st != ST_OK)
		return st;
	t->state = (uint8_t)u->state;
	changed(t, u->now_ms, u->revision);
	return ST_OK;
}

enum status task_cancel(struct task *t, int64_t now_ms, uint64_t revision)
{
	if (task_finished(t))
		return ST_EXISTS;
	t->state = TASK_CANCELLED;
	changed(t, now_ms, revision);
	return ST_OK;
}

enum status task_claim(struct task *t, const struct task_claim *c)
{
	if (task_finished(t))
		return ST_EXISTS;
	if (c->epoch != t->epoch)
		return ST_FENCED;
	assert(c->next > t->epoch);
	t->owner = c->owner;
	t->epoch = c->next;
	changed(t, c->now_ms, c->revision);
	return ST_OK;
}

/* --- As an object ---------------------------------------------------------------------- */

static size_t object_bytes(const struct object *o)
{
	const struct task *t = of(o);
	size_t bytes = TASK_OVERHEAD;
	unsigned i;

	for (i = 0; i < TEXTS; i++)
		bytes += t->texts[i].len;
	return bytes;
}

static uint64_t object_digest(const struct object *o)
{
	return of(o)->hash;
}

static uint64_t object_recount(const struct object *o)
{
	return task_hash(of(o));
}

static int64_t object_due_ms(const struct object *o)
{
	return life_due_ms(&of(o)->life);
}

static struct object_seen object_seen(const struct object *o)
{
	return life_seen(&of(o)->life);
}

/* Its life; u64 owner, epoch; u8 state, orphan; five texts. */
static void object_encode(const struct object *o, struct buf *b)
{
	const struct task *t = of(o);
	unsigned i;

	life_encode(&t->life, b);
	buf_u64(b, t->owner);
	buf_u64(b, t->epoch);
	buf_u8(b, t->state);
	buf_u8(b, t->orphan);
	for (i = 0; i < TEXTS; i++)
		text_encode(&t->texts[i], b);
}

static enum status decode_fields(struct cursor *c, struct task *t)
{
	if (life_decode(c, &t->life) != ST_OK || cursor_u64(c, &t->owner) != ST_OK ||
	    cursor_u64(c, &t->epoch) != ST_OK || cursor_u8(c, &t->state) != ST_OK ||
	    cursor_u8(c, &t->orphan) != ST_OK || t->epoch == 0 || t->state > TASK_CANCELLED ||
	    t->orphan > TASK_ORPHAN_CLAIM)
		return ST_MALFORMED;
	return ST_OK;
}

static enum status object_decode(const struct session_id *id, struct cursor *c, uint64_t index,
                                 struct object **ret)
{
	struct task *t = calloc(1, sizeof *t);
	enum status st;
	unsigned i;

	if (t == NULL)
		return ST_NOMEM;
	t->object.id = *id;
	t->object.kind = OBJECT_TASK;
	st = decode_fields(c, t);
	for (i = 0; i < TEXTS && st == ST_OK; i++)
		st = text_decode(c, &t->texts[i], text_max[i]);
	if (st == ST_OK &&
	    (c->left != 0 || t->life.revision > index || t->epoch >> FENCE_BITS > index))
		st = ST_MALFORMED;
	if (st != ST_OK) {
		task_free(&t->object);
		return st;
	}
	t->hash = task_hash(t);
	*ret = &t->object;
	return ST_OK;
}

const struct object_ops task_ops = {
    .bytes = object_bytes,
    .digest = object_digest,
    .recount = object_recount,
    .due_ms = object_due_ms,
    .seen = object_seen,
    .encode = object_encode,
    .decode = object_decode,
    .free = task_free,
};
