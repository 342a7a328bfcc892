/* Members' messages end with a checksum: what was changed on the way reaches no room. */
#include <stdio.h>
#include <string.h>

#include "node/core.h"
#include "testing.h"

enum { MESSAGES_MAX = 8, MESSAGE_MAX = 4096, MS = 1000 };

struct message {
	uint8_t bytes[MESSAGE_MAX];
	size_t len;
};

/* One node of three that expect each other, and what it said. */
struct side {
	struct core *core;
	int64_t now_us;
	uint64_t randoms; /* given out */
	struct message sent[MESSAGES_MAX];
	size_t n;         /* messages sent */
	unsigned heard;   /* times that a member was heard */
	unsigned dropped; /* times that a message was called changed */
	unsigned others;  /* events of any other kind */
};

static int64_t now_us(void *arg)
{
	return ((struct side *)arg)->now_us;
}

static int64_t wall_ms(void *arg)
{
	(void)arg;
	return 0;
}

static uint64_t next_random(void *arg)
{
	return ++((struct side *)arg)->randoms;
}

static void on_send(void *arg, const char *peer, enum traffic traffic, const uint8_t *bytes,
                    size_t len)
{
	struct side *s = arg;
	struct message *m = &s->sent[s->n];

	(void)traffic;
	if (strcmp(peer, "erlmcp@c") == 0)
		return;
	assert_true(s->n < MESSAGES_MAX && len <= MESSAGE_MAX);
	memcpy(m->bytes, bytes, len);
	m->len = len;
	s->n++;
}

static enum status on_persist(void *arg, const struct identity *id)
{
	(void)arg;
	(void)id;
	return ST_OK;
}

static void on_reset(void *arg, const char *why)
{
	(void)arg;
	fail_msg("%s", why);
}

static void on_event(void *arg, const struct core_event *ev)
{
	struct side *s = arg;

	if (ev->type == CORE_MEMBER && ev->up)
		s->heard++;
	else if (ev->type == CORE_TRACE && strstr(ev->text, "were changed on the way") != NULL)
		s->dropped++;
	else
		s->others++;
}

static void open_side(struct side *s, const char *self, uint64_t raft_id)
{
	const struct core_ops ops = {.arg = s,
	                             .now_us = now_us,
	                             .wall_ms = wall_ms,
	                             .random = next_random,
	                             .send = on_send,
	                             .persist = on_persist,
	                             .reset = on_reset,
	                             .event = on_event};
	const struct identity id = {.raft_id = raft_id, .boot = 1};
	struct core_config config = {
	    .cluster = {.n_expected = 3,
	                .expected = {"erlmcp@a", "erlmcp@b", "erlmcp@c"},
	                .quorum_size = 3,
	                .beat_interval_us = 25 * MS,
	                .detection_us = 250 * MS,
	                .lease_guard_us = 10 * MS,
	                .promise_max_us = 1000 * MS},
	    .election_ms = 250,
	    .election_max_ms = 1000,
	    .heartbeat_ms = 25,
	};
	static const struct consensus_disks no_disks;
	struct fault fault;

	memset(s, 0, sizeof *s);
	s->now_us = 1000 * MS;
	(void)snprintf(config.cluster.self, NODE_NAME_MAX, "%s", self);
	assert_int_equal(core_new(&config, &ops, &id, &no_disks, &fault, &s->core), ST_OK);
}

static void closed(void *arg)
{
	*(bool *)arg = true;
}

static void close_side(struct side *s)
{
	bool done = false;

	core_close(s->core, closed, &done);
	assert_true(done);
	core_free(s->core);
}

/* a greets b, which has the link, but has heard nothing yet. */
static void meet(struct side *a, struct side *b)
{
	open_side(a, "erlmcp@a", 1);
	open_side(b, "erlmcp@b", 2);
	core_link_up(b->core, "erlmcp@a", 1);
	core_link_up(a->core, "erlmcp@b", 1);
	core_run(a->core);
	assert_true(a->n > 0);
	assert_int_equal(b->heard, 0);
}

TEST(a_message_with_any_bit_flipped_is_dropped_and_told)
{
	struct side a;
	struct side b;
	unsigned flips = 0;

	meet(&a, &b);
	for (size_t i = 0; i < a.n; i++) {
		struct message *m = &a.sent[i];

		for (size_t bit = 0; bit < m->len * 8; bit++, flips++) {
			m->bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
			core_message(b.core, "erlmcp@a", 1, m->bytes, m->len);
			m->bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
		}
	}
	assert_int_equal(b.dropped, flips);
	assert_int_equal(b.heard, 0);
	assert_int_equal(b.others, 0);
	close_side(&a);
	close_side(&b);
}

TEST(a_message_that_was_cut_or_grew_is_dropped)
{
	struct side a;
	struct side b;

	meet(&a, &b);
	for (size_t i = 0; i < a.n; i++) {
		struct message m = a.sent[i];

		for (size_t len = 0; len < m.len; len++)
			core_message(b.core, "erlmcp@a", 1, m.bytes, len);
		m.bytes[m.len] = 0;
		core_message(b.core, "erlmcp@a", 1, m.bytes, m.len + 1);
	}
	assert_int_equal(b.heard, 0);
	assert_int_equal(b.others, 0);
	close_side(&a);
	close_side(&b);
}

TEST(an_intact_message_is_heard)
{
	struct side a;
	struct side b;

	meet(&a, &b);
	for (size_t i = 0; i < a.n; i++)
		core_message(b.core, "erlmcp@a", 1, a.sent[i].bytes, a.sent[i].len);
	b.now_us += MS;
	core_run(b.core);
	assert_int_equal(b.heard, 1);
	assert_int_equal(b.dropped, 0);
	close_side(&a);
	close_side(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_message_with_any_bit_flipped_is_dropped_and_told),
	    cmocka_unit_test(a_message_that_was_cut_or_grew_is_dropped),
	    cmocka_unit_test(an_intact_message_is_heard),
	};

	return RUN_TESTS(tests);
}
