/* The calls of one peer that are under way, and how each of them ends; see services.h. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "dist/service_inside.h"

void service_call_free(struct service_call *c)
{
	buf_close(&c->terms);
	free(c);
}

static const struct term *call_pid(const struct services *s, struct arena *a, uint64_t id)
{
	return control_pid(a, &s->self, CONTROL_PID_CALLS + id);
}

struct service_call **service_call_find(struct services *s, uint64_t id)
{
	struct service_call **at = &s->calls;

	while (*at != NULL && (*at)->id != id)
		at = &(*at)->next;
	return at;
}

void service_call_remove(struct services *s, struct service_call **at)
{
	struct service_call *c = *at;

	*at = c->next;
	s->n_calls--;
	service_call_free(c);
}

/* Refuse a call that the table has no room for. */
static void call_refuse(const struct services *s, struct arena *a, const struct call_request *q,
                        struct service_result *ret)
{
	const struct term *why = term_atom(a, "system_limit");
	const struct term *badrpc = term_tuple2(a, term_atom(a, "badrpc"), why);

	switch (q->kind) {
	case CALL_GEN:
		service_reply_gen(s, a, ret, q->from, q->tag, badrpc);
		break;
	case CALL_OLD:
		service_reply_send(a, ret, q->from, term_tuple2(a, term_atom(a, "rex"), badrpc));
		break;
	case CALL_ERPC:
	case CALL_SPAWN:
		service_reply_spawn(a, ret, q, 0, why);
		break;
	case CALL_CAST:
		break;
	}
}

static enum status call_keep(struct services *s, struct arena *a, const struct call_request *q,
                             uint64_t id)
{
	const struct term *nil = term_nil(a);
	const struct term *mfa = service_tuple4(a, q->module, q->function, q->args, nil);
	const struct term *all = service_tuple4(a, q->from, q->tag, q->result, mfa);
	struct service_call *c = calloc(1, sizeof *c);
	enum status st;

	if (c == NULL)
		return ST_NOMEM;
	c->id = id;
	c->kind = q->kind;
	c->options = q->options;
	buf_init(&c->terms, SERVICE_ARENA_MAX);
	st = all == NULL ? ST_NOMEM : term_encode(all, &c->terms);
	if (st != ST_OK) {
		service_call_free(c);
		return st;
	}
	c->next = s->calls;
	s->calls = c;
	s->n_calls++;
	return ST_OK;
}

/* Start a call, or leave the message alone when it is not one. */
enum status service_call_begin(struct services *s, struct arena *a, const struct call_request *q,
                               uint64_t id, struct service_result *ret)
{
	enum status st;

	if (!service_is_type(q->from, TERM_PID) || !service_is_type(q->module, TERM_ATOM) ||
	    !service_is_type(q->function, TERM_ATOM) || term_length(q->args) < 0)
		return ST_OK;
	if (s->n_calls == SERVICE_CALLS_MAX) {
		call_refuse(s, a, q, ret);
		return ST_OK;
	}
	st = call_keep(s, a, q, id);
	if (st != ST_OK)
		return st;
	if (q->kind == CALL_ERPC || q->kind == CALL_SPAWN)
		service_reply_spawn(a, ret, q, q->options, call_pid(s, a, id));
	ret->event = SERVICE_CALL;
	ret->id = id;
	ret->module = term_atom_text(q->module);
	ret->function = term_atom_text(q->function);
	ret->args = q->args;
	ret->group_leader = service_is_type(q->leader, TERM_PID) ? q->leader : NULL;
	return ST_OK;
}

/* {Reason, [{M, F, Args, []}]}: what an uncaught error is to whoever watches. */
static const struct term *with_stack(struct arena *a, const struct term *reason,
                                     const struct term *mfa)
{
	return term_tuple2(a, reason, term_cons(a, mfa, term_nil(a)));
}

/* What rpc:call/4 returns: a throw is a value, the rest {badrpc, {'EXIT', Reason}}. */
static const struct term *rex_value(struct arena *a, const struct service_outcome *o,
                                    const struct term *mfa)
{
	const struct term *reason = o->value;

	if (o->klass == NULL || strcmp(o->klass, "throw") == 0)
		return o->value;
	if (strcmp(o->klass, "error") == 0)
		reason = with_stack(a, reason, mfa);
	return term_tuple2(a, term_atom(a, "badrpc"), term_tuple2(a, term_atom(a, "EXIT"), reason));
}

/* {Res, return, Value}, {Res, error, Reason, Stack}, {Res, exit | throw, Reason} */
static const struct term *erpc_reason(struct arena *a, const struct service_outcome *o,
                                      const struct term *res, const struct term *mfa)
{
	if (o->klass == NULL)
		return term_tuple3(a, res, term_atom(a, "return"), o->value);
	if (strcmp(o->klass, "error") == 0)
		return service_tuple4(a, res, term_atom(a, "error"), o->value,
		                      term_cons(a, mfa, term_nil(a)));
	return term_tuple3(a, res, term_atom(a, o->klass), o->value);
}

/* Why an ordinary spawned process ended. */
static const struct term *exit_reason(struct arena *a, const struct service_outcome *o,
                                      const struct term *mfa)
{
	if (o->klass == NULL)
		return term_atom(a, "normal");
	if (strcmp(o->klass, "exit") == 0)
		return o->value;
	if (strcmp(o->klass, "error") == 0)
		return with_stack(a, o->value, mfa);
	return with_stack(a, term_tuple2(a, term_atom(a, "nocatch"), o->value), mfa);
}

static void finish_spawn(const struct services *s, struct arena *a, const struct service_call *c,
                         const struct term *all, const struct service_outcome *o,
                         struct service_result *r)
{
	const struct term *mfa = term_element(all, 3);
	const struct term *pid = call_pid(s, a, c->id);
	const struct term *down[3] = {pid, term_element(all, 0), term_element(all, 1)};
	const struct term *reason = c->kind == CALL_ERPC
	                                ? erpc_reason(a, o, term_element(all, 2), mfa)
	                                : exit_reason(a, o, mfa);

	if (c->options & OPTION_MONITOR)
		service_reply_down(s, a, r, down, reason);
	if (c->options & OPTION_LINK)
		service_reply_exit(s, a, r, pid, down[1], reason);
}

static void finish(const struct services *s, struct arena *a, const struct service_call *c,
                   const struct term *all, const struct service_outcome *o,
                   struct service_result *r)
{
	const struct term *from = term_element(all, 0);
	const struct term *mfa = term_element(all, 3);

	switch (c->kind) {
	case CALL_GEN:
		service_reply_gen(s, a, r, from, term_element(all, 1), rex_value(a, o, mfa));
		break;
	case CALL_OLD:
		service_reply_send(a, r, from,
		                   term_tuple2(a, term_atom(a, "rex"), rex_value(a, o, mfa)));
		break;
	case CALL_ERPC:
	case CALL_SPAWN:
		finish_spawn(s, a, c, all, o, r);
		break;
	case CALL_CAST:
		break;
	}
}

enum status services_finish(struct services *s, struct arena *a, uint64_t call_id,
                            const struct service_outcome *outcome, struct service_result *ret)
{
	struct service_call **at = service_call_find(s, call_id);
	struct service_result r;
	const struct term *all;
	size_t used;
	enum status st;

	if (*at == NULL)
		return ST_NOT_FOUND;
	memset(&r, 0, sizeof r);
	st = term_decode(a, (*at)->terms.base, (*at)->terms.len, &used, &all);
	if (st != ST_OK)
		return st;
	finish(s, a, *at, all, outcome, &r);
	if (a->failed || service_result_check(&r) != ST_OK)
		return ST_NOMEM;
	service_call_remove(s, at);
	*ret = r;
	return ST_OK;
}
