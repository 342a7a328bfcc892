/* The tables of what there is: one line for each kind of object and of part. */
#include <assert.h>
#include <string.h>

#include <xxhash.h>

#include "session/state.h"

static const struct object_ops *const objects[OBJECT_KINDS] = {
    [OBJECT_SESSION] = &session_ops,
    [OBJECT_HANDLE] = &handle_ops,
    [OBJECT_TASK] = &task_ops,
};

static const struct part_ops *const parts[PART_KINDS] = {
    [PART_STREAMS] = &streams_ops,
    [PART_PENDING] = &pending_ops,
};

const struct object_ops *object_ops_of(unsigned kind)
{
	return kind < OBJECT_KINDS ? objects[kind] : NULL;
}

const struct part_ops *part_ops_of(unsigned kind)
{
	return kind < PART_KINDS ? parts[kind] : NULL;
}

/* A session's digest has its id in it, as it always had. */
static uint64_t object_mix(const struct object *o, uint64_t digest)
{
	uint64_t fields[4];

	if (o->kind == OBJECT_SESSION)
		return digest;
	memcpy(fields, o->id.bytes, SESSION_ID_BYTES);
	fields[2] = o->kind;
	fields[3] = digest;
	return XXH64(fields, sizeof fields, SEED_OBJECT);
}

uint64_t object_digest(const struct object *o)
{
	return object_mix(o, object_ops_of(o->kind)->digest(o));
}

uint64_t object_recount(const struct object *o)
{
	return object_mix(o, object_ops_of(o->kind)->recount(o));
}

void object_free(struct object *o)
{
	object_ops_of(o->kind)->free(o);
}
