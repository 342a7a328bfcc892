/* Control messages; see control.h. */
#include "dist/control.h"

#include <assert.h>
#include <string.h>

#include "base/cursor.h"
#include "dist/link_in.h"
#include "term/term.h"

enum {
	TAG_NEW_PID = 88,
	TAG_SMALL_INT = 97,
	TAG_SMALL_TUPLE = 104,
	TAG_BINARY = 109,
	TAG_SMALL_ATOM_UTF8 = 119,
	/* Old nodes keep 15 bits of a pid's number and 18 of a reference's first word. */
	PID_BITS = 15,
	REF_BITS = 18,
};

static const char member_name[] = "erlmcp";

const struct term *control_pid(struct arena *a, const struct control_self *self, uint64_t number)
{
	struct term_node_id id = {.node = self->node, .creation = self->creation};

	id.id = number & ((1U << PID_BITS) - 1);
	id.serial = (uint32_t)(number >> PID_BITS);
	return term_pid(a, &id);
}

const struct term *control_ref(struct arena *a, const struct control_self *self, uint64_t number)
{
	struct term_node_id id = {.node = self->node, .creation = self->creation, .n_words = 3};

	id.words[0] = (uint32_t)(number & ((1U << REF_BITS) - 1));
	id.words[1] = (uint32_t)(number >> REF_BITS & UINT32_MAX);
	return term_ref(a, &id);
}

static bool is_ours(const struct term *t, enum term_type type, const struct control_self *self)
{
	return t != NULL && term_type(t) == type &&
	       strcmp(term_node_id(t)->node, self->node) == 0 &&
	       term_node_id(t)->creation == self->creation;
}

bool control_pid_number(const struct term *t, const struct control_self *self, uint64_t *ret)
{
	if (!is_ours(t, TERM_PID, self))
		return false;
	*ret = term_node_id(t)->id | (uint64_t)term_node_id(t)->serial << PID_BITS;
	return true;
}

bool control_ref_number(const struct term *t, const struct control_self *self, uint64_t *ret)
{
	if (!is_ours(t, TERM_REF, self) || term_node_id(t)->n_words != 3)
		return false;
	*ret = term_node_id(t)->words[0] | (uint64_t)term_node_id(t)->words[1] << REF_BITS;
	return true;
}

static void put_atom(struct buf *b, const char *text)
{
	size_t len = strlen(text);

	assert(len <= UINT8_MAX);
	buf_u8(b, TAG_SMALL_ATOM_UTF8);
	buf_u8(b, (uint8_t)len);
	buf_bytes(b, text, len);
}

void control_member_head(struct buf *b, const struct control_self *self)
{
	buf_u8(b, TAG_SMALL_TUPLE);
	buf_u8(b, 4);
	buf_u8(b, TAG_SMALL_INT);
	buf_u8(b, CONTROL_REG_SEND);
	buf_u8(b, TAG_NEW_PID);
	put_atom(b, self->node);
	buf_u32(b, CONTROL_PID_SELF);
	buf_u32(b, 0);
	buf_u32(b, self->creation);
	put_atom(b, "");
	put_atom(b, member_name);
}

void control_binary_head(uint8_t ret[CONTROL_BINARY_HEAD], size_t len)
{
	assert(len <= UINT32_MAX);
	ret[0] = TAG_BINARY;
	for (unsigned i = 0; i < 4; i++)
		ret[1 + i] = (uint8_t)(len >> (24 - 8 * i));
}

/* Take an atom that is exactly text; NULL: any atom. */
static bool take_atom(struct cursor *c, const char *text)
{
	const uint8_t *bytes;
	uint8_t tag;
	uint8_t len;

	if (cursor_u8(c, &tag) != ST_OK || tag != TAG_SMALL_ATOM_UTF8 ||
	    cursor_u8(c, &len) != ST_OK || cursor_bytes(c, len, &bytes) != ST_OK)
		return false;
	return text == NULL || (len == strlen(text) && memcmp(bytes, text, len) == 0);
}

bool control_member_payload(const struct link_body *body, const uint8_t **ret, size_t *ret_len)
{
	static const uint8_t begin[] = {TAG_SMALL_TUPLE, 4, TAG_SMALL_INT, CONTROL_REG_SEND,
	                                TAG_NEW_PID};
	struct cursor c = cursor_of(body->base, body->len);
	const uint8_t *bytes;
	uint32_t len;
	uint8_t tag;

	if (body->versioned || cursor_bytes(&c, sizeof begin, &bytes) != ST_OK ||
	    memcmp(bytes, begin, sizeof begin) != 0)
		return false;
	if (!take_atom(&c, NULL) || cursor_bytes(&c, 12, &bytes) != ST_OK || !take_atom(&c, "") ||
	    !take_atom(&c, member_name))
		return false;
	if (cursor_u8(&c, &tag) != ST_OK || tag != TAG_BINARY || cursor_u32(&c, &len) != ST_OK ||
	    len != c.left)
		return false;
	*ret = c.at;
	*ret_len = len;
	return true;
}
