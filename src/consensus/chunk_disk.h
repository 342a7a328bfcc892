/* Where the chunks of the state are kept: files in production, memory in the simulator.
 *
 * A chunk's version is named by its number, the log index of its last change and the checksum
 * of its bytes: equal names have equal bytes on every member, so that what is there need be
 * neither written nor sent again. Nothing is overwritten; what no picture needs any more is
 * removed by keep().
 *
 * All calls come from one thread; answers come later, never from inside the call. */
#ifndef CONSENSUS_CHUNK_DISK_H
#define CONSENSUS_CHUNK_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/status.h"

/* One version of one chunk. */
struct chunk_name {
	unsigned chunk;    /* its number in the picture: session/image.h */
	uint64_t changed;  /* log index of its last change */
	uint64_t checksum; /* of its bytes */
};

/* A log entry that was known to be committed, and is on this node's own disk. */
struct commit_mark {
	uint64_t member; /* raft id of the member that it is a mark of: of its log, and no other */
	uint64_t index;  /* of the entry, and so all before it */
	uint64_t term;   /* of the entry */
};

/* Answers; tag is what the call was given. */
struct chunk_disk_ops {
	void *arg;
	/* store() ended; the bytes are the listener's again. ST_NO_SPACE: try again later;
	 * ST_IO: nobody knows what is on the disk. */
	void (*stored)(void *arg, uint64_t tag, enum status st, uint8_t *bytes, size_t len);
	/* sync() ended: everything stored before it is durable, names included. */
	void (*synced)(void *arg, uint64_t tag, enum status st);
	/* read() ended; bytes are the disk's, during the call. ST_NOT_FOUND: not there (any
	 * more), or shorter than asked for; ST_NOMEM; ST_IO. */
	void (*read)(void *arg, uint64_t tag, enum status st, const uint8_t *bytes, size_t len);
};

struct chunk_disk {
	/* Whom to answer. NULL: nobody any more; bytes on their way are freed by the disk. */
	void (*listen)(struct chunk_disk *d, const struct chunk_disk_ops *ops);
	bool (*has)(struct chunk_disk *d, const struct chunk_name *name);
	/* Write bytes (from malloc(), lent until stored()). ST_NOMEM: not begun, still the
	 * caller's. */
	enum status (*store)(struct chunk_disk *d, const struct chunk_name *name, uint8_t *bytes,
	                     size_t len, uint64_t tag);
	enum status (*sync)(struct chunk_disk *d, uint64_t tag);
	/* Read len bytes from offset on; SIZE_MAX: to the end. */
	enum status (*read)(struct chunk_disk *d, const struct chunk_name *name, uint64_t offset,
	                    size_t len, uint64_t tag);
	/* Append a whole chunk to b at once: while starting, when nothing else is served. */
	enum status (*load)(struct chunk_disk *d, const struct chunk_name *name, struct buf *b);
	/* Keep a mark, in the place of the last one, as soon as it can be. Nobody is told: it is a
	 * hint, and an older one is as true. False: ask again later. */
	bool (*mark)(struct chunk_disk *d, const struct commit_mark *mark);
	/* The mark that is kept: while starting. ST_NOT_FOUND: none, or none that is whole. */
	enum status (*marked)(struct chunk_disk *d, struct commit_mark *ret);
	/* Remove every version that keep_cb does not want. */
	void (*keep)(struct chunk_disk *d,
	             bool (*keep_cb)(void *arg, const struct chunk_name *name), void *arg);
};

/* Text of a name, also the file's: "chunk-0007-0000000000001234-89abcdef01234567". */
enum { CHUNK_TEXT = 48 };
void chunk_name_text(const struct chunk_name *name, char ret[CHUNK_TEXT]);
/* ST_MALFORMED: text is no chunk's name. */
CHECKED enum status chunk_name_parse(const char *text, struct chunk_name *ret);

#endif
