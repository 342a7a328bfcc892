/* What real nodes ask of one another, answered: pings, calls, monitors, links.
 *
 *     net_adm:ping    gen_call {is_auth, Node} to net_kernel
 *     rpc, erpc       SPAWN_REQUEST of erpc:execute_call/4; the result is the exit reason
 *     rpc before 23   gen_call {call, M, F, Args, GroupLeader} to rex
 *     erl_call, ei    {Pid, {call, M, F, Args, user}} to rex
 *
 * Calls are handed up and answered later; the table of those under way belongs to one peer and
 * dies with its connection, so a caller that crashed leaves nothing behind. Also recognises
 * the answers to our own gen_calls. Unknown messages are ignored, as real nodes do. */
#ifndef DIST_SERVICES_H
#define DIST_SERVICES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "dist/control.h"
#include "dist/link_in.h"

struct service_call;

struct services {
	struct control_self self;   /* as the peer knows us; node is borrowed */
	bool payload_exit;          /* the peer takes exit reasons as payloads */
	struct service_call *calls; /* under way; owned list */
	size_t n_calls;
};

enum service_event {
	SERVICE_NOTHING,
	SERVICE_CALL,  /* module:function(args) is wanted; answer with services_finish() */
	SERVICE_REPLY, /* the answer to our own call number id */
};

/* What a message led to. Terms live in the arena that the caller gave. */
struct service_result {
	enum service_event event;
	struct message out[2]; /* to be sent to the peer, in order */
	size_t n_out;
	const char *module; /* SERVICE_CALL */
	const char *function;
	const struct term *args;         /* a proper list */
	const struct term *group_leader; /* a pid or NULL */
	uint64_t id;                     /* SERVICE_CALL: as given; SERVICE_REPLY: ours */
	const struct term *result;       /* SERVICE_REPLY */
};

/* How a call ended. */
struct service_outcome {
	const char *klass; /* NULL: it returned; else error, exit or throw */
	const struct term *value;
};

void services_init(struct services *s, const struct control_self *self, bool payload_exit);
void services_close(struct services *s);

/* Digest a message from the peer. call_id: the number that a call would get. */
CHECKED enum status services_message(struct services *s, struct arena *a, const struct message *in,
                                     uint64_t call_id, struct service_result *ret);
/* A call ended. ST_NOT_FOUND: nobody waits for it any more. */
CHECKED enum status services_finish(struct services *s, struct arena *a, uint64_t call_id,
                                    const struct service_outcome *outcome,
                                    struct service_result *ret);

/* Messages that we send: is_auth to net_kernel, and a call over rex. NULL control: no memory. */
struct message services_ping(const struct services *s, struct arena *a, uint64_t id);
struct message services_rpc(const struct services *s, struct arena *a, uint64_t id,
                            const char *module, const char *function, const struct term *args);

#endif
