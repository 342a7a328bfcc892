/* What commands do. A command is looked up in the tables of results first, so that a retry is
 * answered and does nothing; only then it is carried out. Nothing here depends on anything but
 * the store and the command. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "session/command.h"
#include "session/state.h"

static void result_encode(const struct store_answer *answer, uint8_t ret[RESULT_BYTES])
{
	unsigned i;

	ret[0] = (uint8_t)answer->result;
	for (i = 0; i < 8; i++) {
		ret[1 + i] = (uint8_t)(answer->revision >> (56 - 8 * i));
		ret[9 + i] = (uint8_t)(answer->epoch >> (56 - 8 * i));
	}
	memcpy(ret + 17, answer->id.bytes, SESSION_ID_BYTES);
}

enum status store_result_decode(const uint8_t *bytes, size_t len, struct store_answer *ret)
{
	struct cursor c = cursor_of(bytes, len);
	struct store_answer answer;
	const uint8_t *id;
	uint8_t result;

	if (cursor_u8(&c, &result) != ST_OK || cursor_u64(&c, &answer.revision) != ST_OK ||
	    cursor_u64(&c, &answer.epoch) != ST_OK ||
	    cursor_bytes(&c, SESSION_ID_BYTES, &id) != ST_OK || c.left != 0 ||
	    result > RESULT_UNSUPPORTED)
		return ST_MALFORMED;
	memcpy(answer.id.bytes, id, SESSION_ID_BYTES);
	answer.result = (enum store_result)result;
	*ret = answer;
	return ST_OK;
}

static const char *const result_texts[] = {
#define RESULT_TEXT(name, value, text) [RESULT_##name] = (text),
    STORE_RESULT_MAP(RESULT_TEXT)
#undef RESULT_TEXT
};

const char *store_result_text(enum store_result result)
{
	if ((unsigned)result > RESULT_UNSUPPORTED)
		return "unknown result";
	return result_texts[result];
}

enum status store_result_status(enum store_result result)
{
	switch (result) {
	case RESULT_OK:
		return ST_OK;
	case RESULT_NOT_FOUND:
		return ST_NOT_FOUND;
	case RESULT_EXISTS:
		return ST_EXISTS;
	case RESULT_SESSIONS_LIMIT:
	case RESULT_INFO_LIMIT:
	case RESULT_KEY_LIMIT:
	case RESULT_VALUE_LIMIT:
	case RESULT_SESSION_LIMIT:
	case RESULT_STORE_LIMIT:
		return ST_LIMIT;
	case RESULT_STALE:
		return ST_UNKNOWN;
	case RESULT_MALFORMED:
		return ST_MALFORMED;
	case RESULT_UNSUPPORTED:
		break;
	}
	return ST_UNSUPPORTED;
}

void pair_key(const struct origin *origin, uint8_t ret[PAIR_BYTES])
{
	unsigned i;

	for (i = 0; i < 8; i++) {
		ret[i] = (uint8_t)(origin->id >> (56 - 8 * i));
		ret[8 + i] = (uint8_t)(origin->seq >> (56 - 8 * i));
	}
}

static enum status apply_create(struct store *s, const struct command *cmd,
                                struct store_answer *answer)
{
	struct session *session;
	enum status st;

	if (store_find(s, &cmd->id) != NULL) {
		answer->result = RESULT_EXISTS;
		return ST_OK;
	}
	if (cmd->value_len > SESSION_INFO_MAX) {
		answer->result = RESULT_INFO_LIMIT;
		return ST_OK;
	}
	if (s->sessions.n >= SESSIONS_MAX) {
		answer->result = RESULT_SESSIONS_LIMIT;
		return ST_OK;
	}
	if (s->bytes + SESSION_OVERHEAD + cmd->value_len > STORE_BYTES_MAX) {
		answer->result = RESULT_STORE_LIMIT;
		return ST_OK;
	}
	st = session_new(&cmd->id, cmd->value, cmd->value_len, &session);
	if (st != ST_OK)
		return st;
	session->created_ms = cmd->head.now_ms;
	session->active_ms = cmd->head.now_ms;
	session->revision = s->index;
	st = store_add_session(s, session);
	if (st != ST_OK) {
		session_free(session);
		return st;
	}
	answer->revision = session->revision;
	answer->epoch = session->epoch;
	return ST_OK;
}

/* Which limit a put would hit; old is the entry that it replaces, if any. */
static enum store_result put_limit(const struct store *s, const struct session *session,
                                   const struct command *cmd, const struct entry *old)
{
	size_t grow = cmd->value_len;
	size_t shrink = 0;

	if (cmd->key_len == 0 || cmd->key_len > SESSION_KEY_MAX)
		return RESULT_KEY_LIMIT;
	if (cmd->value_len > SESSION_VALUE_MAX)
		return RESULT_VALUE_LIMIT;
	if (old != NULL)
		shrink = old->value_len;
	else
		grow += ENTRY_OVERHEAD + cmd->key_len;
	if (grow > shrink && session->bytes + grow - shrink > SESSION_BYTES_MAX)
		return RESULT_SESSION_LIMIT;
	if (grow > shrink && s->bytes + grow - shrink > STORE_BYTES_MAX)
		return RESULT_STORE_LIMIT;
	return RESULT_OK;
}

/* Put entry into the session in the place of node's (NULL: a new key); digest and bytes follow. */
static enum status put_entry(struct store *s, struct session *session, struct omap_node *node,
                             struct entry *entry)
{
	size_t grow = entry->value_len;
	size_t shrink = 0;
	uint64_t gone = 0;
	enum status st;

	if (node == NULL) {
		st = omap_add(&session->keys, entry->bytes, entry->key_len, entry);
		if (st != ST_OK)
			return st;
		grow += ENTRY_OVERHEAD + entry->key_len;
	} else {
		struct entry *old = node->value;

		shrink = old->value_len;
		gone = old->hash;
		node->key = entry->bytes;
		node->value = entry;
		free(old);
	}
	session->keys_digest += entry->hash - gone;
	s->digest += entry->hash - gone;
	session->bytes = session->bytes + grow - shrink;
	s->bytes = s->bytes + grow - shrink;
	return ST_OK;
}

static enum status apply_put(struct store *s, const struct command *cmd,
                             struct store_answer *answer)
{
	struct session *session = store_find(s, &cmd->id);
	struct omap_node *node;
	struct entry *entry;
	enum status st;

	if (session == NULL) {
		answer->result = RESULT_NOT_FOUND;
		return ST_OK;
	}
	node = omap_find(&session->keys, cmd->key, cmd->key_len);
	answer->result = put_limit(s, session, cmd, node == NULL ? NULL : node->value);
	if (answer->result != RESULT_OK)
		return ST_OK;
	st = entry_new(&cmd->id, cmd->key, cmd->key_len, cmd->value, cmd->value_len, &entry);
	if (st != ST_OK)
		return st;
	st = put_entry(s, session, node, entry);
	if (st != ST_OK) {
		free(entry);
		return st;
	}
	s->digest -= session_hash(session);
	session->active_ms = cmd->head.now_ms;
	session->revision = s->index;
	s->digest += session_hash(session);
	answer->revision = session->revision;
	answer->epoch = session->epoch;
	return ST_OK;
}

static void apply_delete(struct store *s, const struct command *cmd, struct store_answer *answer)
{
	struct session *session = store_find(s, &cmd->id);

	if (session == NULL) {
		answer->result = RESULT_NOT_FOUND;
		return;
	}
	store_drop_session(s, session);
	answer->revision = s->index;
}

static enum status apply_command(struct store *s, const struct command *cmd,
                                 struct store_answer *answer)
{
	switch (cmd->type) {
	case COMMAND_CREATE:
		return apply_create(s, cmd, answer);
	case COMMAND_PUT:
		return apply_put(s, cmd, answer);
	case COMMAND_DELETE:
		apply_delete(s, cmd, answer);
		break;
	}
	return ST_OK;
}

static struct origin_floor *origin_find(struct store *s, uint64_t id)
{
	size_t i;

	for (i = 0; i < s->n_origins; i++) {
		if (s->origins[i].id == id)
			return &s->origins[i];
	}
	return NULL;
}

/* The origin's record, made if need be in the place of the one that was silent longest. */
static void origin_note(struct store *s, uint64_t id)
{
	struct origin_floor *o = origin_find(s, id);
	size_t oldest = 0;
	size_t i;

	if (o == NULL) {
		if (s->n_origins == ORIGINS_MAX) {
			for (i = 1; i < s->n_origins; i++) {
				if (s->origins[i].used < s->origins[oldest].used)
					oldest = i;
			}
			s->origins_digest -= origin_hash(&s->origins[oldest]);
			s->n_origins--;
			memmove(&s->origins[oldest], &s->origins[oldest + 1],
			        (s->n_origins - oldest) * sizeof s->origins[0]);
		}
		o = &s->origins[s->n_origins++];
		o->id = id;
		o->seq = 0;
	} else {
		s->origins_digest -= origin_hash(o);
	}
	o->used = s->index;
	s->origins_digest += origin_hash(o);
}

/* The result that will leave the table with the next one: its command's number becomes its
 * origin's floor. */
static void pairs_forget(struct store *s)
{
	const struct recent_item *item = recent_victim(&s->pairs);
	struct origin_floor *o;
	struct cursor c;
	uint64_t id;
	uint64_t seq;

	if (item == NULL)
		return;
	c = cursor_of(item->key, item->key_len);
	if (cursor_u64(&c, &id) != ST_OK || cursor_u64(&c, &seq) != ST_OK)
		return;
	o = origin_find(s, id);
	if (o == NULL || o->seq >= seq)
		return;
	s->origins_digest -= origin_hash(o);
	o->seq = seq;
	s->origins_digest += origin_hash(o);
}

/* The first one's result when this command was seen before, else NULL. */
static const uint8_t *result_known(const struct store *s, const struct command *cmd)
{
	uint8_t key[PAIR_BYTES];
	const uint8_t *known = NULL;

	if (cmd->head.origin.id != 0) {
		pair_key(&cmd->head.origin, key);
		known = recent_find(&s->pairs, key, PAIR_BYTES);
	}
	if (known == NULL && cmd->head.request_id_len > 0)
		known = recent_find(&s->requests, cmd->head.request_id, cmd->head.request_id_len);
	return known;
}

static bool is_stale(struct store *s, const struct command *cmd)
{
	const struct origin_floor *o = origin_find(s, cmd->head.origin.id);

	return o != NULL && cmd->head.origin.seq <= o->seq;
}

static enum status result_keep(struct store *s, const struct command *cmd,
                               const uint8_t result[RESULT_BYTES])
{
	uint8_t key[PAIR_BYTES];
	enum status st;

	if (cmd->head.origin.id != 0) {
		origin_note(s, cmd->head.origin.id);
		pairs_forget(s);
		pair_key(&cmd->head.origin, key);
		st = recent_add(&s->pairs, key, PAIR_BYTES, result);
		if (st != ST_OK)
			return st;
	}
	if (cmd->head.request_id_len == 0)
		return ST_OK;
	return recent_add(&s->requests, cmd->head.request_id, cmd->head.request_id_len, result);
}

enum status store_apply(struct store *s, uint64_t index, const uint8_t *bytes, size_t len,
                        struct buf *result)
{
	struct store_answer answer = {.result = RESULT_OK};
	uint8_t encoded[RESULT_BYTES];
	const uint8_t *known = NULL;
	struct command cmd;
	struct fault fault;
	enum status st;

	assert(index >= s->index);
	s->index = index;
	st = command_decode(bytes, len, &cmd, &fault);
	if (st != ST_OK) {
		answer.result = st == ST_UNSUPPORTED ? RESULT_UNSUPPORTED : RESULT_MALFORMED;
	} else if ((known = result_known(s, &cmd)) != NULL) {
		buf_bytes(result, known, RESULT_BYTES);
		return buf_status(result);
	} else if (is_stale(s, &cmd)) {
		answer.result = RESULT_STALE;
	} else {
		answer.id = cmd.id;
		st = apply_command(s, &cmd, &answer);
		if (st != ST_OK)
			return st;
		result_encode(&answer, encoded);
		st = result_keep(s, &cmd, encoded);
		if (st != ST_OK)
			return st;
	}
	result_encode(&answer, encoded);
	buf_bytes(result, encoded, RESULT_BYTES);
	return buf_status(result);
}
