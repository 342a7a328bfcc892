/* A backup: the whole state at one index in one file. Pure: bytes in, bytes out.
 *
 *   head      magic, format version, where the state comes from, checksum
 *   records   chunks of an image (image.h), in order of their numbers; then its manifest, which
 *             ends the file
 *
 * Each record says what it is, how long, and carries a checksum; so a file that was cut short,
 * or in which a byte changed, is refused with the offset of what is wrong, and one of another
 * format for what it is. Format: doc/protocol/backup.md. */
#ifndef SESSION_ARCHIVE_H
#define SESSION_ARCHIVE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/status.h"

struct manifest;
struct store;

enum {
	ARCHIVE_NODE_MAX = 256,   /* bytes of a node's name with its end */
	ARCHIVE_HEAD_MAX = 512,   /* an encoded head */
	ARCHIVE_RECORD_BYTES = 24 /* in front of a record's bytes */
};

/* Where a backup comes from. */
struct archive_head {
	uint64_t cluster_id;         /* of the cluster */
	uint64_t index;              /* of the last command in the state */
	uint64_t digest;             /* of the whole state */
	uint64_t sessions;           /* in it */
	uint32_t state_version;      /* format of its chunks */
	uint32_t promise_max_ms;     /* longest promise of the cluster: taken over on restore */
	int64_t created_ms;          /* milliseconds since the epoch */
	char node[ARCHIVE_NODE_MAX]; /* that made it */
};

void archive_put_head(struct buf *b, const struct archive_head *head);

/* What precedes a chunk's bytes, and the manifest with what precedes it. */
void archive_put_chunk(struct buf *b, unsigned chunk, const uint8_t *bytes, size_t len);
void archive_put_manifest(struct buf *b, const struct manifest *m);

/* Read a whole backup into s, which is new; everything is checked, down to the digest of the
 * whole state. ST_MALFORMED, ST_UNSUPPORTED (a newer format), ST_NOMEM: fault->at is the
 * offset in the file, fault->what the rule. s is as before then. */
CHECKED enum status archive_restore(const uint8_t *bytes, size_t len, struct store *s,
                                    struct archive_head *ret, struct fault *fault);

#endif
