/* The named limits of the consensus room, each with its reason. */
#ifndef CONSENSUS_LIMITS_H
#define CONSENSUS_LIMITS_H

#include <stdint.h>

#include "cluster/limits.h"
#include "session/limits.h"

enum {
	ADDRESS_MAX = NODE_NAME_MAX + 18, /* name, '#', 16 hexadecimal digits */
	BATCH_MAX = 256 * 1024,           /* one log entry: small beside a disk segment of 8 MiB */
	BATCH_COMMANDS_MAX = 1024,        /* in one log entry; more only lengthens one apply */
	INFLIGHT_ENTRIES_MAX = 4096,      /* entries on the way to one follower, libraft's limit */
	INFLIGHT_COMMANDS_MAX = 65536,    /* proposals waiting for their commit */
	INFLIGHT_BYTES_MAX = 32 * 1024 * 1024, /* of the same, so that memory stays bounded */
	GATHER_ENTRIES = 1, /* on their way keep the disks busy; what comes meanwhile shares one */
	GATHER_MAX_US = 1000,  /* but waits no longer than this: far members answer late */
	GATHER_MISSES_MAX = 3, /* entries that waited in vain: their clients do not wait for us */
	GATHER_REST = 64,      /* entries that do not wait then, before it is tried again */
	GATHER_REST_SHARE =
	    4, /* in vain: more than this part of an entry came while it committed */
	WIRE_ENTRIES_MAX = 4096,      /* entries in one message: as many as can be in flight */
	WIRE_BATCH_MAX = 256 * 1024,  /* entry bytes in one message: some 80 ms of a slow link */
	RUNS_AHEAD_MAX = 128 * 1024,  /* normal bytes before a run: the link takes more by itself */
	RUNS_POLL_MS = 5,             /* whether it did is looked at this often */
	WIRE_ENTRY_MAX = 1024 * 1024, /* one entry; BATCH_MAX with room for later releases */
	WIRE_MESSAGE_MAX = SNAPSHOT_MAX + 64 * 1024, /* the largest message is a snapshot's */
	WIRE_KEEP_MAX = 4 * 1024 * 1024, /* a send buffer larger than this is given back */
	CAPACITY_MIN_KIB = 4 * 1024,     /* disk space in reserve below which writes are refused */
	SNAPSHOT_RESEND_MS = 10 * 1000,  /* how long a snapshot on its way is not sent again */
	PIECE_MAX = 256 * 1024, /* of a chunk, in one message: never holds up others long */
	CHUNK_BYTES_MAX = 512 * 1024 * 1024, /* one chunk: a bucket with all of the state in it */
	PICTURE_STORES_MAX = 2, /* chunks on their way to the disk while a picture is taken */
	PICTURE_BYTES_A_MS = 48 * 1024,  /* of chunks, unless there is a hurry: the log shares disk
	                                    and processor with them, and must not wait */
	PICTURE_FILE_BYTES = 64 * 1024,  /* what making a file durable costs, counted as bytes */
	PICTURE_LAG_MS = 2,              /* pauses that were too long are made up for, so far */
	PICTURE_KEPT_SHARE = 8,          /* of the state: more must not be kept as it was */
	PICTURE_STEP_BYTES = 128 * 1024, /* encoded in one go, and the chunk that exceeds it */
	PICTURE_RETRY_MS = 500,          /* a full disk is asked again this often */
	PICTURE_FETCHED_MS = 5000,       /* a member that asked this recently is still fetching */
	PICTURE_PATIENCE = 16, /* thresholds of entries that a picture waits for reasons */
	FETCH_PARTS = 8,       /* chunks that are fetched at a time */
	FETCH_RETRY_MS = 1000, /* an unanswered want is sent again when nothing else came either */
	FETCH_RETRY_MAX_MS = 16 * 1000, /* where that proved too soon: a piece at 128 kbit/s */
	FETCH_HAND_IN_MS = 10,          /* a fetched state waits until our own picture is taken */
	FETCH_GIVE_UP_MS =
	    60 * 1000,              /* without any progress: the leader will send a new manifest */
	SERVE_READS_MAX = 32,       /* pieces being read for members; further wants are dropped */
	PRE_VOTE_RETRY_MIN_MS = 20, /* pre-votes cost nothing durable: ask again soon */
	ELECTION_MIN_MS = 20,       /* below this, scheduling noise looks like a dead leader */
	DISK_TICK_MS = 3600 * 1000, /* the disk backend's own timer does nothing for us */
};

/* A term or an index beyond these is a lie: at a million a second it takes centuries. Room is
 * left for sums. */
#define TERM_MAX  (UINT64_C(1) << 48)
#define INDEX_MAX (UINT64_C(1) << 56)

#endif
