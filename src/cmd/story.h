/* One story out of the flight recorders of several nodes.
 *
 * Every node records on its own CLOCK_BOOTTIME. Heartbeats measured how those clocks differ and
 * the recorders hold the results, as does whoever asks the nodes now; so all events are put on
 * one clock, each with its uncertainty. Then they are ordered by time, but never against cause
 * and effect: what a node did stays in its order; a vote comes before the election that it
 * decided, an election before whoever follows or is confirmed by its winner; a start before
 * others hear of it. What is not known to cause each other is ordered by time alone, and may be
 * wrong within the uncertainty.
 *
 * Older than the last boot of a machine, or without any measurement, only wall clocks are left:
 * such events have no known uncertainty. */
#ifndef CMD_STORY_H
#define CMD_STORY_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "cluster/limits.h"

enum {
	STORY_NODES_MAX = 32,      /* members, and those that were */
	STORY_EVENTS_MAX = 400000, /* 32 recorders of two files each */
	STORY_TURN_US = 50000, /* what happens is recorded at the end of a turn of the node's loop:
	                          its effects elsewhere may be recorded so much sooner */
};

enum story_source { STORY_SILENT, STORY_LIVE, STORY_FILE };

struct story_node {
	char name[NODE_NAME_MAX];
	enum story_source source;
	int64_t boot_us;   /* its clock when it was asked; 0: not asked */
	int64_t offset_us; /* that minus the asker's */
	int64_t error_us;  /* of the offset; -1: not measured */
	int64_t worst_us;  /* largest uncertainty of its events; -1: some have none */
	unsigned epoch;    /* boots of its machine, less one */
	size_t n_events;
};

struct story_event {
	json_t *record; /* owned */
	size_t node;
	size_t order;   /* as it was read */
	unsigned epoch; /* of its node */
	int64_t boot_us;
	int64_t wall_ms;
	int64_t at_us;    /* on the reference node's clock */
	int64_t error_us; /* -1: unknown */
	bool late;        /* its cause is later by the clocks, beyond their uncertainty */
};

/* One leader took over from another. */
struct story_takeover {
	size_t event; /* the winner's */
	size_t from;  /* node that led before */
	int64_t term;
	int64_t margin_us; /* from its fence to the winner's election */
	int64_t error_us;  /* -1: unknown */
	bool fenced;       /* there was a fence; else it had stopped, or handed over */
};

struct story {
	struct story_node nodes[STORY_NODES_MAX];
	size_t n_nodes;
	struct story_event *events; /* owned; after story_order() in the order of the story */
	size_t n_events;
	size_t cap;
	size_t reference;     /* node whose clock it is */
	int64_t wall_base_us; /* wall clock of the reference minus that clock */
	int64_t since_ms;     /* what is shown begins here */
	int only;             /* node that is shown; -1: all */
};

void story_init(struct story *s);
void story_close(struct story *s);

/* The node of this name, added when it is new. -1: too many. */
int story_node(struct story *s, const char *name);

/* Take in what a node said (node_flight_text()) or a recorder's file holds. fallback: its name
 * when the text does not say it. Returns the node; -1: too many. Lines that make no sense are
 * left out. */
int story_add(struct story *s, const struct buf *text, const char *fallback,
              enum story_source source);

/* Put all on one clock and in order. ST_NOMEM. */
CHECKED enum status story_order(struct story *s);

/* What is to be shown of it. */
bool story_shows(const struct story *s, const struct story_event *e);

/* Fields of a record; "" or 0 when it has none. */
const char *story_text_of(const struct story_event *e, const char *key);
int64_t story_int_of(const struct story_event *e, const char *key);
bool story_is(const struct story_event *e, const char *event);

/* Milliseconds since the epoch, by the reference's wall clock. */
int64_t story_wall_ms(const struct story *s, int64_t at_us);

/* What happened, in words. */
void story_describe(const struct story *s, const struct story_event *e, struct buf *b);

/* Find the next take-over from event *at on; false: there is none. */
bool story_takeover(const struct story *s, size_t *at, struct story_takeover *ret);

/* story_clock.c: at_us and error_us of all events. */
CHECKED enum status story_map(struct story *s);

/* The story as text, JSON or a page. Append. */
void story_print(const struct story *s, bool colour, struct buf *b);
void story_json(const struct story *s, struct buf *b);
void story_html(const struct story *s, struct buf *b);

#endif
