/* Frames of the control socket, version 1, big-endian:
 *
 *   u32 length of what follows
 *   u8  version, u8 type
 *   REQUEST: u16 length and verb, u16 count, then each argument: u32 length and text
 *   REPLY:   u8 exit code, u32 length and output, u32 length and error output
 *
 * Documented in doc/protocol/control-socket.md. */
#ifndef IO_CONTROL_WIRE_H
#define IO_CONTROL_WIRE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/un.h>

#include "base/buf.h"
#include "base/status.h"
#include "io/control.h"

enum { CONTROL_VERSION = 1, CONTROL_HEAD = 4 };
enum control_type { CONTROL_REQUEST = 1, CONTROL_REPLY = 2 };

struct control_ask {
	char verb[CONTROL_VERB_MAX];
	size_t n_args;
	char *args[CONTROL_ARGS_MAX]; /* into text */
	char *text;                   /* owned: release with control_ask_close() */
};

struct control_said {
	int exit_code;
	const uint8_t *out; /* into the frame */
	size_t out_len;
	const uint8_t *err; /* into the frame */
	size_t err_len;
};

/* Length of the whole frame at the start of bytes, head included. ST_AGAIN: not all there yet;
 * ST_LIMIT: longer than max. */
CHECKED enum status control_frame_length(const uint8_t *bytes, size_t len, size_t max, size_t *ret);

void control_ask_encode(struct buf *b, const char *verb, const char *const *args, size_t n_args);
void control_said_encode(struct buf *b, const struct control_said *said);

/* Decode one whole frame. ST_MALFORMED, ST_LIMIT, ST_NOMEM, ST_UNSUPPORTED (another version). */
CHECKED enum status control_ask_decode(const uint8_t *frame, size_t len, struct control_ask *ret);
CHECKED enum status control_said_decode(const uint8_t *frame, size_t len, struct control_said *ret);
void control_ask_close(struct control_ask *a);

/* The socket's address. When the path is too long for one, *ret_dir is a descriptor of the
 * directory that must stay open while the address is used; else -1. ST_NOT_FOUND, ST_IO. */
CHECKED enum status control_address(const char *data_dir, struct sockaddr_un *ret, int *ret_dir);

#endif
