/* Nodes that are no members: what is left of them when they have gone. */
#include <string.h>

#include "cluster/limits.h"
#include "one_room.h"
#include "testing.h"

static void stranger(struct one_room *r, enum cluster_event_type type, struct buf *message)
{
	const struct cluster_event ev = {
	    .type = type,
	    .now_us = r->now_us,
	    .raft = &r->view,
	    .peer = "erlmcp@x",
	    .epoch = 1,
	    .bytes = message == NULL ? NULL : message->base,
	    .len = message == NULL ? 0 : message->len,
	    .random = 1,
	};

	cluster_step(r->c, &ev, &r->actions);
}

/* It is empty, and takes no version of the state that this cluster has. */
static void greet(struct one_room *r)
{
	const struct wire_head head = {
	    .type = WIRE_HELLO, .raft_id = 99, .boot = 1, .run = 1, .identity = IDENTITY_EMPTY};
	const struct wire_hello hello = {
	    .promise_max_ms = 300, .n = 1, .names = {"erlmcp@x"}, .takes = 1};
	struct buf b;

	buf_init(&b, CLUSTER_MESSAGE_MAX);
	wire_put_head(&b, &head);
	wire_put_hello(&b, &hello);
	assert_int_equal(buf_status(&b), ST_OK);
	stranger(r, CLUSTER_MESSAGE, &b);
	buf_close(&b);
}

TEST(an_alarm_about_a_guest_ends_when_he_is_forgotten)
{
	const struct cluster_action *a;
	struct one_room r;

	room_open(&r, 3, 3, false);
	r.view.state_version = 2;
	stranger(&r, CLUSTER_STRANGER, NULL);
	assert_non_null(room_action(&r, CLUSTER_MEET, 0));
	stranger(&r, CLUSTER_LINK_UP, NULL);
	greet(&r);
	a = room_action(&r, CLUSTER_ALARM, 0);
	assert_non_null(a);
	assert_true(a->up);
	assert_non_null(strstr(a->text, "state version too new"));
	stranger(&r, CLUSTER_LINK_DOWN, NULL);
	assert_null(room_action(&r, CLUSTER_ALARM, 0));
	r.now_us += GUEST_FORGET_US;
	room_tick(&r);
	a = room_action(&r, CLUSTER_ALARM, 0);
	assert_non_null(a);
	assert_false(a->up);
	assert_string_equal(a->peer, "erlmcp@x");
	assert_string_equal(a->text, "state version too new");
	assert_non_null(room_action(&r, CLUSTER_PART, 0));
	room_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_alarm_about_a_guest_ends_when_he_is_forgotten),
	};

	return RUN_TESTS(tests);
}
