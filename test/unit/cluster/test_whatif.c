/* What would become of a cluster if it were cut: the words of a cut, and what the rooms say. */
#include "cluster/whatif.h"

#include <stdio.h>
#include <string.h>

#include "testing.h"

static struct whatif_question question(size_t n, unsigned quorum_size)
{
	struct whatif_question q = {
	    .config =
	        {
	            .quorum_size = quorum_size,
	            .beat_interval_us = 100000,
	            .detection_us = 1000000,
	            .shutdown_delay_us = 120000000,
	            .force_shutdown = true,
	            .lease_guard_us = 50000,
	            .promise_max_us = 2000000,
	        },
	    .election_us = 1000000,
	    .n = n,
	    .leader_id = 1,
	};

	for (size_t i = 0; i < n; i++) {
		(void)snprintf(q.members[i].name, sizeof q.members[i].name,
		               "erlmcp@host-%c.example", (char)('a' + (char)i));
		q.members[i].id = i + 1;
		q.members[i].voter = true;
	}
	return q;
}

static void ask(const struct whatif_question *q, const char *text, struct whatif_answer *ret)
{
	struct whatif_cut cut;
	char why[WHATIF_TEXT_MAX];

	if (whatif_parse(q, text, &cut, why) != ST_OK || whatif_run(q, &cut, ret, why) != ST_OK)
		fail_msg("%s: %s", text, why);
}

/* One letter a member: L leads, s serves with all, d without some, f fenced, - dead. */
static void assert_states(const struct whatif_answer *a, const char *expected)
{
	char got[MEMBERS_MAX + 1] = "";

	for (size_t i = 0; i < a->n; i++) {
		const struct whatif_node *n = &a->nodes[i];

		got[i] = cluster_state_name(n->now.state)[0];
		if (n->dead)
			got[i] = '-';
		else if (n->leads)
			got[i] = 'L';
	}
	assert_string_equal(got, expected);
}

static void assert_refused(const char *text, const char *expected)
{
	const struct whatif_question q = question(3, 3);
	struct whatif_cut cut;
	char why[WHATIF_TEXT_MAX];

	assert_int_equal(whatif_parse(&q, text, &cut, why), ST_INVALID);
	assert_string_equal(why, expected);
}

#define ALL "; members are: erlmcp@host-a.example, erlmcp@host-b.example, erlmcp@host-c.example"

TEST(a_cut_that_cannot_be_understood_names_the_members)
{
	assert_refused("host-a,host-b|host-x", "\"host-x\" is no member" ALL);
	assert_refused("host-|host-c", "\"host-\" fits several members" ALL);
	assert_refused("host-a|host-b", "erlmcp@host-c.example is on no side: name it too, or end "
	                                "the last side with \"*\" for all others");
	assert_refused("host-a|host-a,*", "erlmcp@host-a.example is on two sides");
	assert_refused("host-a", "\"host-a\": say a,b|c for two sides, a>b for one way, -c for a "
	                         "death");
	assert_refused("", "say a,b|c for two sides, a>b for one way, -c for a death");
	assert_refused("host-a||host-b", "a name is missing");
	assert_refused("-*", "name the members that die");
}

TEST(names_may_be_short_and_cuts_several)
{
	const struct whatif_question q = question(4, 4);
	struct whatif_cut cut;
	char why[WHATIF_TEXT_MAX];

	assert_int_equal(
	    whatif_parse(&q, "host-a|erlmcp@host-b.example,* -host-c host-d>host-b", &cut, why),
	    ST_OK);
	assert_true(cut.dead[2] && !cut.dead[0] && !cut.dead[3]);
	assert_true(cut.blocked[0][1] && cut.blocked[1][0] && cut.blocked[0][3]);
	assert_true(cut.blocked[3][1] && !cut.blocked[1][3]);
}

TEST(the_majority_takes_over_from_a_leader_that_is_cut_off)
{
	const struct whatif_question q = question(3, 3);
	struct whatif_answer a;

	ask(&q, "host-a|host-b,host-c", &a);
	assert_states(&a, "fLd");
	assert_int_equal(a.nodes[0].now.cause, CAUSE_MINORITY);
	assert_int_equal(a.nodes[0].now.reachable, 1);
	assert_int_equal(a.nodes[0].now.needed, 2);
	assert_true(a.nodes[0].fenced_us > 0);
	assert_true(a.nodes[0].fenced_us < a.nodes[1].led_us);
	assert_true(a.nodes[0].now.countdown_left_us > 0);
}

TEST(a_leader_in_the_majority_leads_on)
{
	const struct whatif_question q = question(5, 5);
	struct whatif_answer a;

	ask(&q, "host-a,host-b,host-c|host-d,host-e", &a);
	assert_states(&a, "Lddff");
	assert_int_equal(a.nodes[0].led_us, -1);
	assert_string_equal(a.remove[1], "");
	assert_non_null(strstr(a.remove[3], "4 voters"));
}

TEST(half_of_an_even_cluster_serves_nobody)
{
	const struct whatif_question q = question(4, 4);
	struct whatif_answer a;

	ask(&q, "host-a,host-b|host-c,host-d", &a);
	assert_states(&a, "ffff");
	assert_int_equal(a.leader, -1);
}

TEST(a_quorum_size_that_is_too_large_fences_a_majority)
{
	const struct whatif_question q = question(3, 5);
	struct whatif_answer a;

	ask(&q, "host-a,host-b|host-c", &a);
	assert_states(&a, "fff");
	assert_int_equal(a.nodes[0].now.needed, 3);
}

TEST(a_death_is_survived_and_the_second_one_is_not)
{
	const struct whatif_question q = question(3, 3);
	struct whatif_answer a;

	ask(&q, "-host-a", &a);
	assert_states(&a, "-Ld");
	ask(&q, "-host-a,-host-c", &a);
	assert_states(&a, "-f-");
}

/* c does not hear a: without both ways there is no sight, and the leader reaches b only. */
TEST(a_one_way_cut_counts_like_a_whole_one)
{
	const struct whatif_question q = question(3, 3);
	struct whatif_answer a;

	ask(&q, "host-a>*", &a);
	assert_states(&a, "fLd");
	ask(&q, "host-a>host-c", &a);
	assert_false(a.nodes[0].reaches[2]);
	assert_false(a.nodes[2].reaches[0]);
	assert_true(a.nodes[1].reaches[0] && a.nodes[1].reaches[2]);
	/* b reaches both: leadership moves there, and all three serve. */
	assert_states(&a, "dLd");
}

TEST(standbys_do_not_count_and_take_over)
{
	struct whatif_question q = question(4, 3);
	struct whatif_answer a;

	q.members[3].voter = false;
	q.config.standby_after_us = 600000000;
	ask(&q, "host-a,host-b,host-d|host-c", &a);
	assert_states(&a, "Ldfd");
	assert_non_null(strstr(a.stand_in, "standby erlmcp@host-d.example is ready"));
	ask(&q, "host-a,host-d|host-b,host-c", &a);
	assert_states(&a, "fLdf");
	assert_string_equal(a.stand_in, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_cut_that_cannot_be_understood_names_the_members),
	    cmocka_unit_test(names_may_be_short_and_cuts_several),
	    cmocka_unit_test(the_majority_takes_over_from_a_leader_that_is_cut_off),
	    cmocka_unit_test(a_leader_in_the_majority_leads_on),
	    cmocka_unit_test(half_of_an_even_cluster_serves_nobody),
	    cmocka_unit_test(a_quorum_size_that_is_too_large_fences_a_majority),
	    cmocka_unit_test(a_death_is_survived_and_the_second_one_is_not),
	    cmocka_unit_test(a_one_way_cut_counts_like_a_whole_one),
	    cmocka_unit_test(standbys_do_not_count_and_take_over),
	};

	return RUN_TESTS(tests);
}
