#include "node/pace.h"
#include "testing.h"

enum { MS = 1000, LOW = 250 * MS, HIGH = 1000 * MS, CUT = 500 * MS };

static int64_t beat(struct pace *p, int64_t from_us, unsigned n, int64_t gap_us)
{
	while (n-- > 0) {
		from_us += gap_us;
		pace_heard(p, "erlmcp@b", 1, from_us);
	}
	return from_us;
}

TEST(a_quiet_network_gets_the_shortest_timeout)
{
	struct pace p;

	pace_init(&p, LOW, HIGH, CUT);
	(void)beat(&p, 0, 1000, 25 * MS);
	assert_true(pace_election_us(&p) == LOW);
}

TEST(late_beats_stretch_the_timeout_at_once_and_are_forgotten_in_time)
{
	struct pace p;
	int64_t now_us;

	pace_init(&p, LOW, HIGH, CUT);
	now_us = beat(&p, 0, 100, 25 * MS);
	now_us = beat(&p, now_us, 1, 100 * MS);
	assert_true(pace_election_us(&p) == LOW); /* one may be an accident */
	now_us = beat(&p, now_us, 1, 100 * MS);
	assert_true(pace_election_us(&p) >= 300 * MS);
	(void)beat(&p, now_us, 2 * PACE_WINDOW_US / (25 * MS) + 2, 25 * MS);
	assert_true(pace_election_us(&p) == LOW);
}

TEST(the_timeout_never_exceeds_its_bound)
{
	struct pace p;

	pace_init(&p, LOW, HIGH, CUT);
	(void)beat(&p, 0, 100, 400 * MS);
	assert_true(pace_election_us(&p) == HIGH);
}

TEST(a_cut_teaches_nothing)
{
	struct pace p;
	int64_t now_us;

	pace_init(&p, LOW, HIGH, CUT);
	now_us = beat(&p, 0, 100, 25 * MS);
	now_us = beat(&p, now_us, 1, 5000 * MS);
	now_us = beat(&p, now_us, 3, 200 * MS); /* TCP catching up */
	assert_true(pace_election_us(&p) == LOW);
	pace_heard(&p, "erlmcp@b", 2, now_us + 300 * MS); /* first beat of a new link */
	assert_true(pace_election_us(&p) == LOW);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_quiet_network_gets_the_shortest_timeout),
	    cmocka_unit_test(late_beats_stretch_the_timeout_at_once_and_are_forgotten_in_time),
	    cmocka_unit_test(the_timeout_never_exceeds_its_bound),
	    cmocka_unit_test(a_cut_teaches_nothing),
	};

	return RUN_TESTS(tests);
}
