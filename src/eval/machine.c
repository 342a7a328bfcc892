#include "eval/machine.h"

#include <assert.h>
#include <string.h>

/* NOLINTBEGIN(bugprone-sizeof-expression): arrays of pointers are meant */

const struct term *machine_raise(struct machine *m, const char *klass, const struct term *reason)
{
	if (m->signal != SIGNAL_NONE)
		return NULL;
	if (reason == NULL)
		return machine_limit(m, NULL);
	m->signal = SIGNAL_RAISE;
	m->klass = klass;
	m->reason = reason;
	m->detail = NULL;
	return NULL;
}

const struct term *machine_error(struct machine *m, const struct term *reason)
{
	return machine_raise(m, "error", reason);
}

const struct term *machine_error_atom(struct machine *m, const char *reason)
{
	return machine_raise(m, "error", term_atom(m->arena, reason));
}

const struct term *machine_error_with(struct machine *m, const char *tag, const struct term *x)
{
	return machine_raise(m, "error", term_tuple2(m->arena, term_atom(m->arena, tag), x));
}

const struct term *machine_limit(struct machine *m, const char *detail)
{
	if (m->signal == SIGNAL_NONE || m->signal == SIGNAL_RAISE) {
		m->signal = SIGNAL_LIMIT;
		m->detail = detail == NULL
		                ? "too much memory, or a term that is too large or too deep"
		                : detail;
	}
	return NULL;
}

bool machine_charge(struct machine *m, uint64_t steps)
{
	if (steps > m->limits->steps - m->steps) {
		(void)machine_limit(m, "too many steps");
		return false;
	}
	m->steps += steps;
	return true;
}

bool machine_enter(struct machine *m)
{
	if (!machine_charge(m, 1))
		return false;
	if (m->depth >= m->limits->depth) {
		(void)machine_limit(m, "calls or expressions are nested too deeply");
		return false;
	}
	m->depth++;
	return true;
}

void machine_leave(struct machine *m)
{
	assert(m->depth > 0);
	m->depth--;
}

bool vec_push(struct machine *m, struct vec *v, const struct term *t)
{
	if (t == NULL)
		return false;
	if (v->n == v->cap) {
		size_t cap = v->cap == 0 ? 8 : v->cap * 2;
		const struct term **at = arena_alloc(m->arena, cap * sizeof *at);

		if (at == NULL)
			return false;
		if (v->n > 0)
			memcpy(at, v->at, v->n * sizeof *at);
		v->at = at;
		v->cap = cap;
	}
	v->at[v->n++] = t;
	return true;
}

bool vec_of_list(struct machine *m, const struct term *t, struct vec *ret)
{
	int64_t len = term_length(t);
	struct vec v = {0};

	if (len < 0 || !machine_charge(m, (uint64_t)len))
		return false;
	v.at = arena_alloc(m->arena, ((size_t)len + 1) * sizeof *v.at);
	if (v.at == NULL) {
		(void)machine_limit(m, NULL);
		return false;
	}
	v.cap = (size_t)len + 1;
	for (; v.n < (size_t)len; t = term_tail(t))
		v.at[v.n++] = term_head(t);
	*ret = v;
	return true;
}

const struct term *vec_list(struct machine *m, const struct vec *v)
{
	return term_list(m->arena, v->at, v->n);
}
/* NOLINTEND(bugprone-sizeof-expression) */
