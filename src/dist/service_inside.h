/* What the files of services share; not for others. */
#ifndef DIST_SERVICE_INSIDE_H
#define DIST_SERVICE_INSIDE_H

#include "base/buf.h"
#include "dist/limits.h"
#include "dist/services.h"
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

/* service_reply.c: building and taking apart terms, and the messages that answer. */
const struct term *service_tuple4(struct arena *a, const struct term *w, const struct term *x,
                                  const struct term *y, const struct term *z);
/* Element i of a tuple of size n, else NULL. */
const struct term *service_field(const struct term *t, size_t n, size_t i);
/* A tuple of size n that begins with this atom. */
bool service_is_tuple(const struct term *t, size_t n, const char *first);
bool service_is_type(const struct term *t, enum term_type type);
const struct term *service_self_pid(const struct services *s, struct arena *a);
/* Whether every message of the result could be built. */
enum status service_result_check(const struct service_result *r);
void service_reply(struct service_result *ret, const struct term *control,
                   const struct term *payload);
void service_reply_send(struct arena *a, struct service_result *ret, const struct term *to,
                        const struct term *payload);
void service_reply_gen(const struct services *s, struct arena *a, struct service_result *ret,
                       const struct term *to, const struct term *tag, const struct term *value);
/* down: watched, watcher, reference. */
void service_reply_down(const struct services *s, struct arena *a, struct service_result *ret,
                        const struct term *down[3], const struct term *reason);
void service_reply_exit(const struct services *s, struct arena *a, struct service_result *ret,
                        const struct term *from, const struct term *to, const struct term *reason);
void service_reply_spawn(struct arena *a, struct service_result *ret, const struct call_request *q,
                         unsigned flags, const struct term *result);

/* service_calls.c: the calls under way. */
/* Start a call; nothing happens when the request is none. */
enum status service_call_begin(struct services *s, struct arena *a, const struct call_request *q,
                               uint64_t id, struct service_result *ret);
/* Where the pointer to call id is, or would be. */
struct service_call **service_call_find(struct services *s, uint64_t id);
void service_call_remove(struct services *s, struct service_call **at);
void service_call_free(struct service_call *c);

#endif
