/* Client requests of this node that wait for the cluster: origin side.
 *
 * A write stays here until its commit is known or its time is over; it is sent again, with the
 * same origin sequence, whenever the leader it was sent to is gone or silent, so that it takes
 * effect once. Reads are gathered into batches; one read index answers a whole batch.
 *
 *   write: queued --sent to the leader--> sent --answer--> done
 *             ^------ leader gone, silent, refused -----'
 *   read:  waiting --batch opened--> asked --index--> applied --> done
 *             ^------ leader gone, silent ------'
 *
 * Pure bookkeeping: time comes as an argument, sending is the caller's. */
#ifndef NODE_REQUESTS_H
#define NODE_REQUESTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/queue.h"
#include "base/status.h"
#include "node/core.h"

enum {
	REQUESTS_MAX = 65536, /* pending requests of one node: 64 Ki x 1 KiB stays below 100 MiB */
	REQUEST_BUCKETS = 1024,    /* hash of pending requests by number */
	REQUEST_RETRY_US = 150000, /* an unanswered request is asked again: several round trips, and
	                              below the shortest election timeout */
};

enum request_state { REQUEST_QUEUED, REQUEST_SENT, REQUEST_DONE };

struct request {
	struct queue link;   /* in exactly one of the lists below */
	struct queue bucket; /* in requests.by_id */
	uint64_t id;         /* this node's number for it */
	enum request_state state;
	bool read;           /* a read (of a batch) or a write */
	bool confirm;        /* read: by a round even under reads = lease */
	bool ever_sent;      /* write: it may have reached a leader */
	bool sent_again;     /* write: an earlier sending may still take effect */
	int64_t deadline_us; /* then it fails */
	int64_t sent_us;     /* when it was last sent */
	uint64_t leader_id;  /* whom it was sent to */
	uint64_t term;       /* in which term */
	core_done_cb cb;
	void *arg;
	enum status st; /* outcome, once done */
	uint8_t *bytes; /* write: the command; done: the result. Owned */
	size_t len;
};

/* Reads that wait for one read index together. */
struct read_batch {
	struct queue link;
	struct queue reads; /* of struct request */
	uint64_t id;        /* echoed by the leader */
	uint64_t leader_id;
	uint64_t term;
	uint64_t index; /* may be served once this is applied; valid when confirmed */
	bool confirm;   /* some read of it wants a round even under reads = lease */
	bool confirmed; /* index may be relied on */
	int64_t asked_us;
};

struct requests {
	uint64_t next_id;
	size_t n;             /* requests in any list */
	uint64_t refused;     /* because there were REQUESTS_MAX */
	struct queue queued;  /* writes to send, oldest first */
	struct queue sent;    /* writes that wait for an answer */
	struct queue waiting; /* reads without a batch */
	struct queue batches; /* of struct read_batch */
	struct queue done;    /* finished, callback not yet made */
	struct queue by_id[REQUEST_BUCKETS];
};

void requests_init(struct requests *r);
/* Release everything without callbacks. */
void requests_close(struct requests *r);

/* Take in a request; NULL when out of memory or REQUESTS_MAX are pending. */
struct request *requests_add(struct requests *r, bool read, const uint8_t *bytes, size_t len,
                             int64_t deadline_us, core_done_cb cb, void *arg);

/* The pending write with this number, or NULL. */
struct request *requests_find(struct requests *r, uint64_t id);

/* Move a request to the finished ones. result is copied. */
void requests_finish(struct requests *r, struct request *q, enum status st, const uint8_t *result,
                     size_t len);

void requests_mark_sent(struct requests *r, struct request *q, const struct raft_view *raft,
                        int64_t now_us);
void requests_requeue(struct requests *r, struct request *q);

/* Put all waiting reads into a new batch; NULL when none waits or memory is short. */
struct read_batch *requests_open_batch(struct requests *r, const struct raft_view *raft,
                                       int64_t now_us);
struct read_batch *requests_find_batch(struct requests *r, uint64_t id);
/* The batch's reads wait again, and it is forgotten. */
void requests_drop_batch(struct requests *r, struct read_batch *b);

/* Finish the reads of confirmed batches whose index this node has applied. */
void requests_serve(struct requests *r, uint64_t applied);

/* Send again what was sent to a leader that is no longer it, or that keeps silent; fail what is
 * over time. Walks everything pending: call it when the leader changed or a deadline passed. */
void requests_review(struct requests *r, const struct raft_view *raft, int64_t now_us);

/* Refuse everything pending: this node is fenced or stops. */
void requests_refuse(struct requests *r, enum status st);

/* Make the callbacks of finished requests. */
void requests_deliver(struct requests *r);

/* When requests_review() is wanted next; INT64_MAX: never. */
int64_t requests_deadline_us(const struct requests *r);

#endif
