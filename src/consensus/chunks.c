/* The chunk disk's answers, on their way to who asked. */
#include "consensus/inside.h"

static void stored(void *arg, uint64_t tag, enum status st, uint8_t *bytes, size_t len)
{
	struct consensus *c = arg;

	if ((tag & ((1U << ASKER_BITS) - 1)) == ASKER_PICTURE)
		picture_stored(c, tag >> ASKER_BITS, st, bytes, len);
	else
		fetch_stored(c, tag >> ASKER_BITS, st, bytes, len);
}

static void synced(void *arg, uint64_t tag, enum status st)
{
	struct consensus *c = arg;

	if ((tag & ((1U << ASKER_BITS) - 1)) == ASKER_PICTURE)
		picture_synced(c, st);
	else
		fetch_synced(c, tag >> ASKER_BITS, st);
}

static void chunk_read(void *arg, uint64_t tag, enum status st, const uint8_t *bytes, size_t len)
{
	struct consensus *c = arg;

	if ((tag & ((1U << ASKER_BITS) - 1)) == ASKER_FETCH)
		fetch_read(c, tag >> ASKER_BITS, st, bytes, len);
	else
		pieces_read(c, tag >> ASKER_BITS, st, bytes, len);
}

void chunks_listen(struct consensus *c)
{
	const struct chunk_disk_ops ops = {c, stored, synced, chunk_read};

	c->chunks->listen(c->chunks, &ops);
}

void chunks_close(struct consensus *c)
{
	c->chunks->listen(c->chunks, NULL);
	picture_close(c);
	fetch_end(c);
	pieces_close(c);
}
