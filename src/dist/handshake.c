/* The distribution handshake; see handshake.h. */
#include "dist/handshake.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "base/cursor.h"

enum { DIGEST_LEN = 16 };

#define BIT(n) (1U << (n))

static const unsigned handshake_next[HANDSHAKE_STATES] = {
    [HANDSHAKE_NAME] = BIT(HANDSHAKE_DECIDE) | BIT(HANDSHAKE_FAILED),
    [HANDSHAKE_DECIDE] = BIT(HANDSHAKE_ALIVE) | BIT(HANDSHAKE_COMPLEMENT) | BIT(HANDSHAKE_REPLY) |
                         BIT(HANDSHAKE_FAILED),
    [HANDSHAKE_ALIVE] = BIT(HANDSHAKE_COMPLEMENT) | BIT(HANDSHAKE_REPLY) | BIT(HANDSHAKE_FAILED),
    [HANDSHAKE_COMPLEMENT] = BIT(HANDSHAKE_REPLY) | BIT(HANDSHAKE_FAILED),
    [HANDSHAKE_REPLY] = BIT(HANDSHAKE_VERIFIED) | BIT(HANDSHAKE_FAILED),
    [HANDSHAKE_VERIFIED] = BIT(HANDSHAKE_DONE) | BIT(HANDSHAKE_FAILED),
    [HANDSHAKE_STATUS] = BIT(HANDSHAKE_CHALLENGE) | BIT(HANDSHAKE_FAILED),
    [HANDSHAKE_CHALLENGE] = BIT(HANDSHAKE_ACK) | BIT(HANDSHAKE_FAILED),
    [HANDSHAKE_ACK] = BIT(HANDSHAKE_DONE) | BIT(HANDSHAKE_FAILED),
    [HANDSHAKE_DONE] = 0,
    [HANDSHAKE_FAILED] = 0,
};

static void handshake_move(struct handshake *h, enum handshake_state next)
{
	assert(h->state < HANDSHAKE_STATES && (handshake_next[h->state] & BIT(next)));
	h->state = next;
}

static enum status failed(struct handshake *h, enum status st, const char *why)
{
	handshake_move(h, HANDSHAKE_FAILED);
	h->why = why;
	return st;
}

const char *dist_name_host(const char *name)
{
	const char *at = strchr(name, '@');

	return at == NULL ? "" : at + 1;
}

bool dist_name_valid(const char *name)
{
	const char *at = strchr(name, '@');

	if (at == NULL || at == name || at[1] == '\0' || strchr(at + 1, '@') != NULL)
		return false;
	for (const char *c = name; *c != '\0'; c++) {
		if ((unsigned char)*c <= ' ' || *c == 0x7f)
			return false;
	}
	return strlen(name) < DIST_NAME_MAX;
}

enum status handshake_digest(const char *cookie, uint32_t challenge, uint8_t ret[16])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	char text[16];
	int n = snprintf(text, sizeof text, "%u", (unsigned)challenge);
	bool ok;

	if (ctx == NULL)
		return ST_NOMEM;
	ok = EVP_DigestInit_ex(ctx, EVP_md5(), NULL) == 1 &&
	     EVP_DigestUpdate(ctx, cookie, strlen(cookie)) == 1 &&
	     EVP_DigestUpdate(ctx, text, (size_t)n) == 1 &&
	     EVP_DigestFinal_ex(ctx, digest, &len) == 1 && len == DIGEST_LEN;
	EVP_MD_CTX_free(ctx);
	if (!ok)
		return ST_UNSUPPORTED;
	memcpy(ret, digest, DIGEST_LEN);
	return ST_OK;
}

/* The packet length is filled in by packet_end(). */
static size_t packet_begin(struct buf *out, char tag)
{
	buf_u16(out, 0);
	buf_u8(out, (uint8_t)tag);
	return out->len;
}

static void packet_end(struct buf *out, size_t begin)
{
	size_t len;

	if (buf_status(out) != ST_OK)
		return;
	len = out->len - begin + 1;
	out->base[begin - 3] = (uint8_t)(len >> 8);
	out->base[begin - 2] = (uint8_t)len;
}

static void handshake_begin(struct handshake *h, const struct handshake_start *start)
{
	assert(dist_name_valid(start->self));
	memset(h, 0, sizeof *h);
	snprintf(h->self, sizeof h->self, "%s", start->self);
	h->cookie = start->cookie;
	h->creation = start->creation;
	h->challenge = start->challenge;
}

void handshake_accept(struct handshake *h, const struct handshake_start *start)
{
	handshake_begin(h, start);
	h->state = HANDSHAKE_NAME;
}

void handshake_connect(struct handshake *h, const struct handshake_start *start, struct buf *out)
{
	size_t begin;

	assert(dist_name_valid(start->peer));
	handshake_begin(h, start);
	h->state = HANDSHAKE_STATUS;
	snprintf(h->peer, sizeof h->peer, "%s", start->peer);
	begin = packet_begin(out, 'N');
	buf_u64(out, DIST_FLAGS_SELF);
	buf_u32(out, h->creation);
	buf_text16(out, h->self);
	packet_end(out, begin);
}

static void write_status(struct buf *out, const char *text)
{
	size_t begin = packet_begin(out, 's');

	buf_bytes(out, text, strlen(text));
	packet_end(out, begin);
}

static void write_challenge(struct handshake *h, struct buf *out)
{
	size_t begin = packet_begin(out, 'N');

	buf_u64(out, DIST_FLAGS_SELF);
	buf_u32(out, h->challenge);
	buf_u32(out, h->creation);
	buf_text16(out, h->self);
	packet_end(out, begin);
}

/* The name of version 5: no length, 32 bits of flags; those who know version 6 say so there
 * and complete flags and creation later. */
static enum status read_old_name(struct handshake *h, struct cursor *c)
{
	uint16_t version;
	uint32_t flags;

	if (cursor_u16(c, &version) != ST_OK || cursor_u32(c, &flags) != ST_OK)
		return ST_MALFORMED;
	if (c->left == 0 || c->left >= sizeof h->peer || memchr(c->at, 0, c->left) != NULL)
		return ST_MALFORMED;
	memcpy(h->peer, c->at, c->left);
	h->peer[c->left] = '\0';
	h->peer_flags = flags;
	h->old_name = true;
	return ST_OK;
}

static enum status read_new_name(struct handshake *h, struct cursor *c)
{
	/* "Any extra data after the node name must be ignored." */
	if (cursor_u64(c, &h->peer_flags) != ST_OK || cursor_u32(c, &h->peer_creation) != ST_OK ||
	    cursor_text16(c, h->peer, sizeof h->peer) != ST_OK)
		return ST_MALFORMED;
	return ST_OK;
}

static bool flags_suffice(uint64_t flags, uint64_t mandatory)
{
	/* "Introduced in OTP 25 to stand for all mandatory flags of OTP 25." */
	if (flags & DFLAG_MANDATORY_25_DIGEST)
		flags |= DIST_FLAGS_MANDATORY_25;
	return (flags & mandatory) == mandatory;
}

static enum status read_name(struct handshake *h, struct cursor *c, uint8_t tag, struct buf *out)
{
	enum status st = ST_MALFORMED;

	if (tag == 'N')
		st = read_new_name(h, c);
	else if (tag == 'n')
		st = read_old_name(h, c);
	if (st != ST_OK) {
		h->peer[0] = '\0';
		return failed(h, ST_MALFORMED, "not an Erlang node: no name where one belongs");
	}
	h->wants_name = (h->peer_flags & DFLAG_NAME_ME) != 0 && strchr(h->peer, '@') == NULL;
	if (!h->wants_name && !dist_name_valid(h->peer)) {
		h->peer[0] = '\0';
		return failed(h, ST_MALFORMED, "its node name is not of the form name@host");
	}
	/* An old-form name carries the low half of the flags only. */
	if (!flags_suffice(h->peer_flags,
	                   h->old_name ? (uint64_t)DFLAG_HANDSHAKE_23 : DIST_FLAGS_MANDATORY_25)) {
		write_status(out, "not_allowed");
		return failed(h, ST_UNSUPPORTED,
		              "it speaks a distribution protocol older than OTP 25's");
	}
	handshake_move(h, HANDSHAKE_DECIDE);
	return ST_OK;
}

static void go_on(struct handshake *h, struct buf *out)
{
	write_challenge(h, out);
	handshake_move(h, h->old_name ? HANDSHAKE_COMPLEMENT : HANDSHAKE_REPLY);
}

static void write_named(struct handshake *h, const char *given, struct buf *out)
{
	size_t begin = packet_begin(out, 's');

	buf_bytes(out, "named:", 6);
	buf_text16(out, given);
	buf_u32(out, h->peer_creation);
	packet_end(out, begin);
	snprintf(h->peer, sizeof h->peer, "%s", given);
}

enum status handshake_decide(struct handshake *h, enum handshake_verdict verdict, const char *self,
                             const char *given, struct buf *out)
{
	assert(h->state == HANDSHAKE_DECIDE);
	assert(dist_name_valid(self));
	snprintf(h->self, sizeof h->self, "%s", self);
	switch (verdict) {
	case HANDSHAKE_OK:
		if (h->wants_name && given != NULL)
			write_named(h, given, out);
		else
			write_status(out, "ok");
		go_on(h, out);
		return ST_OK;
	case HANDSHAKE_OK_SIMULTANEOUS:
		write_status(out, "ok_simultaneous");
		go_on(h, out);
		return ST_OK;
	case HANDSHAKE_IS_ALIVE:
		write_status(out, "alive");
		handshake_move(h, HANDSHAKE_ALIVE);
		return ST_OK;
	case HANDSHAKE_NOK:
		write_status(out, "nok");
		return failed(h, ST_EXISTS, "simultaneous connect: the other attempt goes on");
	case HANDSHAKE_NOT_ALLOWED:
		break;
	}
	write_status(out, "not_allowed");
	return failed(h, ST_REFUSED, "not allowed");
}

static bool rest_is(const struct cursor *c, const char *text)
{
	return c->left == strlen(text) && memcmp(c->at, text, c->left) == 0;
}

/* "true: the connecting node has lost the old connection and wants this one." */
static enum status read_alive(struct handshake *h, struct cursor *c, uint8_t tag, struct buf *out)
{
	if (tag != 's' || !rest_is(c, "true"))
		return failed(h, ST_EXISTS, "a connection to it is already up");
	go_on(h, out);
	return ST_OK;
}

static enum status read_complement(struct handshake *h, struct cursor *c, uint8_t tag)
{
	uint32_t high;

	if (tag != 'c' || cursor_u32(c, &high) != ST_OK ||
	    cursor_u32(c, &h->peer_creation) != ST_OK)
		return failed(h, ST_MALFORMED, "malformed handshake: complement expected");
	h->peer_flags |= (uint64_t)high << 32;
	if (!flags_suffice(h->peer_flags, DIST_FLAGS_MANDATORY_25))
		return failed(h, ST_UNSUPPORTED,
		              "it speaks a distribution protocol older than OTP 25's");
	handshake_move(h, HANDSHAKE_REPLY);
	return ST_OK;
}

/* Compare their digest of our challenge; the time it takes tells nothing. */
static enum status check_digest(struct handshake *h, const uint8_t *theirs)
{
	uint8_t digest[DIGEST_LEN];
	enum status st = handshake_digest(h->cookie, h->challenge, digest);

	if (st != ST_OK)
		return failed(h, st, "MD5 is not available");
	if (CRYPTO_memcmp(digest, theirs, sizeof digest) != 0)
		return failed(h, ST_REFUSED, "wrong cookie");
	return ST_OK;
}

static enum status write_digest(struct handshake *h, struct buf *out)
{
	uint8_t digest[DIGEST_LEN];
	enum status st = handshake_digest(h->cookie, h->peer_challenge, digest);

	if (st != ST_OK)
		return failed(h, st, "MD5 is not available");
	buf_bytes(out, digest, sizeof digest);
	return ST_OK;
}

static enum status read_reply(struct handshake *h, struct cursor *c, uint8_t tag)
{
	const uint8_t *digest;
	enum status st;

	if (tag != 'r' || cursor_u32(c, &h->peer_challenge) != ST_OK ||
	    cursor_bytes(c, DIGEST_LEN, &digest) != ST_OK || c->left != 0)
		return failed(h, ST_MALFORMED, "malformed handshake: digest expected");
	st = check_digest(h, digest);
	if (st != ST_OK)
		return st;
	handshake_move(h, HANDSHAKE_VERIFIED);
	return ST_OK;
}

enum status handshake_confirm(struct handshake *h, struct buf *out)
{
	size_t begin;
	enum status st;

	assert(h->state == HANDSHAKE_VERIFIED);
	begin = packet_begin(out, 'a');
	st = write_digest(h, out);
	if (st != ST_OK)
		return st;
	packet_end(out, begin);
	handshake_move(h, HANDSHAKE_DONE);
	return ST_OK;
}

static enum status read_status(struct handshake *h, struct cursor *c, uint8_t tag, struct buf *out)
{
	if (tag != 's')
		return failed(h, ST_MALFORMED, "malformed handshake: status expected");
	if (rest_is(c, "nok"))
		return failed(h, ST_EXISTS, "simultaneous connect: the other attempt goes on");
	if (rest_is(c, "not_allowed"))
		return failed(h, ST_REFUSED, "it does not allow this node to connect");
	if (rest_is(c, "alive"))
		write_status(out, "true");
	else if (rest_is(c, "ok_simultaneous"))
		h->simultaneous = true;
	else if (!rest_is(c, "ok"))
		return failed(h, ST_MALFORMED, "malformed handshake: unknown status");
	/* "alive" is followed by the challenge alone, without a second status. */
	handshake_move(h, HANDSHAKE_CHALLENGE);
	return ST_OK;
}

static enum status read_challenge(struct handshake *h, struct cursor *c, uint8_t tag,
                                  struct buf *out)
{
	char name[DIST_NAME_MAX];
	size_t begin;
	enum status st;

	if (tag == 'n')
		return failed(h, ST_UNSUPPORTED,
		              "it speaks a distribution protocol older than OTP 25's");
	if (tag != 'N' || cursor_u64(c, &h->peer_flags) != ST_OK ||
	    cursor_u32(c, &h->peer_challenge) != ST_OK ||
	    cursor_u32(c, &h->peer_creation) != ST_OK ||
	    cursor_text16(c, name, sizeof name) != ST_OK)
		return failed(h, ST_MALFORMED, "malformed handshake: challenge expected");
	if (strcmp(name, h->peer) != 0)
		return failed(h, ST_REFUSED, "another node answers at its address");
	if (!flags_suffice(h->peer_flags, DIST_FLAGS_MANDATORY_25))
		return failed(h, ST_UNSUPPORTED,
		              "it speaks a distribution protocol older than OTP 25's");
	begin = packet_begin(out, 'r');
	buf_u32(out, h->challenge);
	st = write_digest(h, out);
	if (st != ST_OK)
		return st;
	packet_end(out, begin);
	handshake_move(h, HANDSHAKE_ACK);
	return ST_OK;
}

static enum status read_ack(struct handshake *h, struct cursor *c, uint8_t tag)
{
	const uint8_t *digest;
	enum status st;

	if (tag != 'a' || cursor_bytes(c, DIGEST_LEN, &digest) != ST_OK || c->left != 0)
		return failed(h, ST_MALFORMED, "malformed handshake: digest expected");
	st = check_digest(h, digest);
	if (st != ST_OK)
		return st;
	handshake_move(h, HANDSHAKE_DONE);
	return ST_OK;
}

enum status handshake_packet(struct handshake *h, const uint8_t *bytes, size_t len, struct buf *out)
{
	struct cursor c = cursor_of(bytes, len);
	uint8_t tag;

	if (len > HANDSHAKE_PACKET_MAX || cursor_u8(&c, &tag) != ST_OK)
		return failed(h, ST_MALFORMED, "malformed handshake: empty or oversized packet");
	switch (h->state) {
	case HANDSHAKE_NAME:
		return read_name(h, &c, tag, out);
	case HANDSHAKE_ALIVE:
		return read_alive(h, &c, tag, out);
	case HANDSHAKE_COMPLEMENT:
		return read_complement(h, &c, tag);
	case HANDSHAKE_REPLY:
		return read_reply(h, &c, tag);
	case HANDSHAKE_STATUS:
		return read_status(h, &c, tag, out);
	case HANDSHAKE_CHALLENGE:
		return read_challenge(h, &c, tag, out);
	case HANDSHAKE_ACK:
		return read_ack(h, &c, tag);
	case HANDSHAKE_DECIDE:
	case HANDSHAKE_VERIFIED:
	case HANDSHAKE_DONE:
	case HANDSHAKE_FAILED:
	case HANDSHAKE_STATES:
		break;
	}
	return failed(h, ST_MALFORMED, "malformed handshake: it speaks out of turn");
}
