#include "steps.h"

#include <string.h>

#include "session/limits.h"
#include "testing.h"

uint64_t steps_seq;

struct session_id id_of(unsigned number)
{
	struct session_id id = {.bytes = {0}};

	id.bytes[0] = (uint8_t)(number * 37);
	id.bytes[9] = (uint8_t)(number >> 8);
	id.bytes[10] = (uint8_t)number;
	return id;
}

struct command_head head_at(int64_t now_ms)
{
	const struct command_head h = {.origin = {7, ++steps_seq}, .now_ms = now_ms};

	return h;
}

struct store *founded(uint32_t version)
{
	struct store *s;

	assert_int_equal(store_new(&s), ST_OK);
	if (version > STATE_VERSION_1)
		assert_int_equal(store_found(s, version), ST_OK);
	return s;
}

struct store_answer apply(struct store *s, struct buf *command)
{
	struct store_answer answer;
	struct fault fault;
	struct buf result;

	assert_int_equal(buf_status(command), ST_OK);
	assert_int_equal(command_check(command->base, command->len, &fault), ST_OK);
	buf_init(&result, STORE_RESULT_MAX);
	assert_int_equal(store_apply(s, store_index(s) + 1, command->base, command->len, &result),
	                 ST_OK);
	assert_int_equal(store_result_decode(result.base, result.len, &answer), ST_OK);
	buf_close(&result);
	buf_close(command);
	buf_init(command, COMMAND_MAX);
	return answer;
}

struct store_answer create_head(struct store *s, const struct command_head *h, unsigned number,
                                const struct session_attrs *a)
{
	const struct session_id id = id_of(number);
	struct store_answer answer;
	struct buf b;

	buf_init(&b, COMMAND_MAX);
	command2_create(&b, h, &id, a);
	answer = apply(s, &b);
	buf_close(&b);
	return answer;
}

struct store_answer create(struct store *s, unsigned number, const struct session_attrs *a)
{
	const struct command_head h = head_at(1000);

	return create_head(s, &h, number, a);
}

struct command_key key_of(const char *text)
{
	const struct command_key key = {.bytes = (const uint8_t *)text, .len = strlen(text)};

	return key;
}

struct store_answer put_head(struct store *s, const struct command_head *h, unsigned number,
                             const struct command_key *key)
{
	const struct session_id id = id_of(number);
	struct store_answer answer;
	struct buf b;

	buf_init(&b, COMMAND_MAX);
	command2_put(&b, h, &id, key, (const uint8_t *)"v", 1);
	answer = apply(s, &b);
	buf_close(&b);
	return answer;
}

struct store_answer put(struct store *s, unsigned number, const struct command_key *key)
{
	const struct command_head h = head_at(2000);

	return put_head(s, &h, number, key);
}

struct store_answer unset(struct store *s, unsigned number, const struct command_key *key)
{
	const struct command_head h = head_at(2000);
	const struct session_id id = id_of(number);
	struct store_answer answer;
	struct buf b;

	buf_init(&b, COMMAND_MAX);
	command2_unset(&b, &h, &id, key);
	answer = apply(s, &b);
	buf_close(&b);
	return answer;
}

struct store_answer claim(struct store *s, const struct command_head *h, unsigned number,
                          uint64_t owner)
{
	const struct session_id id = id_of(number);
	struct store_answer answer;
	struct buf b;

	buf_init(&b, COMMAND_MAX);
	command2_claim(&b, h, &id, owner);
	answer = apply(s, &b);
	buf_close(&b);
	return answer;
}

struct store_answer upgrade(struct store *s, uint32_t version)
{
	const struct command_head h = head_at(1000);
	struct store_answer answer;
	struct buf b;

	buf_init(&b, COMMAND_MAX);
	command2_upgrade(&b, &h, version);
	answer = apply(s, &b);
	buf_close(&b);
	return answer;
}

struct store_answer mark(struct store *s)
{
	const struct command_head h = {.now_ms = 1};
	struct store_answer answer;
	struct buf b;

	buf_init(&b, COMMAND_MAX);
	command2_mark(&b, &h);
	answer = apply(s, &b);
	buf_close(&b);
	return answer;
}
