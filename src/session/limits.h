/* The named limits of the session room, each with its reason. Every one that a client can hit
 * gives a named result (enum store_result). Changing one changes what the same command does: all
 * members of a cluster must agree, so those of a state version stay as they are for ever. */
#ifndef SESSION_LIMITS_H
#define SESSION_LIMITS_H

enum {
	REQUEST_ID_MAX = 64,             /* a UUID or a hash in text, with room to spare */
	SESSION_INFO_MAX = 4096,         /* client's name, version and capabilities as JSON */
	SESSION_KEY_MAX = 256,           /* a path-like name */
	SESSION_VALUE_MAX = 64 * 1024,   /* one value never fills a proposal batch */
	SESSION_BYTES_MAX = 1024 * 1024, /* one client cannot crowd out the others */
	SESSION_OVERHEAD = 128,          /* counted for each session, on top of its bytes */
	ENTRY_OVERHEAD = 64,             /* counted for each key, on top of its bytes */
	RECENT_MAX = 65536,              /* newest results kept for retries: minutes of traffic */
	ORIGINS_MAX = 1024,              /* incarnations of nodes whose retries are recognized */
	STREAMS_MAX = 256,    /* open streams of one session: one for each request under way */
	STREAM_OVERHEAD = 64, /* counted for each stream */
	EVENTS_MAX = 1024,    /* kept of one stream: minutes of a broken connection */
	EVENT_BYTES_MAX = 64 * 1024,      /* one event, as one value */
	EVENT_OVERHEAD = 32,              /* counted for each event, on top of its bytes */
	PENDING_MAX = 64,                 /* unanswered questions to one client */
	PENDING_BYTES_MAX = 64 * 1024,    /* a question, and an answer */
	PENDING_OVERHEAD = 64,            /* counted for each question, on top of its bytes */
	TASK_NAME_MAX = 256,              /* the tool's name */
	TASK_BYTES_MAX = 64 * 1024,       /* arguments, status text and result, each */
	TASK_OVERHEAD = 192,              /* counted for each task, on top of its bytes */
	HANDLE_VALUE_MAX = 64 * 1024,     /* what a handle stands for */
	HANDLE_OVERHEAD = 128,            /* counted for each handle, on top of its bytes */
	STORE_RESULT_MAX = 64,            /* an encoded result, today at most 41 bytes */
	COMMAND_MAX = 80 * 1024,          /* the largest value with its key, ids and framing */
	SNAPSHOT_MAX = 128 * 1024 * 1024, /* a whole store as one piece of memory, encoded */

	/* State version 1: a snapshot had to fit one message of 64 MiB between members. */
	SESSIONS_MAX_V1 = 100000,
	STORE_BYTES_MAX_V1 = 40 * 1024 * 1024,

	/* State version 2: the state travels in chunks, memory is what limits it. */
	SESSIONS_MAX = 2 * 1024 * 1024,  /* twice what a cluster is measured with */
	SESSION_PROTOCOL_MAX = 32,       /* a protocol version is a date */
	SESSION_CAPABILITIES_MAX = 4096, /* capabilities as JSON */
	SESSION_PRINCIPAL_MAX = 256,     /* a name with its issuer, or a hash of them */
	TOUCH_MAX = 4096,                /* sessions touched by one command: 64 KiB of ids */
	EXPIRE_MAX = 2048,               /* sessions expired by one command: 64 KiB */
	QUESTION_BITS = 12,              /* of a question's id: more than one entry can ask */
	OBJECTS_MAX = 2 * 1024 * 1024,   /* handles, and tasks, each: as many as sessions */
	FENCE_BITS = 16,                 /* of an epoch: a command's place in its log entry, which
	                                    counts its commands in so many bits */
	MARKS_MAX = 8,                   /* indexes at which members can be compared: eight rounds
	                                    of comparing, some minutes */
	IMAGES_MAX = 4,                  /* pictures under way: one for the disk, and for members
	                                    that catch up at different indexes */
};

/* Payload and overheads of everything, as counted: a member with 16 GiB holds it twice encoded and
 * live. The replicated limit is at or below it. */
#define STORE_BYTES_MAX ((size_t)6 << 30)

/* A session without activity for longer than a year is asked to live for ever (0) instead. */
#define SESSION_TTL_MAX_MS ((uint64_t)366 * 24 * 3600 * 1000)

#endif
