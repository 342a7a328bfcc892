/* Results as bytes. What follows the detail belongs to later releases and is skipped. */
#include <string.h>

#include "base/cursor.h"
#include "session/result.h"

static void put_u64(uint8_t *at, uint64_t v)
{
	unsigned i;

	for (i = 0; i < 8; i++)
		at[i] = (uint8_t)(v >> (56 - 8 * i));
}

size_t result_encode(const struct store_answer *answer, uint8_t ret[RESULT_BYTES_MAX])
{
	ret[0] = (uint8_t)answer->result;
	put_u64(ret + 1, answer->revision);
	put_u64(ret + 9, answer->epoch);
	memcpy(ret + 17, answer->id.bytes, SESSION_ID_BYTES);
	if (answer->detail == 0)
		return RESULT_BYTES;
	put_u64(ret + RESULT_BYTES, answer->detail);
	return RESULT_BYTES_MAX;
}

enum status store_result_decode(const uint8_t *bytes, size_t len, struct store_answer *ret)
{
	struct cursor c = cursor_of(bytes, len);
	struct store_answer answer = {.detail = 0};
	const uint8_t *id;
	uint8_t result;

	if (cursor_u8(&c, &result) != ST_OK || cursor_u64(&c, &answer.revision) != ST_OK ||
	    cursor_u64(&c, &answer.epoch) != ST_OK ||
	    cursor_bytes(&c, SESSION_ID_BYTES, &id) != ST_OK || result >= RESULT_COUNT ||
	    (c.left > 0 && cursor_u64(&c, &answer.detail) != ST_OK))
		return ST_MALFORMED;
	memcpy(answer.id.bytes, id, SESSION_ID_BYTES);
	answer.result = (enum store_result)result;
	*ret = answer;
	return ST_OK;
}

static const struct {
	const char *text;
	enum status st;
} results[RESULT_COUNT] = {
#define RESULT_ROW(name, value, st, text) [RESULT_##name] = {(text), ST_##st},
    STORE_RESULT_MAP(RESULT_ROW)
#undef RESULT_ROW
};

const char *store_result_text(enum store_result result)
{
	if ((unsigned)result >= RESULT_COUNT)
		return "unknown result";
	return results[result].text;
}

enum status store_result_status(enum store_result result)
{
	return (unsigned)result < RESULT_COUNT ? results[result].st : ST_UNSUPPORTED;
}
