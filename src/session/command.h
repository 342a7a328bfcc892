/* Reading commands: the encoders and command_check() are in store.h. Pure views, no copies. */
#ifndef SESSION_COMMAND_H
#define SESSION_COMMAND_H

#include "session/store.h"

enum { COMMAND_VERSION = 1 };

enum command_type { COMMAND_CREATE = 1, COMMAND_PUT = 2, COMMAND_DELETE = 3 };

struct command {
	enum command_type type;
	struct command_head head;
	struct session_id id;
	const uint8_t *key; /* PUT */
	size_t key_len;
	const uint8_t *value; /* PUT: the value, CREATE: the client's info */
	size_t value_len;
};

/* Read one command; ret's pointers point into bytes. ST_UNSUPPORTED for an unknown version or
 * type, ST_MALFORMED for everything else. */
CHECKED enum status command_decode(const uint8_t *bytes, size_t len, struct command *ret,
                                   struct fault *fault);

#endif
