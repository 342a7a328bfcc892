#include <string.h>

#include "node/requests.h"
#include "testing.h"

struct outcome {
	unsigned calls;
	enum status st;
	char text[16];
};

static void on_done(void *arg, enum status st, const uint8_t *result, size_t len)
{
	struct outcome *o = arg;

	o->calls++;
	o->st = st;
	assert_true(len < sizeof o->text);
	if (len > 0)
		memcpy(o->text, result, len);
	o->text[len] = '\0';
}

static const uint8_t command[] = "put";

static struct request *add_write(struct requests *r, struct outcome *o, int64_t deadline_us)
{
	struct request *q =
	    requests_add(r, false, command, sizeof command, deadline_us, on_done, o);

	assert_non_null(q);
	return q;
}

static struct raft_view led_by(uint64_t leader, uint64_t term)
{
	struct raft_view view = {.started = true, .self_id = 1, .leader_id = leader, .term = term};

	return view;
}

TEST(a_write_is_answered_once_with_its_result)
{
	struct raft_view view = led_by(2, 1);
	struct outcome o = {0};
	struct requests r;
	struct request *q;

	requests_init(&r);
	q = add_write(&r, &o, 1000);
	requests_mark_sent(&r, q, &view, 0);
	assert_ptr_equal(requests_find(&r, q->id), q);
	requests_finish(&r, q, ST_OK, (const uint8_t *)"done", 4);
	assert_null(requests_find(&r, q->id));
	assert_int_equal(o.calls, 0);
	requests_deliver(&r);
	requests_deliver(&r);
	assert_int_equal(o.calls, 1);
	assert_int_equal(o.st, ST_OK);
	assert_string_equal(o.text, "done");
	assert_int_equal(r.n, 0);
	requests_close(&r);
}

TEST(a_write_is_sent_again_when_its_leader_is_gone_or_silent)
{
	struct raft_view view = led_by(2, 1);
	struct outcome o = {0};
	struct requests r;
	struct request *q;

	requests_init(&r);
	q = add_write(&r, &o, INT64_MAX);
	requests_mark_sent(&r, q, &view, 0);
	requests_review(&r, &view, REQUEST_RETRY_US - 1);
	assert_int_equal(q->state, REQUEST_SENT);
	requests_review(&r, &view, REQUEST_RETRY_US);
	assert_int_equal(q->state, REQUEST_QUEUED);
	requests_mark_sent(&r, q, &view, REQUEST_RETRY_US);
	view = led_by(3, 2);
	requests_review(&r, &view, REQUEST_RETRY_US + 1);
	assert_int_equal(q->state, REQUEST_QUEUED);
	requests_close(&r);
}

TEST(what_this_nodes_own_log_holds_is_not_sent_again)
{
	struct raft_view view = led_by(1, 1);
	struct outcome o = {0};
	struct requests r;
	struct request *q;

	requests_init(&r);
	q = add_write(&r, &o, INT64_MAX);
	requests_mark_sent(&r, q, &view, 0);
	view = led_by(3, 2);
	requests_review(&r, &view, 10 * REQUEST_RETRY_US);
	assert_int_equal(q->state, REQUEST_SENT);
	requests_close(&r);
}

TEST(a_write_over_time_is_unknown_only_when_it_was_sent)
{
	struct raft_view view = led_by(2, 1);
	struct outcome sent = {0};
	struct outcome kept = {0};
	struct requests r;

	requests_init(&r);
	requests_mark_sent(&r, add_write(&r, &sent, 100), &view, 0);
	(void)add_write(&r, &kept, 100);
	requests_review(&r, &view, 100);
	requests_deliver(&r);
	assert_int_equal(sent.st, ST_UNKNOWN);
	assert_int_equal(kept.st, ST_NO_LEADER);
	requests_close(&r);
}

TEST(fencing_refuses_what_was_not_sent_and_admits_what_it_does_not_know)
{
	struct raft_view view = led_by(2, 1);
	struct outcome sent = {0};
	struct outcome read = {0};
	struct requests r;

	requests_init(&r);
	requests_mark_sent(&r, add_write(&r, &sent, 100), &view, 0);
	assert_non_null(requests_add(&r, true, NULL, 0, 100, on_done, &read));
	assert_non_null(requests_open_batch(&r, &view, 0));
	requests_refuse(&r, ST_FENCED);
	requests_deliver(&r);
	assert_int_equal(sent.st, ST_UNKNOWN);
	assert_int_equal(read.st, ST_FENCED);
	assert_int_equal(r.n, 0);
	requests_close(&r);
}

TEST(reads_wait_for_their_index_to_be_confirmed_and_applied)
{
	struct raft_view view = led_by(2, 1);
	struct outcome first = {0};
	struct outcome second = {0};
	struct read_batch *batch;
	struct requests r;

	requests_init(&r);
	assert_non_null(requests_add(&r, true, NULL, 0, 100, on_done, &first));
	assert_non_null(requests_add(&r, true, NULL, 0, 100, on_done, &second));
	batch = requests_open_batch(&r, &view, 0);
	assert_non_null(batch);
	assert_null(requests_open_batch(&r, &view, 0));
	requests_serve(&r, 50);
	requests_deliver(&r);
	assert_int_equal(first.calls, 0);
	assert_ptr_equal(requests_find_batch(&r, batch->id), batch);
	batch->confirmed = true;
	batch->index = 7;
	requests_serve(&r, 6);
	requests_deliver(&r);
	assert_int_equal(first.calls, 0);
	requests_serve(&r, 7);
	requests_deliver(&r);
	assert_int_equal(first.calls, 1);
	assert_int_equal(second.calls, 1);
	assert_int_equal(second.st, ST_OK);
	requests_close(&r);
}

TEST(a_batch_asked_in_vain_is_asked_again_under_a_new_number)
{
	struct raft_view view = led_by(2, 1);
	struct outcome o = {0};
	struct read_batch *batch;
	struct requests r;
	uint64_t old;

	requests_init(&r);
	assert_non_null(requests_add(&r, true, NULL, 0, INT64_MAX, on_done, &o));
	batch = requests_open_batch(&r, &view, 0);
	old = batch->id;
	view = led_by(3, 2);
	requests_review(&r, &view, 1);
	assert_null(requests_find_batch(&r, old));
	batch = requests_open_batch(&r, &view, 1);
	assert_non_null(batch);
	assert_true(batch->id > old);
	requests_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_write_is_answered_once_with_its_result),
	    cmocka_unit_test(a_write_is_sent_again_when_its_leader_is_gone_or_silent),
	    cmocka_unit_test(what_this_nodes_own_log_holds_is_not_sent_again),
	    cmocka_unit_test(a_write_over_time_is_unknown_only_when_it_was_sent),
	    cmocka_unit_test(fencing_refuses_what_was_not_sent_and_admits_what_it_does_not_know),
	    cmocka_unit_test(reads_wait_for_their_index_to_be_confirmed_and_applied),
	    cmocka_unit_test(a_batch_asked_in_vain_is_asked_again_under_a_new_number),
	};

	return RUN_TESTS(tests);
}
