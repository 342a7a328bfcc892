/* The arithmetic of a change of voters: how many there would be, how many of them are up, and
 * how many are needed. A change is safe to begin when those up are enough afterwards. */
#ifndef CLUSTER_SUMS_H
#define CLUSTER_SUMS_H

#include <stdbool.h>
#include <stdint.h>

struct cluster;
struct member;
struct raft_view;

struct sums {
	unsigned voters;
	unsigned up; /* in sight both ways, the counting node included */
	unsigned needed;
};

/* The incarnation is this node, or in sight both ways. */
bool sums_is_up(const struct cluster *c, const struct raft_view *raft, uint64_t raft_id);

/* Without the voter `less` and with the voter `more`; 0: nobody. Who is no voter cannot become
 * less, who is one not more. */
struct sums sums_after(const struct cluster *c, const struct raft_view *raft, uint64_t less,
                       uint64_t more);

bool sums_enough(const struct sums *s);

/* The member that is this incarnation now; NULL: not in the table. */
const struct member *sums_member(const struct cluster *c, uint64_t raft_id);

/* The incarnation's node name, from the configuration or the table. */
const char *sums_name(const struct cluster *c, const struct raft_view *raft, uint64_t raft_id);

#endif
