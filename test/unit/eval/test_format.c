#include "eval_fixture.h"

TEST(every_sequence_of_the_manual)
{
	SHOWS("io:format(\"~p ~w ~s ~ts ~c~c ~b ~.16B ~5.2f|~-5w|~5w|~5.5.0w~n\", "
	      "[\"ab\", \"ab\", \"ab\", <<\"\xce\xb1\"/utf8>>, $x, $y, 10, 255, 1.0, a, b, c])",
	      "\"ab\" [97,98] ab \xce\xb1 xy 10 FF  1.00|a    |    b|0000c\nok\n");
	SHOWS("io:format(\"~~ ~i~e ~g ~x ~#~n\", [gone, 1.5, 2.5, 10, \"0x\", 7])",
	      "~ 1.50000e+0 2.50000 0x10 10#7\nok\n");
}

TEST(a_bad_format_or_argument_is_a_bad_argument)
{
	SHOWS("io:format(\"~q\", [1])", "** exception error: bad argument\n");
	SHOWS("io:format(\"~p\", [])", "** exception error: bad argument\n");
	SHOWS("io:format(\"x\", [1])", "** exception error: bad argument\n");
	SHOWS("io:format(\"~\", [1])", "** exception error: bad argument\n");
	SHOWS("io:format(\"~s\", [foo:bar])", "** exception error: bad argument\n");
	SHOWS("io:format(\"~s\", [[945]])", "** exception error: bad argument\n");
	SHOWS("io:format(\"~p\", a)", "** exception error: bad argument\n");
}

TEST(pretty_terms_are_broken_where_the_line_has_got_to)
{
	SHOWS("io:format(\"member: ~p~n\", [lists:seq(1000, 1016)])",
	      "member: [1000,1001,1002,1003,1004,1005,1006,1007,1008,1009,1010,1011,1012,\n"
	      "         1013,1014,1015,1016]\nok\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_sequence_of_the_manual),
	    cmocka_unit_test(a_bad_format_or_argument_is_a_bad_argument),
	    cmocka_unit_test(pretty_terms_are_broken_where_the_line_has_got_to),
	};

	return RUN_TESTS(tests);
}
