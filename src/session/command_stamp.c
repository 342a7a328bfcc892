/* Every version of the command format begins alike: version and type, then origin id, origin
 * sequence and time. */
#include "session/store.h"

enum { AT_ORIGIN = 2, AT_TIME = 18 };

void command_stamp(uint8_t *bytes, const struct command_head *h)
{
	const uint64_t words[] = {h->origin.id, h->origin.seq, (uint64_t)h->now_ms};
	unsigned i;

	for (i = 0; i < 24; i++)
		bytes[AT_ORIGIN + i] = (uint8_t)(words[i / 8] >> (56 - 8 * (i % 8)));
}

unsigned command_type_of(const uint8_t *bytes)
{
	return bytes[1]; /* behind the version */
}

void command_stamp_time(uint8_t *bytes, int64_t now_ms)
{
	unsigned i;

	for (i = 0; i < 8; i++)
		bytes[AT_TIME + i] = (uint8_t)((uint64_t)now_ms >> (56 - 8 * i));
}
