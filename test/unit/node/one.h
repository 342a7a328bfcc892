/* The core of one node among three voters and a learner, which nothing drives but the test. */
#ifndef TEST_NODE_ONE_H
#define TEST_NODE_ONE_H

#include "../session/steps.h"
#include "node/core_internal.h"

enum { SELF = 1, SECOND, THIRD, LEARNER, MS = 1000, SENT_MAX = 16, SENT_BYTES = 16384 };

/* One node of three voters and a learner; nothing runs but what is asked. */
struct one {
	struct core *core;
	int64_t now_us; /* moved by the test */
	unsigned resets;
	unsigned alarms;
	char alarm[ALARM_TEXT_MAX * 2]; /* the last one's text */
	char ended[ALARM_TEXT_MAX];     /* of the last alarm that was cleared */
	char why[ALARM_TEXT_MAX];       /* of the last reset */
	struct {
		char peer[NODE_NAME_MAX];
		uint8_t bytes[SENT_BYTES];
		size_t len;
	} sent[SENT_MAX];
	size_t n_sent;
};

/* A core with a state of ten sessions and a mark; returns the mark's index. */
uint64_t open_one(struct one *o);
void close_one(struct one *o);

#endif
