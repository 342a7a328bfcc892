/* Results as bytes: the reading side is in store.h. */
#ifndef SESSION_RESULT_H
#define SESSION_RESULT_H

#include "session/store.h"

enum {
	RESULT_BYTES = 33,                  /* version 1: result, revision, epoch, session id */
	RESULT_BYTES_MAX = RESULT_BYTES + 8 /* and the detail, if there is one */
};

/* Returns how many bytes it took. */
size_t result_encode(const struct store_answer *answer, uint8_t ret[RESULT_BYTES_MAX]);

#endif
