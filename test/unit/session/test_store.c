#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "session/limits.h"
#include "session/store.h"
#include "testing.h"

static const struct command_head no_head;

static struct session_id id_of(unsigned number)
{
	struct session_id id = {.bytes = {0}};

	id.bytes[0] = (uint8_t)number;
	id.bytes[1] = (uint8_t)(number >> 8);
	id.bytes[2] = (uint8_t)(number >> 16);
	return id;
}

static struct command_head head_of(uint64_t origin, uint64_t seq, const char *request_id)
{
	struct command_head h = no_head;

	h.origin.id = origin;
	h.origin.seq = seq;
	h.now_ms = (int64_t)(1000 + seq);
	h.request_id = (const uint8_t *)request_id;
	h.request_id_len = strlen(request_id);
	return h;
}

static struct store_answer apply(struct store *s, struct buf *command)
{
	struct store_answer answer;
	struct fault fault;
	struct buf result;

	assert_int_equal(buf_status(command), ST_OK);
	buf_init(&result, 64);
	(void)!command_check(command->base, command->len, &fault);
	assert_int_equal(store_apply(s, store_index(s) + 1, command->base, command->len, &result),
	                 ST_OK);
	assert_int_equal(store_result_decode(result.base, result.len, &answer), ST_OK);
	buf_close(&result);
	buf_reset(command);
	return answer;
}

static struct store_answer create(struct store *s, const struct command_head *h, unsigned number,
                                  size_t info_len)
{
	const struct session_id id = id_of(number);
	struct store_answer answer;
	uint8_t *info = calloc(1, info_len + 1);
	struct buf b;

	assert_non_null(info);
	buf_init(&b, 1 << 20);
	command_create(&b, h, &id, info, info_len);
	answer = apply(s, &b);
	buf_close(&b);
	free(info);
	return answer;
}

static struct store_answer put(struct store *s, const struct command_head *h, unsigned number,
                               size_t key_len, size_t value_len, uint8_t fill)
{
	const struct session_id id = id_of(number);
	struct store_answer answer;
	uint8_t *bytes = malloc(key_len + value_len + 1);
	struct buf b;

	assert_non_null(bytes);
	memset(bytes, fill, key_len + value_len + 1);
	buf_init(&b, 1 << 20);
	command_put(&b, h, &id, bytes, key_len, bytes + key_len, value_len);
	answer = apply(s, &b);
	buf_close(&b);
	free(bytes);
	return answer;
}

static struct store_answer drop(struct store *s, const struct command_head *h, unsigned number)
{
	const struct session_id id = id_of(number);
	struct store_answer answer;
	struct buf b;

	buf_init(&b, 1024);
	command_delete(&b, h, &id);
	answer = apply(s, &b);
	buf_close(&b);
	return answer;
}

static struct store *fresh(void)
{
	struct store *s;

	assert_int_equal(store_new(&s), ST_OK);
	return s;
}

TEST(a_session_lives_from_create_to_delete)
{
	struct command_head h = head_of(7, 1, "");
	const struct session_id id = id_of(1);
	struct session_view view;
	struct store_answer answer;
	struct store *s = fresh();

	answer = create(s, &h, 1, 10);
	assert_int_equal(answer.result, RESULT_OK);
	assert_true(answer.revision == 1 && answer.epoch == 1);
	h = head_of(7, 2, "");
	assert_int_equal(create(s, &h, 1, 10).result, RESULT_EXISTS);
	h = head_of(7, 3, "");
	assert_int_equal(put(s, &h, 2, 1, 1, 'x').result, RESULT_NOT_FOUND);
	h = head_of(7, 4, "");
	answer = put(s, &h, 1, 3, 5, 'x');
	assert_int_equal(answer.result, RESULT_OK);
	assert_true(answer.revision == 4);
	assert_int_equal(store_get(s, &id, &view), ST_OK);
	assert_true(view.created_ms == 1001 && view.active_ms == 1004);
	assert_true(view.revision == 4 && view.n_keys == 1 && view.info_len == 10);
	h = head_of(7, 5, "");
	answer = drop(s, &h, 1);
	assert_int_equal(answer.result, RESULT_OK);
	assert_int_equal(store_get(s, &id, &view), ST_NOT_FOUND);
	h = head_of(7, 6, "");
	assert_int_equal(drop(s, &h, 1).result, RESULT_NOT_FOUND);
	assert_int_equal(store_count(s), 0);
	assert_int_equal(store_bytes(s), 0);
	store_free(s);
}

TEST(a_retry_takes_effect_once)
{
	struct command_head h = head_of(7, 1, "");
	struct store_answer first;
	struct store_answer second;
	struct store *s = fresh();

	(void)create(s, &h, 1, 0);
	h = head_of(7, 2, "abc");
	first = put(s, &h, 1, 1, 1, 'x');
	h = head_of(7, 3, "");
	(void)put(s, &h, 1, 1, 1, 'y');
	/* The same command from the same node. */
	h = head_of(7, 2, "abc");
	second = put(s, &h, 1, 1, 1, 'x');
	assert_true(first.revision == second.revision && second.result == RESULT_OK);
	/* The same request through another node. */
	h = head_of(8, 1, "abc");
	second = put(s, &h, 1, 1, 1, 'x');
	assert_true(first.revision == second.revision && second.result == RESULT_OK);
	{
		const struct session_id id = id_of(1);
		const uint8_t *value;
		size_t len;

		assert_int_equal(store_value(s, &id, (const uint8_t *)"y", 1, &value, &len), ST_OK);
		assert_int_equal(store_value(s, &id, (const uint8_t *)"x", 1, &value, &len), ST_OK);
		assert_int_equal(value[0], 'x');
	}
	/* A failure is remembered too. */
	h = head_of(7, 4, "");
	assert_int_equal(put(s, &h, 5, 1, 1, 'x').result, RESULT_NOT_FOUND);
	h = head_of(7, 5, "");
	(void)create(s, &h, 5, 0);
	h = head_of(7, 4, "");
	assert_int_equal(put(s, &h, 5, 1, 1, 'x').result, RESULT_NOT_FOUND);
	store_free(s);
}

TEST(a_forgotten_command_is_refused_not_repeated)
{
	struct command_head h;
	struct store *s = fresh();
	uint64_t i;

	for (i = 1; i <= RECENT_MAX + 10; i++) {
		h = head_of(7, i, "");
		(void)drop(s, &h, 1);
	}
	h = head_of(7, 5, "");
	assert_int_equal(create(s, &h, 1, 0).result, RESULT_STALE);
	h = head_of(7, 11, "");
	assert_int_equal(create(s, &h, 1, 0).result, RESULT_NOT_FOUND);
	/* Another node's numbers are its own. */
	h = head_of(8, 5, "");
	assert_int_equal(create(s, &h, 1, 0).result, RESULT_OK);
	store_free(s);
}

TEST(every_limit_has_its_own_result)
{
	struct store *s = fresh();
	struct command_head h;
	uint64_t seq = 0;
	unsigned i;

	h = head_of(7, ++seq, "");
	assert_int_equal(create(s, &h, 1, SESSION_INFO_MAX + 1).result, RESULT_INFO_LIMIT);
	h = head_of(7, ++seq, "");
	assert_int_equal(create(s, &h, 1, SESSION_INFO_MAX).result, RESULT_OK);
	h = head_of(7, ++seq, "");
	assert_int_equal(put(s, &h, 1, 0, 1, 'k').result, RESULT_KEY_LIMIT);
	h = head_of(7, ++seq, "");
	assert_int_equal(put(s, &h, 1, SESSION_KEY_MAX + 1, 1, 'k').result, RESULT_KEY_LIMIT);
	h = head_of(7, ++seq, "");
	assert_int_equal(put(s, &h, 1, 1, SESSION_VALUE_MAX + 1, 'k').result, RESULT_VALUE_LIMIT);
	for (i = 0; i < SESSION_BYTES_MAX / SESSION_VALUE_MAX - 1; i++) {
		h = head_of(7, ++seq, "");
		assert_int_equal(put(s, &h, 1, 1, SESSION_VALUE_MAX, (uint8_t)('a' + i)).result,
		                 RESULT_OK);
	}
	h = head_of(7, ++seq, "");
	assert_int_equal(put(s, &h, 1, 1, SESSION_VALUE_MAX, 'z').result, RESULT_SESSION_LIMIT);
	/* Replacing by something of the same size is no growth. */
	h = head_of(7, ++seq, "");
	assert_int_equal(put(s, &h, 1, 1, SESSION_VALUE_MAX, 'a').result, RESULT_OK);
	assert_int_equal(store_answered(s, RESULT_INFO_LIMIT), 1);
	assert_int_equal(store_answered(s, RESULT_KEY_LIMIT), 2);
	assert_int_equal(store_answered(s, RESULT_VALUE_LIMIT), 1);
	assert_int_equal(store_answered(s, RESULT_SESSION_LIMIT), 1);
	assert_int_equal(store_answered(s, RESULT_SESSIONS_LIMIT), 0);
	/* A retry that is told its old result does not count again. */
	h = head_of(7, seq - 1, "");
	assert_int_equal(put(s, &h, 1, 1, SESSION_VALUE_MAX, 'z').result, RESULT_SESSION_LIMIT);
	assert_int_equal(store_answered(s, RESULT_SESSION_LIMIT), 1);
	store_free(s);
}

TEST(the_number_and_the_size_of_sessions_are_limited)
{
	struct command_head h = head_of(0, 0, "");
	struct store *s = fresh();
	unsigned i;

	for (i = 0; i < SESSIONS_MAX_V1; i++)
		assert_int_equal(create(s, &h, i, 0).result, RESULT_OK);
	assert_int_equal(create(s, &h, i, 0).result, RESULT_SESSIONS_LIMIT);
	for (i = 0; store_bytes(s) + SESSION_VALUE_MAX + 1024 <= STORE_BYTES_MAX_V1; i++)
		assert_int_equal(put(s, &h, i, 1, SESSION_VALUE_MAX, 'v').result, RESULT_OK);
	assert_int_equal(put(s, &h, i, 1, SESSION_VALUE_MAX, 'v').result, RESULT_STORE_LIMIT);
	assert_int_equal(drop(s, &h, 0).result, RESULT_OK);
	assert_int_equal(put(s, &h, i, 1, SESSION_VALUE_MAX, 'v').result, RESULT_OK);
	store_free(s);
}

TEST(malformed_and_unknown_commands_change_nothing)
{
	struct store_answer answer;
	struct store *s = fresh();
	const uint8_t unknown[] = {9, 1, 0};
	const uint8_t type[] = {1, 99, 0};
	const uint8_t cut[] = {1, 1, 0};
	struct buf b;

	buf_init(&b, 64);
	buf_bytes(&b, unknown, sizeof unknown);
	answer = apply(s, &b);
	assert_int_equal(answer.result, RESULT_UNSUPPORTED);
	buf_bytes(&b, type, sizeof type);
	assert_int_equal(apply(s, &b).result, RESULT_UNSUPPORTED);
	buf_bytes(&b, cut, sizeof cut);
	assert_int_equal(apply(s, &b).result, RESULT_MALFORMED);
	assert_int_equal(store_count(s), 0);
	buf_close(&b);
	store_free(s);
}

TEST(ids_are_read_back_from_their_text)
{
	struct session_id id = id_of(0xabcdef);
	char text[SESSION_ID_TEXT];
	struct session_id back;

	session_id_text(&id, text);
	assert_string_equal(text, "efcdab00000000000000000000000000");
	assert_int_equal(session_id_parse(text, 32, &back), ST_OK);
	assert_memory_equal(&id, &back, sizeof id);
	assert_int_equal(session_id_parse(text, 31, &back), ST_INVALID);
	text[4] = 'g';
	assert_int_equal(session_id_parse(text, 32, &back), ST_INVALID);
}

static void collect(void *arg, const struct session_view *view)
{
	struct session_id *last = arg;

	assert_true(memcmp(last->bytes, view->id.bytes, SESSION_ID_BYTES) < 0);
	*last = view->id;
}

TEST(sessions_are_listed_in_order_of_their_ids)
{
	struct command_head h = head_of(0, 0, "");
	struct session_id last = id_of(0);
	struct store *s = fresh();
	struct prng prng = {3};
	unsigned i;

	for (i = 0; i < 500; i++)
		(void)create(s, &h, 1 + (unsigned)(prng_next(&prng) % 100000), 0);
	(void)store_page(s, NULL, SIZE_MAX, collect, &last);
	store_free(s);
}

static struct store *copy_of(const struct store *s)
{
	struct store *copy = fresh();
	struct fault fault;
	uint64_t index;
	struct buf b;

	buf_init(&b, SNAPSHOT_MAX);
	assert_int_equal(store_snapshot(s, &b), ST_OK);
	assert_int_equal(store_snapshot_check(b.base, b.len, &fault, &index), ST_OK);
	assert_true(index == store_index(s));
	assert_int_equal(store_restore(copy, b.base, b.len, &fault), ST_OK);
	buf_close(&b);
	return copy;
}

TEST(a_damaged_snapshot_changes_nothing)
{
	struct command_head h = head_of(7, 1, "r");
	struct store *s = fresh();
	struct fault fault;
	uint64_t digest;
	struct buf b;
	size_t i;

	(void)create(s, &h, 1, 20);
	h = head_of(7, 2, "q");
	(void)put(s, &h, 1, 4, 20, 'v');
	buf_init(&b, SNAPSHOT_MAX);
	assert_int_equal(store_snapshot(s, &b), ST_OK);
	digest = store_digest(s);
	for (i = 0; i < b.len; i++) {
		b.base[i] ^= 0x41;
		assert_int_not_equal(store_restore(s, b.base, b.len, &fault), ST_OK);
		assert_int_not_equal(store_restore(s, b.base, i, &fault), ST_OK);
		b.base[i] ^= 0x41;
		assert_true(store_digest(s) == digest);
	}
	assert_int_equal(store_restore(s, b.base, b.len, &fault), ST_OK);
	assert_true(store_digest(s) == digest);
	buf_close(&b);
	store_free(s);
}

/* The model: what sessions and keys should be there, in plain arrays. */
enum { MODEL_SESSIONS = 12, MODEL_KEYS = 5, MODEL_STEPS = 4000 };

struct model {
	bool there[MODEL_SESSIONS];
	int value[MODEL_SESSIONS][MODEL_KEYS]; /* -1: no such key */
};

static size_t model_count(const struct model *m)
{
	size_t n = 0;
	unsigned i;

	for (i = 0; i < MODEL_SESSIONS; i++)
		n += m->there[i];
	return n;
}

static void assert_model(const struct store *s, const struct model *m)
{
	unsigned i;
	unsigned k;

	assert_int_equal(store_count(s), model_count(m));
	for (i = 0; i < MODEL_SESSIONS; i++) {
		const struct session_id id = id_of(i);
		struct session_view view;

		assert_int_equal(store_get(s, &id, &view), m->there[i] ? ST_OK : ST_NOT_FOUND);
		for (k = 0; m->there[i] && k < MODEL_KEYS; k++) {
			const uint8_t key = (uint8_t)('a' + k);
			const uint8_t *value;
			size_t len;

			if (m->value[i][k] < 0) {
				assert_int_equal(store_value(s, &id, &key, 1, &value, &len),
				                 ST_NOT_FOUND);
				continue;
			}
			assert_int_equal(store_value(s, &id, &key, 1, &value, &len), ST_OK);
			assert_int_equal(len, (size_t)(1 + m->value[i][k] % 7));
			assert_int_equal(value[0], (uint8_t)m->value[i][k]);
		}
	}
}

static void model_put(struct buf *b, const struct command_head *h, const struct session_id *id,
                      unsigned k, int value)
{
	const uint8_t key = (uint8_t)('a' + k);
	uint8_t bytes[8];

	memset(bytes, value, sizeof bytes);
	command_put(b, h, id, &key, 1, bytes, (size_t)(1 + value % 7));
}

/* One random command into b; the model follows. */
static enum store_result model_step(struct model *m, struct prng *prng,
                                    const struct command_head *h, struct buf *b)
{
	unsigned i = (unsigned)prng_range(prng, 0, MODEL_SESSIONS - 1);
	unsigned k = (unsigned)prng_range(prng, 0, MODEL_KEYS - 1);
	int value = (int)prng_range(prng, 0, 250);
	const struct session_id id = id_of(i);
	bool there = m->there[i];

	switch (prng_range(prng, 0, 5)) {
	case 0:
		command_create(b, h, &id, (const uint8_t *)"info", 4);
		m->there[i] = true;
		if (!there)
			memset(m->value[i], 0xff, sizeof m->value[i]);
		return there ? RESULT_EXISTS : RESULT_OK;
	case 1:
		command_delete(b, h, &id);
		m->there[i] = false;
		return there ? RESULT_OK : RESULT_NOT_FOUND;
	default:
		model_put(b, h, &id, k, value);
		if (there)
			m->value[i][k] = value;
		return there ? RESULT_OK : RESULT_NOT_FOUND;
	}
}

static void model_run(uint64_t seed)
{
	struct prng prng = {seed};
	struct model m = {{false}, {{0}}};
	struct store *a = fresh();
	struct store *b = fresh();
	struct buf last;
	unsigned i;

	buf_init(&last, 1024);
	for (i = 1; i <= MODEL_STEPS; i++) {
		struct command_head h = head_of(1 + i % 3, i, "");
		struct store_answer first;
		struct buf cmd;
		enum store_result want;

		buf_init(&cmd, 1024);
		want = model_step(&m, &prng, &h, &cmd);
		buf_reset(&last);
		buf_bytes(&last, cmd.base, cmd.len);
		first = apply(a, &cmd);
		assert_int_equal(first.result, want);
		buf_bytes(&cmd, last.base, last.len);
		assert_true(apply(b, &cmd).revision == first.revision);
		/* The same once more: answered alike, without effect. */
		if (prng_range(&prng, 0, 3) == 0) {
			buf_bytes(&cmd, last.base, last.len);
			assert_true(apply(a, &cmd).revision == first.revision);
			buf_bytes(&cmd, last.base, last.len);
			(void)apply(b, &cmd);
		}
		assert_true(store_digest(a) == store_digest(b));
		if (i % 500 == 0) {
			struct store *copy = copy_of(a);

			assert_model(a, &m);
			assert_true(store_digest(copy) == store_digest(a));
			assert_true(store_bytes(copy) == store_bytes(a));
			store_free(b);
			b = copy;
		}
		buf_close(&cmd);
	}
	buf_close(&last);
	store_free(a);
	store_free(b);
}

TEST(random_commands_agree_with_a_simple_model)
{
	const char *env = getenv("SEED");
	uint64_t seed = env != NULL ? strtoull(env, NULL, 10) : 1;
	unsigned i;

	for (i = 0; i < (env != NULL ? 1U : 10U); i++, seed++) {
		print_message("# SEED=%llu\n", (unsigned long long)seed);
		model_run(seed);
	}
}

TEST(undoing_every_change_gives_the_digest_back)
{
	struct command_head h = head_of(0, 0, "");
	struct store *s = fresh();
	struct store *other = fresh();
	unsigned i;

	for (i = 0; i < 50; i++) {
		(void)create(s, &h, i, i);
		(void)put(s, &h, i, 1 + i % 9, i, (uint8_t)i);
		(void)create(other, &h, 100 + i, i);
		(void)put(other, &h, 100 + i, 3, i, 1);
	}
	for (i = 0; i < 50; i++) {
		(void)drop(s, &h, i);
		(void)drop(other, &h, 100 + i);
	}
	assert_true(store_digest(s) == store_digest(other));
	store_free(s);
	store_free(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_session_lives_from_create_to_delete),
	    cmocka_unit_test(a_retry_takes_effect_once),
	    cmocka_unit_test(a_forgotten_command_is_refused_not_repeated),
	    cmocka_unit_test(every_limit_has_its_own_result),
	    cmocka_unit_test(the_number_and_the_size_of_sessions_are_limited),
	    cmocka_unit_test(malformed_and_unknown_commands_change_nothing),
	    cmocka_unit_test(ids_are_read_back_from_their_text),
	    cmocka_unit_test(sessions_are_listed_in_order_of_their_ids),
	    cmocka_unit_test(a_damaged_snapshot_changes_nothing),
	    cmocka_unit_test(random_commands_agree_with_a_simple_model),
	    cmocka_unit_test(undoing_every_change_gives_the_digest_back),
	};

	return RUN_TESTS(tests);
}
