/* Connections are told apart by their epochs: what comes late from an old one means nothing. */
#include <string.h>

#include "one_room.h"
#include "testing.h"

static void link(struct one_room *r, enum cluster_event_type type, uint64_t epoch)
{
	const struct cluster_event ev = {.type = type,
	                                 .now_us = r->now_us,
	                                 .raft = &r->view,
	                                 .peer = "erlmcp@b",
	                                 .epoch = epoch,
	                                 .random = 1};

	cluster_step(r->c, &ev, &r->actions);
}

static bool is_heard(const struct one_room *r)
{
	struct cluster_status status;

	cluster_status(r->c, &r->view, r->now_us, &status);
	for (size_t i = 0; i < status.n_members; i++) {
		if (!status.members[i].self && status.members[i].heard)
			return true;
	}
	return false;
}

TEST(a_message_of_an_old_link_is_not_listened_to)
{
	struct one_room r;
	struct wire_beat beat;

	room_open(&r, 3, 3, true);
	link(&r, CLUSTER_LINK_UP, 2);
	r.now_us += 1000;
	beat = room_beat(&r, 'b');
	room_say(&r, 'b', 1, &beat);
	assert_false(is_heard(&r));
	room_say(&r, 'b', 2, &beat);
	assert_true(is_heard(&r));
	room_close(&r);
}

TEST(the_end_of_an_old_link_does_not_end_the_new_one)
{
	struct one_room r;

	room_open(&r, 3, 3, true);
	link(&r, CLUSTER_LINK_UP, 2);
	link(&r, CLUSTER_LINK_DOWN, 1);
	r.now_us += 1000000;
	room_tick(&r);
	(void)room_sent(&r, 'b'); /* it is still spoken to */
	link(&r, CLUSTER_LINK_DOWN, 2);
	r.now_us += 1000000;
	room_tick(&r);
	for (size_t i = 0; i < r.actions.n; i++)
		assert_false(r.actions.items[i].type == CLUSTER_SEND &&
		             strcmp(r.actions.items[i].peer, "erlmcp@b") == 0);
	room_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_message_of_an_old_link_is_not_listened_to),
	    cmocka_unit_test(the_end_of_an_old_link_does_not_end_the_new_one),
	};

	return RUN_TESTS(tests);
}
