/* Control messages: what two connected nodes say to each other, and the pids and references
 * that stand for us. (erl_dist_protocol, "Control Messages") */
#ifndef DIST_CONTROL_H
#define DIST_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/status.h"

struct arena;
struct term;
struct link_body;

enum control_op {
	CONTROL_LINK = 1,
	CONTROL_SEND = 2,
	CONTROL_EXIT = 3,
	CONTROL_REG_SEND = 6,
	CONTROL_EXIT2 = 8,
	CONTROL_SEND_TT = 12,
	CONTROL_REG_SEND_TT = 16,
	CONTROL_EXIT2_TT = 18,
	CONTROL_MONITOR_P = 19,
	CONTROL_DEMONITOR_P = 20,
	CONTROL_MONITOR_P_EXIT = 21,
	CONTROL_SEND_SENDER = 22,
	CONTROL_SEND_SENDER_TT = 23,
	CONTROL_PAYLOAD_EXIT = 24,
	CONTROL_PAYLOAD_EXIT2 = 26,
	CONTROL_PAYLOAD_MONITOR_P_EXIT = 28,
	CONTROL_SPAWN_REQUEST = 29,
	CONTROL_SPAWN_REQUEST_TT = 30,
	CONTROL_SPAWN_REPLY = 31,
	CONTROL_ALIAS_SEND = 33,
	CONTROL_ALIAS_SEND_TT = 34,
	CONTROL_UNLINK_ID = 35,
	CONTROL_UNLINK_ID_ACK = 36,
};

enum {
	/* The pid that stands for the node itself. */
	CONTROL_PID_SELF = 1,
	/* Pids of calls in progress begin here. */
	CONTROL_PID_CALLS = 1000,
};

/* A node as the other side knows it: its name may be its loopback alias. */
struct control_self {
	const char *node;
	uint32_t creation;
};

const struct term *control_pid(struct arena *a, const struct control_self *self, uint64_t number);
const struct term *control_ref(struct arena *a, const struct control_self *self, uint64_t number);
/* The number of a pid or reference that is ours; false for anything else. */
bool control_pid_number(const struct term *t, const struct control_self *self, uint64_t *ret);
bool control_ref_number(const struct term *t, const struct control_self *self, uint64_t *ret);

/* Messages between members: {REG_SEND, Pid, '', erlmcp} and a binary. The control part is the
 * same for all of a link; then comes the head of the binary, then its bytes. */
void control_member_head(struct buf *b, const struct control_self *self);
enum { CONTROL_BINARY_HEAD = 5 };
void control_binary_head(uint8_t ret[CONTROL_BINARY_HEAD], size_t len);
/* The binary of such a message, borrowed; false when the message is anything else. */
bool control_member_payload(const struct link_body *body, const uint8_t **ret, size_t *ret_len);

#endif
