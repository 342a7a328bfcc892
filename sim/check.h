/* The checkers: what must be true of every world, looked at after every step.
 *
 * They see what nobody in the world sees: all logs, disks, votes and answers. Each has a name,
 * with which a failure begins:
 *
 *   one-leader      two nodes lead in one term                       check_log.c
 *   log-matching    equal index and term, different logs             check_log.c
 *   completeness    a new leader lacks a committed entry             check_log.c
 *   state-machine   different entries committed at one index, or different states there
 *   configuration   a node counts majorities over another configuration than its log's
 *   durability      committed before a majority had it on disk       check_log.c
 *   vote            two votes in one term, or one while votes are muted    check_vote.c
 *   identity        two clusters, or a boot counter that goes back   check_vote.c
 *   lease           a node leads while an older leader's lease runs  check_lease.c
 *   shutdown        a node of the majority shuts down; a countdown outlives healing
 *   linearizable    an answer misses what somebody had seen before   check_client.c
 *   confirmation    a read left without a majority's word after it came in
 *   once            a write took effect twice                        check_client.c
 *   refused         a refused write took effect                      check_client.c
 *   available       a majority that nothing disturbs does not serve  check_live.c
 *   heals           something does not serve in time after healing   check_live.c */
#ifndef SIM_CHECK_H
#define SIM_CHECK_H

#include "sim/client.h"
#include "sim/world.h"

struct checks *checks_new(struct world *w);
void checks_free(struct checks *checks);

/* What happens in the world. */
void check_started(struct node *node);
void check_wiped(struct node *node);
void check_rotten(struct node *node);
void check_turn(struct node *node);
void check_sent(struct node *from, const struct node *to, const uint8_t *bytes, size_t len);
void check_identity(struct node *node, const struct identity *id);
void check_event(struct node *node, const struct core_event *ev);
void check_appended(struct node *node, raft_index index, const struct disk_mark *mark);
void check_voted(struct node *node, raft_term term, raft_id vote);
void check_op(struct world *w, const struct op *op);
void check_time(struct world *w);
void check_end(struct world *w);

/* Newest log index that any client has been shown. */
uint64_t check_floor(const struct world *w);
/* When a disk last lost something. */
int64_t check_damaged_us(const struct world *w);
/* The committed log up to an index; zeros: unknown. */
void check_committed(const struct node *node, raft_index index, struct disk_mark *ret);

#endif
