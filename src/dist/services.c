/* Services for real nodes; see services.h. */
#include "dist/services.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "dist/service_inside.h"

void services_init(struct services *s, const struct control_self *self, bool payload_exit)
{
	memset(s, 0, sizeof *s);
	s->self = *self;
	s->payload_exit = payload_exit;
}

void services_close(struct services *s)
{
	struct service_call *next;

	for (struct service_call *c = s->calls; c != NULL; c = next) {
		next = c->next;
		service_call_free(c);
	}
	memset(s, 0, sizeof *s);
}

/* {call | cast, Module, Function, Args, GroupLeader} */
static bool rex_request(const struct term *t, const char *verb, struct call_request *q)
{
	if (!service_is_tuple(t, 5, verb) &&
	    !(strcmp(verb, "call") == 0 && service_is_tuple(t, 5, "block_call")))
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

	if (service_is_tuple(payload, 3, "$gen_call") &&
	    rex_request(term_element(payload, 2), "call", &q)) {
		q.kind = CALL_GEN;
		q.from = service_field(term_element(payload, 1), 2, 0);
		q.tag = service_field(term_element(payload, 1), 2, 1);
		return service_call_begin(s, a, &q, id, ret);
	}
	if (service_is_tuple(payload, 2, "$gen_cast") &&
	    rex_request(term_element(payload, 1), "cast", &q)) {
		q.kind = CALL_CAST;
		q.from = service_self_pid(s, a);
		return service_call_begin(s, a, &q, id, ret);
	}
	if (rex_request(service_field(payload, 2, 1), "call", &q)) {
		q.kind = CALL_OLD;
		q.from = term_element(payload, 0);
		return service_call_begin(s, a, &q, id, ret);
	}
	return ST_OK;
}

/* net_adm:ping/1 asks {is_auth, Node}; whoever got this far is. */
static void to_net_kernel(struct services *s, struct arena *a, const struct term *payload,
                          struct service_result *ret)
{
	const struct term *from;

	if (!service_is_tuple(payload, 3, "$gen_call") ||
	    !service_is_tuple(term_element(payload, 2), 2, "is_auth"))
		return;
	from = term_element(payload, 1);
	if (service_is_type(service_field(from, 2, 0), TERM_PID))
		service_reply_gen(s, a, ret, term_element(from, 0), term_element(from, 1),
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
	const struct term *tag = service_field(in->payload, 2, 0);

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
		        *service_call_find(s, number - CONTROL_PID_CALLS) != NULL);
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
		service_reply_down(s, a, ret, down, term_atom(a, "noproc"));
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
	if (service_is_type(tag, TERM_CONS))
		tag = term_tail(tag);
	return term_compare(tag, ref, true) == 0;
}

/* {DEMONITOR_P, FromPid, ToProc, Ref}: the caller died or lost its patience. */
static void on_demonitor(struct services *s, struct arena *a, const struct term *control)
{
	const struct term *ref = term_element(control, 3);

	for (struct service_call **at = &s->calls; *at != NULL; at = &(*at)->next) {
		if ((*at)->kind != CALL_CAST && call_is(*at, a, ref)) {
			service_call_remove(s, at);
			return;
		}
	}
}

static unsigned spawn_options(const struct term *list)
{
	unsigned options = 0;

	for (; service_is_type(list, TERM_CONS); list = term_tail(list)) {
		const struct term *o = term_head(list);

		if (term_is_atom(o, "link"))
			options |= OPTION_LINK;
		if (term_is_atom(o, "monitor") || service_is_tuple(o, 2, "monitor"))
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
	q.module = service_field(mfa, 3, 0);
	q.function = service_field(mfa, 3, 1);
	q.options = spawn_options(term_element(in->control, 5));
	if (!service_is_type(q.from, TERM_PID) || q.module == NULL || in->payload == NULL)
		return ST_OK;
	spawn_unwrap(&q, in->payload);
	st = service_call_begin(s, a, &q, id, ret);
	if (st == ST_OK && ret->event == SERVICE_NOTHING && ret->n_out == 0)
		service_reply_spawn(a, ret, &q, 0, term_atom(a, "badarg"));
	return st;
}

/* {LINK, FromPid, ToPid} */
static void on_link(struct services *s, struct arena *a, const struct term *control,
                    struct service_result *ret)
{
	if (!is_alive(s, term_element(control, 2)))
		service_reply_exit(s, a, ret, term_element(control, 2), term_element(control, 1),
		                   term_atom(a, "noproc"));
}

/* {UNLINK_ID, Id, FromPid, ToPid} is answered {UNLINK_ID_ACK, Id, ToPid, FromPid}. */
static void on_unlink(struct arena *a, const struct term *control, struct service_result *ret)
{
	service_reply(ret,
	              service_tuple4(a, term_int(a, CONTROL_UNLINK_ID_ACK),
	                             term_element(control, 1), term_element(control, 3),
	                             term_element(control, 2)),
	              NULL);
}

/* Operation and size of the control tuple, or CONTROL_LINK's neighbour 0 for none of ours. */
static int control_shape(const struct term *control, size_t *ret_size)
{
	const struct term *op;

	if (!service_is_type(control, TERM_TUPLE) || term_tuple_size(control) == 0)
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

enum status services_message(struct services *s, struct arena *a, const struct message *in,
                             uint64_t call_id, struct service_result *ret)
{
	struct service_result r;
	enum status st;

	memset(&r, 0, sizeof r);
	st = services_digest(s, a, in, call_id, &r);
	if (st != ST_OK)
		return st;
	if (a->failed || service_result_check(&r) != ST_OK) {
		/* Nobody will run a call that was begun but not handed up. */
		if (r.event == SERVICE_CALL)
			service_call_remove(s, service_call_find(s, call_id));
		return ST_NOMEM;
	}
	*ret = r;
	return ST_OK;
}

/* {'$gen_call', {Pid, Ref}, Request} to a registered name. */
static struct message gen_call(const struct services *s, struct arena *a, uint64_t id,
                               const char *name, const struct term *request)
{
	const struct term *pid = service_self_pid(s, a);
	const struct term *from = term_tuple2(a, pid, control_ref(a, &s->self, id));
	struct message m;

	m.control = service_tuple4(a, term_int(a, CONTROL_REG_SEND), pid, term_atom(a, ""),
	                           term_atom(a, name));
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
