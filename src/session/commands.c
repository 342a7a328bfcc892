#include "session/commands.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"

/* Which limit a create would hit. */
static enum store_result create_limit(const struct store *s, const struct session_attrs *a)
{
	size_t len = a->info_len + a->protocol_len + a->capabilities_len + a->principal_len;

	if (a->info_len > SESSION_INFO_MAX)
		return RESULT_INFO_LIMIT;
	if (a->protocol_len > SESSION_PROTOCOL_MAX)
		return RESULT_PROTOCOL_LIMIT;
	if (a->capabilities_len > SESSION_CAPABILITIES_MAX)
		return RESULT_CAPABILITIES_LIMIT;
	if (a->principal_len > SESSION_PRINCIPAL_MAX)
		return RESULT_PRINCIPAL_LIMIT;
	if (a->ttl_ms > SESSION_TTL_MAX_MS)
		return RESULT_TTL_LIMIT;
	if (s->n[OBJECT_SESSION] >= s->sessions_max)
		return RESULT_SESSIONS_LIMIT;
	if (s->bytes + SESSION_OVERHEAD + len > s->bytes_max)
		return RESULT_STORE_LIMIT;
	return RESULT_OK;
}

static enum status do_create(struct store *s, const struct command *cmd,
                             struct store_answer *answer)
{
	struct session *session;
	enum status st;

	if (store_object(s, &cmd->id) != NULL) {
		answer->result = RESULT_EXISTS;
		return ST_OK;
	}
	answer->result = create_limit(s, &cmd->attrs);
	if (answer->result != RESULT_OK)
		return ST_OK;
	st = session_new(&cmd->id, &cmd->attrs, &session);
	if (st != ST_OK)
		return st;
	session->created_ms = cmd->head.now_ms;
	session->active_ms = cmd->head.now_ms;
	session->revision = s->index;
	session->epoch = store_fence(s);
	st = store_add(s, &session->object);
	if (st != ST_OK) {
		session_ops.free(&session->object);
		return st;
	}
	answer->revision = session->revision;
	answer->epoch = session->epoch;
	return ST_OK;
}

struct session *command_session(const struct store *s, const struct command *cmd,
                                struct store_answer *answer)
{
	const struct command_head *h = &cmd->head;
	struct session *session = store_find(s, &cmd->id);
	struct session_attrs attrs;

	if (session == NULL) {
		answer->result = RESULT_NOT_FOUND;
		return NULL;
	}
	session_attrs_of(session, &attrs);
	if ((h->guards & GUARD_PRINCIPAL) != 0 &&
	    (attrs.principal_len != h->principal_len ||
	     memcmp(attrs.principal, h->principal, h->principal_len) != 0)) {
		answer->result = RESULT_PRINCIPAL;
		return NULL;
	}
	if ((h->guards & GUARD_EPOCH) != 0 && h->epoch != session->epoch) {
		answer->result = RESULT_STALE_EPOCH;
		answer->epoch = session->epoch;
		return NULL;
	}
	return session;
}

/* A session was used. In version 1 the clock of whoever proposed last counts; later it never
 * goes back. */
static void session_used(struct session *session, const struct command *cmd)
{
	if (cmd->version == COMMAND_VERSION_1 || cmd->head.now_ms > session->active_ms)
		session->active_ms = cmd->head.now_ms;
}

/* It was used and changed: between store_change() and store_changed(). */
static void session_written(const struct store *s, struct session *session,
                            const struct command *cmd, struct store_answer *answer)
{
	session_used(session, cmd);
	session->revision = s->index;
	answer->revision = session->revision;
	answer->epoch = session->epoch;
}

/* Where a command's key is in its session. */
struct place {
	struct session *session;
	uint32_t at;             /* among its keys */
	const struct entry *old; /* what is there; NULL: nothing */
};

static bool expected(const struct command_key *key, const struct entry *old,
                     struct store_answer *answer)
{
	uint64_t revision = old == NULL ? 0 : old->revision;

	if (!key->checked || key->expected == revision)
		return true;
	answer->result = RESULT_CONFLICT;
	answer->detail = revision;
	return false;
}

/* Find where the command's key is, if the command may change it; else answer says why. */
static bool key_place(const struct store *s, const struct command *cmd, struct place *ret,
                      struct store_answer *answer)
{
	bool found;

	ret->session = command_session(s, cmd, answer);
	if (ret->session == NULL)
		return false;
	ret->at = session_key_place(ret->session, cmd->key.bytes, cmd->key.len, &found);
	ret->old = found ? ret->session->keys[ret->at] : NULL;
	return expected(&cmd->key, ret->old, answer);
}

/* Which limit a put would hit. */
static enum store_result put_limit(const struct store *s, const struct command *cmd,
                                   const struct place *place)
{
	size_t grow = cmd->value_len;
	size_t shrink = 0;

	if (cmd->key.len == 0 || cmd->key.len > SESSION_KEY_MAX)
		return RESULT_KEY_LIMIT;
	if (cmd->value_len > SESSION_VALUE_MAX)
		return RESULT_VALUE_LIMIT;
	if (place->old != NULL)
		shrink = place->old->value_len;
	else
		grow += ENTRY_OVERHEAD + cmd->key.len;
	if (grow <= shrink)
		return RESULT_OK;
	if (session_bytes(place->session) + grow - shrink > SESSION_BYTES_MAX)
		return RESULT_SESSION_LIMIT;
	if (s->bytes + grow - shrink > s->bytes_max)
		return RESULT_STORE_LIMIT;
	return RESULT_OK;
}

static enum status do_put(struct store *s, const struct command *cmd, struct store_answer *answer)
{
	uint64_t revision = s->version == STATE_VERSION_1 ? ENTRY_REVISION_V1 : s->index;
	struct entry *entry;
	struct place place;
	enum status st;

	if (!key_place(s, cmd, &place, answer))
		return ST_OK;
	answer->result = put_limit(s, cmd, &place);
	if (answer->result != RESULT_OK)
		return ST_OK;
	st = entry_new(&cmd->id, &cmd->key, cmd->value, cmd->value_len, revision, &entry);
	if (st != ST_OK)
		return st;
	store_change(s, &place.session->object);
	st = session_key_put(place.session, place.at, place.old != NULL, entry);
	if (st == ST_OK)
		session_written(s, place.session, cmd, answer);
	store_changed(s, &place.session->object);
	if (st != ST_OK)
		free(entry);
	return st;
}

static enum status do_unset(struct store *s, const struct command *cmd, struct store_answer *answer)
{
	struct place place;

	if (!key_place(s, cmd, &place, answer))
		return ST_OK;
	if (place.old == NULL) {
		answer->result = RESULT_NO_KEY;
		return ST_OK;
	}
	store_change(s, &place.session->object);
	session_key_drop(place.session, place.at);
	session_written(s, place.session, cmd, answer);
	store_changed(s, &place.session->object);
	return ST_OK;
}

static enum status do_delete(struct store *s, const struct command *cmd,
                             struct store_answer *answer)
{
	struct session *session = command_session(s, cmd, answer);

	if (session == NULL)
		return ST_OK;
	store_drop(s, &session->object);
	answer->revision = s->index;
	return ST_OK;
}

static enum status do_claim(struct store *s, const struct command *cmd, struct store_answer *answer)
{
	struct session *session = command_session(s, cmd, answer);

	if (session == NULL)
		return ST_OK;
	store_change(s, &session->object);
	session->owner = cmd->fields.numbers[0];
	session->epoch = store_fence(s);
	session_written(s, session, cmd, answer);
	store_changed(s, &session->object);
	return ST_OK;
}

static void list_id(struct cursor *list, struct session_id *ret)
{
	const uint8_t *bytes = NULL;
	enum status st = cursor_bytes(list, SESSION_ID_BYTES, &bytes);

	assert(st == ST_OK);
	(void)st;
	memcpy(ret->bytes, bytes, SESSION_ID_BYTES);
}

static uint64_t list_u64(struct cursor *list)
{
	uint64_t v = 0;
	enum status st = cursor_u64(list, &v);

	assert(st == ST_OK);
	(void)st;
	return v;
}

static enum status do_touch(struct store *s, const struct command *cmd, struct store_answer *answer)
{
	struct cursor list = cmd->list;
	size_t n;

	if (cmd->n > TOUCH_MAX) {
		answer->result = RESULT_BATCH_LIMIT;
		return ST_OK;
	}
	for (n = cmd->n; n > 0; n--) {
		struct session_id id;
		struct object *o;

		list_id(&list, &id);
		o = store_object(s, &id);
		if (o == NULL || o->kind == OBJECT_TASK)
			continue;
		answer->detail++;
		if (object_ops_of(o->kind)->seen(o).active_ms >= cmd->head.now_ms)
			continue;
		store_change(s, o);
		if (o->kind == OBJECT_SESSION)
			session_used(session_of(o), cmd);
		else
			handle_touch(handle_of(o), cmd->head.now_ms);
		store_changed(s, o);
	}
	answer->revision = s->index;
	return ST_OK;
}

/* One of an expire command's list goes if it is as the proposer saw it, and due by the time that
 * the proposer stamped: what was used since stays, and nobody's clock is asked. */
static bool expires(const struct object *o, const struct object_seen *seen, int64_t now_ms)
{
	const struct object_ops *ops = object_ops_of(o->kind);
	const struct object_seen now = ops->seen(o);

	return now.active_ms == seen->active_ms && now.revision == seen->revision &&
	       ops->due_ms(o) <= now_ms;
}

static enum status do_expire(struct store *s, const struct command *cmd,
                             struct store_answer *answer)
{
	struct cursor list = cmd->list;
	size_t n;

	if (cmd->n > EXPIRE_MAX) {
		answer->result = RESULT_BATCH_LIMIT;
		return ST_OK;
	}
	for (n = cmd->n; n > 0; n--) {
		struct object_seen seen;
		struct session_id id;
		struct object *o;

		list_id(&list, &id);
		seen.active_ms = (int64_t)list_u64(&list);
		seen.revision = list_u64(&list);
		o = store_object(s, &id);
		if (o == NULL || !expires(o, &seen, cmd->head.now_ms))
			continue;
		store_drop(s, o);
		answer->detail++;
	}
	answer->revision = s->index;
	return ST_OK;
}

static enum status do_mark(struct store *s, const struct command *cmd, struct store_answer *answer)
{
	(void)cmd;
	answer->revision = s->index;
	return mark_take(s);
}

static enum status do_upgrade(struct store *s, const struct command *cmd,
                              struct store_answer *answer)
{
	if (cmd->fields.numbers[0] > s->version) {
		store_change_rest(s);
		store_set_version(s, (uint32_t)cmd->fields.numbers[0]);
	}
	answer->revision = s->index;
	answer->detail = s->version;
	return ST_OK;
}

static enum status do_limits(struct store *s, const struct command *cmd,
                             struct store_answer *answer)
{
	if (cmd->fields.numbers[0] > SESSIONS_MAX || cmd->fields.numbers[1] > STORE_BYTES_MAX) {
		answer->result = RESULT_LIMITS_LIMIT;
		return ST_OK;
	}
	store_change_rest(s);
	if (cmd->fields.numbers[0] != 0)
		s->sessions_max = cmd->fields.numbers[0];
	if (cmd->fields.numbers[1] != 0)
		s->bytes_max = cmd->fields.numbers[1];
	answer->revision = s->index;
	return ST_OK;
}

static const command_cb deeds[COMMAND_TYPES] = {
    [COMMAND_CREATE] = do_create,
    [COMMAND_PUT] = do_put,
    [COMMAND_DELETE] = do_delete,
    [COMMAND_UNSET] = do_unset,
    [COMMAND_CLAIM] = do_claim,
    [COMMAND_TOUCH] = do_touch,
    [COMMAND_EXPIRE] = do_expire,
    [COMMAND_MARK] = do_mark,
    [COMMAND_UPGRADE] = do_upgrade,
    [COMMAND_LIMITS] = do_limits,
    [COMMAND_APPEND] = do_append,
    [COMMAND_TRIM] = do_trim,
    [COMMAND_CLOSE] = do_close,
    [COMMAND_ASK] = do_ask,
    [COMMAND_ANSWER] = do_answer,
    [COMMAND_DISMISS] = do_dismiss,
    [COMMAND_HANDLE_CREATE] = do_handle_create,
    [COMMAND_HANDLE_PUT] = do_handle_put,
    [COMMAND_HANDLE_DELETE] = do_handle_delete,
    [COMMAND_TASK_CREATE] = do_task_create,
    [COMMAND_TASK_UPDATE] = do_task_update,
    [COMMAND_TASK_CANCEL] = do_task_cancel,
    [COMMAND_TASK_CLAIM] = do_task_claim,
    [COMMAND_TASK_DELETE] = do_task_delete,
};

enum status command_carry_out(struct store *s, const struct command *cmd,
                              struct store_answer *answer)
{
	assert(deeds[cmd->type] != NULL);
	return deeds[cmd->type](s, cmd, answer);
}
