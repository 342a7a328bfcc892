#include "node/serve.h"
#include "testing.h"

static const struct asker somebody = {.local = true, .request = 1};

TEST(asks_are_confirmed_only_by_a_round_they_joined)
{
	struct serve s;
	struct ask *early;
	struct ask *late;

	serve_init(&s);
	early = serve_ask(&s, &somebody, 3, 10, NULL, 0);
	assert_true(serve_wants_round(&s));
	serve_join_round(&s, 5);
	assert_false(serve_wants_round(&s));
	late = serve_ask(&s, &somebody, 3, 11, NULL, 0);
	assert_true(serve_wants_round(&s));
	assert_null(serve_confirmed(&s, 3, 4));
	assert_ptr_equal(serve_confirmed(&s, 3, 5), early);
	serve_drop(&s, early);
	/* The round was opened before this one came in, so it proves nothing about it. */
	assert_null(serve_confirmed(&s, 3, 5));
	serve_join_round(&s, 6);
	assert_ptr_equal(serve_confirmed(&s, 3, 6), late);
	serve_close(&s);
}

TEST(a_round_of_another_term_confirms_nothing)
{
	struct serve s;
	struct ask *a;

	serve_init(&s);
	a = serve_ask(&s, &somebody, 3, 10, NULL, 0);
	serve_join_round(&s, 5);
	assert_null(serve_confirmed(&s, 4, 9));
	assert_ptr_equal(serve_stale(&s, 4), a);
	assert_null(serve_stale(&s, 3));
	serve_close(&s);
}

TEST(a_write_keeps_its_result_until_it_is_confirmed)
{
	struct serve s;
	struct ask *a;

	serve_init(&s);
	a = serve_ask(&s, &somebody, 1, 2, (const uint8_t *)"ok", 2);
	assert_true(a->write);
	assert_int_equal(a->len, 2);
	assert_memory_equal(a->result, "ok", 2);
	serve_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(asks_are_confirmed_only_by_a_round_they_joined),
	    cmocka_unit_test(a_round_of_another_term_confirms_nothing),
	    cmocka_unit_test(a_write_keeps_its_result_until_it_is_confirmed),
	};

	return RUN_TESTS(tests);
}
