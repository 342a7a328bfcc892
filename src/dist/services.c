/* Services for real nodes; see services.h. */
#include "dist/services.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "dist/limits.h"
#include "term/term.h"

enum call_kind {
	CALL_GEN,   /* answer {Tag, Result}, to an alias or a pid */
	CALL_OLD,   /* answer {rex, Result} */
	CALL_ERPC,  /* end with the exit reason {Res, return, Value} and the like */
	CALL_SPAWN, /* end with an ordinary exit reason */
	CALL_CAST,  /* no answer */
};

enum { OPTION_LINK = 1, OPTION_MONITOR = 2 };

struct service_call {
	struct service_call *next;
	uint64_t id;
	enum call_kind kind;
	unsigned options; /* of a spawn: OPTION_* */
	struct buf terms; /* encoded {From, Tag, Result, {M, F, Args, []}} */
};

/* A call as it is read from a message. */
struct call_request {
	enum call_kind kind;
	unsigned options;
	const struct term *from;   /* pid of the caller */
	const struct term *tag;    /* tag of a gen_call, request id of a spawn; or nil */
	const struct term *result; /* what erpc wants in the exit reason; or nil */
	const struct term *module;
	const struct term *function;
	const struct term *args;
	const struct term *leader; /* group leader or NULL */
};

void services_init(struct services *s, const struct control_self *self, bool payload_exit)
{
	memset(s, 0, sizeof *s);
	s->self = *self;
	s->payload_exit = payload_exit;
}

static void call_free(struct service_call *c)
{
	buf_close(&c->terms);
	free(c);
}

void services_close(struct services *s)
{
	struct service_call *next;

	for (struct service_call *c = s->calls; c != NULL; c = next) {
		next = c->next;
		call_free(c);
	}
	memset(s, 0, sizeof *s);
}

static const struct term *tuple4(struct arena *a, const struct term *w, const struct term *x,
                                 const struct term *y, const struct term *z)
{
	const struct term *items[] = {w, x, y, z};

	return term_tuple(a, items, 4);
}

/* element i of a tuple of size n, else NULL. */
static const struct term *field(const struct term *t, size_t n, size_t i)
{
	if (t == NULL || term_type(t) != TERM_TUPLE || term_tuple_size(t) != n)
		return NULL;
	return term_element(t, i);
}

static bool is_tuple(const struct term *t, size_t n, const char *first)
{
	const struct term *x = field(t, n, 0);

	return x != NULL && term_is_atom(x, first);
}

static bool is_type(const struct term *t, enum term_type type)
{
	return t != NULL && term_type(t) == type;
}

static void reply(struct service_result *ret, const struct term *control,
                  const struct term *payload)
{
	assert(ret->n_out < 2);
	ret->out[ret->n_out].control = control;
	ret->out[ret->n_out].payload = payload;
	ret->n_out++;
}

static const struct term *self_pid(const struct services *s, struct arena *a)
{
	return control_pid(a, &s->self, CONTROL_PID_SELF);
}

/* {SEND, Unused, ToPid}: "Unused is kept for backward compatibility". */
static void reply_send(struct arena *a, struct service_result *ret, const struct term *to,
                       const struct term *payload)
{
	reply(ret, term_tuple3(a, term_int(a, CONTROL_SEND), term_atom(a, ""), to), payload);
}

/* {ALIAS_SEND, FromPid, Alias} */
static void reply_alias(const struct services *s, struct arena *a, struct service_result *ret,
                        const struct term *alias, const struct term *payload)
{
	reply(ret, term_tuple3(a, term_int(a, CONTROL_ALIAS_SEND), self_pid(s, a), alias), payload);
}

/* The answer to a gen_call: its tag tells where it goes. */
static void reply_gen(const struct services *s, struct arena *a, struct service_result *ret,
                      const struct term *to, const struct term *tag, const struct term *value)
{
	const struct term *answer = term_tuple2(a, tag, value);

	if (is_type(tag, TERM_CONS) && term_is_atom(term_head(tag), "alias") &&
	    is_type(term_tail(tag), TERM_REF))
		reply_alias(s, a, ret, term_tail(tag), answer);
	else
		reply_send(a, ret, to, answer);
}

/* {MONITOR_P_EXIT, FromProc, ToPid, Ref, Reason}, or its reason as a payload. */
static void reply_down(const struct services *s, struct arena *a, struct service_result *ret,
                       const struct term *down[3], const struct term *reason)
{
	const struct term *items[5] = {NULL, down[0], down[1], down[2], reason};

	if (s->payload_exit) {
		items[0] = term_int(a, CONTROL_PAYLOAD_MONITOR_P_EXIT);
		reply(ret, term_tuple(a, items, 4), reason);
	} else {
		items[0] = term_int(a, CONTROL_MONITOR_P_EXIT);
		reply(ret, term_tuple(a, items, 5), NULL);
	}
}

/* {EXIT, FromPid, ToPid, Reason}, or its reason as a payload. */
static void reply_exit(const struct services *s, struct arena *a, struct service_result *ret,
                       const struct term *from, const struct term *to, const struct term *reason)
{
	if (s->payload_exit)
		reply(ret, term_tuple3(a, term_int(a, CONTROL_PAYLOAD_EXIT), from, to), reason);
	else
		reply(ret, tuple4(a, term_int(a, CONTROL_EXIT), from, to, reason), NULL);
}

/* {SPAWN_REPLY, ReqId, To, Flags, Result} */
static void reply_spawn(struct arena *a, struct service_result *ret, const struct call_request *q,
                        unsigned flags, const struct term *result)
{
	const struct term *items[5] = {term_int(a, CONTROL_SPAWN_REPLY), q->tag, q->from,
	                               term_int(a, flags), result};

	reply(ret, term_tuple(a, items, 5), NULL);
}

static const struct term *call_pid(const struct services *s, struct arena *a, uint64_t id)
{
	return control_pid(a, &s->self, CONTROL_PID_CALLS + id);
}

static struct service_call **call_find(struct services *s, uint64_t id)
{
	struct service_call **at = &s->calls;

	while (*at != NULL && (*at)->id != id)
		at = &(*at)->next;
	return at;
}

static void call_remove(struct services *s, struct service_call **at)
{
	struct service_call *c = *at;

	*at = c->next;
	s->n_calls--;
	call_free(c);
}

/* Refuse a call that the table has no room for. */
static void call_refuse(const struct services *s, struct arena *a, const struct call_request *q,
                        struct service_result *ret)
{
	const struct term *why = term_atom(a, "system_limit");
	const struct term *badrpc = term_tuple2(a, term_atom(a, "badrpc"), why);

	switch (q->kind) {
	case CALL_GEN:
		reply_gen(s, a, ret, q->from, q->tag, badrpc);
		break;
	case CALL_OLD:
		reply_send(a, ret, q->from, term_tuple2(a, term_atom(a, "rex"), badrpc));
		break;
	case CALL_ERPC:
	case CALL_SPAWN:
		reply_spawn(a, ret, q, 0, why);
		break;
	case CALL_CAST:
		break;
	}
}

static enum status call_keep(struct services *s, struct arena *a, const struct call_request *q,
                             uint64_t id)
{
	const struct term *nil = term_nil(a);
	const struct term *mfa = tuple4(a, q->module, q->function, q->args, nil);
	const struct term *all = tuple4(a, q->from, q->tag, q->result, mfa);
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
		call_free(c);
		return st;
	}
	c->next = s->calls;
	s->calls = c;
	s->n_calls++;
	return ST_OK;
}

/* Start a call, or leave the message alone when it is not one. */
static enum status call_begin(struct services *s, struct arena *a, const struct call_request *q,
                              uint64_t id, struct service_result *ret)
{
	enum status st;

	if (!is_type(q->from, TERM_PID) || !is_type(q->module, TERM_ATOM) ||
	    !is_type(q->function, TERM_ATOM) || term_length(q->args) < 0)
		return ST_OK;
	if (s->n_calls == SERVICE_CALLS_MAX) {
		call_refuse(s, a, q, ret);
		return ST_OK;
	}
	st = call_keep(s, a, q, id);
	if (st != ST_OK)
		return st;
	if (q->kind == CALL_ERPC || q->kind == CALL_SPAWN)
		reply_spawn(a, ret, q, q->options, call_pid(s, a, id));
	ret->event = SERVICE_CALL;
	ret->id = id;
	ret->module = term_atom_text(q->module);
	ret->function = term_atom_text(q->function);
	ret->args = q->args;
	ret->group_leader = is_type(q->leader, TERM_PID) ? q->leader : NULL;
	return ST_OK;
}

/* {call | cast, Module, Function, Args, GroupLeader} */
static bool rex_request(const struct term *t, const char *verb, struct call_request *q)
{
	if (!is_tuple(t, 5, verb) && !(strcmp(verb, "call") == 0 && is_tuple(t, 5, "block_call")))
		return false;
	q->module = term_element(t, 1);
	q->function = term_element(t, 2);
	q->args = term_element(t, 3);
	q->leader = term_element(t, 4);
	return true;
}

static enum status to_rex(struct services *s, struct arena *a, const struct term *payload,
                          uint64_t id, struct service_result *ret)
{
	struct call_request q = {.tag = term_nil(a), .result = term_nil(a)};

	if (is_tuple(payload, 3, "$gen_call") &&
	    rex_request(term_element(payload, 2), "call", &q)) {
		q.kind = CALL_GEN;
		q.from = field(term_element(payload, 1), 2, 0);
		q.tag = field(term_element(payload, 1), 2, 1);
		return call_begin(s, a, &q, id, ret);
	}
	if (is_tuple(payload, 2, "$gen_cast") &&
	    rex_request(term_element(payload, 1), "cast", &q)) {
		q.kind = CALL_CAST;
		q.from = self_pid(s, a);
		return call_begin(s, a, &q, id, ret);
	}
	if (rex_request(field(payload, 2, 1), "call", &q)) {
		q.kind = CALL_OLD;
		q.from = term_element(payload, 0);
		return call_begin(s, a, &q, id, ret);
	}
	return ST_OK;
}

/* net_adm:ping/1 asks {is_auth, Node}; whoever got this far is. */
static void to_net_kernel(struct services *s, struct arena *a, const struct term *payload,
                          struct service_result *ret)
{
	const struct term *from;

	if (!is_tuple(payload, 3, "$gen_call") || !is_tuple(term_element(payload, 2), 2, "is_auth"))
		return;
	from = term_element(payload, 1);
	if (is_type(field(from, 2, 0), TERM_PID))
		reply_gen(s, a, ret, term_element(from, 0), term_element(from, 1),
		          term_atom(a, "yes"));
}

static enum status on_reg_send(struct services *s, struct arena *a, const struct message *in,
                               uint64_t id, struct service_result *ret)
{
	const struct term *name = term_element(in->control, 3);

	if (term_is_atom(name, "rex"))
		return to_rex(s, a, in->payload, id, ret);
	if (term_is_atom(name, "net_kernel"))
		to_net_kernel(s, a, in->payload, ret);
	return ST_OK;
}

/* A message to our own pid, or to an alias of it: {Ref, Answer} with a reference of ours. */
static void on_send(const struct services *s, const struct message *in, struct service_result *ret)
{
	const struct term *tag = field(in->payload, 2, 0);

	if (!control_ref_number(tag, &s->self, &ret->id))
		return;
	ret->event = SERVICE_REPLY;
	ret->result = term_element(in->payload, 1);
}

/* The names that somebody may watch, and pids that live. */
static bool is_alive(struct services *s, const struct term *what)
{
	uint64_t number;

	if (control_pid_number(what, &s->self, &number))
		return number == CONTROL_PID_SELF ||
		       (number >= CONTROL_PID_CALLS &&
		        *call_find(s, number - CONTROL_PID_CALLS) != NULL);
	return term_is_atom(what, "net_kernel") || term_is_atom(what, "rex") ||
	       term_is_atom(what, "erlmcp");
}

/* {MONITOR_P, FromPid, ToProc, Ref} */
static void on_monitor(struct services *s, struct arena *a, const struct term *control,
                       struct service_result *ret)
{
	const struct term *down[3] = {term_element(control, 2), term_element(control, 1),
	                              term_element(control, 3)};

	if (!is_alive(s, down[0]))
		reply_down(s, a, ret, down, term_atom(a, "noproc"));
}

/* Whether a call was made under this reference: its request id, its tag, or its alias. */
static bool call_is(const struct service_call *c, struct arena *a, const struct term *ref)
{
	const struct term *all;
	const struct term *tag;
	size_t used;

	if (term_decode(a, c->terms.base, c->terms.len, &used, &all) != ST_OK)
		return false;
	tag = term_element(all, 1);
	if (is_type(tag, TERM_CONS))
		tag = term_tail(tag);
	return term_compare(tag, ref, true) == 0;
}

/* {DEMONITOR_P, FromPid, ToProc, Ref}: the caller died or lost its patience. */
static void on_demonitor(struct services *s, struct arena *a, const struct term *control)
{
	const struct term *ref = term_element(control, 3);

	for (struct service_call **at = &s->calls; *at != NULL; at = &(*at)->next) {
		if ((*at)->kind != CALL_CAST && call_is(*at, a, ref)) {
			call_remove(s, at);
			return;
		}
	}
}

static unsigned spawn_options(const struct term *list)
{
	unsigned options = 0;

	for (; is_type(list, TERM_CONS); list = term_tail(list)) {
		const struct term *o = term_head(list);

		if (term_is_atom(o, "link"))
			options |= OPTION_LINK;
		if (term_is_atom(o, "monitor") || is_tuple(o, 2, "monitor"))
			options |= OPTION_MONITOR;
	}
	return options;
}

/* erpc:execute_call(Res, M, F, Args) and execute_cast(M, F, Args) are what erpc and rpc spawn. */
static void spawn_unwrap(struct call_request *q, const struct term *args)
{
	q->args = args;
	if (!term_is_atom(q->module, "erpc"))
		return;
	if (term_is_atom(q->function, "execute_call") && term_length(args) == 4) {
		q->kind = CALL_ERPC;
		q->result = term_head(args);
		args = term_tail(args);
	} else if (!term_is_atom(q->function, "execute_cast") || term_length(args) != 3) {
		return;
	}
	q->module = term_head(args);
	q->function = term_head(term_tail(args));
	q->args = term_head(term_tail(term_tail(args)));
}

/* {SPAWN_REQUEST, ReqId, From, GroupLeader, {Module, Function, Arity}, OptList}, arguments as
 * payload. */
static enum status on_spawn(struct services *s, struct arena *a, const struct message *in,
                            uint64_t id, struct service_result *ret)
{
	const struct term *mfa = term_element(in->control, 4);
	struct call_request q = {.kind = CALL_SPAWN, .result = term_nil(a)};
	enum status st;

	q.tag = term_element(in->control, 1);
	q.from = term_element(in->control, 2);
	q.leader = term_element(in->control, 3);
	q.module = field(mfa, 3, 0);
	q.function = field(mfa, 3, 1);
	q.options = spawn_options(term_element(in->control, 5));
	if (!is_type(q.from, TERM_PID) || q.module == NULL || in->payload == NULL)
		return ST_OK;
	spawn_unwrap(&q, in->payload);
	st = call_begin(s, a, &q, id, ret);
	if (st == ST_OK && ret->event == SERVICE_NOTHING && ret->n_out == 0)
		reply_spawn(a, ret, &q, 0, term_atom(a, "badarg"));
	return st;
}

/* {LINK, FromPid, ToPid} */
static void on_link(struct services *s, struct arena *a, const struct term *control,
                    struct service_result *ret)
{
	if (!is_alive(s, term_element(control, 2)))
		reply_exit(s, a, ret, term_element(control, 2), term_element(control, 1),
		           term_atom(a, "noproc"));
}

/* {UNLINK_ID, Id, FromPid, ToPid} is answered {UNLINK_ID_ACK, Id, ToPid, FromPid}. */
static void on_unlink(struct arena *a, const struct term *control, struct service_result *ret)
{
	reply(ret,
	      tuple4(a, term_int(a, CONTROL_UNLINK_ID_ACK), term_element(control, 1),
	             term_element(control, 3), term_element(control, 2)),
	      NULL);
}

/* Operation and size of the control tuple, or CONTROL_LINK's neighbour 0 for none of ours. */
static int control_shape(const struct term *control, size_t *ret_size)
{
	const struct term *op;

	if (!is_type(control, TERM_TUPLE) || term_tuple_size(control) == 0)
		return 0;
	op = term_element(control, 0);
	if (term_type(op) != TERM_INT)
		return 0;
	*ret_size = term_tuple_size(control);
	return term_int_value(op) > 0 && term_int_value(op) < 64 ? (int)term_int_value(op) : 0;
}

static enum status services_digest(struct services *s, struct arena *a, const struct message *in,
                                   uint64_t call_id, struct service_result *r)
{
	size_t size = 0;
	int op = control_shape(in->control, &size);

	if ((op == CONTROL_REG_SEND && size == 4) || (op == CONTROL_REG_SEND_TT && size == 5))
		return in->payload == NULL ? ST_MALFORMED : on_reg_send(s, a, in, call_id, r);
	if ((op == CONTROL_SPAWN_REQUEST && size == 6) ||
	    (op == CONTROL_SPAWN_REQUEST_TT && size == 7))
		return on_spawn(s, a, in, call_id, r);
	if (op == CONTROL_SEND || op == CONTROL_SEND_TT || op == CONTROL_SEND_SENDER ||
	    op == CONTROL_SEND_SENDER_TT || op == CONTROL_ALIAS_SEND || op == CONTROL_ALIAS_SEND_TT)
		on_send(s, in, r);
	else if (op == CONTROL_MONITOR_P && size == 4)
		on_monitor(s, a, in->control, r);
	else if (op == CONTROL_DEMONITOR_P && size == 4)
		on_demonitor(s, a, in->control);
	else if (op == CONTROL_LINK && size == 3)
		on_link(s, a, in->control, r);
	else if (op == CONTROL_UNLINK_ID && size == 4)
		on_unlink(a, in->control, r);
	else if (op == 0)
		return ST_MALFORMED;
	return ST_OK;
}

/* Constructors return NULL when the arena is exhausted: checked once, here. */
static enum status result_check(const struct service_result *r)
{
	for (size_t i = 0; i < r->n_out; i++) {
		if (r->out[i].control == NULL)
			return ST_NOMEM;
	}
	return ST_OK;
}

enum status services_message(struct services *s, struct arena *a, const struct message *in,
                             uint64_t call_id, struct service_result *ret)
{
	struct service_result r;
	enum status st;

	memset(&r, 0, sizeof r);
	st = services_digest(s, a, in, call_id, &r);
	if (st != ST_OK)
		return st;
	if (a->failed || result_check(&r) != ST_OK)
		return ST_NOMEM;
	*ret = r;
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
		return tuple4(a, res, term_atom(a, "error"), o->value,
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
		reply_down(s, a, r, down, reason);
	if (c->options & OPTION_LINK)
		reply_exit(s, a, r, pid, down[1], reason);
}

static void finish(const struct services *s, struct arena *a, const struct service_call *c,
                   const struct term *all, const struct service_outcome *o,
                   struct service_result *r)
{
	const struct term *from = term_element(all, 0);
	const struct term *mfa = term_element(all, 3);

	switch (c->kind) {
	case CALL_GEN:
		reply_gen(s, a, r, from, term_element(all, 1), rex_value(a, o, mfa));
		break;
	case CALL_OLD:
		reply_send(a, r, from, term_tuple2(a, term_atom(a, "rex"), rex_value(a, o, mfa)));
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
	struct service_call **at = call_find(s, call_id);
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
	if (a->failed || result_check(&r) != ST_OK)
		return ST_NOMEM;
	call_remove(s, at);
	*ret = r;
	return ST_OK;
}

/* {'$gen_call', {Pid, Ref}, Request} to a registered name. */
static struct message gen_call(const struct services *s, struct arena *a, uint64_t id,
                               const char *name, const struct term *request)
{
	const struct term *pid = self_pid(s, a);
	const struct term *from = term_tuple2(a, pid, control_ref(a, &s->self, id));
	struct message m;

	m.control =
	    tuple4(a, term_int(a, CONTROL_REG_SEND), pid, term_atom(a, ""), term_atom(a, name));
	m.payload = term_tuple3(a, term_atom(a, "$gen_call"), from, request);
	if (m.payload == NULL)
		m.control = NULL;
	return m;
}

struct message services_ping(const struct services *s, struct arena *a, uint64_t id)
{
	return gen_call(s, a, id, "net_kernel",
	                term_tuple2(a, term_atom(a, "is_auth"), term_atom(a, s->self.node)));
}

struct message services_rpc(const struct services *s, struct arena *a, uint64_t id,
                            const char *module, const char *function, const struct term *args)
{
	const struct term *items[5] = {term_atom(a, "call"), term_atom(a, module),
	                               term_atom(a, function), args, term_atom(a, "user")};

	return gen_call(s, a, id, "rex", term_tuple(a, items, 5));
}
