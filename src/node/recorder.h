/* The flight recorder: a bounded on-disk ring of what this node decided and why.
 *
 * One JSON object a line. Two files take turns: when the newer one is full, the older one is
 * replaced. Lines carry CLOCK_BOOTTIME (boot_us: orders events of one host exactly) and the
 * wall clock (wall_ms). Format: doc/protocol/flight-recorder.md. */
#ifndef NODE_RECORDER_H
#define NODE_RECORDER_H

#include <stdint.h>

#include "base/buf.h"
#include "base/status.h"

enum { RECORDER_FILE_MAX = 1 << 20 }; /* two of them: about 10,000 events */

struct recorder;

/* Open dir/flight.log, continuing it. ST_IO: cannot be written; ST_NOMEM. */
CHECKED enum status recorder_open(const char *dir, struct recorder **ret);
void recorder_close(struct recorder *r);

/* Start an event; further fields follow; recorder_end() writes it in one piece. A NULL
 * recorder records nothing. Not synced: a crash of the machine may lose the last events. */
void recorder_begin(struct recorder *r, const char *event, int64_t boot_us, int64_t wall_ms);
void recorder_text(struct recorder *r, const char *key, const char *value);
void recorder_int(struct recorder *r, const char *key, int64_t value);
void recorder_end(struct recorder *r);

/* Append the recorded lines, oldest first, whose wall clock is at least since_ms; a last line that
 * a crash cut short is left out. Reads what is on disk, so that a restart loses nothing.
 * ST_NOT_FOUND: no recorder there; ST_IO; ST_LIMIT: larger than the buffer may be. */
CHECKED enum status recorder_read(const char *dir, int64_t since_ms, struct buf *ret);

#endif
