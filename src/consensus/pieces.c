/* Chunks for members that fetch a picture of the state from here. */
#include "consensus/inside.h"

#include <stdlib.h>
#include <string.h>

/* A piece being read for a member, or a whole chunk to be looked at. */
struct piece_read {
	bool used;
	bool look; /* nobody gets it: does it fit its name? */
	raft_id to;
	char name[NODE_NAME_MAX];
	struct chunk_want want;
};

static void send_piece(struct consensus *c, raft_id to, const char *name,
                       const struct chunk_piece *piece)
{
	buf_reset(&c->out);
	wire_encode_piece(&c->out, piece);
	if (buf_status(&c->out) == ST_OK)
		c->ops.send(c->ops.arg, to, name, c->out.base, c->out.len, TRAFFIC_BULK);
}

/* Say that a chunk is not here; the member waits for a newer manifest, which may be sent now. */
static void send_gone(struct consensus *c, raft_id to, const char *name,
                      const struct chunk_want *want)
{
	const struct chunk_piece gone = {.name = want->name};
	struct peer *peer = peer_of(c, to);

	if (peer != NULL)
		peer->snapshot = 0;
	send_piece(c, to, name, &gone);
}

static const struct manifest *manifest_with(const struct consensus *c,
                                            const struct chunk_name *name)
{
	const struct manifest *all[] = {c->picture.last, c->picture.before};
	size_t i;

	for (i = 0; i < sizeof all / sizeof all[0]; i++) {
		if (all[i] != NULL && all[i]->chunks[name->chunk].changed == name->changed &&
		    all[i]->chunks[name->chunk].checksum == name->checksum)
			return all[i];
	}
	return NULL;
}

static struct piece_read *free_read(struct consensus *c)
{
	unsigned i;

	if (c->piece_reads == NULL)
		c->piece_reads = calloc(SERVE_READS_MAX, sizeof *c->piece_reads);
	for (i = 0; c->piece_reads != NULL && i < SERVE_READS_MAX; i++) {
		if (!c->piece_reads[i].used)
			return &c->piece_reads[i];
	}
	return NULL;
}

static enum status begin_read(struct consensus *c, struct piece_read *r, size_t len)
{
	uint64_t tag = (uint64_t)(r - c->piece_reads) << ASKER_BITS | ASKER_PIECES;
	enum status st;

	st = c->chunks->read(c->chunks, &r->want.name, r->want.offset, len, tag);
	r->used = st == ST_OK;
	return st;
}

enum status pieces_want(struct consensus *c, raft_id from, const char *from_name,
                        const struct chunk_want *want)
{
	const struct manifest *m = manifest_with(c, &want->name);
	struct piece_read *r;

	c->picture.wanted_ms = inside_now_ms(c);
	if (m == NULL || want->offset >= m->chunks[want->name.chunk].len) {
		send_gone(c, from, from_name, want);
		return ST_OK;
	}
	r = free_read(c);
	if (r == NULL)
		return ST_BUSY; /* it asks again */
	r->look = false;
	r->to = from;
	r->want = *want;
	memcpy(r->name, from_name, strlen(from_name) + 1);
	if (want->len > m->chunks[want->name.chunk].len - want->offset)
		r->want.len = (uint32_t)(m->chunks[want->name.chunk].len - want->offset);
	return begin_read(c, r, r->want.len);
}

enum status pieces_bad(struct consensus *c, const struct chunk_name *name)
{
	struct piece_read *r;

	if (manifest_with(c, name) == NULL)
		return ST_NOT_FOUND;
	r = free_read(c);
	if (r == NULL)
		return ST_BUSY;
	memset(&r->want, 0, sizeof r->want);
	r->want.name = *name;
	r->look = true;
	return begin_read(c, r, SIZE_MAX);
}

static void look(struct consensus *c, const struct chunk_name *name, enum status st,
                 const uint8_t *bytes, size_t len)
{
	char text[CHUNK_TEXT];

	if (st == ST_NOMEM || (st == ST_OK && chunk_checksum(bytes, len) == name->checksum))
		return;
	chunk_name_text(name, text);
	inside_trace(c, 1, "%s on the disk is damaged: a new picture of the state is taken", text);
	picture_renew(c);
}

void pieces_read(struct consensus *c, uint64_t tag, enum status st, const uint8_t *bytes,
                 size_t len)
{
	struct piece_read *r = &c->piece_reads[tag];
	struct chunk_piece piece = {.name = r->want.name, .offset = r->want.offset};
	const struct manifest *m = manifest_with(c, &r->want.name);

	r->used = false;
	if (r->look) {
		look(c, &r->want.name, st, bytes, len);
		return;
	}
	if (st == ST_NOT_FOUND || m == NULL) {
		send_gone(c, r->to, r->name, &r->want);
		return;
	}
	if (st == ST_IO) {
		inside_fatal(c, "cannot read a chunk of the state");
		return;
	}
	if (st != ST_OK)
		return; /* short of memory: it asks again */
	piece.total = m->chunks[piece.name.chunk].len;
	piece.bytes = bytes;
	piece.len = len;
	send_piece(c, r->to, r->name, &piece);
}

void pieces_close(struct consensus *c)
{
	free(c->piece_reads);
	c->piece_reads = NULL;
}
