/* The checkers: what must be true of every world, looked at after every step and over its whole
 * history.
 *
 * They see what nobody in the world sees: all logs, disks, votes and answers. A failure begins
 * with the checker's name. doc/model calls what it proves by the same names. */
#ifndef SIM_CHECK_H
#define SIM_CHECK_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <raft.h>

/* name, word, what fails it (sim --checks, doc/testing.md) */
#define CHECK_MAP(X)                                                                               \
	X(ONE_LEADER, "one-leader", "two nodes lead in one term")                                  \
	X(LOG_MATCHING, "log-matching", "equal index and term, but different logs up to there")    \
	X(COMPLETENESS, "completeness",                                                            \
	  "a new leader lacks an entry whose commit was known in an older term")                   \
	X(STATE_MACHINE, "state-machine",                                                          \
	  "different entries are committed at one index, or states differ at one index")           \
	X(SNAPSHOT, "snapshot",                                                                    \
	  "a snapshot restores to another state than it was made of; one on a disk lacks a chunk") \
	X(CONFIGURATION, "configuration",                                                          \
	  "a node counts majorities over another configuration than its log ends with")            \
	X(DURABILITY, "durability",                                                                \
	  "a leader calls an entry committed before a majority of its voters has it on disk")      \
	X(VOTE, "vote",                                                                            \
	  "two votes in one term, one told before it is on disk, or recorded again by a restart; " \
	  "too few voters for a winner")                                                           \
	X(PROMISE, "promise",                                                                      \
	  "a vote while a promise of the voter runs, remembered or forgotten, that no hand-over "  \
	  "gave back")                                                                             \
	X(IDENTITY, "identity", "two cluster ids; a boot counter that goes back")                  \
	X(LEASE, "lease",                                                                          \
	  "a node wins while an older leader's lease runs by that leader's clock, or a verdict "   \
	  "that rests on it: no fence margin")                                                     \
	X(SHUTDOWN, "shutdown",                                                                    \
	  "a countdown outlives healing, ends early, late or in a majority, or before the start "  \
	  "period of a node that never served; a node stops without one, and was not removed")     \
	X(EPOCH, "epoch",                                                                          \
	  "the epoch of a session or task goes back, or does not grow with a new owner")           \
	X(DUPLICATE, "duplicate",                                                                  \
	  "a session is created twice and not deleted in between; something that nobody made")     \
	X(TASK, "task",                                                                            \
	  "a task ends twice, is changed by an owner of the past, is not there after its id was "  \
	  "told, or waits for a lost owner")                                                       \
	X(STREAM, "stream", "an event is lost, renumbered or out of order")                        \
	X(QUESTION, "question", "a question is lost or answered twice")                            \
	X(EXPIRY, "expiry",                                                                        \
	  "something ends though it was used within its time to live, by the leaders' stamps; "    \
	  "stays long after it; is gone though nobody ended it; a use is not written down")        \
	X(LINEARIZABLE, "linearizable",                                                            \
	  "no order explains what the clients of a session were told; an answer is older than "    \
	  "what any client had been shown when it was asked, or not the newest write's")           \
	X(CONFIRMATION, "confirmation",                                                            \
	  "a reply leaves without the word of a majority that is younger than the request; with "  \
	  "reads = lease, without a valid lease")                                                  \
	X(ONCE, "once", "a write took effect twice")                                               \
	X(REFUSED, "refused", "a write that was refused took effect")                              \
	X(RESULT, "result", "a write is answered with what cannot be read")                        \
	X(AVAILABLE, "available",                                                                  \
	  "a majority that nothing has disturbed for 8 s serves nobody for 5 s (also under "       \
	  "partial and one-way cuts)")                                                             \
	X(HEALS, "heals",                                                                          \
	  "15 s after the last fault some member does not serve, a change of the members, a "      \
	  "picture or a fetch has not ended, a removed node runs, or later an operation fails")    \
	X(RELEASE, "release",                                                                      \
	  "a node holds a newer state than its release takes, stores one, goes on after it met "   \
	  "one, or stops without naming both versions")                                            \
	X(START, "start", "a node cannot start from its own disk")

/* The runner adds one: "crash" is an assertion, a sanitizer's report, or no end. */
enum check {
#define CHECK_ENUM(name, word, text) CHECK_##name,
	CHECK_MAP(CHECK_ENUM)
#undef CHECK_ENUM
	    CHECKS_N
};

struct checks;
struct core_event;
struct disk_mark;
struct identity;
struct node;
struct op;
struct thing_seen;
struct world;

const char *check_name(enum check check);

/* One line a checker. */
void check_list(FILE *out);

struct checks *checks_new(struct world *w);
void checks_free(struct checks *k);

/* What happens in the world. */
void check_started(struct node *node);
/* It did not start: true when its release is too old for what is on its disk. */
bool check_refused_start(struct node *node);
/* lost: it was a member, and had something that others count on. */
void check_wiped(struct node *node, bool lost);
void check_rotten(struct node *node);
void check_turn(struct node *node);
void check_sent(struct node *from, const struct node *to, const uint8_t *bytes, size_t len);
void check_identity(struct node *node, const struct identity *id);
void check_event(struct node *node, const struct core_event *ev);
void check_appended(struct node *node, raft_index index, const struct disk_mark *mark);
void check_voted(struct node *node, raft_term term, raft_id vote);
void check_time(struct world *w);
/* A fault begins: it may be over before the next look. */
void check_faulted(struct world *w);
/* This node had a fault that is over at once. */
void check_disturbed(struct node *node);

/* A client asks; its operation's answer leaves a node; the client knows the outcome. */
void check_invoked(struct world *w, const struct op *op);
void check_reply(struct node *node, const struct op *answer);
/* The same of a thing; seen: what was read of it. */
void check_thing_reply(struct node *node, const struct op *answer, const struct thing_seen *seen);
void check_op(struct world *w, const struct op *op);

void check_end(struct world *w);

/* What clients asked and were told, as JSON lines. */
void check_save(struct world *w, FILE *out);

/* Newest log index that any client has been shown. */
uint64_t check_floor(const struct world *w);
/* When a disk last lost something. */
int64_t check_damaged_us(const struct world *w);
/* The committed log up to an index; zeros: unknown. */
void check_committed(const struct node *node, raft_index index, struct disk_mark *ret);

#endif
