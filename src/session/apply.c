/* Applying commands. A command is looked up in the tables of results first, so that a retry is
 * answered and does nothing; only then it is carried out (commands.c). Nothing here depends on
 * anything but the store and the command. */
#include <assert.h>
#include <string.h>

#include "base/cursor.h"
#include "session/commands.h"
#include "session/state.h"

void pair_key(const struct origin *origin, uint8_t ret[PAIR_BYTES])
{
	unsigned i;

	for (i = 0; i < 8; i++) {
		ret[i] = (uint8_t)(origin->id >> (56 - 8 * i));
		ret[8 + i] = (uint8_t)(origin->seq >> (56 - 8 * i));
	}
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

/* What the first one was answered when this command was seen before, else NULL. */
static const struct recent_item *result_known(const struct store *s, const struct command *cmd)
{
	const struct recent_item *known = NULL;
	uint8_t key[PAIR_BYTES];

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

static enum status result_keep(struct store *s, const struct command *cmd, const uint8_t *result,
                               size_t len)
{
	uint8_t key[PAIR_BYTES];
	enum status st;

	if (cmd->head.origin.id == 0 && cmd->head.request_id_len == 0)
		return ST_OK;
	store_change_rest(s);
	if (cmd->head.origin.id != 0) {
		origin_note(s, cmd->head.origin.id);
		pairs_forget(s);
		pair_key(&cmd->head.origin, key);
		st = recent_add(&s->pairs, key, PAIR_BYTES, result, len);
		if (st != ST_OK)
			return st;
	}
	if (cmd->head.request_id_len == 0)
		return ST_OK;
	return recent_add(&s->requests, cmd->head.request_id, cmd->head.request_id_len, result,
	                  len);
}

/* Only those who take less than the others meet an upgrade that they do not take. */
static bool upgrade_is_beyond(struct store *s, uint64_t version)
{
	if (version > s->newest)
		store_meet(s, version < UINT32_MAX ? (uint32_t)version : UINT32_MAX);
	return version < STATE_VERSION_2 || version > s->newest;
}

/* Below version 2 the state is that of members who know nothing of version 2: they answer its
 * commands so and keep nothing of them. Only the upgrade itself is understood. */
static bool is_beyond(struct store *s, const struct command *cmd)
{
	if (cmd->type == COMMAND_UPGRADE)
		return upgrade_is_beyond(s, cmd->fields.numbers[0]);
	return cmd->version > COMMAND_VERSION_1 && s->version < STATE_VERSION_2;
}

/* Carry out a command that is no retry, and keep its result. */
static enum status apply_new(struct store *s, const struct command *cmd, struct buf *result)
{
	struct store_answer answer = {.result = RESULT_OK, .id = cmd->id};
	uint8_t encoded[RESULT_BYTES_MAX];
	enum status st;
	size_t len;

	st = command_carry_out(s, cmd, &answer);
	if (st != ST_OK)
		return st;
	s->answered[answer.result]++;
	len = result_encode(&answer, encoded);
	st = result_keep(s, cmd, encoded, len);
	if (st != ST_OK)
		return st;
	buf_bytes(result, encoded, len);
	return buf_status(result);
}

static enum status answer_only(enum store_result why, struct buf *result)
{
	const struct store_answer answer = {.result = why};
	uint8_t encoded[RESULT_BYTES_MAX];
	size_t len = result_encode(&answer, encoded);

	buf_bytes(result, encoded, len);
	return buf_status(result);
}

enum status store_apply(struct store *s, uint64_t index, const uint8_t *bytes, size_t len,
                        struct buf *result)
{
	const struct recent_item *known;
	struct command cmd;
	struct fault fault;
	enum status st;

	assert(index >= s->index);
	s->nth = index == s->index ? s->nth + 1 : 0;
	s->before = s->index;
	s->index = index;
	st = command_decode(bytes, len, &cmd, &fault);
	if (st != ST_OK)
		return answer_only(st == ST_UNSUPPORTED ? RESULT_UNSUPPORTED : RESULT_MALFORMED,
		                   result);
	if (is_beyond(s, &cmd))
		return answer_only(RESULT_UNSUPPORTED, result);
	known = result_known(s, &cmd);
	if (known != NULL) {
		buf_bytes(result, known->result, known->result_len);
		return buf_status(result);
	}
	if (is_stale(s, &cmd))
		return answer_only(RESULT_STALE, result);
	return apply_new(s, &cmd, result);
}
