/* The checker against all orders tried one by one, and on histories of the size that it is for. */
#include "lin/lin.h"

#include "testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/prng.h"
#include "lin/limits.h"

enum {
	BRUTE_OPS = 7, /* 5040 orders at most, times 128 choices of what happened */
	RANDOM_ROUNDS = 20000,
	BIG_OPS = 100000,
	BIG_PROCESSES = 40,
};

/* --- Every order, one by one ------------------------------------------------------------ */

struct brute {
	const struct history *h;
	bool used[BRUTE_OPS];
};

/* The register after the operation, or false when it could not be so. */
static bool apply(const struct history_op *op, uint32_t *state)
{
	switch (op->f) {
	case HISTORY_READ:
		return op->outcome != HISTORY_OK || op->value == *state;
	case HISTORY_CAS:
		if (*state != op->expected)
			return false;
		break;
	case HISTORY_CREATE:
		if (*state != HISTORY_NULL)
			return false;
		break;
	default:
		break;
	}
	*state = op->value;
	return true;
}

/* No operation that is left out had its answer before this one was asked. */
static bool may_be_next(const struct brute *b, size_t at)
{
	for (size_t i = 0; i < b->h->n_ops; i++) {
		const struct history_op *op = &b->h->ops[i];

		if (!b->used[i] && op->outcome == HISTORY_OK &&
		    op->returned < b->h->ops[at].invoked)
			return false;
	}
	return true;
}

/* Is there an order of what is left? The depth is bounded by BRUTE_OPS. */
static bool brute_order(struct brute *b, uint32_t state)
{
	bool all = true;

	for (size_t i = 0; i < b->h->n_ops; i++) {
		uint32_t next = state;

		if (b->used[i] || b->h->ops[i].outcome == HISTORY_FAIL)
			continue;
		all &= b->h->ops[i].outcome != HISTORY_OK;
		if (!may_be_next(b, i) || !apply(&b->h->ops[i], &next))
			continue;
		b->used[i] = true;
		if (brute_order(b, next))
			return true;
		b->used[i] = false;
	}
	return all;
}

static bool brute(const struct history *h)
{
	struct brute b = {.h = h};

	assert_true(h->n_ops <= BRUTE_OPS);
	return brute_order(&b, HISTORY_NULL);
}

/* --- Random histories ------------------------------------------------------------------- */

static void random_event(struct history *h, struct prng *prng, const uint32_t *symbols, int values)
{
	struct history_op op = {.process = symbols[prng_range(prng, 1, 4)], .key = symbols[1]};
	enum history_outcome outcome = HISTORY_OK;
	int64_t dice = prng_range(prng, 0, 9);

	if (h->symbols[op.process].open != 0) {
		uint32_t value = symbols[prng_range(prng, 0, values)];

		if (dice < 3)
			outcome = dice < 1 ? HISTORY_FAIL : HISTORY_INFO;
		assert_int_equal(history_return(h, op.process, outcome, value, 0), ST_OK);
		return;
	}
	op.f = (enum history_f)prng_range(prng, 0, HISTORY_FS - 1);
	if (dice < 4)
		op.f = dice < 2 ? HISTORY_READ : HISTORY_WRITE;
	if (op.f != HISTORY_DELETE)
		op.value = symbols[prng_range(prng, op.f != HISTORY_CAS, values)];
	if (op.f == HISTORY_CAS)
		op.expected = symbols[prng_range(prng, 0, values)];
	assert_int_equal(history_invoke(h, &op, 0), ST_OK);
}

static void random_history(struct history *h, uint64_t seed)
{
	struct prng prng = {seed};
	uint32_t symbols[8] = {HISTORY_NULL};
	int values = (int)prng_range(&prng, 1, 5);
	size_t n = (size_t)prng_range(&prng, 1, BRUTE_OPS);
	int tail = (int)prng_range(&prng, 0, 8);

	assert_int_equal(history_init(h), ST_OK);
	for (int i = 1; i < 8; i++)
		assert_int_equal(history_integer(h, i, &symbols[i]), ST_OK);
	while (h->n_ops < n)
		random_event(h, &prng, symbols, values);
	for (int i = 0; i < tail; i++) {
		uint32_t process = symbols[prng_range(&prng, 1, 4)];

		if (h->symbols[process].open != 0)
			assert_int_equal(history_return(h, process, HISTORY_OK,
			                                symbols[prng_range(&prng, 0, values)], 0),
			                 ST_OK);
	}
}

/* What is shown as the reason must be violated by itself. */
static void assert_reason(const struct history *h, const struct lin_result *r)
{
	struct history part = *h;
	struct history_op ops[BRUTE_OPS];
	uint32_t end = 0;

	assert_true(r->n_shown > 0 && r->n_shown <= h->n_ops);
	for (size_t i = 0; i < r->n_shown; i++) {
		ops[i] = h->ops[r->shown[i]];
		if (ops[i].outcome == HISTORY_OK && ops[i].returned > end)
			end = ops[i].returned;
	}
	assert_true(end > 0);
	part.ops = ops;
	part.n_ops = r->n_shown;
	assert_false(brute(&part));
}

TEST(small_histories_get_the_verdict_of_all_orders)
{
	uint64_t first = (uint64_t)time(NULL) * 1000003;
	unsigned violated = 0;
	const char *given = getenv("SEED");

	if (given != NULL)
		first = strtoull(given, NULL, 10);
	for (uint64_t i = 0; i < RANDOM_ROUNDS; i++) {
		struct history h;
		struct lin_result r;
		bool good;

		random_history(&h, first + i);
		good = brute(&h);
		assert_int_equal(lin_check(&h, LIN_BUDGET_DEFAULT, &r), ST_OK);
		if ((r.verdict == LIN_OK) != good || r.verdict == LIN_UNDECIDED) {
			print_message("# seed %llu: rerun with SEED=%llu\n",
			              (unsigned long long)(first + i),
			              (unsigned long long)(first + i));
			assert_int_equal(history_save(&h, stderr), ST_OK);
			fail();
		}
		if (!good)
			assert_reason(&h, &r);
		violated += !good;
		lin_result_close(&r);
		history_close(&h);
	}
	print_message("# first seed %llu: %u of %u violated\n", (unsigned long long)first, violated,
	              (unsigned)RANDOM_ROUNDS);
	assert_in_range(violated, RANDOM_ROUNDS / 10, RANDOM_ROUNDS * 9 / 10);
}

/* --- Large histories -------------------------------------------------------------------- */

/* A register that behaves, with operations that take effect somewhere between their ends. */
struct world {
	struct history h;
	struct prng prng;
	uint32_t state;
	uint32_t key;
	uint32_t processes[BIG_PROCESSES];
	uint32_t results[BIG_PROCESSES]; /* of a read that took effect */
	bool took_effect[BIG_PROCESSES];
	int64_t values; /* different ones; 0: every write has its own */
	int64_t next;   /* value */
	unsigned infos; /* in a thousand */
	unsigned reads; /* in a hundred */
	int64_t now;
};

static void world_init(struct world *w, uint64_t seed)
{
	memset(w, 0, sizeof *w);
	w->prng.state = seed;
	w->reads = 60;
	w->infos = 5;
	assert_int_equal(history_init(&w->h), ST_OK);
	assert_int_equal(history_symbol(&w->h, "\"x\"", &w->key), ST_OK);
	for (int i = 0; i < BIG_PROCESSES; i++)
		assert_int_equal(history_integer(&w->h, i, &w->processes[i]), ST_OK);
}

static void world_invoke(struct world *w, size_t at)
{
	struct history_op op = {.process = w->processes[at], .key = w->key};
	int64_t value = w->values == 0 ? ++w->next : prng_range(&w->prng, 1, w->values);

	op.f = prng_range(&w->prng, 0, 99) < w->reads ? HISTORY_READ : HISTORY_WRITE;
	if (op.f == HISTORY_WRITE)
		assert_int_equal(history_integer(&w->h, value, &op.value), ST_OK);
	assert_int_equal(history_invoke(&w->h, &op, w->now++), ST_OK);
	w->took_effect[at] = false;
}

static void world_effect(struct world *w, size_t at)
{
	const struct history_op *op = &w->h.ops[w->h.symbols[w->processes[at]].open - 1];

	w->took_effect[at] = true;
	if (op->f == HISTORY_WRITE)
		w->state = op->value;
	w->results[at] = w->state;
}

static void world_run(struct world *w, size_t n)
{
	while (w->h.n_ops < n) {
		size_t at = (size_t)prng_range(&w->prng, 0, BIG_PROCESSES - 1);
		enum history_outcome outcome = HISTORY_OK;

		if (w->h.symbols[w->processes[at]].open == 0) {
			world_invoke(w, at);
		} else if (!w->took_effect[at]) {
			world_effect(w, at);
		} else {
			if (prng_range(&w->prng, 0, 999) < w->infos)
				outcome = HISTORY_INFO;
			assert_int_equal(history_return(&w->h, w->processes[at], outcome,
			                                w->results[at], w->now++),
			                 ST_OK);
		}
	}
}

static void verdict_of(struct world *w, enum lin_verdict expected, size_t shown_max)
{
	struct lin_result r;

	assert_int_equal(lin_check(&w->h, LIN_BUDGET_DEFAULT, &r), ST_OK);
	print_message("# %zu operations, %llu steps, %zu shown\n", w->h.n_ops,
	              (unsigned long long)r.steps, r.n_shown);
	assert_int_equal(r.verdict, expected);
	assert_true(r.n_shown <= shown_max);
	lin_result_close(&r);
}

TEST(a_hundred_thousand_operations_forty_at_a_time_pass)
{
	struct world w;

	world_init(&w, 1);
	world_run(&w, BIG_OPS);
	verdict_of(&w, LIN_OK, 0);
	history_close(&w.h);
}

TEST(mostly_writes_pass_too)
{
	struct world w;

	world_init(&w, 2);
	w.reads = 10;
	world_run(&w, BIG_OPS);
	verdict_of(&w, LIN_OK, 0);
	history_close(&w.h);
}

TEST(a_few_values_written_again_and_again_pass)
{
	struct world w;

	world_init(&w, 3);
	w.values = 3;
	world_run(&w, BIG_OPS);
	verdict_of(&w, LIN_OK, 0);
	history_close(&w.h);
}

TEST(one_stale_read_among_a_hundred_thousand_operations_is_found_and_shown_alone)
{
	struct world w;
	struct history_op op = {.f = HISTORY_READ};
	uint32_t old;

	world_init(&w, 4);
	world_run(&w, BIG_OPS / 2);
	/* All is quiet, the register is written once more; then an old value is read. */
	for (size_t i = 0; i < BIG_PROCESSES; i++) {
		if (w.h.symbols[w.processes[i]].open == 0)
			continue;
		if (!w.took_effect[i])
			world_effect(&w, i);
		assert_int_equal(
		    history_return(&w.h, w.processes[i], HISTORY_OK, w.results[i], w.now), ST_OK);
	}
	old = w.state;
	w.reads = 0;
	world_invoke(&w, 0);
	world_effect(&w, 0);
	assert_int_equal(history_return(&w.h, w.processes[0], HISTORY_OK, 0, w.now), ST_OK);
	op.process = w.processes[1];
	op.key = w.key;
	assert_int_equal(history_invoke(&w.h, &op, w.now), ST_OK);
	assert_int_equal(history_return(&w.h, op.process, HISTORY_OK, old, w.now), ST_OK);
	w.reads = 60;
	world_run(&w, BIG_OPS);
	verdict_of(&w, LIN_VIOLATED, 4);
	history_close(&w.h);
}

TEST(too_small_a_budget_is_undecided)
{
	struct world w;
	struct lin_result r;

	world_init(&w, 5);
	world_run(&w, 1000);
	assert_int_equal(lin_check(&w.h, 100, &r), ST_OK);
	assert_int_equal(r.verdict, LIN_UNDECIDED);
	assert_int_equal(r.n_undecided, 1);
	assert_int_equal(r.steps, 100);
	lin_result_close(&r);
	history_close(&w.h);
}

TEST(a_history_without_operations_is_linearizable)
{
	struct history h;
	struct lin_result r;

	assert_int_equal(history_init(&h), ST_OK);
	assert_int_equal(lin_check(&h, 1, &r), ST_OK);
	assert_int_equal(r.verdict, LIN_OK);
	assert_int_equal(r.n_keys, 0);
	history_close(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(small_histories_get_the_verdict_of_all_orders),
	    cmocka_unit_test(a_hundred_thousand_operations_forty_at_a_time_pass),
	    cmocka_unit_test(mostly_writes_pass_too),
	    cmocka_unit_test(a_few_values_written_again_and_again_pass),
	    cmocka_unit_test(
	        one_stale_read_among_a_hundred_thousand_operations_is_found_and_shown_alone),
	    cmocka_unit_test(too_small_a_budget_is_undecided),
	    cmocka_unit_test(a_history_without_operations_is_linearizable),
	};

	return RUN_TESTS(tests);
}
