#include "cluster/wire.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

/* A time on the wire is at most this: sums of two never overflow. */
#define TIME_MAX_US (INT64_MAX / 4)

uint64_t wire_name_hash(const char *name)
{
	uint64_t hash = 0xcbf29ce484222325U; /* FNV-1a */

	for (; *name != '\0'; name++)
		hash = (hash ^ (uint8_t)*name) * 0x100000001b3U;
	return hash;
}

/* --- Writing ------------------------------------------------------------------------- */

void wire_put_head(struct buf *b, const struct wire_head *head)
{
	buf_u8(b, WIRE_VERSION);
	buf_u8(b, (uint8_t)head->type);
	buf_u8(b, (uint8_t)head->identity);
	buf_u64(b, head->cluster_id);
	buf_u64(b, head->raft_id);
	buf_u64(b, head->boot);
	buf_u64(b, head->run);
}

static void put_row(struct buf *b, const struct wire_row *row, size_t n)
{
	uint8_t *at;

	buf_u32(b, row->age_ms);
	if (row->age_ms == WIRE_AGE_UNKNOWN)
		return;
	buf_u64(b, row->version);
	at = buf_extend(b, n * sizeof(uint32_t));
	for (size_t i = 0; at != NULL && i < n; i++) {
		/* The top bit says up, the rest is the age: ROW_AGE_MAX_MS needs 22 bits. */
		const uint32_t wire =
		    htobe32((uint32_t)row->edges[i].up << 31 | row->edges[i].age_ms);

		assert(row->edges[i].age_ms <= ROW_AGE_MAX_MS);
		memcpy(at + i * sizeof wire, &wire, sizeof wire);
	}
}

void wire_put_beat(struct buf *b, const struct wire_beat *beat)
{
	assert(beat->sent_us > 0 && beat->n <= MEMBERS_MAX);
	buf_u8(b, beat->ask);
	buf_u8(b, (uint8_t)beat->state);
	buf_u8(b, beat->started);
	buf_u8(b, (uint8_t)beat->role);
	buf_u64(b, (uint64_t)beat->sent_us);
	buf_u64(b, (uint64_t)beat->echo_us);
	buf_u64(b, (uint64_t)beat->held_us);
	buf_u64(b, beat->term);
	buf_u64(b, beat->leader_id);
	buf_u64(b, beat->commit);
	buf_u64(b, beat->applied);
	buf_u64(b, beat->last_stored);
	buf_u64(b, beat->round);
	buf_u64(b, (uint64_t)beat->promise_us);
	buf_u64(b, (uint64_t)beat->lease_left_us);
	buf_u64(b, beat->view_hash);
	buf_u8(b, (uint8_t)beat->n);
	for (size_t i = 0; i < beat->n; i++)
		buf_u64(b, beat->names[i]);
	for (size_t i = 0; i < beat->n; i++)
		put_row(b, &beat->rows[i], beat->n);
}

void wire_put_hello(struct buf *b, const struct wire_hello *hello)
{
	assert(hello->n > 0 && hello->n <= MEMBERS_MAX);
	buf_u32(b, hello->promise_max_ms);
	buf_u8(b, (uint8_t)hello->n);
	for (size_t i = 0; i < hello->n; i++)
		buf_text16(b, hello->names[i]);
	buf_u32(b, hello->takes);
	buf_u32(b, hello->state);
	buf_u8(b, hello->regrowing ? 1 : 0);
}

void wire_put_found(struct buf *b, const struct wire_found *found)
{
	assert(found->n > 0 && found->n <= MEMBERS_MAX);
	buf_u64(b, found->cluster_id);
	buf_u32(b, found->promise_max_ms);
	buf_u8(b, (uint8_t)found->n);
	for (size_t i = 0; i < found->n; i++) {
		buf_text16(b, found->members[i].name);
		buf_u64(b, found->members[i].raft_id);
	}
}

void wire_put_join(struct buf *b, const struct wire_join *join)
{
	buf_u64(b, join->raft_id);
	buf_u32(b, join->promise_max_ms);
}

void wire_put_outdated(struct buf *b, const struct wire_outdated *outdated)
{
	buf_u64(b, outdated->raft_id);
	buf_u64(b, outdated->boot);
	buf_u64(b, outdated->run);
	buf_u64(b, outdated->stored);
}

/* --- Reading ------------------------------------------------------------------------- */

/* A byte that must be below `count`: booleans, enums and counts. */
static enum status get_below(struct cursor *c, unsigned count, unsigned *ret)
{
	uint8_t byte;

	if (cursor_u8(c, &byte) != ST_OK || byte >= count)
		return ST_MALFORMED;
	*ret = byte;
	return ST_OK;
}

/* A count from 1 to MEMBERS_MAX. */
static enum status get_count(struct cursor *c, size_t *ret)
{
	unsigned n;

	if (get_below(c, MEMBERS_MAX + 1, &n) != ST_OK || n == 0)
		return ST_MALFORMED;
	*ret = n;
	return ST_OK;
}

static enum status get_time(struct cursor *c, int64_t *ret)
{
	uint64_t raw;

	if (cursor_u64(c, &raw) != ST_OK || raw > (uint64_t)TIME_MAX_US)
		return ST_MALFORMED;
	*ret = (int64_t)raw;
	return ST_OK;
}

static enum status get_name(struct cursor *c, char *ret)
{
	if (cursor_text16(c, ret, NODE_NAME_MAX) != ST_OK || ret[0] == '\0')
		return ST_MALFORMED;
	return ST_OK;
}

static enum status get_end(const struct cursor *c)
{
	return c->left == 0 ? ST_OK : ST_MALFORMED;
}

enum status wire_get_head(struct cursor *c, struct wire_head *ret)
{
	struct wire_head head;
	uint8_t version;
	unsigned type;
	unsigned identity;

	if (cursor_u8(c, &version) != ST_OK)
		return ST_MALFORMED;
	if (version != WIRE_VERSION)
		return version > WIRE_VERSION ? ST_UNSUPPORTED : ST_MALFORMED;
	if (get_below(c, WIRE_PETITION + 1, &type) != ST_OK || type == 0 ||
	    get_below(c, IDENTITY_ADMITTED + 1, &identity) != ST_OK ||
	    cursor_u64(c, &head.cluster_id) != ST_OK || cursor_u64(c, &head.raft_id) != ST_OK ||
	    cursor_u64(c, &head.boot) != ST_OK || cursor_u64(c, &head.run) != ST_OK)
		return ST_MALFORMED;
	head.type = (enum wire_type)type;
	head.identity = (enum identity_state)identity;
	/* No incarnation is 0, and exactly the empty ones belong to no cluster. */
	if (head.raft_id == 0 || (head.identity == IDENTITY_EMPTY) != (head.cluster_id == 0))
		return ST_MALFORMED;
	*ret = head;
	return ST_OK;
}

static enum status get_row(struct cursor *c, size_t n, struct wire_row *ret)
{
	if (cursor_u32(c, &ret->age_ms) != ST_OK)
		return ST_MALFORMED;
	if (ret->age_ms == WIRE_AGE_UNKNOWN)
		return ST_OK;
	if (ret->age_ms > ROW_AGE_MAX_MS || cursor_u64(c, &ret->version) != ST_OK)
		return ST_MALFORMED;
	for (size_t i = 0; i < n; i++) {
		uint32_t raw;

		if (cursor_u32(c, &raw) != ST_OK || (raw & ~(1U << 31)) > ROW_AGE_MAX_MS)
			return ST_MALFORMED;
		ret->edges[i].up = raw >> 31;
		ret->edges[i].age_ms = raw & ~(1U << 31);
	}
	return ST_OK;
}

static enum status get_matrix(struct cursor *c, struct wire_beat *ret)
{
	if (get_count(c, &ret->n) != ST_OK)
		return ST_MALFORMED;
	for (size_t i = 0; i < ret->n; i++) {
		if (cursor_u64(c, &ret->names[i]) != ST_OK)
			return ST_MALFORMED;
	}
	memset(ret->rows, 0, ret->n * sizeof ret->rows[0]);
	for (size_t i = 0; i < ret->n; i++) {
		if (get_row(c, ret->n, &ret->rows[i]) != ST_OK)
			return ST_MALFORMED;
	}
	return get_end(c);
}

static enum status get_consensus(struct cursor *c, struct wire_beat *ret)
{
	if (cursor_u64(c, &ret->term) != ST_OK || cursor_u64(c, &ret->leader_id) != ST_OK ||
	    cursor_u64(c, &ret->commit) != ST_OK || cursor_u64(c, &ret->applied) != ST_OK ||
	    cursor_u64(c, &ret->last_stored) != ST_OK || cursor_u64(c, &ret->round) != ST_OK ||
	    get_time(c, &ret->promise_us) != ST_OK || get_time(c, &ret->lease_left_us) != ST_OK ||
	    cursor_u64(c, &ret->view_hash) != ST_OK)
		return ST_MALFORMED;
	return ST_OK;
}

enum status wire_get_beat(struct cursor *c, struct wire_beat *ret)
{
	struct wire_beat beat;
	unsigned ask;
	unsigned state;
	unsigned started;
	unsigned role;

	memset(&beat, 0, offsetof(struct wire_beat, rows));
	if (get_below(c, 2, &ask) != ST_OK || get_below(c, CLUSTER_STATES, &state) != ST_OK ||
	    get_below(c, 2, &started) != ST_OK || get_below(c, ROLE_LEADER + 1, &role) != ST_OK ||
	    get_time(c, &beat.sent_us) != ST_OK || get_time(c, &beat.echo_us) != ST_OK ||
	    get_time(c, &beat.held_us) != ST_OK || get_consensus(c, &beat) != ST_OK ||
	    get_matrix(c, &beat) != ST_OK || beat.sent_us == 0)
		return ST_MALFORMED;
	beat.ask = ask;
	beat.state = (enum cluster_state)state;
	beat.started = started;
	beat.role = (enum raft_role)role;
	/* Far less than all of it, in most clusters. */
	memcpy(ret, &beat, offsetof(struct wire_beat, rows) + beat.n * sizeof beat.rows[0]);
	return ST_OK;
}

enum status wire_get_hello(struct cursor *c, struct wire_hello *ret)
{
	struct wire_hello hello;
	uint8_t regrowing = 0;

	memset(&hello, 0, sizeof hello);
	if (cursor_u32(c, &hello.promise_max_ms) != ST_OK || get_count(c, &hello.n) != ST_OK)
		return ST_MALFORMED;
	for (size_t i = 0; i < hello.n; i++) {
		if (get_name(c, hello.names[i]) != ST_OK)
			return ST_MALFORMED;
	}
	/* Early releases say nothing of versions; what later ones say behind is not for us. */
	if (c->left > 0 &&
	    (cursor_u32(c, &hello.takes) != ST_OK || cursor_u32(c, &hello.state) != ST_OK ||
	     cursor_u8(c, &regrowing) != ST_OK))
		return ST_MALFORMED;
	hello.regrowing = regrowing != 0;
	*ret = hello;
	return ST_OK;
}

enum status wire_get_found(struct cursor *c, struct wire_found *ret)
{
	struct wire_found found;

	memset(&found, 0, sizeof found);
	if (cursor_u64(c, &found.cluster_id) != ST_OK || found.cluster_id == 0 ||
	    cursor_u32(c, &found.promise_max_ms) != ST_OK || found.promise_max_ms == 0 ||
	    get_count(c, &found.n) != ST_OK)
		return ST_MALFORMED;
	for (size_t i = 0; i < found.n; i++) {
		if (get_name(c, found.members[i].name) != ST_OK ||
		    cursor_u64(c, &found.members[i].raft_id) != ST_OK ||
		    found.members[i].raft_id == 0)
			return ST_MALFORMED;
	}
	if (get_end(c) != ST_OK)
		return ST_MALFORMED;
	*ret = found;
	return ST_OK;
}

enum status wire_get_join(struct cursor *c, struct wire_join *ret)
{
	struct wire_join join;

	if (cursor_u64(c, &join.raft_id) != ST_OK || join.raft_id == 0 ||
	    cursor_u32(c, &join.promise_max_ms) != ST_OK || join.promise_max_ms == 0 ||
	    get_end(c) != ST_OK)
		return ST_MALFORMED;
	*ret = join;
	return ST_OK;
}

enum status wire_get_outdated(struct cursor *c, struct wire_outdated *ret)
{
	struct wire_outdated outdated;

	if (cursor_u64(c, &outdated.raft_id) != ST_OK || outdated.raft_id == 0 ||
	    cursor_u64(c, &outdated.boot) != ST_OK || cursor_u64(c, &outdated.run) != ST_OK ||
	    cursor_u64(c, &outdated.stored) != ST_OK || get_end(c) != ST_OK)
		return ST_MALFORMED;
	*ret = outdated;
	return ST_OK;
}

/* --- About members that come and go -------------------------------------------------- */

void wire_put_roster(struct buf *b, const struct wire_roster *roster)
{
	assert(roster->n > 0 && roster->n <= MEMBERS_MAX);
	buf_u8(b, (uint8_t)roster->n);
	for (size_t i = 0; i < roster->n; i++)
		buf_text16(b, roster->names[i]);
}

void wire_put_removed(struct buf *b, const struct wire_removed *removed)
{
	buf_u64(b, removed->raft_id);
	buf_u64(b, removed->commit);
}

void wire_put_petition(struct buf *b, const struct wire_petition *petition)
{
	buf_u8(b, petition->voter ? 1 : 0);
}

enum status wire_get_roster(struct cursor *c, struct wire_roster *ret)
{
	struct wire_roster roster;

	memset(&roster, 0, sizeof roster);
	if (get_count(c, &roster.n) != ST_OK)
		return ST_MALFORMED;
	for (size_t i = 0; i < roster.n; i++) {
		if (get_name(c, roster.names[i]) != ST_OK)
			return ST_MALFORMED;
	}
	if (get_end(c) != ST_OK)
		return ST_MALFORMED;
	*ret = roster;
	return ST_OK;
}

enum status wire_get_removed(struct cursor *c, struct wire_removed *ret)
{
	struct wire_removed removed;

	if (cursor_u64(c, &removed.raft_id) != ST_OK || removed.raft_id == 0 ||
	    cursor_u64(c, &removed.commit) != ST_OK || get_end(c) != ST_OK)
		return ST_MALFORMED;
	*ret = removed;
	return ST_OK;
}

enum status wire_get_petition(struct cursor *c, struct wire_petition *ret)
{
	unsigned voter;

	if (get_below(c, 2, &voter) != ST_OK || get_end(c) != ST_OK)
		return ST_MALFORMED;
	ret->voter = voter;
	return ST_OK;
}
