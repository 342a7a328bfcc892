/* Streams, questions, handles and tasks through commands; and everything at once through images. */
#include "session/objects.h"

#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "session/content.h"
#include "session/expiry.h"
#include "session/image.h"
#include "session/limits.h"
#include "steps.h"
#include "testing.h"

static const struct session_attrs plain;

static struct bytes_view text(const char *s)
{
	const struct bytes_view v = {(const uint8_t *)s, strlen(s)};

	return v;
}

static struct store_answer run_head(struct store *s, const struct command_head *h,
                                    enum command_type type, unsigned number,
                                    const struct command_fields *f)
{
	const struct session_id id = id_of(number);
	struct store_answer answer;
	struct buf b;

	buf_init(&b, COMMAND_MAX);
	command2_fields(&b, h, type, &id, f);
	answer = apply(s, &b);
	buf_close(&b);
	return answer;
}

static struct store_answer run(struct store *s, enum command_type type, unsigned number,
                               struct command_fields f)
{
	const struct command_head h = head_at(2000);

	return run_head(s, &h, type, number, &f);
}

static bool count_events(void *arg, const struct event_view *event)
{
	unsigned *n = arg;

	(*n)++;
	assert_int_equal(event->len, 5);
	return true;
}

TEST(events_are_numbered_replayed_and_trimmed)
{
	const struct command_fields event = {.numbers = {3, 4}, .texts = {text("event")}};
	struct store *s = founded(STATE_VERSION_2);
	const struct session_id id = id_of(1);
	struct session_view view;
	uint64_t first;
	unsigned n = 0;
	size_t empty;
	unsigned i;

	assert_int_equal(run(s, COMMAND_APPEND, 1, event).result, RESULT_NOT_FOUND);
	assert_int_equal(create(s, 1, &plain).result, RESULT_OK);
	empty = store_bytes(s);
	assert_int_equal(run(s, COMMAND_TRIM, 1, event).result, RESULT_NO_STREAM);
	for (i = 1; i <= 6; i++)
		assert_true(run(s, COMMAND_APPEND, 1, event).detail == i);
	/* The newest four are kept, as the append said. */
	assert_int_equal(streams_replay(store_streams(s, &id), 3, 1, count_events, &n, &first),
	                 ST_NOT_FOUND);
	assert_true(first == 3);
	assert_int_equal(streams_replay(store_streams(s, &id), 3, 4, count_events, &n, &first),
	                 ST_OK);
	assert_int_equal(n, 2);
	/* Appending is not the client's doing. */
	assert_int_equal(store_get(s, &id, &view), ST_OK);
	assert_true(view.active_ms == 1000 && view.revision == store_index(s));
	assert_int_equal(run(s, COMMAND_TRIM, 1, (struct command_fields){.numbers = {3, 5}}).result,
	                 RESULT_OK);
	assert_int_equal(run(s, COMMAND_CLOSE, 1, (struct command_fields){.numbers = {4}}).result,
	                 RESULT_NO_STREAM);
	assert_int_equal(run(s, COMMAND_CLOSE, 1, (struct command_fields){.numbers = {3}}).result,
	                 RESULT_OK);
	/* A session without streams pays for none. */
	assert_null(store_streams(s, &id));
	assert_int_equal(store_bytes(s), empty);
	store_free(s);
}

static bool note_number(void *arg, const struct event_view *event)
{
	uint64_t *number = arg;

	*number = event->number;
	return true;
}

/* How replaying stream 3 behind a number ends, and the last number that it shows. */
static enum status replay(const struct store *s, uint64_t after, uint64_t *ret_last,
                          uint64_t *ret_first)
{
	const struct session_id id = id_of(1);

	*ret_last = 0;
	return streams_replay(store_streams(s, &id), 3, after, note_number, ret_last, ret_first);
}

TEST(a_stream_that_is_opened_anew_never_shows_its_numbers_again)
{
	const struct command_fields event = {.numbers = {3, 0}, .texts = {text("event")}};
	const struct command_fields over = {.numbers = {3}};
	struct store *s = founded(STATE_VERSION_3);
	const struct session_id id = id_of(1);
	struct store *copy;
	struct fault fault;
	uint64_t first;
	uint64_t last;
	struct buf b;
	unsigned i;

	assert_int_equal(create(s, 1, &plain).result, RESULT_OK);
	for (i = 1; i <= 3; i++)
		assert_true(run(s, COMMAND_APPEND, 1, event).detail == i);
	assert_int_equal(run(s, COMMAND_CLOSE, 1, over).result, RESULT_OK);
	/* Not even when there is no stream any more is it forgotten, on any member. */
	buf_init(&b, SIZE_MAX);
	assert_int_equal(store_snapshot(s, &b), ST_OK);
	assert_int_equal(store_new(&copy), ST_OK);
	assert_int_equal(store_restore(copy, b.base, b.len, &fault), ST_OK);
	assert_true(store_digest(copy) == store_digest(s));
	assert_true(store_bytes(copy) == store_bytes(s));
	buf_close(&b);
	store_free(s);
	assert_true(run(copy, COMMAND_APPEND, 1, event).detail == 4);
	assert_true(run(copy, COMMAND_APPEND, 1, event).detail == 5);
	/* Who had seen events 1 and 2 of the old one is told that 3 is gone; who had seen all of it
	 * gets what came after. */
	assert_int_equal(replay(copy, 2, &last, &first), ST_NOT_FOUND);
	assert_true(first == 4 && last == 0);
	assert_int_equal(replay(copy, 3, &last, &first), ST_OK);
	assert_true(last == 5);
	/* Another stream begins behind it, too. */
	assert_true(run(copy, COMMAND_APPEND, 1,
	                (struct command_fields){.numbers = {9}, .texts = {text("event")}})
	                .detail == 4);
	assert_int_equal(streams_count(store_streams(copy, &id)), 2);
	store_free(copy);
}

TEST(before_version_3_numbers_begin_anew_and_the_upgrade_keeps_what_there_is)
{
	const struct command_fields event = {.numbers = {3, 0}, .texts = {text("event")}};
	const struct command_fields over = {.numbers = {3}};
	struct store *s = founded(STATE_VERSION_2);
	const struct command_head h = head_at(3000);
	const struct session_id id = id_of(1);
	struct buf b;

	assert_int_equal(create(s, 1, &plain).result, RESULT_OK);
	assert_true(run(s, COMMAND_APPEND, 1, event).detail == 1);
	assert_int_equal(run(s, COMMAND_CLOSE, 1, over).result, RESULT_OK);
	assert_null(store_streams(s, &id));
	assert_true(run(s, COMMAND_APPEND, 1, event).detail == 1);
	buf_init(&b, COMMAND_MAX);
	command2_limits(&b, &h, 1, 0);
	assert_int_equal(apply(s, &b).result, RESULT_OK);
	assert_int_equal(upgrade(s, STATE_VERSION_3).detail, STATE_VERSION_3);
	assert_true(run(s, COMMAND_APPEND, 1, event).detail == 2);
	assert_int_equal(run(s, COMMAND_CLOSE, 1, over).result, RESULT_OK);
	assert_true(run(s, COMMAND_APPEND, 1, event).detail == 3);
	/* Limits stay as they were set. */
	assert_int_equal(create(s, 2, &plain).result, RESULT_SESSIONS_LIMIT);
	buf_close(&b);
	store_free(s);
}

/* The contents of everything, in one number: what comparing two clusters goes by. */
static void add_content(void *arg, const struct session_id *id, uint64_t content)
{
	uint64_t *sum = arg;

	*sum += content * (2U * id->bytes[10] + 1);
}

static uint64_t content_of(const struct store *s, enum content_kind kind)
{
	uint64_t sum = 0;

	(void)content_page(s, kind, NULL, SIZE_MAX, add_content, &sum);
	return sum;
}

TEST(what_somebody_wrote_is_content_and_where_it_stands_in_the_log_is_not)
{
	const struct session_attrs owned = {.owner = 9, .principal = plain.principal};
	const struct session_attrs mortal = {.ttl_ms = 60000};
	const struct session_attrs alices = {.principal = (const uint8_t *)"alice",
	                                     .principal_len = 5};
	const struct command_fields event = {.numbers = {3, 0}, .texts = {text("event")}};
	const struct command_fields question = {.numbers = {3}, .texts = {text("what?")}};
	const struct command_fields trim = {.numbers = {3, 1}};
	struct store *a = founded(STATE_VERSION_3);
	struct store *b = founded(STATE_VERSION_3);
	uint64_t seen[6];
	size_t i;
	size_t k;

	/* Other indexes, times and owners. */
	assert_int_equal(create(a, 1, &plain).result, RESULT_OK);
	assert_int_equal(upgrade(b, STATE_VERSION_3).result, RESULT_OK);
	assert_int_equal(create(b, 1, &owned).result, RESULT_OK);
	assert_true(content_of(a, CONTENT_SESSIONS) == content_of(b, CONTENT_SESSIONS));
	for (i = 0; i < 2; i++) {
		assert_int_equal(run(a, COMMAND_APPEND, 1, event).result, RESULT_OK);
		assert_int_equal(run(b, COMMAND_APPEND, 1, event).result, RESULT_OK);
	}
	assert_int_equal(run(a, COMMAND_ASK, 1, question).result, RESULT_OK);
	assert_int_equal(run(b, COMMAND_ASK, 1, question).result, RESULT_OK);
	assert_true(content_of(a, CONTENT_SESSIONS) == content_of(b, CONTENT_SESSIONS));
	/* Each of these is a difference. */
	seen[0] = content_of(a, CONTENT_SESSIONS);
	assert_int_equal(run(a, COMMAND_TRIM, 1, trim).result, RESULT_OK);
	seen[1] = content_of(a, CONTENT_SESSIONS);
	assert_int_equal(run(a, COMMAND_APPEND, 1, event).result, RESULT_OK);
	seen[2] = content_of(a, CONTENT_SESSIONS);
	assert_int_equal(run(a, COMMAND_ASK, 1, question).result, RESULT_OK);
	seen[3] = content_of(a, CONTENT_SESSIONS);
	assert_int_equal(create(a, 3, &mortal).result, RESULT_OK);
	seen[4] = content_of(a, CONTENT_SESSIONS);
	assert_int_equal(create(b, 3, &alices).result, RESULT_OK);
	seen[5] = content_of(b, CONTENT_SESSIONS);
	for (i = 0; i < 6; i++) {
		for (k = 0; k < i; k++)
			assert_true(seen[i] != seen[k]);
	}
	store_free(a);
	store_free(b);
}

TEST(the_limits_of_streams_and_questions_have_names)
{
	static uint8_t bytes[EVENT_BYTES_MAX + 1];
	const struct bytes_view longer = {bytes, sizeof bytes};
	struct command_fields f = {.numbers = {1, 0}, .texts = {longer}};
	struct store *s = founded(STATE_VERSION_2);
	unsigned i;

	assert_int_equal(create(s, 1, &plain).result, RESULT_OK);
	assert_int_equal(run(s, COMMAND_APPEND, 1, f).result, RESULT_EVENT_LIMIT);
	f.texts[0].len = 1;
	for (i = 0; i < EVENTS_MAX; i++)
		assert_int_equal(run(s, COMMAND_APPEND, 1, f).result, RESULT_OK);
	assert_int_equal(run(s, COMMAND_APPEND, 1, f).result, RESULT_EVENTS_LIMIT);
	f.numbers[0] = UINT64_MAX;
	assert_int_equal(run(s, COMMAND_APPEND, 1, f).result, RESULT_NO_STREAM);
	for (i = 1; i < STREAMS_MAX; i++) {
		f.numbers[0] = 1 + i;
		assert_int_equal(run(s, COMMAND_APPEND, 1, f).result, RESULT_OK);
	}
	f.numbers[0] = 1 + i;
	assert_int_equal(run(s, COMMAND_APPEND, 1, f).result, RESULT_STREAMS_LIMIT);
	f.texts[0].len = EVENT_BYTES_MAX;
	for (f.numbers[0] = 2; run(s, COMMAND_APPEND, 1, f).result == RESULT_OK;)
		;
	assert_int_equal(run(s, COMMAND_APPEND, 1, f).result, RESULT_SESSION_LIMIT);
	assert_int_equal(create(s, 2, &plain).result, RESULT_OK);
	f.texts[0] = longer;
	assert_int_equal(run(s, COMMAND_ASK, 2, f).result, RESULT_QUESTION_LIMIT);
	f.texts[0].len = 3;
	for (i = 0; i < PENDING_MAX; i++)
		assert_int_equal(run(s, COMMAND_ASK, 2, f).result, RESULT_OK);
	assert_int_equal(run(s, COMMAND_ASK, 2, f).result, RESULT_QUESTIONS_LIMIT);
	store_free(s);
}

TEST(a_question_is_answered_once)
{
	struct command_fields f = {.numbers = {1}, .texts = {text("what?"), text("token")}};
	struct store *s = founded(STATE_VERSION_2);
	const struct session_id id = id_of(1);
	struct question_view q;
	struct session_view view;
	uint64_t first;
	uint64_t second;

	assert_int_equal(create(s, 1, &plain).result, RESULT_OK);
	assert_int_equal(run(s, COMMAND_ANSWER, 1, f).result, RESULT_NO_QUESTION);
	first = run(s, COMMAND_ASK, 1, f).detail;
	second = run(s, COMMAND_ASK, 1, f).detail;
	assert_true(first != 0 && first < second);
	f.numbers[0] = first;
	f.texts[0] = text("that");
	assert_int_equal(run(s, COMMAND_ANSWER, 1, f).result, RESULT_OK);
	assert_int_equal(store_get(s, &id, &view), ST_OK);
	assert_true(view.active_ms == 2000);
	f.texts[0] = text("no, this");
	assert_int_equal(run(s, COMMAND_ANSWER, 1, f).result, RESULT_ANSWERED);
	assert_int_equal(pending_get(store_pending(s, &id), first, &q), ST_OK);
	assert_true(q.answered && q.answer_len == 4);
	assert_int_equal(run(s, COMMAND_DISMISS, 1, f).result, RESULT_OK);
	assert_int_equal(run(s, COMMAND_DISMISS, 1, f).result, RESULT_NO_QUESTION);
	f.numbers[0] = second;
	assert_int_equal(run(s, COMMAND_DISMISS, 1, f).result, RESULT_OK);
	assert_null(store_pending(s, &id));
	store_free(s);
}

TEST(questions_of_one_log_entry_have_ids_of_their_own)
{
	const struct command_fields f = {.numbers = {1}, .texts = {text("what?"), text("")}};
	struct store *s = founded(STATE_VERSION_2);
	const struct session_id id = id_of(1);
	struct store_answer answers[3];
	struct command_head h;
	struct buf result;
	struct buf b;
	unsigned i;

	assert_int_equal(create(s, 1, &plain).result, RESULT_OK);
	buf_init(&b, COMMAND_MAX);
	buf_init(&result, STORE_RESULT_MAX);
	for (i = 0; i < 3; i++) {
		h = head_at(5);
		buf_reset(&b);
		buf_reset(&result);
		command2_fields(&b, &h, COMMAND_ASK, &id, &f);
		assert_int_equal(store_apply(s, 9, b.base, b.len, &result), ST_OK);
		assert_int_equal(store_result_decode(result.base, result.len, &answers[i]), ST_OK);
		assert_true(i == 0 || answers[i].detail > answers[i - 1].detail);
	}
	assert_int_equal(pending_count(store_pending(s, &id)), 3);
	buf_close(&b);
	buf_close(&result);
	store_free(s);
}

TEST(a_handle_is_its_principals_and_expires)
{
	struct command_fields f = {.numbers = {500}, .texts = {text("alice"), text("value")}};
	struct store *s = founded(STATE_VERSION_2);
	const struct session_id id = id_of(1);
	struct command_head h = head_at(2100);
	struct expiry_scan scan = {0, 0};
	struct store_answer answer;
	struct handle_view view;
	struct expiry list[2];
	struct buf b;

	answer = run(s, COMMAND_HANDLE_CREATE, 1, f);
	assert_int_equal(answer.result, RESULT_OK);
	assert_int_equal(run(s, COMMAND_HANDLE_CREATE, 1, f).result, RESULT_EXISTS);
	assert_int_equal(create(s, 1, &plain).result, RESULT_EXISTS);
	assert_int_equal(store_count(s), 0);
	f.numbers[0] = answer.revision + 1;
	f.texts[0] = text("other");
	assert_int_equal(run(s, COMMAND_HANDLE_PUT, 1, f).result, RESULT_CONFLICT);
	f.numbers[0] = answer.revision;
	h.guards = GUARD_PRINCIPAL;
	h.principal = (const uint8_t *)"bob";
	h.principal_len = 3;
	assert_int_equal(run_head(s, &h, COMMAND_HANDLE_PUT, 1, &f).result, RESULT_PRINCIPAL);
	h.origin.seq = ++steps_seq;
	h.principal = (const uint8_t *)"alice";
	h.principal_len = 5;
	assert_int_equal(run_head(s, &h, COMMAND_HANDLE_PUT, 1, &f).result, RESULT_OK);
	assert_int_equal(store_handle(s, &id, &view), ST_OK);
	assert_memory_equal(view.value.at, "other", 5);
	/* Use lengthens its life. */
	h = head_at(2300);
	buf_init(&b, COMMAND_MAX);
	command2_touch(&b, &h, &id, 1);
	assert_true(apply(s, &b).detail == 1);
	assert_int_equal(store_expired(s, &scan, 2799, SIZE_MAX, list, 2), 0);
	assert_int_equal(store_expired(s, &scan, 2800, SIZE_MAX, list, 2), 1);
	h = head_at(2800);
	command2_expire(&b, &h, list, 1);
	assert_true(apply(s, &b).detail == 1);
	assert_int_equal(store_handle(s, &id, &view), ST_NOT_FOUND);
	assert_int_equal(store_bytes(s), 0);
	assert_int_equal(run(s, COMMAND_HANDLE_DELETE, 1, f).result, RESULT_NOT_FOUND);
	buf_close(&b);
	store_free(s);
}

static void take_task(void *arg, const struct task_view *task)
{
	*(struct task_view *)arg = *task;
}

TEST(a_task_is_finished_once_by_its_owner_of_the_day)
{
	struct command_fields f = {.numbers = {11, TASK_ORPHAN_CLAIM, 0},
	                           .texts = {text("alice"), text("tool"), text("{}")}};
	struct store *s = founded(STATE_VERSION_2);
	const struct session_id id = id_of(1);
	struct store_answer answer;
	struct task_view view;
	uint64_t first;
	uint64_t second;

	first = run(s, COMMAND_TASK_CREATE, 1, f).epoch;
	assert_int_equal(store_task_page(s, NULL, 10, take_task, &view), 1);
	assert_true(view.owner == 11 && view.state == TASK_WORKING);
	f = (struct command_fields){.numbers = {first, 12}};
	second = run(s, COMMAND_TASK_CLAIM, 1, f).epoch;
	assert_true(second > first);
	answer = run(s, COMMAND_TASK_CLAIM, 1, f);
	assert_int_equal(answer.result, RESULT_STALE_EPOCH);
	assert_true(answer.epoch == second);
	/* The earlier owner is not dead after all, but too late. */
	f = (struct command_fields){.numbers = {first, TASK_COMPLETED},
	                            .texts = {text(""), text("1")}};
	assert_int_equal(run(s, COMMAND_TASK_UPDATE, 1, f).result, RESULT_STALE_EPOCH);
	f.numbers[0] = second;
	f.numbers[1] = TASK_WORKING;
	assert_int_equal(run(s, COMMAND_TASK_UPDATE, 1, f).result, RESULT_TASK_STATE);
	f.numbers[1] = UINT64_MAX;
	assert_int_equal(run(s, COMMAND_TASK_UPDATE, 1, f).result, RESULT_TASK_STATE);
	f.numbers[1] = TASK_COMPLETED;
	assert_int_equal(run(s, COMMAND_TASK_UPDATE, 1, f).result, RESULT_OK);
	assert_int_equal(run(s, COMMAND_TASK_UPDATE, 1, f).result, RESULT_FINISHED);
	assert_int_equal(run(s, COMMAND_TASK_CANCEL, 1, f).result, RESULT_FINISHED);
	assert_int_equal(store_task(s, &id, &view), ST_OK);
	assert_true(view.state == TASK_COMPLETED && view.result.len == 1);
	assert_int_equal(run(s, COMMAND_TASK_CANCEL, 2, f).result, RESULT_NOT_FOUND);
	assert_int_equal(run(s, COMMAND_TASK_DELETE, 1, f).result, RESULT_OK);
	assert_int_equal(store_bytes(s), 0);
	store_free(s);
}

/* --- Everything at once ---------------------------------------------------------------- */

enum { OBJECTS = 30, ROUNDS = 2500 };

static uint64_t pick(struct prng *prng, uint64_t n)
{
	return prng_next(prng) % n;
}

static void random_command(struct prng *prng, const struct store *s, uint64_t index, struct buf *b)
{
	static const uint8_t bytes[64] = "some bytes for all of them";
	static const enum command_type types[] = {
	    COMMAND_APPEND,        COMMAND_APPEND,      COMMAND_TRIM,          COMMAND_CLOSE,
	    COMMAND_ASK,           COMMAND_ASK,         COMMAND_ANSWER,        COMMAND_DISMISS,
	    COMMAND_HANDLE_CREATE, COMMAND_HANDLE_PUT,  COMMAND_HANDLE_DELETE, COMMAND_TASK_CREATE,
	    COMMAND_TASK_UPDATE,   COMMAND_TASK_CANCEL, COMMAND_TASK_CLAIM,    COMMAND_TASK_DELETE};
	const struct command_head h = {.origin = {1, index}, .now_ms = (int64_t)index};
	const struct session_id id = id_of((unsigned)pick(prng, OBJECTS));
	struct command_fields f = {.numbers = {pick(prng, 4), pick(prng, 4), pick(prng, 50)}};
	struct expiry expiry = {id, (int64_t)(index - pick(prng, 80)), index - pick(prng, 80)};
	struct task_view task;
	unsigned i;

	if (pick(prng, 4) > 0 && store_task(s, &id, &task) == ST_OK)
		f.numbers[0] = task.epoch;
	for (i = 0; i < COMMAND_TEXTS; i++)
		f.texts[i] = (struct bytes_view){bytes, pick(prng, sizeof bytes)};
	switch (pick(prng, 8)) {
	case 0:
		command2_create(b, &h, &id, &plain);
		break;
	case 1:
		command2_delete(b, &h, &id);
		break;
	case 2:
		command2_touch(b, &h, &id, 1);
		break;
	case 3:
		command2_expire(b, &h, &expiry, 1);
		break;
	default:
		command2_fields(b, &h, types[pick(prng, sizeof types / sizeof types[0])], &id, &f);
		break;
	}
}

/* The state as an image makes it, which is taken while `more` is applied. */
static struct store *copied(struct store *s, const struct buf *more)
{
	static struct manifest m;
	struct store *copy = founded(STATE_VERSION_1);
	uint64_t digest = store_digest(s);
	struct image_loader *l;
	unsigned order[IMAGE_CHUNKS];
	struct fault fault;
	struct image *im;
	struct buf result;
	size_t at = 0;
	size_t n = 0;
	struct buf b;
	size_t i;

	buf_init(&b, SIZE_MAX);
	buf_init(&result, STORE_RESULT_MAX);
	assert_int_equal(image_begin(s, &im), ST_OK);
	assert_int_equal(store_apply(s, store_index(s) + 1, more->base, more->len, &result), ST_OK);
	while (image_next(im, &b, &order[n]) == ST_OK)
		n++;
	m = *image_manifest(im);
	image_end(im);
	assert_int_equal(image_load(&m, &l), ST_OK);
	for (i = 0; i < n; at += m.chunks[order[i]].len, i++)
		assert_int_equal(
		    image_load_chunk(l, order[i], b.base + at, m.chunks[order[i]].len, &fault),
		    ST_OK);
	assert_int_equal(image_load_finish(l, copy, &fault), ST_OK);
	assert_true(store_digest(copy) == digest);
	buf_reset(&result);
	assert_int_equal(store_apply(copy, store_index(s), more->base, more->len, &result), ST_OK);
	buf_close(&result);
	buf_close(&b);
	return copy;
}

static void assert_same(const struct store *a, const struct store *b)
{
	unsigned i;

	assert_true(store_digest(a) == store_digest(b) && store_bytes(a) == store_bytes(b));
	for (i = 0; i < STORE_BUCKETS; i++) {
		assert_true(store_bucket_digest(a, i) == store_bucket_digest(b, i));
		assert_true(store_bucket_digest(a, i) == store_bucket_recount(a, i));
	}
}

static unsigned soup(uint64_t seed)
{
	struct store *s = founded(STATE_VERSION_2);
	struct prng prng = {seed};
	unsigned done = 0;
	uint64_t i;

	for (i = 1; i <= ROUNDS; i++) {
		struct store_answer answer;
		struct store *copy;
		struct buf b;

		buf_init(&b, COMMAND_MAX);
		random_command(&prng, s, i, &b);
		if (i % 100 == 0) {
			copy = copied(s, &b);
			assert_same(s, copy);
			store_free(s);
			s = copy;
		} else {
			answer = apply(s, &b);
			done += answer.result == RESULT_OK;
		}
		buf_close(&b);
	}
	store_free(s);
	return done;
}

TEST(random_commands_of_all_kinds_survive_images)
{
	const char *env = getenv("SEED");
	uint64_t seed = env != NULL ? strtoull(env, NULL, 10) : 1;
	unsigned i;

	for (i = 0; i < (env != NULL ? 1U : 6U); i++, seed++) {
		print_message("# SEED=%llu\n", (unsigned long long)seed);
		assert_true(soup(seed) > ROUNDS / 5);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(events_are_numbered_replayed_and_trimmed),
	    cmocka_unit_test(a_stream_that_is_opened_anew_never_shows_its_numbers_again),
	    cmocka_unit_test(
	        before_version_3_numbers_begin_anew_and_the_upgrade_keeps_what_there_is),
	    cmocka_unit_test(what_somebody_wrote_is_content_and_where_it_stands_in_the_log_is_not),
	    cmocka_unit_test(the_limits_of_streams_and_questions_have_names),
	    cmocka_unit_test(a_question_is_answered_once),
	    cmocka_unit_test(questions_of_one_log_entry_have_ids_of_their_own),
	    cmocka_unit_test(a_handle_is_its_principals_and_expires),
	    cmocka_unit_test(a_task_is_finished_once_by_its_owner_of_the_day),
	    cmocka_unit_test(random_commands_of_all_kinds_survive_images),
	};

	return RUN_TESTS(tests);
}
