/* Commands about handles and tasks: objects with ids of their own. */
#include <assert.h>
#include <string.h>

#include "session/commands.h"
#include "session/task.h"

/* Whether an object of a principal may be used by whom the command names; one without a
 * principal is everybody's, and a command without one comes from the server itself. */
static bool permitted(const struct bytes_view *principal, const struct command *cmd)
{
	const struct command_head *h = &cmd->head;

	if ((h->guards & GUARD_PRINCIPAL) == 0 || principal->len == 0)
		return true;
	return principal->len == h->principal_len &&
	       memcmp(principal->at, h->principal, h->principal_len) == 0;
}

static struct bytes_view principal_of(struct object *o)
{
	struct handle_view handle;
	struct task_view task;

	if (o->kind == OBJECT_HANDLE) {
		handle_view(handle_of(o), &handle);
		return handle.principal;
	}
	task_view(task_of(o), &task);
	return task.principal;
}

/* The command's object of this kind if its guards hold; else NULL and answer says why. */
static struct object *guarded(const struct store *s, const struct command *cmd, unsigned kind,
                              struct store_answer *answer)
{
	struct object *o = store_object(s, &cmd->id);
	struct bytes_view principal;

	if (o == NULL || o->kind != kind) {
		answer->result = RESULT_NOT_FOUND;
		return NULL;
	}
	principal = principal_of(o);
	if (!permitted(&principal, cmd)) {
		answer->result = RESULT_PRINCIPAL;
		return NULL;
	}
	return o;
}

/* What stands against a new object of so many bytes. */
static enum store_result create_limit(const struct store *s, const struct command *cmd,
                                      unsigned kind, size_t cost)
{
	if (store_object(s, &cmd->id) != NULL)
		return RESULT_EXISTS;
	if (s->n[kind] >= OBJECTS_MAX)
		return RESULT_OBJECTS_LIMIT;
	if (s->bytes + cost > s->bytes_max)
		return RESULT_STORE_LIMIT;
	return RESULT_OK;
}

/* Put a new object in; takes it, whatever comes of it. */
static enum status object_add(struct store *s, struct object *o, struct store_answer *answer)
{
	enum status st = store_add(s, o);

	if (st != ST_OK) {
		object_free(o);
		return st;
	}
	answer->revision = s->index;
	return ST_OK;
}

static enum status object_delete(struct store *s, const struct command *cmd, unsigned kind,
                                 struct store_answer *answer)
{
	struct object *o = guarded(s, cmd, kind, answer);

	if (o == NULL)
		return ST_OK;
	store_drop(s, o);
	answer->revision = s->index;
	return ST_OK;
}

enum status do_handle_create(struct store *s, const struct command *cmd,
                             struct store_answer *answer)
{
	const struct command_fields *f = &cmd->fields;
	const struct handle_view v = {.id = cmd->id,
	                              .created_ms = cmd->head.now_ms,
	                              .active_ms = cmd->head.now_ms,
	                              .ttl_ms = (int64_t)f->numbers[0],
	                              .revision = s->index,
	                              .principal = f->texts[0],
	                              .value = f->texts[1]};
	struct handle *h;
	enum status st;

	if (f->numbers[0] > SESSION_TTL_MAX_MS)
		answer->result = RESULT_TTL_LIMIT;
	else if (v.principal.len > SESSION_PRINCIPAL_MAX)
		answer->result = RESULT_PRINCIPAL_LIMIT;
	else if (v.value.len > HANDLE_VALUE_MAX)
		answer->result = RESULT_HANDLE_LIMIT;
	else
		answer->result = create_limit(s, cmd, OBJECT_HANDLE,
		                              HANDLE_OVERHEAD + v.principal.len + v.value.len);
	if (answer->result != RESULT_OK)
		return ST_OK;
	st = handle_new(&v, &h);
	return st != ST_OK ? st : object_add(s, handle_object(h), answer);
}

enum status do_handle_put(struct store *s, const struct command *cmd, struct store_answer *answer)
{
	struct object *o = guarded(s, cmd, OBJECT_HANDLE, answer);
	const struct command_fields *f = &cmd->fields;
	struct handle_view v;
	enum status st;

	if (o == NULL)
		return ST_OK;
	handle_view(handle_of(o), &v);
	if (f->numbers[0] != 0 && f->numbers[0] != v.revision) {
		answer->result = RESULT_CONFLICT;
		answer->detail = v.revision;
	} else if (f->texts[0].len > HANDLE_VALUE_MAX) {
		answer->result = RESULT_HANDLE_LIMIT;
	} else if (f->texts[0].len > v.value.len &&
	           s->bytes + f->texts[0].len - v.value.len > s->bytes_max) {
		answer->result = RESULT_STORE_LIMIT;
	}
	if (answer->result != RESULT_OK)
		return ST_OK;
	store_change(s, o);
	st = handle_put(handle_of(o), &f->texts[0], cmd->head.now_ms, s->index);
	store_changed(s, o);
	answer->revision = s->index;
	return st;
}

enum status do_handle_delete(struct store *s, const struct command *cmd,
                             struct store_answer *answer)
{
	return object_delete(s, cmd, OBJECT_HANDLE, answer);
}

enum status do_task_create(struct store *s, const struct command *cmd, struct store_answer *answer)
{
	const struct command_fields *f = &cmd->fields;
	const struct task_view v = {.id = cmd->id,
	                            .created_ms = cmd->head.now_ms,
	                            .active_ms = cmd->head.now_ms,
	                            .ttl_ms = (int64_t)f->numbers[2],
	                            .revision = s->index,
	                            .owner = f->numbers[0],
	                            .epoch = store_fence(s),
	                            .orphan = f->numbers[1] == TASK_ORPHAN_CLAIM ? TASK_ORPHAN_CLAIM
	                                                                         : TASK_ORPHAN_FAIL,
	                            .principal = f->texts[0],
	                            .name = f->texts[1],
	                            .arguments = f->texts[2]};
	struct task *t;
	enum status st;

	if (f->numbers[2] > SESSION_TTL_MAX_MS)
		answer->result = RESULT_TTL_LIMIT;
	else if (v.principal.len > SESSION_PRINCIPAL_MAX)
		answer->result = RESULT_PRINCIPAL_LIMIT;
	else if (v.name.len > TASK_NAME_MAX || v.arguments.len > TASK_BYTES_MAX)
		answer->result = RESULT_TASK_LIMIT;
	else
		answer->result =
		    create_limit(s, cmd, OBJECT_TASK,
		                 TASK_OVERHEAD + v.principal.len + v.name.len + v.arguments.len);
	if (answer->result != RESULT_OK)
		return ST_OK;
	st = task_new(&v, &t);
	if (st != ST_OK)
		return st;
	answer->epoch = v.epoch;
	return object_add(s, task_object(t), answer);
}

/* The name of what a task said to a step of its life. */
static enum store_result task_result(enum status st)
{
	switch (st) {
	case ST_FENCED:
		return RESULT_STALE_EPOCH;
	case ST_EXISTS:
		return RESULT_FINISHED;
	case ST_INVALID:
		return RESULT_TASK_STATE;
	case ST_LIMIT:
		return RESULT_TASK_LIMIT;
	default:
		return RESULT_OK;
	}
}

static enum status task_done(struct store *s, const struct task *t, enum status st,
                             struct store_answer *answer)
{
	struct task_view v;

	answer->result = task_result(st);
	if (answer->result == RESULT_OK && st != ST_OK)
		return st;
	task_view(t, &v);
	answer->epoch = v.epoch;
	if (answer->result == RESULT_OK)
		answer->revision = s->index;
	return ST_OK;
}

enum status do_task_update(struct store *s, const struct command *cmd, struct store_answer *answer)
{
	struct object *o = guarded(s, cmd, OBJECT_TASK, answer);
	const struct command_fields *f = &cmd->fields;
	const struct task_update u = {.epoch = f->numbers[0],
	                              .state = f->numbers[1] > TASK_CANCELLED
	                                           ? TASK_CANCELLED + 1
	                                           : (enum task_state)f->numbers[1],
	                              .message = f->texts[0],
	                              .result = f->texts[1],
	                              .now_ms = cmd->head.now_ms,
	                              .revision = s->index};
	struct task_view v;
	enum status st;

	if (o == NULL)
		return ST_OK;
	task_view(task_of(o), &v);
	if (s->bytes - v.message.len - v.result.len + u.message.len + u.result.len > s->bytes_max) {
		answer->result = RESULT_STORE_LIMIT;
		return ST_OK;
	}
	store_change(s, o);
	st = task_update(task_of(o), &u);
	store_changed(s, o);
	return task_done(s, task_of(o), st, answer);
}

enum status do_task_cancel(struct store *s, const struct command *cmd, struct store_answer *answer)
{
	struct object *o = guarded(s, cmd, OBJECT_TASK, answer);
	enum status st;

	if (o == NULL)
		return ST_OK;
	store_change(s, o);
	st = task_cancel(task_of(o), cmd->head.now_ms, s->index);
	store_changed(s, o);
	return task_done(s, task_of(o), st, answer);
}

enum status do_task_claim(struct store *s, const struct command *cmd, struct store_answer *answer)
{
	struct object *o = guarded(s, cmd, OBJECT_TASK, answer);
	const struct task_claim claim = {.epoch = cmd->fields.numbers[0],
	                                 .owner = cmd->fields.numbers[1],
	                                 .next = store_fence(s),
	                                 .now_ms = cmd->head.now_ms,
	                                 .revision = s->index};
	enum status st;

	if (o == NULL)
		return ST_OK;
	store_change(s, o);
	st = task_claim(task_of(o), &claim);
	store_changed(s, o);
	return task_done(s, task_of(o), st, answer);
}

enum status do_task_delete(struct store *s, const struct command *cmd, struct store_answer *answer)
{
	return object_delete(s, cmd, OBJECT_TASK, answer);
}
