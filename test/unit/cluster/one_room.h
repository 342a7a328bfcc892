/* One cluster room alone, with its peers and its Raft played by hand: for arithmetic that a
 * whole simulated cluster would blur. The room is a founder, erlmcp@a with raft id 1; b, c, ...
 * have 2, 3, ... Time starts at one second. */
#ifndef ONE_ROOM_H
#define ONE_ROOM_H

#include "cluster/cluster.h"
#include "cluster/wire.h"

enum { ROOM_START_US = 1000000 };

struct one_room {
	struct cluster *c;
	struct raft_view view; /* changed freely by the test */
	int64_t now_us;
	uint64_t run;                   /* process of every peer, as they say */
	struct cluster_actions actions; /* of the last step */
};

/* n voters; leads: this node leads term 5, else b does. All links are up, nothing was heard. */
void room_open(struct one_room *r, size_t n, unsigned quorum_size, bool leads);
void room_close(struct one_room *r);

void room_tick(struct one_room *r);
/* A plausible beat of peer ('b', ...): a follower of this node, or the leader b, in term 5. */
struct wire_beat room_beat(const struct one_room *r, char peer);
/* Deliver it over the link of this epoch (1 is the present one). */
void room_say(struct one_room *r, char peer, uint64_t epoch, const struct wire_beat *beat);
/* The n-th action of this type in the last step; NULL: fewer. */
const struct cluster_action *room_action(const struct one_room *r, enum cluster_action_type type,
                                         size_t nth);
/* The beat sent to peer in the last step. Fails the test when there is none. */
struct wire_beat room_sent(const struct one_room *r, char peer);

#endif
