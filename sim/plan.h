/* What goes wrong, and when: a list of timed faults made from a seed, or read from a file.
 *
 * One line a fault, so that a schedule can be shortened and kept:
 *
 *     seed 123
 *     nodes 5
 *     standbys 1
 *     framed 1
 *     held 2
 *     length 20.000000
 *     1.250000 cut 1 2 for 3.000000
 *     4.000000 crash 3 amount 2
 *
 * Nodes are counted from 1, standbys follow the nodes. a is a mask where a fault has several. */
#ifndef SIM_PLAN_H
#define SIM_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/status.h"
#include "sim/limits.h"

/* name, what a and b are, text for the legend and the table */
#define FAULT_MAP(X)                                                                               \
	X(CUT, "cut", "both directions between a and b carry nothing, silently")                   \
	X(CUT_ONE_WAY, "cut-one-way", "a no longer reaches b; b still reaches a")                  \
	X(CUT_NOISY, "cut-noisy", "a and b: connections break at once and cannot be made")         \
	X(SPLIT, "split", "silent cut between the nodes of mask a and all others")                 \
	X(SPLIT_ONE_WAY, "split-one-way", "the nodes of mask a no longer reach the others")        \
	X(SLOW, "slow", "messages from a to b take longer by `amount` ms")                         \
	X(LOSS, "loss", "one segment in a hundred times `amount` from a to b is sent again")       \
	X(RESET, "reset", "the connection between a and b breaks; what was on its way is lost")    \
	X(CORRUPT, "corrupt", "bytes of messages from a to b are flipped")                         \
	X(DUPLICATE, "duplicate", "messages from a to b arrive twice")                             \
	X(REORDER, "reorder", "classes of traffic from a to b overtake by up to `amount` ms")      \
	X(CRASH, "crash", "a dies at its `amount`th effect from now, starts again later")          \
	X(POWER, "power", "a loses power: no goodbye to its peers, unsynced bytes are torn")       \
	X(STOP, "stop", "a stops in good order, starts again later")                               \
	X(PAUSE, "pause", "a takes no turns; its clock goes on (SIGSTOP)")                         \
	X(SUSPEND, "suspend", "as pause, but the timer that a waits for stands still meanwhile")   \
	X(STALL, "stall", "a pauses at its `amount`th effect from now, in the middle of a turn")   \
	X(FREEZE, "freeze", "a and its clock stand still (a hypervisor's pause)")                  \
	X(BUSY, "busy", "a's turns come late by up to `amount` ms")                                \
	X(DRIFT, "drift", "a's clock runs faster by `amount` ppm, within the bound")               \
	X(DRIFT_WILD, "drift-wild", "a's clock runs faster by `amount` ppm, beyond the bound")     \
	X(WALL, "wall", "a's wall clock jumps by `amount` ms")                                     \
	X(LEAP, "leap", "a's boot clock leaps ahead by `amount` ms, beyond the bound")             \
	X(DISK_SLOW, "disk-slow", "writes of a take `amount` ms longer")                           \
	X(DISK_FULL, "disk-full", "a has no disk space in reserve, and none for its identity")     \
	X(DISK_ERROR, "disk-error", "a's next log write fails, at once or (amount 1) in part")     \
	X(CUT_ERROR, "truncate-error", "a's next truncation fails, and no write after it works")   \
	X(SNAPSHOT_ERROR, "snapshot-error", "a's next snapshot is not stored, or (1) not read")    \
	X(LOAD_ERROR, "load-error", "a dies, and cannot read its log when it starts again")        \
	X(META_ERROR, "meta-error", "a's next term or vote, or (1) identity cannot be stored")     \
	X(WIPE, "wipe", "a dies, its disk is emptied, it starts again")                            \
	X(COPY, "copy", "a copy of a's disk is kept")                                              \
	X(RESTORE, "restore", "a dies and starts again from its oldest copy")                      \
	X(ROT, "rot",                                                                              \
	  "bytes change on a's disk: identity, metadata, entry, snapshot, chunk (amount % 5)")     \
	X(TRANSFER, "transfer", "the leader hands its leadership over")                            \
	X(MEMBER_JOIN, "member-join", "an operator orders that a joins and votes")                 \
	X(MEMBER_STANDBY, "member-standby", "an operator orders that a joins as a standby")        \
	X(MEMBER_REPLACE, "member-replace", "an operator orders that a takes the place of b")      \
	X(MEMBER_PROMOTE, "member-promote", "an operator orders that standby a votes")             \
	X(MEMBER_DEMOTE, "member-demote", "an operator orders that voter a becomes a standby")     \
	X(MEMBER_LEAVE, "member-leave", "an operator orders that a is removed: it stops")          \
	X(MEMBER_CANCEL, "member-cancel", "an operator ends the change of the members under way")  \
	X(MEMBER_LEAD, "member-lead", "an operator orders that a leads")                           \
	X(CHUNKS_SLOW, "chunks-slow", "chunks of a's state are stored and read `amount` ms later") \
	X(CHUNKS_FULL, "chunks-full", "a has no disk space for chunks")                            \
	X(CHUNKS_SHORT, "chunks-short", "a has no memory for requests about chunks")               \
	X(CHUNKS_ERROR, "chunks-error",                                                            \
	  "a's next chunk is not stored, made durable or read (amount % 3)")                       \
	X(CHUNKS_POWER, "chunks-power",                                                            \
	  "a loses power when it next makes chunks durable: what was stored may be gone")          \
	X(CHUNKS_LOST, "chunks-lost", "a dies, its chunks are gone, it starts again")              \
	X(OLDER, "older",                                                                          \
	  "a dies, starts again `amount` ms later with a release that takes state version 2 only") \
	X(CHUNKS_OLD, "chunks-old", "a dies, its chunks are those of its oldest copy")             \
	X(PICTURE_CRASH, "picture-crash", "a dies at the `amount`th chunk of its next picture")    \
	X(FETCH_CRASH, "fetch-crash", "a dies at the `amount`th chunk that it next fetches")

enum fault_kind {
#define FAULT_ENUM(name, word, text) FAULT_##name,
	FAULT_MAP(FAULT_ENUM)
#undef FAULT_ENUM
	    FAULT_KINDS
};

struct plan_fault {
	int64_t at_us;
	int64_t for_us; /* it ends by itself then; 0: at once */
	enum fault_kind kind;
	unsigned a;
	unsigned b;
	int64_t amount;
};

struct plan {
	uint64_t seed;
	unsigned nodes;    /* expected at founding */
	unsigned standbys; /* not expected */
	bool framed;       /* connections carry bytes, not messages */
	unsigned held; /* this node takes the state up to version 2 until it was upgraded; 0: all
	                  take the newest */
	int64_t length_us; /* then everything heals */
	size_t n;
	struct plan_fault faults[SIM_PLAN_MAX]; /* in order of time */
};

/* The plan of a seed. nodes and length_us: 0: as the seed says. */
void plan_make(uint64_t seed, unsigned nodes, int64_t length_us, struct plan *ret);

void plan_print(const struct plan *p, FILE *out);
/* ST_MALFORMED with the line's number in *line. */
CHECKED enum status plan_read(FILE *in, struct plan *ret, unsigned *line);

const char *fault_word(enum fault_kind kind);
const char *fault_text(enum fault_kind kind);

/* Carry a fault out, or end it (fault.c). */
struct world;
void fault_begin(struct world *w, size_t at);
void fault_end(struct world *w, size_t at);
void fault_heal_all(struct world *w);

#endif
