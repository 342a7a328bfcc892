/* One comparison of all members at the index of one mark: who answered what, and what follows.
 *
 * Every compared member reports the digests that its changes kept (equal on all members at the same
 * index, or their histories differ) and what counting its memory anew found. The largest group of
 * voters with equal digests and sound memory is the truth; it is a majority or it is only the
 * largest. Pure: the caller sends, waits and acts. */
#ifndef NODE_AUDIT_H
#define NODE_AUDIT_H

#include <stdbool.h>

#include "node/audit_wire.h"

enum {
	AUDIT_BUCKETS_MAX = 16, /* differing buckets that are named, and looked into */
	AUDIT_KEYS_MAX = 64     /* differing objects that are named */
};

enum audit_outcome {
	AUDIT_UNREACHABLE, /* not in sight: not asked */
	AUDIT_WAITING,     /* asked */
	AUDIT_SILENT,      /* asked in vain */
	AUDIT_NO_MARK,     /* it took over a later state meanwhile */
	AUDIT_EQUAL,
	AUDIT_DIFFERS, /* from the truth */
	AUDIT_DAMAGED, /* its memory changed by itself */
};

struct audit_node {
	char name[NODE_NAME_MAX];
	uint64_t raft_id;
	bool self;
	bool voter;
	enum audit_outcome outcome;
	uint64_t digest;    /* of the whole state at the mark */
	uint64_t rest;      /* of what is not in buckets */
	uint64_t sessions;  /* when it answered */
	uint64_t *buckets;  /* at the mark; owned; NULL: no report */
	unsigned n_damaged; /* buckets whose memory changed */
	size_t n_found;
	struct object_digests found[AUDIT_FOUND_MAX]; /* in them */
	struct object_digests *objects;               /* of the bucket looked into; owned */
	size_t n_objects;
	bool told;     /* objects are there, and those of the mark */
	bool replaced; /* it was told to start over with the others' state */
};

enum audit_fault {
	AUDIT_CHANGED, /* its memory is not what it was */
	AUDIT_OTHER,   /* another content than the truth's */
	AUDIT_MISSING, /* the truth has it */
	AUDIT_EXTRA,   /* the truth has not */
};

struct audit_key {
	size_t node; /* whose */
	enum audit_fault fault;
	unsigned bucket;
	unsigned kind; /* enum object_kind */
	struct session_id id;
};

struct audit_round {
	uint64_t number; /* of this round, at the asker */
	uint64_t index;  /* of the mark */
	size_t n;
	struct audit_node nodes[MEMBERS_MAX];
	size_t n_voters;    /* among them */
	size_t truth;       /* a node of the largest group; SIZE_MAX: none */
	size_t agreeing;    /* voters in that group */
	bool majority;      /* they are more than half of the voters */
	bool equal;         /* all compared ones are equal and sound */
	bool rest;          /* what is not in buckets differs somewhere */
	size_t compared;    /* nodes */
	unsigned differing; /* buckets */
	size_t n_buckets;
	unsigned buckets[AUDIT_BUCKETS_MAX]; /* the first of them */
	size_t n_keys;
	struct audit_key keys[AUDIT_KEYS_MAX];
};

/* A fresh one; NULL: out of memory. */
struct audit_round *audit_round_new(uint64_t number);
void audit_round_free(struct audit_round *r);

/* Add a member that is, or is not, asked. */
struct audit_node *audit_round_add(struct audit_round *r, const char *name, bool asked);
/* That one, or NULL. */
struct audit_node *audit_round_node(struct audit_round *r, const char *name);

/* A report came. ST_NOT_FOUND: it belongs to no question of this round; ST_NOMEM. */
CHECKED enum status audit_round_report(struct audit_round *r, const char *name,
                                       const struct audit_message *m);
/* True while a member's report is awaited. */
bool audit_round_waits(const struct audit_round *r);

/* Whoever has not answered is silent; find the truth, who differs from it and where. */
void audit_round_judge(struct audit_round *r);

/* The objects of a bucket came, as they are now. */
CHECKED enum status audit_round_objects(struct audit_round *r, const char *name,
                                        const struct audit_message *m);
/* Compare what came of that bucket, and forget it. */
void audit_round_compare(struct audit_round *r, unsigned bucket);

/* True when this node's state should be replaced by the others': they are a majority that agrees,
 * and it differs or is damaged. */
bool audit_round_condemns(const struct audit_round *r, const struct audit_node *node);

/* Raft ids of the voters that agree. Returns how many. */
size_t audit_round_agreeing(const struct audit_round *r, uint64_t ids[MEMBERS_MAX]);

const char *audit_outcome_name(enum audit_outcome outcome);
const char *audit_fault_name(enum audit_fault fault);

#endif
