/* The course of the log as this node applied it: which index at what time, after how many bytes.
 * It tells how far behind, in bytes and in time, somebody is who stands at an older index, and how
 * fast members move. Pure. */
#ifndef NODE_COURSE_H
#define NODE_COURSE_H

#include <stddef.h>
#include <stdint.h>

#include "cluster/limits.h"

enum {
	COURSE_MARKS = 4096,      /* a quarter of an hour of steady writes; longer with pauses */
	COURSE_GAP_US = 200000,   /* between marks: finer than anybody reads */
	COURSE_STEP_US = 1000000, /* members are looked at this often */
	COURSE_STEPS = 5          /* a rate is that of the last few seconds */
};

struct course_mark {
	uint64_t index;
	uint64_t bytes; /* of commands, from any zero on */
	int64_t at_us;  /* when it was applied here */
};

/* Where a member stood at the last steps. */
struct course_member {
	char name[NODE_NAME_MAX]; /* "": unused */
	uint64_t index[COURSE_STEPS];
	int64_t at_us[COURSE_STEPS];
	size_t n; /* steps noted so far */
};

struct course {
	struct course_mark marks[COURSE_MARKS]; /* a ring */
	size_t first;
	size_t n;
	struct course_mark now; /* the newest */
	struct course_member members[MEMBERS_MAX];
};

/* This node has applied up to index. */
void course_note(struct course *c, uint64_t index, uint64_t bytes, int64_t now_us);

/* Bytes between two indexes, from <= to; estimated where nothing is remembered. */
uint64_t course_bytes(const struct course *c, uint64_t from, uint64_t to);

/* For how long there has been more than index; 0: there is not. Beyond what is remembered: at
 * least so long. */
int64_t course_age_us(const struct course *c, uint64_t index, int64_t now_us);

/* A member stands at index: told once in COURSE_STEP_US. */
void course_step(struct course *c, const char *name, uint64_t index, int64_t now_us);

/* Its bytes a second of late. */
double course_rate(const struct course *c, const char *name);

#endif
