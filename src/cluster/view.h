/* Who is there: members, their links, what is heard of them, and the reachability matrix.
 *
 * A member is heard while its beats arrive; silence for detection_us makes it lost, never
 * dead: both sides of a partition see silence. In sight is more than heard: it hears us too.
 * Each beat carries the sender's whole matrix, so that every node knows the directed graph,
 * also the edges of members that it cannot hear itself. */
#ifndef CLUSTER_VIEW_H
#define CLUSTER_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

struct cluster;
struct member;
struct raft_view;
struct raft_voter;
struct wire_beat;

/* The member of this name; NULL: not in the table. */
const struct member *view_find(const struct cluster *c, const char *name);
struct member *view_member(struct cluster *c, const char *name);

/* The member whom an entry of the configuration means: this name, under this incarnation. NULL:
 * nobody said lately that he is that. */
const struct member *view_incarnation(const struct cluster *c, const struct raft_voter *entry);

/* The same, added when it is new; NULL: the table is full. */
struct member *view_add(struct cluster *c, const char *name, bool expected);

/* Take m out; what stood behind it moves up. No other pointer into the table is good then. */
void view_remove(struct cluster *c, struct member *m);

/* m's name is one that belongs here: in the newest configuration, before founding expected. */
bool view_wanted(const struct raft_view *raft, const struct member *m);

/* m is an incarnation that the newest configuration names (before founding: expected). */
bool view_is_member(const struct raft_view *raft, const struct member *m);

void view_link_up(struct cluster *c, struct member *m, uint64_t epoch);
void view_link_down(struct cluster *c, struct member *m, uint64_t epoch);

/* Learn from a beat of m: contact, round trip, matrix. */
void view_take(struct cluster *c, struct member *m, const struct wire_beat *beat);

/* Forget what is not in evidence now. */
void view_reset(struct cluster *c);

/* Tell who was heard again and who was lost. */
void view_detect(struct cluster *c);

/* When the next member becomes lost if it stays silent. */
int64_t view_deadline_us(const struct cluster *c);

/* Both ways: we hear m, and it said lately that it hears us. */
bool view_in_sight(const struct cluster *c, const struct member *m);

/* m is the incarnation that the newest configuration names as a voter (before founding: an
 * expected member). */
bool view_is_voter(const struct cluster *c, const struct raft_view *raft, const struct member *m);

/* Voters in sight, this node included when it is one (RB-008's "Reachable nodes"), and how many
 * are needed. */
unsigned view_reachable(const struct cluster *c, const struct raft_view *raft);
/* The arithmetic of quorum_needed() for so many voters. A cluster that was recovered from a lost
 * majority, or restored, has fewer than ERLMCP_QUORUM_SIZE: until it has had as many, its own
 * majority is what counts. */
unsigned view_quorum(const struct cluster *c, size_t n_voters);
unsigned view_needed(const struct cluster *c, const struct raft_view *raft);
/* False when ERLMCP_QUORUM_SIZE asks for more than the majority, which is all that a leader of a
 * lower setting vouches for, and fewer are in sight. */
bool view_strict_enough(const struct cluster *c, const struct raft_view *raft);

/* Every member of the newest configuration is in sight. */
bool view_complete(const struct cluster *c, const struct raft_view *raft);

/* Of the set of members heard, this node included; independent of order. */
uint64_t view_hash(const struct cluster *c);

/* The matrix for a beat. */
void view_report(const struct cluster *c, struct wire_beat *beat);

#endif
