/* The file: "ERLMCPID" (8 bytes), u32 format version, u32 length of the body, the body, u64
 * FNV-1a of everything before it. The body: u8 state, u8 logged (since version 2), u64
 * cluster_id, u64 raft_id, u64 boot, u32 promise_max_ms, u8 n, then n times {text16 name,
 * u64 raft_id, u64 boot, u64 founder_id (since version 3)}; then, since version 4, u64 parent_id,
 * u64 parent_index; then, since version 5, u8 regrowing. It is written as the earliest version that
 * can say it, so that an earlier release reads it.
 *
 * The checksum finds rot and cut-short writes; it is no defence against people. */
#include "cluster/identity.h"

#include <assert.h>
#include <string.h>

#include "base/cursor.h"

enum {
	FORMAT_VERSION = 5,
	VERSION_LOGGED = 2,   /* the first with `logged` */
	VERSION_FOUNDERS = 3, /* the first with `founder_id` */
	VERSION_PARENT = 4,   /* the first with `parent_id` and `parent_index` */
	VERSION_REGROWING = 5,
	MAGIC_LEN = 8,
	HEAD_LEN = MAGIC_LEN + 4 + 4,
	SUM_LEN = 8,
};

static const char magic[MAGIC_LEN + 1] = "ERLMCPID";

static uint64_t checksum(const uint8_t *bytes, size_t len)
{
	uint64_t hash = 0xcbf29ce484222325U;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ bytes[i]) * 0x100000001b3U;
	return hash;
}

static uint32_t version_of(const struct identity *id)
{
	if (id->regrowing)
		return VERSION_REGROWING;
	return id->parent_id != 0 ? VERSION_PARENT : VERSION_FOUNDERS;
}

static size_t body_len(const struct identity *id)
{
	size_t len = 1 + 1 + 8 + 8 + 8 + 4 + 1;

	for (size_t i = 0; i < id->n_members; i++)
		len += 2 + strlen(id->members[i].name) + 8 + 8 + 8;
	if (version_of(id) >= VERSION_PARENT)
		len += 8 + 8;
	return version_of(id) >= VERSION_REGROWING ? len + 1 : len;
}

void identity_encode(const struct identity *id, struct buf *b)
{
	size_t start = b->len;

	assert(id->raft_id != 0 && id->n_members <= MEMBERS_MAX);
	buf_bytes(b, magic, MAGIC_LEN);
	buf_u32(b, version_of(id));
	buf_u32(b, (uint32_t)body_len(id));
	buf_u8(b, (uint8_t)id->state);
	buf_u8(b, id->logged ? 1 : 0);
	buf_u64(b, id->cluster_id);
	buf_u64(b, id->raft_id);
	buf_u64(b, id->boot);
	buf_u32(b, id->promise_max_ms);
	buf_u8(b, (uint8_t)id->n_members);
	for (size_t i = 0; i < id->n_members; i++) {
		buf_text16(b, id->members[i].name);
		buf_u64(b, id->members[i].raft_id);
		buf_u64(b, id->members[i].boot);
		buf_u64(b, id->members[i].founder_id);
	}
	if (version_of(id) >= VERSION_PARENT) {
		buf_u64(b, id->parent_id);
		buf_u64(b, id->parent_index);
	}
	if (version_of(id) >= VERSION_REGROWING)
		buf_u8(b, 1);
	if (buf_status(b) == ST_OK)
		buf_u64(b, checksum(b->base + start, b->len - start));
}

static enum status fail(struct fault *fault, enum status st, size_t at, const char *what)
{
	fault->st = st;
	fault->at = at;
	fault->what = what;
	return st;
}

/* The frame: magic, version, length and checksum. Leaves the body in *body. */
static enum status open_frame(const uint8_t *bytes, size_t len, struct cursor *body,
                              uint32_t *ret_version, struct fault *fault)
{
	struct cursor c = cursor_of(bytes, len);
	struct cursor sum;
	const uint8_t *at;
	uint32_t version;
	uint32_t size;
	uint64_t expected;

	if (cursor_bytes(&c, MAGIC_LEN, &at) != ST_OK || memcmp(at, magic, MAGIC_LEN) != 0)
		return fail(fault, ST_CORRUPT, 0, "not an identity file");
	if (cursor_u32(&c, &version) != ST_OK || version == 0)
		return fail(fault, ST_CORRUPT, MAGIC_LEN, "no format version");
	if (version > FORMAT_VERSION)
		return fail(fault, ST_UNSUPPORTED, MAGIC_LEN, "written by a newer release");
	if (cursor_u32(&c, &size) != ST_OK || c.left < SUM_LEN || c.left - SUM_LEN != size)
		return fail(fault, ST_CORRUPT, MAGIC_LEN + 4, "cut short or too long");
	sum = cursor_of(bytes + HEAD_LEN + size, SUM_LEN);
	if (cursor_u64(&sum, &expected) != ST_OK ||
	    expected != checksum(bytes, HEAD_LEN + (size_t)size))
		return fail(fault, ST_CORRUPT, HEAD_LEN + (size_t)size, "wrong checksum");
	*body = cursor_of(bytes + HEAD_LEN, size);
	*ret_version = version;
	return ST_OK;
}

static enum status read_member(struct cursor *c, uint32_t version, struct identity_member *ret)
{
	if (cursor_text16(c, ret->name, sizeof ret->name) != ST_OK || ret->name[0] == '\0' ||
	    cursor_u64(c, &ret->raft_id) != ST_OK || ret->raft_id == 0 ||
	    cursor_u64(c, &ret->boot) != ST_OK)
		return ST_CORRUPT;
	if (version >= VERSION_FOUNDERS && cursor_u64(c, &ret->founder_id) != ST_OK)
		return ST_CORRUPT;
	return ST_OK;
}

static enum status read_body(struct cursor *c, uint32_t version, struct identity *ret)
{
	uint8_t state;
	uint8_t logged = 0;
	uint8_t regrowing = 0;
	uint8_t n;

	if (cursor_u8(c, &state) != ST_OK || state > IDENTITY_ADMITTED ||
	    (version >= VERSION_LOGGED && cursor_u8(c, &logged) != ST_OK) || logged > 1 ||
	    cursor_u64(c, &ret->cluster_id) != ST_OK || cursor_u64(c, &ret->raft_id) != ST_OK ||
	    cursor_u64(c, &ret->boot) != ST_OK || cursor_u32(c, &ret->promise_max_ms) != ST_OK ||
	    cursor_u8(c, &n) != ST_OK || n > MEMBERS_MAX)
		return ST_CORRUPT;
	ret->state = (enum identity_state)state;
	ret->logged = logged == 1;
	ret->n_members = n;
	for (size_t i = 0; i < n; i++) {
		struct identity_member *m = &ret->members[i];

		if (read_member(c, version, m) != ST_OK)
			return ST_CORRUPT;
		/* Before the first entry nobody was replaced; later, who was is not known. */
		if (version == VERSION_LOGGED && ret->state == IDENTITY_FOUNDER && !ret->logged)
			m->founder_id = m->raft_id;
	}
	if (version >= VERSION_PARENT &&
	    (cursor_u64(c, &ret->parent_id) != ST_OK || cursor_u64(c, &ret->parent_index) != ST_OK))
		return ST_CORRUPT;
	if (version >= VERSION_REGROWING && (cursor_u8(c, &regrowing) != ST_OK || regrowing > 1))
		return ST_CORRUPT;
	ret->regrowing = regrowing == 1;
	return c->left == 0 ? ST_OK : ST_CORRUPT;
}

enum status identity_decode(const uint8_t *bytes, size_t len, struct identity *ret,
                            struct fault *fault)
{
	struct identity id;
	struct cursor body;
	uint32_t version;
	enum status st;

	memset(&id, 0, sizeof id);
	st = open_frame(bytes, len, &body, &version, fault);
	if (st != ST_OK)
		return st;
	if (read_body(&body, version, &id) != ST_OK)
		return fail(fault, ST_CORRUPT, len - SUM_LEN - body.left, "impossible value");
	if (id.raft_id == 0 || (id.state == IDENTITY_EMPTY) != (id.cluster_id == 0) ||
	    (id.state == IDENTITY_EMPTY && id.logged))
		return fail(fault, ST_CORRUPT, HEAD_LEN, "identity contradicts itself");
	if (id.state != IDENTITY_EMPTY && id.promise_max_ms == 0)
		return fail(fault, ST_CORRUPT, HEAD_LEN, "no bound for promises");
	*ret = id;
	return ST_OK;
}
