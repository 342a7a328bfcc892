#include <string.h>

#include "base/arena.h"
#include "dist/limits.h"
#include "dist/services.h"
#include "term/term.h"
#include "testing.h"

/* A conversation with the node p@h, in Erlang's notation on both sides. */
struct talk {
	struct services services;
	struct arena arena;
	struct service_result result;
	const struct term *pid;   /* <p@h.5.0> */
	const struct term *ref;   /* a reference of p@h */
	const struct term *alias; /* [alias | ref] */
	const struct term *self;  /* our pid */
};

static const struct control_self self = {"self@host", 7};

static int talk_open_with(struct talk *t, bool payload_exit)
{
	struct term_node_id id = {.node = "p@h", .creation = 9, .id = 5, .n_words = 3};
	struct arena *a = &t->arena;

	memset(t, 0, sizeof *t);
	arena_init(a, 1 << 24);
	services_init(&t->services, &self, payload_exit);
	t->pid = term_pid(a, &id);
	t->ref = term_ref(a, &id);
	t->alias = term_cons(a, term_atom(a, "alias"), t->ref);
	t->self = control_pid(a, &self, CONTROL_PID_SELF);
	return 0;
}

static void talk_open(struct talk *t)
{
	talk_open_with(t, true);
}

static void talk_close(struct talk *t)
{
	services_close(&t->services);
	arena_close(&t->arena);
}

static const struct term *atom(struct talk *t, const char *text)
{
	return term_atom(&t->arena, text);
}

static const struct term *tuple(struct talk *t, size_t n, const struct term *const items[])
{
	return term_tuple(&t->arena, items, n);
}

#define TUPLE(t, ...)                                                                        \
	tuple(t, sizeof((const struct term *[]){__VA_ARGS__}) / sizeof(const struct term *), \
	      (const struct term *[]){__VA_ARGS__})
#define INT(t, v) term_int(&(t)->arena, v)
#define LIST(t, ...)                                                 \
	term_list(&(t)->arena, (const struct term *[]){__VA_ARGS__}, \
	          sizeof((const struct term *[]){__VA_ARGS__}) / sizeof(const struct term *))

static enum status hear(struct talk *t, const struct term *control, const struct term *payload,
                        uint64_t id)
{
	struct message m = {control, payload};

	assert_non_null(control);
	return services_message(&t->services, &t->arena, &m, id, &t->result);
}

static void assert_said(struct talk *t, size_t i, const struct term *control,
                        const struct term *payload)
{
	assert_true(i < t->result.n_out);
	assert_int_equal(term_compare(t->result.out[i].control, control, true), 0);
	if (payload == NULL)
		assert_null(t->result.out[i].payload);
	else
		assert_int_equal(term_compare(t->result.out[i].payload, payload, true), 0);
}

static void finish(struct talk *t, uint64_t id, const char *klass, const struct term *value)
{
	struct service_outcome outcome = {klass, value};

	assert_int_equal(services_finish(&t->services, &t->arena, id, &outcome, &t->result), ST_OK);
}

static const struct term *reg_send(struct talk *t, const char *name)
{
	return TUPLE(t, INT(t, CONTROL_REG_SEND), t->pid, atom(t, ""), atom(t, name));
}

/* m:f(1) asked for by erpc:call/4. */
static void erpc_call(struct talk *t, uint64_t id)
{
	const struct term *mfa = TUPLE(t, atom(t, "erpc"), atom(t, "execute_call"), INT(t, 4));
	const struct term *control = TUPLE(t, INT(t, CONTROL_SPAWN_REQUEST), t->ref, t->pid, t->pid,
	                                   mfa, LIST(t, atom(t, "monitor")));

	assert_int_equal(
	    hear(t, control,
	         LIST(t, atom(t, "res"), atom(t, "m"), atom(t, "f"), LIST(t, INT(t, 1))), id),
	    ST_OK);
}

static const struct term *call_pid(struct talk *t, uint64_t id)
{
	return control_pid(&t->arena, &self, CONTROL_PID_CALLS + id);
}

static const struct term *mfa(struct talk *t)
{
	return TUPLE(t, atom(t, "m"), atom(t, "f"), LIST(t, INT(t, 1)), term_nil(&t->arena));
}

TEST(a_ping_is_answered_yes_to_its_alias)
{
	struct talk t;

	talk_open(&t);
	assert_int_equal(hear(&t, reg_send(&t, "net_kernel"),
	                      TUPLE(&t, atom(&t, "$gen_call"), TUPLE(&t, t.pid, t.alias),
	                            TUPLE(&t, atom(&t, "is_auth"), atom(&t, "p@h"))),
	                      1),
	                 ST_OK);
	assert_said(&t, 0, TUPLE(&t, INT(&t, CONTROL_ALIAS_SEND), t.self, t.ref),
	            TUPLE(&t, t.alias, atom(&t, "yes")));
	talk_close(&t);
}

TEST(a_ping_of_an_old_node_is_answered_to_its_pid)
{
	struct talk t;

	talk_open(&t);
	assert_int_equal(hear(&t, reg_send(&t, "net_kernel"),
	                      TUPLE(&t, atom(&t, "$gen_call"), TUPLE(&t, t.pid, t.ref),
	                            TUPLE(&t, atom(&t, "is_auth"), atom(&t, "p@h"))),
	                      1),
	                 ST_OK);
	assert_said(&t, 0, TUPLE(&t, INT(&t, CONTROL_SEND), atom(&t, ""), t.pid),
	            TUPLE(&t, t.ref, atom(&t, "yes")));
	talk_close(&t);
}

TEST(erpc_gets_its_result_as_an_exit_reason)
{
	struct talk t;

	talk_open(&t);
	erpc_call(&t, 3);
	assert_int_equal(t.result.event, SERVICE_CALL);
	assert_string_equal(t.result.module, "m");
	assert_string_equal(t.result.function, "f");
	assert_int_equal(term_length(t.result.args), 1);
	assert_said(
	    &t, 0,
	    TUPLE(&t, INT(&t, CONTROL_SPAWN_REPLY), t.ref, t.pid, INT(&t, 2), call_pid(&t, 3)),
	    NULL);
	finish(&t, 3, NULL, atom(&t, "value"));
	assert_said(
	    &t, 0,
	    TUPLE(&t, INT(&t, CONTROL_PAYLOAD_MONITOR_P_EXIT), call_pid(&t, 3), t.pid, t.ref),
	    TUPLE(&t, atom(&t, "res"), atom(&t, "return"), atom(&t, "value")));
	assert_int_equal(t.services.n_calls, 0);
	talk_close(&t);
}

TEST(erpc_gets_errors_exits_and_throws_in_their_forms)
{
	struct talk t;

	talk_open(&t);
	erpc_call(&t, 1);
	finish(&t, 1, "error", atom(&t, "undef"));
	assert_int_equal(term_compare(t.result.out[0].payload,
	                              TUPLE(&t, atom(&t, "res"), atom(&t, "error"),
	                                    atom(&t, "undef"), LIST(&t, mfa(&t))),
	                              true),
	                 0);
	erpc_call(&t, 2);
	finish(&t, 2, "exit", atom(&t, "out"));
	assert_int_equal(term_compare(t.result.out[0].payload,
	                              TUPLE(&t, atom(&t, "res"), atom(&t, "exit"), atom(&t, "out")),
	                              true),
	                 0);
	erpc_call(&t, 3);
	finish(&t, 3, "throw", atom(&t, "ball"));
	assert_int_equal(
	    term_compare(t.result.out[0].payload,
	                 TUPLE(&t, atom(&t, "res"), atom(&t, "throw"), atom(&t, "ball")), true),
	    0);
	talk_close(&t);
}

TEST(a_peer_without_payloads_gets_the_reason_in_the_control_message)
{
	struct talk t;

	talk_open_with(&t, false);
	erpc_call(&t, 1);
	finish(&t, 1, NULL, INT(&t, 42));
	assert_said(&t, 0,
	            TUPLE(&t, INT(&t, CONTROL_MONITOR_P_EXIT), call_pid(&t, 1), t.pid, t.ref,
	                  TUPLE(&t, atom(&t, "res"), atom(&t, "return"), INT(&t, 42))),
	            NULL);
	talk_close(&t);
}

TEST(rex_is_answered_in_its_old_and_in_its_older_way)
{
	const struct term *call;
	struct talk t;

	talk_open(&t);
	call = TUPLE(&t, atom(&t, "call"), atom(&t, "m"), atom(&t, "f"), LIST(&t, INT(&t, 1)),
	             atom(&t, "user"));
	assert_int_equal(hear(&t, reg_send(&t, "rex"),
	                      TUPLE(&t, atom(&t, "$gen_call"), TUPLE(&t, t.pid, t.ref), call), 1),
	                 ST_OK);
	assert_int_equal(t.result.event, SERVICE_CALL);
	assert_int_equal(hear(&t, reg_send(&t, "rex"), TUPLE(&t, t.pid, call), 2), ST_OK);
	assert_int_equal(t.result.event, SERVICE_CALL);
	finish(&t, 1, NULL, INT(&t, 1));
	assert_said(&t, 0, TUPLE(&t, INT(&t, CONTROL_SEND), atom(&t, ""), t.pid),
	            TUPLE(&t, t.ref, INT(&t, 1)));
	finish(&t, 2, "error", atom(&t, "boom"));
	assert_said(&t, 0, TUPLE(&t, INT(&t, CONTROL_SEND), atom(&t, ""), t.pid),
	            TUPLE(&t, atom(&t, "rex"),
	                  TUPLE(&t, atom(&t, "badrpc"),
	                        TUPLE(&t, atom(&t, "EXIT"),
	                              TUPLE(&t, atom(&t, "boom"), LIST(&t, mfa(&t)))))));
	talk_close(&t);
}

TEST(a_cast_runs_and_nobody_is_answered)
{
	struct talk t;

	talk_open(&t);
	assert_int_equal(hear(&t, reg_send(&t, "rex"),
	                      TUPLE(&t, atom(&t, "$gen_cast"),
	                            TUPLE(&t, atom(&t, "cast"), atom(&t, "m"), atom(&t, "f"),
	                                  term_nil(&t.arena), atom(&t, "user"))),
	                      1),
	                 ST_OK);
	assert_int_equal(t.result.event, SERVICE_CALL);
	finish(&t, 1, NULL, INT(&t, 1));
	assert_int_equal(t.result.n_out, 0);
	talk_close(&t);
}

/* The caller was killed, or its time was up. */
TEST(a_caller_that_lost_interest_leaves_nothing_behind)
{
	struct service_outcome outcome = {NULL, NULL};
	struct talk t;

	talk_open(&t);
	erpc_call(&t, 1);
	assert_int_equal(t.services.n_calls, 1);
	assert_int_equal(
	    hear(&t, TUPLE(&t, INT(&t, CONTROL_DEMONITOR_P), t.pid, call_pid(&t, 1), t.ref), NULL,
	         2),
	    ST_OK);
	assert_int_equal(t.services.n_calls, 0);
	outcome.value = INT(&t, 1);
	assert_int_equal(services_finish(&t.services, &t.arena, 1, &outcome, &t.result),
	                 ST_NOT_FOUND);
	talk_close(&t);
}

TEST(calls_beyond_the_limit_are_refused_politely)
{
	struct talk t;

	talk_open(&t);
	for (uint64_t i = 0; i < SERVICE_CALLS_MAX; i++)
		erpc_call(&t, i);
	erpc_call(&t, SERVICE_CALLS_MAX);
	assert_int_equal(t.result.event, SERVICE_NOTHING);
	assert_said(&t, 0,
	            TUPLE(&t, INT(&t, CONTROL_SPAWN_REPLY), t.ref, t.pid, INT(&t, 0),
	                  atom(&t, "system_limit")),
	            NULL);
	assert_int_equal(t.services.n_calls, SERVICE_CALLS_MAX);
	talk_close(&t);
}

TEST(watching_a_name_that_does_not_exist_is_noproc)
{
	struct talk t;

	talk_open(&t);
	assert_int_equal(
	    hear(&t, TUPLE(&t, INT(&t, CONTROL_MONITOR_P), t.pid, atom(&t, "nobody"), t.ref), NULL,
	         1),
	    ST_OK);
	assert_said(
	    &t, 0,
	    TUPLE(&t, INT(&t, CONTROL_PAYLOAD_MONITOR_P_EXIT), atom(&t, "nobody"), t.pid, t.ref),
	    atom(&t, "noproc"));
	assert_int_equal(
	    hear(&t, TUPLE(&t, INT(&t, CONTROL_MONITOR_P), t.pid, atom(&t, "rex"), t.ref), NULL, 1),
	    ST_OK);
	assert_int_equal(t.result.n_out, 0);
	talk_close(&t);
}

TEST(links_are_kept_to_the_living_and_taken_back)
{
	struct talk t;

	talk_open(&t);
	assert_int_equal(hear(&t, TUPLE(&t, INT(&t, CONTROL_LINK), t.pid, t.self), NULL, 1), ST_OK);
	assert_int_equal(t.result.n_out, 0);
	assert_int_equal(
	    hear(&t, TUPLE(&t, INT(&t, CONTROL_LINK), t.pid, call_pid(&t, 99)), NULL, 1), ST_OK);
	assert_said(&t, 0, TUPLE(&t, INT(&t, CONTROL_PAYLOAD_EXIT), call_pid(&t, 99), t.pid),
	            atom(&t, "noproc"));
	assert_int_equal(
	    hear(&t, TUPLE(&t, INT(&t, CONTROL_UNLINK_ID), INT(&t, 4), t.pid, t.self), NULL, 1),
	    ST_OK);
	assert_said(&t, 0, TUPLE(&t, INT(&t, CONTROL_UNLINK_ID_ACK), INT(&t, 4), t.self, t.pid),
	            NULL);
	talk_close(&t);
}

TEST(our_own_calls_find_their_answers)
{
	struct message m;
	struct talk t;

	talk_open(&t);
	m = services_rpc(&t.services, &t.arena, 12345, "m", "f", LIST(&t, INT(&t, 1)));
	assert_non_null(m.control);
	assert_int_equal(hear(&t, TUPLE(&t, INT(&t, CONTROL_SEND), atom(&t, ""), t.self),
	                      TUPLE(&t, control_ref(&t.arena, &self, 12345), INT(&t, 8)), 1),
	                 ST_OK);
	assert_int_equal(t.result.event, SERVICE_REPLY);
	assert_int_equal(t.result.id, 12345);
	assert_int_equal(term_int_value(t.result.result), 8);
	/* A foreign reference is nobody's answer. */
	assert_int_equal(hear(&t, TUPLE(&t, INT(&t, CONTROL_SEND), atom(&t, ""), t.self),
	                      TUPLE(&t, t.ref, INT(&t, 8)), 1),
	                 ST_OK);
	assert_int_equal(t.result.event, SERVICE_NOTHING);
	talk_close(&t);
}

TEST(nonsense_is_ignored_or_malformed)
{
	struct talk t;

	talk_open(&t);
	assert_int_equal(hear(&t, atom(&t, "hello"), NULL, 1), ST_MALFORMED);
	assert_int_equal(hear(&t, TUPLE(&t, atom(&t, "hello")), NULL, 1), ST_MALFORMED);
	assert_int_equal(hear(&t, reg_send(&t, "rex"), NULL, 1), ST_MALFORMED);
	assert_int_equal(hear(&t, reg_send(&t, "rex"), atom(&t, "what"), 1), ST_OK);
	assert_int_equal(hear(&t, reg_send(&t, "nobody"), atom(&t, "what"), 1), ST_OK);
	assert_int_equal(hear(&t, TUPLE(&t, INT(&t, 60)), NULL, 1), ST_OK);
	assert_int_equal(hear(&t, TUPLE(&t, INT(&t, CONTROL_MONITOR_P)), NULL, 1), ST_OK);
	assert_int_equal(t.services.n_calls, 0);
	talk_close(&t);
}

TEST(a_request_that_does_not_fit_into_memory_fails_whole)
{
	struct talk t;

	for (size_t max = 100; max < 6000; max += 100) {
		struct arena small;
		struct message m;
		enum status st;

		talk_open(&t);
		m.control =
		    TUPLE(&t, INT(&t, CONTROL_SPAWN_REQUEST), t.ref, t.pid, t.pid,
		          TUPLE(&t, atom(&t, "m"), atom(&t, "f"), INT(&t, 0)), term_nil(&t.arena));
		m.payload = term_nil(&t.arena);
		arena_init(&small, max);
		st = services_message(&t.services, &small, &m, 1, &t.result);
		assert_true(st == ST_OK || st == ST_NOMEM);
		assert_int_equal(t.services.n_calls, st == ST_OK);
		arena_close(&small);
		talk_close(&t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_ping_is_answered_yes_to_its_alias),
	    cmocka_unit_test(a_ping_of_an_old_node_is_answered_to_its_pid),
	    cmocka_unit_test(erpc_gets_its_result_as_an_exit_reason),
	    cmocka_unit_test(erpc_gets_errors_exits_and_throws_in_their_forms),
	    cmocka_unit_test(a_peer_without_payloads_gets_the_reason_in_the_control_message),
	    cmocka_unit_test(rex_is_answered_in_its_old_and_in_its_older_way),
	    cmocka_unit_test(a_cast_runs_and_nobody_is_answered),
	    cmocka_unit_test(a_caller_that_lost_interest_leaves_nothing_behind),
	    cmocka_unit_test(calls_beyond_the_limit_are_refused_politely),
	    cmocka_unit_test(watching_a_name_that_does_not_exist_is_noproc),
	    cmocka_unit_test(links_are_kept_to_the_living_and_taken_back),
	    cmocka_unit_test(our_own_calls_find_their_answers),
	    cmocka_unit_test(nonsense_is_ignored_or_malformed),
	    cmocka_unit_test(a_request_that_does_not_fit_into_memory_fails_whole),
	};

	return RUN_TESTS(tests);
}
