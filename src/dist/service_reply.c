/* The messages that answer what real nodes ask; see services.h. */
#include <assert.h>
#include <string.h>

#include "base/arena.h"
#include "dist/service_inside.h"

const struct term *service_tuple4(struct arena *a, const struct term *w, const struct term *x,
                                  const struct term *y, const struct term *z)
{
	const struct term *items[] = {w, x, y, z};

	return term_tuple(a, items, 4);
}

/* element i of a tuple of size n, else NULL. */
const struct term *service_field(const struct term *t, size_t n, size_t i)
{
	if (t == NULL || term_type(t) != TERM_TUPLE || term_tuple_size(t) != n)
		return NULL;
	return term_element(t, i);
}

bool service_is_tuple(const struct term *t, size_t n, const char *first)
{
	const struct term *x = service_field(t, n, 0);

	return x != NULL && term_is_atom(x, first);
}

bool service_is_type(const struct term *t, enum term_type type)
{
	return t != NULL && term_type(t) == type;
}

void service_reply(struct service_result *ret, const struct term *control,
                   const struct term *payload)
{
	assert(ret->n_out < 2);
	ret->out[ret->n_out].control = control;
	ret->out[ret->n_out].payload = payload;
	ret->n_out++;
}

const struct term *service_self_pid(const struct services *s, struct arena *a)
{
	return control_pid(a, &s->self, CONTROL_PID_SELF);
}

/* {SEND, Unused, ToPid}: "Unused is kept for backward compatibility". */
void service_reply_send(struct arena *a, struct service_result *ret, const struct term *to,
                        const struct term *payload)
{
	service_reply(ret, term_tuple3(a, term_int(a, CONTROL_SEND), term_atom(a, ""), to),
	              payload);
}

/* {ALIAS_SEND, FromPid, Alias} */
static void service_reply_alias(const struct services *s, struct arena *a,
                                struct service_result *ret, const struct term *alias,
                                const struct term *payload)
{
	service_reply(
	    ret, term_tuple3(a, term_int(a, CONTROL_ALIAS_SEND), service_self_pid(s, a), alias),
	    payload);
}

/* The answer to a gen_call: its tag tells where it goes. */
void service_reply_gen(const struct services *s, struct arena *a, struct service_result *ret,
                       const struct term *to, const struct term *tag, const struct term *value)
{
	const struct term *answer = term_tuple2(a, tag, value);

	if (service_is_type(tag, TERM_CONS) && term_is_atom(term_head(tag), "alias") &&
	    service_is_type(term_tail(tag), TERM_REF))
		service_reply_alias(s, a, ret, term_tail(tag), answer);
	else
		service_reply_send(a, ret, to, answer);
}

/* {MONITOR_P_EXIT, FromProc, ToPid, Ref, Reason}, or its reason as a payload. */
void service_reply_down(const struct services *s, struct arena *a, struct service_result *ret,
                        const struct term *down[3], const struct term *reason)
{
	const struct term *items[5] = {NULL, down[0], down[1], down[2], reason};

	if (s->payload_exit) {
		items[0] = term_int(a, CONTROL_PAYLOAD_MONITOR_P_EXIT);
		service_reply(ret, term_tuple(a, items, 4), reason);
	} else {
		items[0] = term_int(a, CONTROL_MONITOR_P_EXIT);
		service_reply(ret, term_tuple(a, items, 5), NULL);
	}
}

/* {EXIT, FromPid, ToPid, Reason}, or its reason as a payload. */
void service_reply_exit(const struct services *s, struct arena *a, struct service_result *ret,
                        const struct term *from, const struct term *to, const struct term *reason)
{
	if (s->payload_exit)
		service_reply(ret, term_tuple3(a, term_int(a, CONTROL_PAYLOAD_EXIT), from, to),
		              reason);
	else
		service_reply(ret, service_tuple4(a, term_int(a, CONTROL_EXIT), from, to, reason),
		              NULL);
}

/* {SPAWN_REPLY, ReqId, To, Flags, Result} */
void service_reply_spawn(struct arena *a, struct service_result *ret, const struct call_request *q,
                         unsigned flags, const struct term *result)
{
	const struct term *items[5] = {term_int(a, CONTROL_SPAWN_REPLY), q->tag, q->from,
	                               term_int(a, flags), result};

	service_reply(ret, term_tuple(a, items, 5), NULL);
}

/* Constructors return NULL when the arena is exhausted: checked once, here. */
enum status service_result_check(const struct service_result *r)
{
	for (size_t i = 0; i < r->n_out; i++) {
		if (r->out[i].control == NULL)
			return ST_NOMEM;
	}
	return ST_OK;
}
