#include <string.h>

#include "session/store.h"

static const char digits[] = "0123456789abcdef";

void session_id_text(const struct session_id *id, char ret[SESSION_ID_TEXT])
{
	size_t i;

	for (i = 0; i < SESSION_ID_BYTES; i++) {
		ret[2 * i] = digits[id->bytes[i] >> 4];
		ret[2 * i + 1] = digits[id->bytes[i] & 15];
	}
	ret[SESSION_ID_TEXT - 1] = '\0';
}

/* Upper case is taken too: people paste identifiers from anywhere. */
static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

enum status session_id_parse(const char *text, size_t len, struct session_id *ret)
{
	struct session_id id;
	size_t i;

	if (len != SESSION_ID_TEXT - 1)
		return ST_INVALID;
	for (i = 0; i < SESSION_ID_BYTES; i++) {
		int high = digit_of(text[2 * i]);
		int low = digit_of(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return ST_INVALID;
		id.bytes[i] = (uint8_t)(high << 4 | low);
	}
	*ret = id;
	return ST_OK;
}
