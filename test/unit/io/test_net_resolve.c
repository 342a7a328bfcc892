/* Names to addresses: what is numeric, what is left alone, and a resolver that does not answer.
 *
 * The resolver is this file's: getaddrinfo() below stands in for libc's. */
#include <arpa/inet.h>
#include <assert.h>
#include <netdb.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "io/net_resolve.h"
#include "testing.h"

enum { PATIENCE_MS = 10000 };

static sem_t answer_now; /* taken by each question before its answer */
static sem_t answered;   /* given by each answer */

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **ret)
{
	struct addrinfo *found = calloc(1, sizeof *found + sizeof(struct sockaddr_in));
	struct sockaddr_in *address = (struct sockaddr_in *)(found + 1);

	assert(found != NULL && service == NULL && hints->ai_family == AF_INET);
	while (sem_wait(&answer_now) != 0)
		;
	sem_post(&answered);
	if (strcmp(name, "known") != 0) {
		free(found);
		return EAI_NONAME;
	}
	address->sin_family = AF_INET;
	address->sin_addr.s_addr = htonl(0xac1c000b);
	found->ai_addr = (struct sockaddr *)address;
	found->ai_addrlen = sizeof *address;
	*ret = found;
	return 0;
}

void freeaddrinfo(struct addrinfo *found)
{
	free(found);
}

struct answer {
	unsigned times;
	bool found;
	struct sockaddr_in address;
};

static void on_answer(void *arg, const struct sockaddr_in *address)
{
	struct answer *a = arg;

	a->times++;
	a->found = address != NULL;
	if (a->found)
		a->address = *address;
}

static int setup(void **state)
{
	(void)state;
	return sem_init(&answer_now, 0, 0) != 0 || sem_init(&answered, 0, 0) != 0;
}

static int teardown(void **state)
{
	(void)state;
	return sem_destroy(&answer_now) != 0 || sem_destroy(&answered) != 0;
}

/* Ask for a name, let the resolver answer, and run the loop to its end. */
static struct answer ask(const char *host)
{
	struct answer answer = {0};
	struct net_resolve *question;
	uv_loop_t loop;

	assert_int_equal(uv_loop_init(&loop), 0);
	assert_int_equal(net_resolve_start(&loop, host, on_answer, &answer, &question), ST_OK);
	assert_int_equal(answer.times, 0);
	sem_post(&answer_now);
	assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
	assert_int_equal(uv_loop_close(&loop), 0);
	assert_int_equal(answer.times, 1);
	return answer;
}

static void a_numeric_address_needs_no_resolver(void **state)
{
	struct sockaddr_in address;

	(void)state;
	assert_true(net_resolve_numeric("172.28.0.11", &address));
	assert_int_equal(address.sin_family, AF_INET);
	assert_int_equal(ntohl(address.sin_addr.s_addr), 0xac1c000b);
}

/* A peer keeps the resolver's last answer there, for when the resolver is cut off as well. */
static void a_name_leaves_the_address_as_it_was(void **state)
{
	struct sockaddr_in address;
	struct sockaddr_in before;

	(void)state;
	assert_true(net_resolve_numeric("172.28.0.11", &address));
	before = address;
	assert_false(net_resolve_numeric("erlmcp_node2", &address));
	assert_false(net_resolve_numeric("", &address));
	assert_memory_equal(&address, &before, sizeof before);
}

static void the_answer_comes_in_the_loop(void **state)
{
	struct answer answer = ask("known");

	(void)state;
	assert_true(answer.found);
	assert_int_equal(ntohl(answer.address.sin_addr.s_addr), 0xac1c000b);
	assert_false(ask("unknown").found);
}

/* So a node whose resolver is cut off can stop. */
static void nobody_waits_for_a_question_that_was_given_up(void **state)
{
	struct answer answer = {0};
	struct net_resolve *question;
	uv_loop_t loop;

	(void)state;
	assert_int_equal(uv_loop_init(&loop), 0);
	assert_int_equal(net_resolve_start(&loop, "known", on_answer, &answer, &question), ST_OK);
	net_resolve_cancel(question);
	assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
	assert_int_equal(uv_loop_close(&loop), 0);
	sem_post(&answer_now); /* the late answer finds nobody */
	while (sem_wait(&answered) != 0)
		;
	assert_int_equal(answer.times, 0);
}

static void late(uv_timer_t *timer)
{
	*(bool *)timer->data = true;
}

/* What is done on libuv's pool, such as writes of the log, goes on. */
static void work(uv_work_t *work)
{
	*(bool *)work->data = true;
}

static void worked(uv_work_t *work, int status)
{
	(void)work;
	assert_int_equal(status, 0);
}

static void a_silent_resolver_holds_up_nothing_else(void **state)
{
	enum { QUESTIONS = 8 }; /* more than the pool has threads */
	struct answer answers[QUESTIONS] = {0};
	struct net_resolve *questions[QUESTIONS];
	bool expired = false;
	bool done = false;
	uv_timer_t timer = {.data = &expired};
	uv_work_t job = {.data = &done};
	uv_loop_t loop;

	(void)state;
	assert_int_equal(uv_loop_init(&loop), 0);
	for (size_t i = 0; i < QUESTIONS; i++)
		assert_int_equal(
		    net_resolve_start(&loop, "known", on_answer, &answers[i], &questions[i]),
		    ST_OK);
	assert_int_equal(uv_queue_work(&loop, &job, work, worked), 0);
	assert_int_equal(uv_timer_init(&loop, &timer), 0);
	assert_int_equal(uv_timer_start(&timer, late, PATIENCE_MS, 0), 0);
	while (!done && !expired)
		uv_run(&loop, UV_RUN_ONCE);
	assert_true(done);
	uv_close((uv_handle_t *)&timer, NULL);
	for (size_t i = 0; i < QUESTIONS; i++)
		sem_post(&answer_now);
	assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
	assert_int_equal(uv_loop_close(&loop), 0);
	for (size_t i = 0; i < QUESTIONS; i++)
		assert_true(answers[i].times == 1 && answers[i].found);
}

#define RESOLVER_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    RESOLVER_TEST(a_numeric_address_needs_no_resolver),
	    RESOLVER_TEST(a_name_leaves_the_address_as_it_was),
	    RESOLVER_TEST(the_answer_comes_in_the_loop),
	    RESOLVER_TEST(nobody_waits_for_a_question_that_was_given_up),
	    RESOLVER_TEST(a_silent_resolver_holds_up_nothing_else),
	};

	return RUN_TESTS(tests);
}
