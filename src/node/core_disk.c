/* Space on the disks: an operator must hear of it on every node that has none, and of what follows.
 */
#include "node/core_internal.h"

enum { SHORT_US = 5000000 }; /* a reserve that is used up by many writes is there again by then */

static const char *const texts[] = {
    [CORE_DISK_SHORT] =
        "disk full: this node has no space in reserve, and may be unable to store what comes; free "
        "space in its data directory, it catches up by itself",
    [CORE_DISK_FULL] =
        "disk full: a majority of the members has no space in reserve, so writes are refused; "
        "free space in the data directories, service returns by itself",
};

static void tell(struct core *c, bool up)
{
	const struct core_event ev = {.type = CORE_ALARM,
	                              .up = up,
	                              .peer = "",
	                              .text = up ? texts[c->disk_space] : "disk full"};

	core_emit(c, &ev);
}

void core_note_disk(struct core *c, bool majority_full, bool own_short)
{
	const int64_t now_us = c->ops.now_us(c->ops.arg);
	enum core_disk now = CORE_DISK_ENOUGH;

	if (!own_short || c->disk_short_us == 0)
		c->disk_short_us = own_short ? now_us : 0;
	if (majority_full)
		now = CORE_DISK_FULL;
	else if (own_short && now_us - c->disk_short_us >= SHORT_US)
		now = CORE_DISK_SHORT;
	if (now == c->disk_space)
		return;
	if (c->disk_space != CORE_DISK_ENOUGH)
		tell(c, false);
	c->disk_space = now;
	if (now != CORE_DISK_ENOUGH)
		tell(c, true);
}

enum core_disk core_disk_space(const struct core *c)
{
	return c->disk_space;
}
