#include <string.h>

#include "term/term.h"
#include "testing.h"

struct fixture {
	struct arena arena;
	struct buf out;
};

static int set_up(void **state)
{
	static struct fixture f;

	arena_init(&f.arena, 1 << 20);
	buf_init(&f.out, 1 << 20);
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	buf_close(&f->out);
	arena_close(&f->arena);
	return 0;
}

static void check(struct fixture *f, const struct term *t, const char *plain, const char *pretty)
{
	assert_non_null(t);
	buf_reset(&f->out);
	term_print(&f->out, t);
	assert_string_equal(buf_text(&f->out), plain);
	buf_reset(&f->out);
	term_print_pretty(&f->out, t, 80);
	assert_string_equal(buf_text(&f->out), pretty);
}

static void atoms_are_quoted_when_they_must_be(void **state)
{
	struct fixture *f = *state;
	struct arena *a = &f->arena;

	check(f, term_atom(a, "abc_1@X"), "abc_1@X", "abc_1@X");
	check(f, term_atom(a, "Abc"), "'Abc'", "'Abc'");
	check(f, term_atom(a, ""), "''", "''");
	check(f, term_atom(a, "a b"), "'a b'", "'a b'");
	check(f, term_atom(a, "it's\n"), "'it\\'s\\n'", "'it\\'s\\n'");
	check(f, term_atom(a, "receive"), "'receive'", "'receive'");
	check(f, term_atom(a, "erlmcp@host.lan"), "'erlmcp@host.lan'", "'erlmcp@host.lan'");
	check(f, term_atom(a, "\xc3\xa4"), "\xc3\xa4", "\xc3\xa4");
	check(f, term_atom(a, "\xce\xb1"), "'\\x{3B1}'", "'\\x{3B1}'");
}

static void floats_are_as_short_as_can_be(void **state)
{
	static const struct {
		double v;
		const char *text;
	} cases[] = {
	    {0.0, "0.0"},
	    {-0.0, "-0.0"},
	    {1.0, "1.0"},
	    {0.1, "0.1"},
	    {100.0, "100.0"},
	    {1000.0, "1.0e3"},
	    {123456.0, "123456.0"},
	    {0.001, "0.001"},
	    {0.0001, "0.0001"},
	    {0.00012, "1.2e-4"},
	    {1e22, "1.0e22"},
	    {1.7976931348623157e308, "1.7976931348623157e308"},
	    {5e-324, "5.0e-324"},
	    {9007199254740992.0, "9.007199254740992e15"},
	    {9007199254740991.0, "9007199254740991.0"},
	    {618970019642690137449562112.0, "6.189700196426902e26"},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		check(f, term_float(&f->arena, cases[i].v), cases[i].text, cases[i].text);
}

static void text_is_shown_as_text_by_the_pretty_form_only(void **state)
{
	struct fixture *f = *state;
	struct arena *a = &f->arena;

	check(f, term_string(a, "a\"b\n"), "[97,34,98,10]", "\"a\\\"b\\n\"");
	check(f, term_binary(a, "hi", 2), "<<104,105>>", "<<\"hi\">>");
	check(f, term_binary(a, "\x01", 1), "<<1>>", "<<1>>");
	check(f, term_bitstring(a, "\x01\xa0", 11), "<<1,5:3>>", "<<1,5:3>>");
	check(f, term_string(a, "\xce\xb1"), "[945]", "[945]");
}

static void identities_and_funs_have_their_signs(void **state)
{
	struct fixture *f = *state;
	struct arena *a = &f->arena;
	const struct term_node_id id = {
	    .node = "n@h", .id = 85, .serial = 2, .words = {1, 2, 3}, .n_words = 3};
	const struct term_fun fun = {
	    .kind = TERM_FUN_EXPORT, .module = "lists", .function = "map", .arity = 2};

	check(f, term_pid(a, &id), "<0.85.2>", "<0.85.2>");
	check(f, term_port(a, &id), "#Port<0.85>", "#Port<0.85>");
	check(f, term_ref(a, &id), "#Ref<0.3.2.1>", "#Ref<0.3.2.1>");
	check(f, term_fun(a, &fun), "fun lists:map/2", "fun lists:map/2");
}

static void long_terms_are_broken_as_erlang_breaks_them(void **state)
{
	struct fixture *f = *state;
	struct arena *a = &f->arena;
	const struct term *items[30];

	for (int i = 0; i < 30; i++)
		items[i] = term_int(a, 1000 + i);
	buf_reset(&f->out);
	term_print_pretty(&f->out, term_tuple2(a, term_atom(a, "members"), term_list(a, items, 30)),
	                  80);
	assert_string_equal(
	    buf_text(&f->out),
	    "{members,[1000,1001,1002,1003,1004,1005,1006,1007,1008,1009,1010,1011,1012,\n"
	    "          1013,1014,1015,1016,1017,1018,1019,1020,1021,1022,1023,1024,1025,\n"
	    "          1026,1027,1028,1029]}");
}

static void depth_cuts_what_is_nested_or_far(void **state)
{
	struct fixture *f = *state;
	struct arena *a = &f->arena;
	const struct term_print_options o = {.pretty = true, .width = 80, .depth = 3};
	const struct term *items[] = {term_int(a, 1), term_int(a, 2), term_int(a, 3)};
	const struct term *list = term_list(a, items, 3);

	buf_reset(&f->out);
	term_print_with(&f->out, term_tuple2(a, list, list), &o);
	assert_string_equal(buf_text(&f->out), "{[1|...],[...]}");
}

static void a_full_buffer_ends_the_printing(void **state)
{
	struct fixture *f = *state;
	struct arena *a = &f->arena;
	const struct term *t = term_atom(a, "x");
	struct buf small;

	for (int i = 0; i < 20; i++)
		t = term_tuple2(a, t, t);
	buf_init(&small, 100);
	term_print(&small, t);
	assert_int_equal(buf_status(&small), ST_LIMIT);
	buf_close(&small);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    CASE(atoms_are_quoted_when_they_must_be),
	    CASE(floats_are_as_short_as_can_be),
	    CASE(text_is_shown_as_text_by_the_pretty_form_only),
	    CASE(identities_and_funs_have_their_signs),
	    CASE(long_terms_are_broken_as_erlang_breaks_them),
	    CASE(depth_cuts_what_is_nested_or_far),
	    CASE(a_full_buffer_ends_the_printing),
	};

	return RUN_TESTS(tests);
}
