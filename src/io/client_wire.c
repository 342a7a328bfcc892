#include "io/client_wire.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/cursor.h"

enum { HEAD = 4, ID_BYTES = 16, WHO = 16 /* with its NUL */ };

enum status client_frame_length(const uint8_t *bytes, size_t len, size_t *ret)
{
	struct cursor c = cursor_of(bytes, len);
	uint32_t body;

	if (cursor_u32(&c, &body) != ST_OK)
		return ST_AGAIN;
	if (body > CLIENT_FRAME_MAX)
		return ST_LIMIT;
	if (c.left < body)
		return ST_AGAIN;
	*ret = HEAD + (size_t)body;
	return ST_OK;
}

static enum status get_text(struct cursor *c, struct client_frame *f)
{
	uint16_t len;

	if (cursor_u16(c, &len) != ST_OK || cursor_bytes(c, len, &f->bytes) != ST_OK ||
	    c->left != 0)
		return ST_MALFORMED;
	f->len = len;
	return ST_OK;
}

static enum status get_greeting(struct cursor *c, struct client_frame *f)
{
	switch (f->type) {
	case CLIENT_HELLO:
		if (cursor_u8(c, &f->version) != ST_OK ||
		    cursor_bytes(c, CLIENT_NONCE, &f->nonce) != ST_OK)
			return ST_MALFORMED;
		return get_text(c, f);
	case CLIENT_PROVE:
		if (cursor_bytes(c, CLIENT_NONCE, &f->nonce) != ST_OK ||
		    cursor_bytes(c, CLIENT_PROOF, &f->proof) != ST_OK || c->left != 0)
			return ST_MALFORMED;
		return ST_OK;
	case CLIENT_WELCOME:
		if (cursor_bytes(c, CLIENT_PROOF, &f->proof) != ST_OK || c->left != 0)
			return ST_MALFORMED;
		return ST_OK;
	default:
		return get_text(c, f);
	}
}

static enum status get_request(struct cursor *c, struct client_frame *f)
{
	if (cursor_u64(c, &f->tag) != ST_OK)
		return ST_MALFORMED;
	if (f->type == CLIENT_READ && cursor_bytes(c, ID_BYTES, &f->id) != ST_OK)
		return ST_MALFORMED;
	if (f->type == CLIENT_DONE && cursor_u8(c, &f->outcome) != ST_OK)
		return ST_MALFORMED;
	f->bytes = c->at;
	f->len = c->left;
	return ST_OK;
}

enum status client_frame_decode(const uint8_t *bytes, size_t len, struct client_frame *ret)
{
	struct cursor c = cursor_of(bytes, len);
	struct client_frame f;
	enum status st;
	uint32_t body;
	uint8_t type;

	memset(&f, 0, sizeof f);
	if (cursor_u32(&c, &body) != ST_OK || body != c.left || cursor_u8(&c, &type) != ST_OK)
		return ST_MALFORMED;
	f.type = (enum client_frame_type)type;
	if (type >= CLIENT_HELLO && type <= CLIENT_REFUSED)
		st = get_greeting(&c, &f);
	else if (type == CLIENT_WRITE || type == CLIENT_READ || type == CLIENT_DONE)
		st = get_request(&c, &f);
	else
		return ST_UNSUPPORTED;
	if (st == ST_OK)
		*ret = f;
	return st;
}

static size_t body_of(const struct client_frame *f)
{
	switch (f->type) {
	case CLIENT_HELLO:
		return 1 + 1 + CLIENT_NONCE + 2 + f->len;
	case CLIENT_PROVE:
		return 1 + CLIENT_NONCE + CLIENT_PROOF;
	case CLIENT_WELCOME:
		return 1 + CLIENT_PROOF;
	case CLIENT_REFUSED:
		return 1 + 2 + f->len;
	case CLIENT_READ:
		return 1 + 8 + ID_BYTES + f->len;
	case CLIENT_DONE:
		return 1 + 8 + 1 + f->len;
	case CLIENT_WRITE:
		break;
	}
	return 1 + 8 + f->len;
}

void client_frame_encode(struct buf *b, const struct client_frame *f)
{
	buf_u32(b, (uint32_t)body_of(f));
	buf_u8(b, (uint8_t)f->type);
	if (f->type >= CLIENT_WRITE)
		buf_u64(b, f->tag);
	if (f->type == CLIENT_HELLO)
		buf_u8(b, f->version);
	if (f->type == CLIENT_HELLO || f->type == CLIENT_PROVE)
		buf_bytes(b, f->nonce, CLIENT_NONCE);
	if (f->type == CLIENT_PROVE || f->type == CLIENT_WELCOME)
		buf_bytes(b, f->proof, CLIENT_PROOF);
	if (f->type == CLIENT_READ)
		buf_bytes(b, f->id, ID_BYTES);
	if (f->type == CLIENT_DONE)
		buf_u8(b, f->outcome);
	if (f->type == CLIENT_HELLO || f->type == CLIENT_REFUSED)
		buf_u16(b, (uint16_t)f->len);
	buf_bytes(b, f->bytes, f->len);
}

enum status client_proof(const char *cookie, bool server, const uint8_t *peer_nonce,
                         const uint8_t *own_nonce, uint8_t ret[CLIENT_PROOF])
{
	static const char server_says[WHO] = "erlmcp server 1";
	static const char client_says[WHO] = "erlmcp client 1";
	uint8_t text[WHO + 2 * CLIENT_NONCE];
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len;

	memcpy(text, server ? server_says : client_says, WHO);
	memcpy(text + WHO, peer_nonce, CLIENT_NONCE);
	memcpy(text + WHO + CLIENT_NONCE, own_nonce, CLIENT_NONCE);
	if (HMAC(EVP_sha256(), cookie, (int)strlen(cookie), text, sizeof text, digest, &len) ==
	        NULL ||
	    len != CLIENT_PROOF)
		return ST_IO;
	memcpy(ret, digest, CLIENT_PROOF);
	return ST_OK;
}

bool client_proof_equal(const uint8_t *a, const uint8_t *b)
{
	return CRYPTO_memcmp(a, b, CLIENT_PROOF) == 0;
}

const char *client_outcome_text(unsigned outcome)
{
	static const char *const texts[] = {
#define CLIENT_OUTCOME_TEXT(name, value, text) [CLIENT_##name] = (text),
	    CLIENT_OUTCOME_MAP(CLIENT_OUTCOME_TEXT)
#undef CLIENT_OUTCOME_TEXT
	};

	return outcome < sizeof texts / sizeof texts[0] ? texts[outcome] : "unknown outcome";
}
