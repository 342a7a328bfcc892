/* The named limits of the session room, each with its reason. Every one that a client can hit
 * gives a named result (enum store_result). Changing one changes what the same command does:
 * all members of a cluster must agree, so a change needs a new command version. */
#ifndef SESSION_LIMITS_H
#define SESSION_LIMITS_H

enum {
	REQUEST_ID_MAX = 64,             /* a UUID or a hash in text, with room to spare */
	SESSIONS_MAX = 100000,           /* one member's clients; listing them stays one answer */
	SESSION_INFO_MAX = 4096,         /* client's name, version and capabilities as JSON */
	SESSION_KEY_MAX = 256,           /* a path-like name */
	SESSION_VALUE_MAX = 64 * 1024,   /* one value never fills a proposal batch */
	SESSION_BYTES_MAX = 1024 * 1024, /* one client cannot crowd out the others */
	SESSION_OVERHEAD = 128,          /* counted for each session, on top of its bytes */
	ENTRY_OVERHEAD = 64,             /* counted for each key, on top of its bytes */
	STORE_BYTES_MAX = 40 * 1024 * 1024, /* with both tables of results a snapshot fits one
	                                       message between members, which is 64 MiB at most */
	RECENT_MAX = 65536,               /* newest results kept for retries: minutes of traffic */
	ORIGINS_MAX = 1024,               /* incarnations of nodes whose retries are recognized */
	STREAMS_MAX = 256,               /* open streams of one session: one for each request under way */
	STREAM_OVERHEAD = 64,            /* counted for each stream */
	EVENTS_MAX = 1024,               /* kept of one stream: minutes of a broken connection */
	EVENT_BYTES_MAX = 64 * 1024,     /* one event, as one value */
	EVENT_OVERHEAD = 32,             /* counted for each event, on top of its bytes */
	PENDING_MAX = 64,                /* unanswered questions to one client */
	PENDING_BYTES_MAX = 64 * 1024,   /* a question, and an answer */
	PENDING_OVERHEAD = 64,           /* counted for each question, on top of its bytes */
	PRINCIPAL_MAX = 256,             /* a user's or client's name as the authority spells it */
	TASK_NAME_MAX = 256,             /* the tool's name */
	TASK_BYTES_MAX = 64 * 1024,      /* arguments, status text and result, each */
	TASK_OVERHEAD = 192,             /* counted for each task, on top of its bytes */
	HANDLE_VALUE_MAX = 64 * 1024,    /* what a handle stands for */
	HANDLE_OVERHEAD = 128,           /* counted for each handle, on top of its bytes */
	STORE_RESULT_MAX = 64,            /* an encoded result, today 33 bytes */
	COMMAND_MAX = 80 * 1024,          /* the largest value with its key, ids and framing */
	SNAPSHOT_MAX = 128 * 1024 * 1024, /* the whole store and both tables of results, encoded */
};

#endif
