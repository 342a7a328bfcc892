#include "dist/link_room.h"

#include "dist/limits.h"

void link_room_init(struct link_room *r)
{
	*r = (struct link_room){.bytes = LINK_ROOM_MIN};
}

size_t link_room_left(const struct link_room *r)
{
	return r->ahead < r->bytes ? r->bytes - r->ahead : 0;
}

void link_room_took(struct link_room *r, size_t bytes)
{
	r->ahead += bytes;
}

static size_t within(size_t bytes)
{
	if (bytes < LINK_ROOM_MIN)
		return LINK_ROOM_MIN;
	return bytes < LINK_ROOM_MAX ? bytes : LINK_ROOM_MAX;
}

/* Once in a round trip: sooner, its effect is not seen yet. */
static void reckon(struct link_room *r, const struct link_path *path)
{
	const uint32_t late_us =
	    path->rtt_us > path->min_rtt_us ? path->rtt_us - path->min_rtt_us : 0;

	if (late_us > 2 * LINK_LATE_US)
		r->bytes = within(r->bytes / 2);
	else if (late_us > LINK_LATE_US)
		r->bytes = within(r->bytes - r->bytes / 8);
	else if (r->used_up)
		r->bytes = within(r->bytes + r->bytes / (late_us > LINK_LATE_US / 4 ? 8 : 1));
	r->used_up = false;
}

void link_room_learn(struct link_room *r, const struct link_path *path, int64_t now_us)
{
	r->used_up |= link_room_left(r) == 0;
	r->ahead = path->under_way;
	if (now_us < r->next_us || path->min_rtt_us == 0)
		return;
	reckon(r, path);
	r->next_us = now_us + path->rtt_us;
}
