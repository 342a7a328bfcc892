/* How many bytes of a link may wait in the network: a bound in milliseconds, not in bytes.
 *
 * TCP sends until something is lost. In front of a slow line with a large buffer that is late:
 * what is sent then waits for as long as the buffer takes to drain, a heartbeat like everything
 * else. So what is not urgent is handed to the system only while less than the room is on its
 * way; the rest stays in our queues, where urgent messages overtake it.
 *
 * The room follows the round trip: it grows while packets come back as soon as they ever did, and
 * shrinks when they are late, because then they wait somewhere. */
#ifndef DIST_LINK_ROOM_H
#define DIST_LINK_ROOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the system knows of a connection. */
struct link_path {
	uint32_t rtt_us;     /* round trip, smoothed */
	uint32_t min_rtt_us; /* the shortest one of late; 0: unknown */
	size_t under_way;    /* bytes handed over and not acknowledged */
};

struct link_room {
	size_t bytes;    /* that may be on their way */
	size_t ahead;    /* that are, at most */
	bool used_up;    /* since the room was last reckoned */
	int64_t next_us; /* when it is reckoned again */
};

void link_room_init(struct link_room *r);

/* Bytes that may be handed over now. */
size_t link_room_left(const struct link_room *r);
/* So many were. */
void link_room_took(struct link_room *r, size_t bytes);
/* Nothing is left though something waits: look at the path, then ask again. */
void link_room_learn(struct link_room *r, const struct link_path *path, int64_t now_us);

#endif
