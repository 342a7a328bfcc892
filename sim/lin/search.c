#include "lin/search.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lin/memo.h"

/* Why the search stays small. Each rule keeps at least one explanation, if there is any:
 *
 *  - a read under way whose value the register holds has its place at once: it changes nothing;
 *  - what perhaps happened and set a value that nobody was shown is left out, and it ends with
 *    the last answer that could have shown it ("expires");
 *  - a write is "closed" when all that will ever see its value are reads under way. Whenever
 *    another write has its place, closed ones (and their reads) have theirs just before it:
 *    nobody else can tell;
 *  - a value is not overwritten while somebody still has to see it and nobody will write it
 *    again. */

enum { NO_SLOT = -1 };

enum event_type { EVENT_CALL, EVENT_ANSWER, EVENT_EXPIRY };

struct event {
	uint64_t order; /* position, expiries behind the answers that they follow */
	enum event_type type;
	uint32_t op;
};

/* An operation with what the search knows about it. */
struct node {
	struct lin_op op; /* values numbered within the key */
	int slot;         /* bit in the configuration while under way */
	bool done;        /* it has its place */
};

/* How much is still to come of one value. */
struct value {
	uint32_t readers;      /* certain reads and swaps that need it and have no place */
	uint32_t swaps;        /* swaps among those that need it, uncertain ones too */
	uint32_t reads_called; /* reads among the readers that are under way */
	uint32_t writers;      /* operations that set it and have no place */
	uint32_t seen_until;   /* last answer that needs it; HISTORY_NEVER: any time */
	bool seen;             /* somebody needs it */
};

enum undo_type { UNDO_CALL, UNDO_ANSWER, UNDO_EXPIRY, UNDO_DONE, UNDO_STATE };

struct undo {
	enum undo_type type;
	uint32_t what; /* operation, or the register's value before */
};

/* A place where the search chose. */
struct choice {
	size_t n_undo; /* to go back to */
	uint32_t next; /* candidate to try next */
};

struct search {
	struct node *nodes;     /* operations that matter */
	size_t n_nodes;         /* how many */
	struct event *events;   /* in order */
	size_t n_events;        /* how many */
	struct value *values;   /* by number; the register's first value is 0 */
	size_t n_values;        /* how many */
	uint32_t *under_way;    /* by slot: operation plus one, 0: free */
	size_t n_slots;         /* most that are under way at a time */
	struct undo *undo;      /* what was done, newest last */
	size_t n_undo;          /* how much */
	struct choice *choices; /* where else to go, newest last */
	size_t n_choices;       /* how many */
	uint64_t *record;       /* the configuration for the memo */
	struct memo memo;       /* configurations seen */
	size_t at;              /* next event */
	uint32_t state;         /* the register's value */
	bool out_of_steps;      /* the budget or the memo's room is used up */
};

/* --- Preparing ------------------------------------------------------------------------- */

static int by_number(const void *a, const void *b)
{
	const uint32_t *x = a;
	const uint32_t *y = b;

	return (*x > *y) - (*x < *y);
}

static bool sets(const struct lin_op *op)
{
	return op->effect != LIN_READ;
}

static bool needs(const struct lin_op *op)
{
	return op->effect != LIN_WRITE;
}

static uint32_t number_of(const uint32_t *sorted, size_t n, uint32_t symbol)
{
	const uint32_t *found = bsearch(&symbol, sorted, n, sizeof symbol, by_number);

	assert(found != NULL);
	return (uint32_t)(found - sorted);
}

/* Number the values from 0 (null, the least symbol) and copy the operations. */
static enum status number_values(struct search *s, const struct lin_op *ops, size_t n)
{
	uint32_t *symbols = malloc((2 * n + 1) * sizeof *symbols);
	size_t unique = 0;
	size_t count = 0;

	if (symbols == NULL)
		return ST_NOMEM;
	symbols[count++] = HISTORY_NULL;
	for (size_t i = 0; i < n; i++) {
		if (needs(&ops[i]))
			symbols[count++] = ops[i].expected;
		if (sets(&ops[i]))
			symbols[count++] = ops[i].value;
	}
	qsort(symbols, count, sizeof *symbols, by_number);
	for (size_t i = 0; i < count; i++) {
		if (i == 0 || symbols[i] != symbols[unique - 1])
			symbols[unique++] = symbols[i];
	}
	s->n_values = unique;
	for (size_t i = 0; i < n; i++) {
		struct lin_op *op = &s->nodes[i].op;

		*op = ops[i];
		op->expected = needs(op) ? number_of(symbols, unique, op->expected) : 0;
		op->value = sets(op) ? number_of(symbols, unique, op->value) : 0;
	}
	s->n_nodes = n;
	free(symbols);
	return ST_OK;
}

/* Until when values can be seen, by certain reads and by swaps. */
static void find_views(struct search *s)
{
	for (size_t i = 0; i < s->n_nodes; i++) {
		const struct lin_op *op = &s->nodes[i].op;
		struct value *v = &s->values[op->expected];
		uint32_t until = op->ok ? op->returned : HISTORY_NEVER;

		if (!needs(op) || (!op->ok && op->effect == LIN_READ))
			continue;
		if (!v->seen || until > v->seen_until)
			v->seen_until = until;
		v->seen = true;
	}
}

/* Leave out what is uncertain and without a witness; count what is left. */
static void leave_out(struct search *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n_nodes; i++) {
		const struct lin_op *op = &s->nodes[i].op;
		const struct value *v = &s->values[op->value];

		if (op->ok || (sets(op) && v->seen && v->seen_until > op->invoked))
			s->nodes[n++].op = *op;
	}
	s->n_nodes = n;
	for (size_t i = 0; i < n; i++) {
		const struct lin_op *op = &s->nodes[i].op;

		s->values[op->expected].readers += needs(op) && op->ok;
		s->values[op->expected].swaps += op->effect == LIN_SWAP;
		s->values[op->value].writers += sets(op);
	}
}

static int by_order(const void *a, const void *b)
{
	const struct event *x = a;
	const struct event *y = b;

	return (x->order > y->order) - (x->order < y->order);
}

static void order_events(struct search *s)
{
	for (uint32_t i = 0; i < s->n_nodes; i++) {
		const struct lin_op *op = &s->nodes[i].op;
		uint64_t end = op->returned;
		enum event_type type = EVENT_ANSWER;

		s->events[s->n_events++] = (struct event){2 * (uint64_t)op->invoked, EVENT_CALL, i};
		if (!op->ok) {
			end = s->values[op->value].seen_until;
			type = EVENT_EXPIRY;
		}
		if (end != HISTORY_NEVER)
			s->events[s->n_events++] =
			    (struct event){2 * end + (type == EVENT_EXPIRY), type, i};
	}
	qsort(s->events, s->n_events, sizeof *s->events, by_order);
}

/* Give each operation the lowest slot that is free while it is under way. */
static enum status give_slots(struct search *s)
{
	int *unused = malloc((s->n_nodes + 1) * sizeof *unused);
	size_t n = 0;

	if (unused == NULL)
		return ST_NOMEM;
	for (size_t i = 0; i < s->n_events; i++) {
		struct node *node = &s->nodes[s->events[i].op];

		if (s->events[i].type != EVENT_CALL)
			unused[n++] = node->slot;
		else
			node->slot = n > 0 ? unused[--n] : (int)s->n_slots++;
	}
	free(unused);
	return ST_OK;
}

static enum status search_init(struct search *s, const struct lin_op *ops, size_t n)
{
	size_t words;
	enum status st;

	memset(s, 0, sizeof *s);
	s->nodes = calloc(n + 1, sizeof *s->nodes);
	s->values = calloc(2 * n + 1, sizeof *s->values);
	s->events = calloc(2 * n + 1, sizeof *s->events);
	/* Each operation is called, answered, done, and changes the register once. */
	s->undo = calloc(4 * n + 1, sizeof *s->undo);
	s->choices = calloc(n + 1, sizeof *s->choices);
	if (s->nodes == NULL || s->values == NULL || s->events == NULL || s->undo == NULL ||
	    s->choices == NULL)
		return ST_NOMEM;
	st = number_values(s, ops, n);
	if (st != ST_OK)
		return st;
	find_views(s);
	leave_out(s);
	order_events(s);
	st = give_slots(s);
	if (st != ST_OK)
		return st;
	words = 1 + (s->n_slots + 63) / 64;
	s->under_way = calloc(s->n_slots + 1, sizeof *s->under_way);
	s->record = calloc(words, sizeof *s->record);
	memo_init(&s->memo, words);
	return s->under_way == NULL || s->record == NULL ? ST_NOMEM : ST_OK;
}

static void search_close(struct search *s)
{
	free(s->nodes);
	free(s->values);
	free(s->events);
	free(s->undo);
	free(s->choices);
	free(s->under_way);
	free(s->record);
	memo_close(&s->memo);
}

/* --- Doing and undoing ----------------------------------------------------------------- */

static void note(struct search *s, enum undo_type type, uint32_t what)
{
	s->undo[s->n_undo++] = (struct undo){type, what};
}

static bool is_read_called(const struct node *node)
{
	return node->op.effect == LIN_READ && !node->done;
}

/* One is 1, or UINT32_MAX to take it back: the counters are modular. */
static void count_done(struct search *s, const struct lin_op *op, uint32_t one)
{
	s->values[op->expected].readers -= needs(op) && op->ok ? one : 0;
	s->values[op->expected].swaps -= op->effect == LIN_SWAP ? one : 0;
	s->values[op->expected].reads_called -= op->effect == LIN_READ ? one : 0;
	s->values[op->value].writers -= sets(op) ? one : 0;
}

static void set_done(struct search *s, uint32_t i)
{
	assert(!s->nodes[i].done);
	count_done(s, &s->nodes[i].op, 1);
	s->nodes[i].done = true;
	note(s, UNDO_DONE, i);
}

static void undo_one(struct search *s)
{
	const struct undo u = s->undo[--s->n_undo];
	struct node *node = &s->nodes[u.what];

	switch (u.type) {
	case UNDO_CALL:
		s->at--;
		s->under_way[node->slot] = 0;
		s->values[node->op.expected].reads_called -= is_read_called(node);
		break;
	case UNDO_EXPIRY:
	case UNDO_ANSWER:
		/* Without a place it left the counts when it expired. */
		if (!node->done)
			count_done(s, &node->op, UINT32_MAX);
		s->at--;
		s->under_way[node->slot] = u.what + 1;
		break;
	case UNDO_DONE:
		node->done = false;
		count_done(s, &node->op, UINT32_MAX);
		break;
	case UNDO_STATE:
		s->state = u.what;
		break;
	}
}

/* Every read of this value that is under way has its place now. */
static void see(struct search *s, uint32_t value)
{
	for (size_t i = 0; i < s->n_slots && s->values[value].reads_called > 0; i++) {
		uint32_t op = s->under_way[i];

		if (op != 0 && is_read_called(&s->nodes[op - 1]) &&
		    s->nodes[op - 1].op.expected == value)
			set_done(s, op - 1);
	}
}

/* Give closed writes their place, right before another write. */
static void squeeze(struct search *s, uint32_t before)
{
	for (size_t i = 0; i < s->n_slots; i++) {
		uint32_t op = s->under_way[i];
		const struct value *v;

		if (op == 0 || op - 1 == before || s->nodes[op - 1].done ||
		    s->nodes[op - 1].op.effect != LIN_WRITE)
			continue;
		v = &s->values[s->nodes[op - 1].op.value];
		if (v->swaps == 0 && v->readers == v->reads_called) {
			set_done(s, op - 1);
			see(s, s->nodes[op - 1].op.value);
		}
	}
}

/* May this operation have its place next? */
static bool possible(const struct search *s, uint32_t i)
{
	const struct lin_op *op = &s->nodes[i].op;
	const struct value *now = &s->values[s->state];
	bool sees = needs(op) && op->ok && op->expected == s->state;

	if (s->nodes[i].done || !sets(op) || (needs(op) && op->expected != s->state))
		return false;
	return op->value == s->state || now->writers > 0 || now->readers == sees;
}

static void take(struct search *s, uint32_t i)
{
	const struct lin_op *op = &s->nodes[i].op;

	if (op->effect == LIN_WRITE)
		squeeze(s, i);
	set_done(s, i);
	if (op->value != s->state) {
		note(s, UNDO_STATE, s->state);
		s->state = op->value;
	}
	see(s, s->state);
}

/* --- Searching ------------------------------------------------------------------------- */

/* Pass the next event; false when it is an answer of an operation without a place. */
static bool pass(struct search *s)
{
	const struct event *e = &s->events[s->at];
	struct node *node = &s->nodes[e->op];

	switch (e->type) {
	case EVENT_CALL:
		s->under_way[node->slot] = e->op + 1;
		s->values[node->op.expected].reads_called += is_read_called(node);
		note(s, UNDO_CALL, e->op);
		s->at++;
		see(s, s->state);
		return true;
	case EVENT_ANSWER:
		if (!node->done)
			return false;
		note(s, UNDO_ANSWER, e->op);
		break;
	case EVENT_EXPIRY:
		if (!node->done)
			count_done(s, &node->op, 1);
		note(s, UNDO_EXPIRY, e->op);
		break;
	}
	s->under_way[node->slot] = 0;
	s->at++;
	return true;
}

/* The n-th candidate at the answer of `asked`: itself, then who sets the value that it needs,
 * then all others. Returns its number plus one, 0 when it is none of this turn's. */
static uint32_t candidate(const struct search *s, uint32_t asked, uint32_t n)
{
	uint32_t op;
	const struct lin_op *need = &s->nodes[asked].op;
	bool wanted;

	assert(s->n_slots > 0);
	op = n == 0 ? asked + 1 : s->under_way[(n - 1) % s->n_slots];
	if (op == 0 || (n > 0 && op - 1 == asked))
		return 0;
	wanted = needs(need) && s->nodes[op - 1].op.value == need->expected;
	if (n > 0 && wanted != (n <= s->n_slots))
		return 0;
	return possible(s, op - 1) ? op : 0;
}

/* Go on from the newest choice with its next candidate; false when there is none. */
static bool choose(struct search *s)
{
	struct choice *c = &s->choices[s->n_choices - 1];

	while (s->n_undo > c->n_undo)
		undo_one(s);
	while (c->next <= 2 * s->n_slots) {
		uint32_t op = candidate(s, s->events[s->at].op, c->next++);

		if (op != 0) {
			take(s, op - 1);
			return true;
		}
	}
	return false;
}

/* Has this configuration been tried? Running out of memory for them ends the search. */
static enum status tried(struct search *s, bool *ret)
{
	enum status st;
	bool fresh;

	memset(s->record, 0, s->memo.words * sizeof *s->record);
	s->record[0] = (uint64_t)s->at << 32 | s->state;
	for (size_t i = 0; i < s->n_slots; i++) {
		if (s->under_way[i] != 0 && s->nodes[s->under_way[i] - 1].done)
			s->record[1 + i / 64] |= (uint64_t)1 << i % 64;
	}
	st = memo_add(&s->memo, s->record, &fresh);
	if (st == ST_LIMIT) {
		s->out_of_steps = true;
		st = ST_OK;
		fresh = false;
	}
	if (st == ST_OK)
		*ret = !fresh;
	return st;
}

/* A certain reader of a value that nobody ever sets: no search needed. */
static bool hopeless(const struct search *s)
{
	for (size_t i = 1; i < s->n_values; i++) {
		if (s->values[i].readers > 0 && s->values[i].writers == 0)
			return true;
	}
	return false;
}

static enum status run(struct search *s, uint64_t *budget, enum lin_verdict *ret)
{
	bool dead = hopeless(s);
	enum status st;

	while (s->at < s->n_events || dead) {
		if (*budget == 0 || s->out_of_steps) {
			*ret = LIN_UNDECIDED;
			return ST_OK;
		}
		--*budget;
		if (dead && s->n_choices == 0) {
			*ret = LIN_VIOLATED;
			return ST_OK;
		}
		if (dead) {
			dead = !choose(s);
			s->n_choices -= dead;
			continue;
		}
		if (pass(s))
			continue;
		st = tried(s, &dead);
		if (st != ST_OK)
			return st;
		if (!dead) {
			s->choices[s->n_choices++] = (struct choice){s->n_undo, 0};
			dead = !choose(s);
			s->n_choices -= dead;
		}
	}
	*ret = LIN_OK;
	return ST_OK;
}

enum status lin_search(const struct lin_op *ops, size_t n, uint64_t *budget, enum lin_verdict *ret)
{
	struct search s;
	enum status st = search_init(&s, ops, n);

	if (st == ST_OK)
		st = run(&s, budget, ret);
	search_close(&s);
	return st;
}
