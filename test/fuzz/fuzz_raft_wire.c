/* Messages of members' consensus rooms: decoded, walked, copied, and encoded again. What was
 * decoded must come back as the same bytes. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "consensus/limits.h"
#include "consensus/wire.h"
#include "consensus/wire_chunk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same_bytes(const struct buf *b, const uint8_t *data, size_t size)
{
	assert(buf_status(b) == ST_OK);
	assert(b->len == size && memcmp(b->base, data, size) == 0);
}

/* What libraft leaves in a barrier is memory of no meaning: it is sent as zeros. */
static bool is_plain(const struct wire_entry *entry)
{
	for (size_t i = 0; entry->type == RAFT_BARRIER && i < entry->len; i++) {
		if (entry->bytes[i] != 0)
			return false;
	}
	return true;
}

/* False when the same bytes need not come back. */
static bool walk_entries(struct wire *w, struct buf *b)
{
	struct raft_append_entries *a = &w->message.append_entries;
	struct wire_walk walk = wire_walk(w);
	struct wire_entry entry;
	enum status st;
	bool ok = true;
	bool same = true;

	while (wire_next(&walk, &entry)) {
		if (entry.type == RAFT_CHANGE)
			ok &= wire_configuration_ok(entry.bytes, entry.len);
		same &= is_plain(&entry);
	}
	(void)ok;
	a->n_entries = w->n;
	a->entries = NULL;
	if (w->n > 0) {
		walk = wire_walk(w);
		st = wire_entries(&walk, w->n, &a->entries);
		assert(st == ST_OK);
	}
	wire_encode(b, &w->message, 0, w->n);
	if (w->n > 0) {
		raft_free(a->entries[0].batch);
		raft_free(a->entries);
	}
	return same;
}

static bool copy_snapshot(struct wire *w, struct buf *b)
{
	struct raft_message m = w->message;
	enum status st = wire_snapshot(w, &m.install_snapshot);

	if (wire_servers_ok(w))
		assert(st == ST_OK);
	if (st != ST_OK)
		return false;
	wire_encode(b, &m, 0, 0);
	raft_configuration_close(&m.install_snapshot.conf);
	raft_free(m.install_snapshot.data.base);
	return true;
}

/* A configuration that passes must be one that libraft decodes. */
static void check_configuration(const uint8_t *data, size_t size)
{
	struct raft_configuration conf;
	struct raft_buffer buf;
	int rv;

	if (!wire_configuration_ok(data, size))
		return;
	buf.base = raft_malloc(size);
	assert(buf.base != NULL);
	memcpy(buf.base, data, size);
	buf.len = size;
	rv = raft_configuration_decode(&buf, &conf);
	assert(rv == 0);
	raft_configuration_close(&conf);
	raft_free(buf.base);
}

/* Wants, pieces and complaints about chunks. */
static void check_chunk(const uint8_t *data, size_t size)
{
	struct chunk_piece piece;
	struct chunk_want want;
	struct chunk_name name;
	struct buf b;

	if (!wire_is_chunk(data, size))
		return;
	buf_init(&b, 2 * (size_t)PIECE_MAX);
	if (data[1] == WIRE_WANT && wire_decode_want(data, size, &want) == ST_OK)
		wire_encode_want(&b, &want);
	else if (data[1] == WIRE_PIECE && wire_decode_piece(data, size, &piece) == ST_OK)
		wire_encode_piece(&b, &piece);
	else if (data[1] == WIRE_BAD && wire_decode_bad(data, size, &name) == ST_OK)
		wire_encode_bad(&b, &name);
	if (b.len > 0)
		same_bytes(&b, data, size);
	buf_close(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool same = true;
	struct wire w;
	struct buf b;

	check_configuration(data, size);
	check_chunk(data, size);
	if (wire_decode(data, size, &w) != ST_OK)
		return 0;
	buf_init(&b, WIRE_MESSAGE_MAX);
	switch (w.kind) {
	case RAFT_APPEND_ENTRIES:
		same = walk_entries(&w, &b);
		break;
	case RAFT_INSTALL_SNAPSHOT:
		same = copy_snapshot(&w, &b);
		break;
	case WIRE_HAND_OVER:
		wire_encode_hand_over(&b, &w.hand_over);
		break;
	default:
		wire_encode(&b, &w.message, 0, 0);
		break;
	}
	if (same)
		same_bytes(&b, data, size);
	buf_close(&b);
	return 0;
}
