/* Messages between members, and the identity file: decoded, or refused, never believed. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/cursor.h"
#include "cluster/identity.h"
#include "cluster/wire.h"

enum { FILE_MAX = 64 << 10 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Large enough to be uncomfortable on a stack. */
union body {
	struct wire_beat beat;
	struct wire_hello hello;
	struct wire_found found;
	struct wire_join join;
	struct wire_outdated outdated;
	struct wire_roster roster;
	struct wire_removed removed;
	struct wire_petition petition;
};

static enum status get_body(struct cursor *c, enum wire_type type, union body *ret)
{
	switch (type) {
	case WIRE_BEAT:
		return wire_get_beat(c, &ret->beat);
	case WIRE_HELLO:
		return wire_get_hello(c, &ret->hello);
	case WIRE_FOUND:
		return wire_get_found(c, &ret->found);
	case WIRE_JOIN:
		return wire_get_join(c, &ret->join);
	case WIRE_OUTDATED:
		return wire_get_outdated(c, &ret->outdated);
	case WIRE_ROSTER:
		return wire_get_roster(c, &ret->roster);
	case WIRE_REMOVED:
		return wire_get_removed(c, &ret->removed);
	case WIRE_PETITION:
		return wire_get_petition(c, &ret->petition);
	}
	return ST_MALFORMED;
}

static void message(const uint8_t *data, size_t size)
{
	struct cursor c = {.at = data, .left = size};
	union body *body = malloc(sizeof *body);
	struct wire_head head;

	assert(body != NULL);
	if (wire_get_head(&c, &head) == ST_OK && get_body(&c, head.type, body) == ST_OK) {
		/* A greeting of a later release may say more. */
		assert(c.left == 0 || head.type == WIRE_HELLO);
		assert(head.raft_id != 0);
	}
	free(body);
}

static void identity(const uint8_t *data, size_t size)
{
	struct identity id;
	struct fault fault;
	struct buf b;

	if (identity_decode(data, size, &id, &fault) != ST_OK)
		return;
	buf_init(&b, FILE_MAX);
	identity_encode(&id, &b);
	/* Version 1 had one byte less. */
	assert(b.len == size || b.len == size + 1);
	buf_close(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	message(data, size);
	identity(data, size);
	return 0;
}
