#include "consensus/wire.h"

#include <assert.h>
#include <string.h>

#include "consensus/limits.h"

enum {
	FLAG_DISRUPT = 1,
	FLAG_PRE_VOTE = 2,
	FLAG_GRANTED = 1,
	VOTE_VERSION = 2,
	APPEND_VERSION = 0,
	APPEND_RESULT_VERSION = 2,
	CONFIGURATION_FORMAT = 1,
	CONFIGURATION_WORD = 8,
};

static void encode_append(struct buf *b, const struct raft_append_entries *m, unsigned first,
                          unsigned n)
{
	unsigned i;

	assert(first + n <= m->n_entries);
	buf_u64(b, m->term);
	buf_u64(b, m->prev_log_index + first);
	buf_u64(b, first == 0 ? m->prev_log_term : m->entries[first - 1].term);
	buf_u64(b, m->leader_commit);
	buf_u32(b, n);
	for (i = first; i < first + n; i++) {
		buf_u64(b, m->entries[i].term);
		buf_u8(b, (uint8_t)m->entries[i].type);
		buf_u32(b, (uint32_t)m->entries[i].buf.len);
	}
	for (i = first; i < first + n; i++) {
		uint8_t *to = buf_extend(b, m->entries[i].buf.len);

		/* libraft leaves a barrier's bytes as it found them in memory. */
		if (to != NULL && m->entries[i].type == RAFT_BARRIER)
			memset(to, 0, m->entries[i].buf.len);
		else if (to != NULL && m->entries[i].buf.len > 0)
			memcpy(to, m->entries[i].buf.base, m->entries[i].buf.len);
	}
}

static void encode_vote(struct buf *b, const struct raft_request_vote *m)
{
	buf_u64(b, m->term);
	buf_u64(b, m->candidate_id);
	buf_u64(b, m->last_log_index);
	buf_u64(b, m->last_log_term);
	buf_u8(b, (uint8_t)((m->disrupt_leader ? FLAG_DISRUPT : 0) |
	                    (m->pre_vote ? FLAG_PRE_VOTE : 0)));
}

static void encode_vote_result(struct buf *b, const struct raft_request_vote_result *m)
{
	buf_u64(b, m->term);
	buf_u8(b,
	       (uint8_t)((m->vote_granted ? FLAG_GRANTED : 0) | (m->pre_vote ? FLAG_PRE_VOTE : 0)));
	buf_u16(b, m->features);
	buf_u16(b, m->capacity);
}

static void encode_append_result(struct buf *b, const struct raft_append_entries_result *m)
{
	buf_u64(b, m->term);
	buf_u64(b, m->rejected);
	buf_u64(b, m->last_log_index);
	buf_u16(b, m->features);
	buf_u16(b, m->capacity);
}

static void encode_snapshot(struct buf *b, const struct raft_install_snapshot *m)
{
	unsigned i;

	assert(m->conf.n <= MEMBERS_MAX);
	buf_u64(b, m->term);
	buf_u64(b, m->last_index);
	buf_u64(b, m->last_term);
	buf_u64(b, m->conf_index);
	buf_u8(b, (uint8_t)m->conf.n);
	for (i = 0; i < m->conf.n; i++) {
		buf_u64(b, m->conf.servers[i].id);
		buf_text16(b, m->conf.servers[i].address);
		buf_u8(b, (uint8_t)m->conf.servers[i].role);
	}
	buf_u32(b, (uint32_t)m->data.len);
	buf_bytes(b, m->data.base, m->data.len);
}

static void encode_timeout_now(struct buf *b, const struct raft_timeout_now *m)
{
	buf_u64(b, m->term);
	buf_u64(b, m->last_log_index);
	buf_u64(b, m->last_log_term);
}

void wire_encode(struct buf *b, const struct raft_message *message, unsigned first, unsigned n)
{
	buf_u8(b, WIRE_VERSION);
	buf_u8(b, (uint8_t)message->type);
	switch (message->type) {
	case RAFT_APPEND_ENTRIES:
		encode_append(b, &message->append_entries, first, n);
		break;
	case RAFT_APPEND_ENTRIES_RESULT:
		encode_append_result(b, &message->append_entries_result);
		break;
	case RAFT_REQUEST_VOTE:
		encode_vote(b, &message->request_vote);
		break;
	case RAFT_REQUEST_VOTE_RESULT:
		encode_vote_result(b, &message->request_vote_result);
		break;
	case RAFT_INSTALL_SNAPSHOT:
		encode_snapshot(b, &message->install_snapshot);
		break;
	case RAFT_TIMEOUT_NOW:
		encode_timeout_now(b, &message->timeout_now);
		break;
	}
}

void wire_encode_hand_over(struct buf *b, const struct hand_over *h)
{
	buf_u8(b, WIRE_VERSION);
	buf_u8(b, WIRE_HAND_OVER);
	buf_u64(b, h->term);
	buf_u64(b, h->candidate);
}

/* libraft counts terms, indexes and ids in unsigned long long. */
static enum status get_word(struct cursor *c, unsigned long long *ret)
{
	uint64_t word;
	enum status st = cursor_u64(c, &word);

	if (st == ST_OK)
		*ret = word;
	return st;
}

static enum status decode_append(struct cursor *c, struct wire *w)
{
	struct raft_append_entries *m = &w->message.append_entries;
	size_t total = 0;
	uint32_t i;

	m->version = APPEND_VERSION;
	if (get_word(c, &m->term) != ST_OK || get_word(c, &m->prev_log_index) != ST_OK ||
	    get_word(c, &m->prev_log_term) != ST_OK || get_word(c, &m->leader_commit) != ST_OK ||
	    cursor_u32(c, &w->n) != ST_OK)
		return ST_MALFORMED;
	if (w->n > WIRE_ENTRIES_MAX)
		return ST_LIMIT;
	if (cursor_bytes(c, (size_t)w->n * WIRE_ENTRY_HEAD, &w->heads) != ST_OK)
		return ST_MALFORMED;
	for (i = 0; i < w->n; i++) {
		struct cursor head = cursor_of(w->heads + (size_t)i * WIRE_ENTRY_HEAD + 9, 4);
		uint32_t len;

		if (cursor_u32(&head, &len) != ST_OK)
			return ST_MALFORMED;
		if (len > WIRE_ENTRY_MAX)
			return ST_LIMIT;
		total += len;
	}
	return cursor_bytes(c, total, &w->payload);
}

static enum status decode_append_result(struct cursor *c, struct wire *w)
{
	struct raft_append_entries_result *m = &w->message.append_entries_result;

	m->version = APPEND_RESULT_VERSION;
	if (get_word(c, &m->term) != ST_OK || get_word(c, &m->rejected) != ST_OK ||
	    get_word(c, &m->last_log_index) != ST_OK || cursor_u16(c, &m->features) != ST_OK ||
	    cursor_u16(c, &m->capacity) != ST_OK)
		return ST_MALFORMED;
	return ST_OK;
}

static enum status decode_vote(struct cursor *c, struct wire *w)
{
	struct raft_request_vote *m = &w->message.request_vote;
	uint8_t flags;

	m->version = VOTE_VERSION;
	if (get_word(c, &m->term) != ST_OK || get_word(c, &m->candidate_id) != ST_OK ||
	    get_word(c, &m->last_log_index) != ST_OK || get_word(c, &m->last_log_term) != ST_OK ||
	    cursor_u8(c, &flags) != ST_OK || flags > (FLAG_DISRUPT | FLAG_PRE_VOTE))
		return ST_MALFORMED;
	m->disrupt_leader = (flags & FLAG_DISRUPT) != 0;
	m->pre_vote = (flags & FLAG_PRE_VOTE) != 0;
	return ST_OK;
}

static enum status decode_vote_result(struct cursor *c, struct wire *w)
{
	struct raft_request_vote_result *m = &w->message.request_vote_result;
	uint8_t flags;

	m->version = VOTE_VERSION;
	if (get_word(c, &m->term) != ST_OK || cursor_u8(c, &flags) != ST_OK ||
	    flags > (FLAG_GRANTED | FLAG_PRE_VOTE) || cursor_u16(c, &m->features) != ST_OK ||
	    cursor_u16(c, &m->capacity) != ST_OK)
		return ST_MALFORMED;
	m->vote_granted = (flags & FLAG_GRANTED) != 0;
	m->pre_vote = (flags & FLAG_PRE_VOTE) != 0;
	return ST_OK;
}

static enum status get_server(struct cursor *c, struct raft_server *server, char *address)
{
	uint8_t role;
	enum status st;

	if (get_word(c, &server->id) != ST_OK)
		return ST_MALFORMED;
	st = cursor_text16(c, address, ADDRESS_MAX);
	if (st != ST_OK)
		return st;
	if (cursor_u8(c, &role) != ST_OK)
		return ST_MALFORMED;
	server->role = role;
	server->address = address;
	return ST_OK;
}

static enum status decode_snapshot(struct cursor *c, struct wire *w)
{
	struct raft_install_snapshot *m = &w->message.install_snapshot;
	char address[ADDRESS_MAX];
	struct raft_server server;
	uint32_t len;
	uint8_t n;
	uint8_t i;

	if (get_word(c, &m->term) != ST_OK || get_word(c, &m->last_index) != ST_OK ||
	    get_word(c, &m->last_term) != ST_OK || get_word(c, &m->conf_index) != ST_OK ||
	    cursor_u8(c, &n) != ST_OK)
		return ST_MALFORMED;
	if (n > MEMBERS_MAX)
		return ST_LIMIT;
	w->n = n;
	w->servers = *c;
	for (i = 0; i < n; i++) {
		enum status st = get_server(c, &server, address);

		if (st != ST_OK)
			return st;
	}
	w->servers.left -= c->left;
	if (cursor_u32(c, &len) != ST_OK || len == 0)
		return ST_MALFORMED;
	if (len > SNAPSHOT_MAX)
		return ST_LIMIT;
	w->data_len = len;
	return cursor_bytes(c, len, &w->data);
}

static enum status decode_timeout_now(struct cursor *c, struct wire *w)
{
	struct raft_timeout_now *m = &w->message.timeout_now;

	if (get_word(c, &m->term) != ST_OK || get_word(c, &m->last_log_index) != ST_OK ||
	    get_word(c, &m->last_log_term) != ST_OK)
		return ST_MALFORMED;
	return ST_OK;
}

static enum status decode_hand_over(struct cursor *c, struct wire *w)
{
	if (get_word(c, &w->hand_over.term) != ST_OK ||
	    get_word(c, &w->hand_over.candidate) != ST_OK)
		return ST_MALFORMED;
	return ST_OK;
}

static const struct {
	enum status (*decode)(struct cursor *c, struct wire *w);
} kinds[] = {
    [RAFT_APPEND_ENTRIES] = {decode_append},
    [RAFT_APPEND_ENTRIES_RESULT] = {decode_append_result},
    [RAFT_REQUEST_VOTE] = {decode_vote},
    [RAFT_REQUEST_VOTE_RESULT] = {decode_vote_result},
    [RAFT_INSTALL_SNAPSHOT] = {decode_snapshot},
    [RAFT_TIMEOUT_NOW] = {decode_timeout_now},
    [WIRE_HAND_OVER] = {decode_hand_over},
};

enum status wire_decode(const uint8_t *bytes, size_t len, struct wire *ret)
{
	struct cursor c = cursor_of(bytes, len);
	struct wire w;
	uint8_t version;
	uint8_t kind;
	enum status st;

	memset(&w, 0, sizeof w);
	if (len > WIRE_MESSAGE_MAX)
		return ST_LIMIT;
	if (cursor_u8(&c, &version) != ST_OK || cursor_u8(&c, &kind) != ST_OK)
		return ST_MALFORMED;
	if (version != WIRE_VERSION || kind < RAFT_APPEND_ENTRIES || kind > WIRE_HAND_OVER)
		return ST_UNSUPPORTED;
	w.kind = kind;
	if (kind != WIRE_HAND_OVER)
		w.message.type = (enum raft_message_type)kind;
	st = kinds[kind].decode(&c, &w);
	if (st != ST_OK)
		return st;
	if (c.left != 0)
		return ST_MALFORMED;
	*ret = w;
	return ST_OK;
}

struct wire_walk wire_walk(const struct wire *w)
{
	struct wire_walk walk = {w, 0, 0};

	return walk;
}

bool wire_next(struct wire_walk *walk, struct wire_entry *ret)
{
	const struct wire *w = walk->wire;
	struct cursor head;
	unsigned long long term;
	uint8_t type;
	uint32_t len;

	if (walk->at >= w->n)
		return false;
	head = cursor_of(w->heads + (size_t)walk->at * WIRE_ENTRY_HEAD, WIRE_ENTRY_HEAD);
	if (get_word(&head, &term) != ST_OK || cursor_u8(&head, &type) != ST_OK ||
	    cursor_u32(&head, &len) != ST_OK)
		return false;
	ret->term = term;
	ret->type = type;
	ret->bytes = w->payload + walk->offset;
	ret->len = len;
	walk->at++;
	walk->offset += len;
	return true;
}

enum status wire_entries(struct wire_walk *walk, unsigned n, struct raft_entry **ret)
{
	struct wire_walk ahead = *walk;
	struct raft_entry *entries;
	struct wire_entry entry;
	uint8_t *batch;
	size_t size;
	unsigned i;

	assert(n > 0);
	for (i = 0; i < n; i++) {
		bool more = wire_next(&ahead, &entry);

		assert(more);
		(void)more;
	}
	size = ahead.offset - walk->offset;
	batch = raft_malloc(size > 0 ? size : 1);
	if (batch == NULL)
		return ST_NOMEM;
	entries = raft_malloc(n * sizeof *entries);
	if (entries == NULL)
		goto err_batch;
	memcpy(batch, walk->wire->payload + walk->offset, size);
	ahead = *walk;
	for (i = 0; i < n && wire_next(&ahead, &entry); i++) {
		entries[i].term = entry.term;
		entries[i].type = (enum raft_entry_type)entry.type;
		entries[i].buf.base = batch + (ahead.offset - entry.len - walk->offset);
		entries[i].buf.len = entry.len;
		entries[i].batch = batch;
	}
	*walk = ahead;
	*ret = entries;
	return ST_OK;
err_batch:
	raft_free(batch);
	return ST_NOMEM;
}

bool wire_servers_ok(const struct wire *w)
{
	struct raft_server servers[MEMBERS_MAX];
	char addresses[MEMBERS_MAX][ADDRESS_MAX];
	struct cursor c = w->servers;
	bool voter = false;
	uint32_t i;
	uint32_t j;

	for (i = 0; i < w->n; i++) {
		if (get_server(&c, &servers[i], addresses[i]) != ST_OK || servers[i].id == 0)
			return false;
		if (servers[i].role > RAFT_SPARE)
			return false;
		voter |= servers[i].role == RAFT_VOTER;
		for (j = 0; j < i; j++) {
			if (servers[j].id == servers[i].id ||
			    strcmp(addresses[j], addresses[i]) == 0)
				return false;
		}
	}
	return voter;
}

enum status wire_snapshot(const struct wire *w, struct raft_install_snapshot *ret)
{
	struct cursor c = w->servers;
	char address[ADDRESS_MAX];
	struct raft_configuration conf;
	struct raft_server server;
	enum status st = ST_MALFORMED;
	void *data;
	uint32_t i;

	raft_configuration_init(&conf);
	for (i = 0; i < w->n; i++) {
		int rv;

		st = get_server(&c, &server, address);
		if (st != ST_OK)
			goto err_conf;
		st = ST_MALFORMED;
		if (server.id == 0)
			goto err_conf;
		rv = raft_configuration_add(&conf, server.id, address, server.role);
		if (rv != 0) {
			st = rv == RAFT_NOMEM ? ST_NOMEM : ST_MALFORMED;
			goto err_conf;
		}
	}
	data = raft_malloc(w->data_len);
	if (data == NULL) {
		st = ST_NOMEM;
		goto err_conf;
	}
	memcpy(data, w->data, w->data_len);
	*ret = w->message.install_snapshot;
	ret->conf = conf;
	ret->data.base = data;
	ret->data.len = w->data_len;
	return ST_OK;
err_conf:
	raft_configuration_close(&conf);
	return st;
}

/* libraft writes its configurations little-endian. */
static enum status get_little(struct cursor *c, uint64_t *ret)
{
	const uint8_t *bytes;
	uint64_t word = 0;
	unsigned i;

	if (cursor_bytes(c, CONFIGURATION_WORD, &bytes) != ST_OK)
		return ST_MALFORMED;
	for (i = 0; i < CONFIGURATION_WORD; i++)
		word |= (uint64_t)bytes[i] << (8 * i);
	*ret = word;
	return ST_OK;
}

struct seen {
	uint64_t id;         /* of an earlier server */
	const char *address; /* of the same */
};

static bool server_ok(struct cursor *c, struct seen *seen, uint64_t n, bool *voter)
{
	const uint8_t *nul = NULL;
	const uint8_t *text;
	uint8_t role;
	uint64_t i;

	if (get_little(c, &seen[n].id) != ST_OK || seen[n].id == 0)
		return false;
	if (c->left > 0)
		nul = memchr(c->at, 0, c->left < ADDRESS_MAX ? c->left : ADDRESS_MAX);
	if (nul == NULL || cursor_bytes(c, (size_t)(nul - c->at) + 1, &text) != ST_OK ||
	    cursor_u8(c, &role) != ST_OK)
		return false;
	seen[n].address = (const char *)text;
	if (role != RAFT_STANDBY && role != RAFT_VOTER && role != RAFT_SPARE)
		return false;
	*voter |= role == RAFT_VOTER;
	for (i = 0; i < n; i++) {
		if (seen[i].id == seen[n].id || strcmp(seen[i].address, seen[n].address) == 0)
			return false;
	}
	return true;
}

bool wire_configuration_ok(const uint8_t *bytes, size_t len)
{
	struct cursor c = cursor_of(bytes, len);
	struct seen seen[MEMBERS_MAX];
	bool voter = false;
	uint8_t format;
	uint64_t n;
	uint64_t i;

	if (cursor_u8(&c, &format) != ST_OK || format != CONFIGURATION_FORMAT ||
	    get_little(&c, &n) != ST_OK || n == 0 || n > MEMBERS_MAX)
		return false;
	for (i = 0; i < n; i++) {
		if (!server_ok(&c, seen, i, &voter))
			return false;
	}
	/* Padding to a multiple of eight follows. */
	return voter && c.left < CONFIGURATION_WORD;
}
