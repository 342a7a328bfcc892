/* Limits of the distribution and of EPMD, each with its reason. */
#ifndef DIST_LIMITS_H
#define DIST_LIMITS_H

enum {
	/* A node name with its NUL. OTP allows 255 characters. */
	DIST_NAME_MAX = 256,
	/* A cookie with its NUL: it is an atom, 255 characters. */
	DIST_COOKIE_MAX = 256,
	/* A host part or a numeric address with its NUL. */
	DIST_ADDRESS_MAX = 64,
	/* One handshake packet: a name and less than 40 bytes around it. */
	HANDSHAKE_PACKET_MAX = 512,

	/* One EPMD request: two texts of at most EPMD_NAME_MAX and less than 20 bytes. */
	EPMD_REQUEST_MAX = 2048,
	EPMD_NAME_MAX = 256,
	/* Extra data of a registration: nobody sends any; kept and given back unseen. */
	EPMD_EXTRA_MAX = 64,
	/* Names registered at once. A host runs a handful of nodes. */
	EPMD_ENTRIES_MAX = 128,
	/* An answer: all names, each a line of less than 320 bytes. */
	EPMD_ANSWER_MAX = 64 * 1024,

	/* One frame on an established link. Peers that know fragments send 64 KiB; others (libei)
	 * send whole messages. */
	LINK_FRAME_MAX = 16 * 1024 * 1024,
	/* One message put together from fragments. */
	LINK_MESSAGE_MAX = 64 * 1024 * 1024,
	/* Messages of one peer that are being put together at once, and their bytes. */
	LINK_PARTIALS_MAX = 64,
	LINK_PARTIAL_BYTES_MAX = 128 * 1024 * 1024,
	/* Atoms that a dist header may announce: the protocol's own sizes. */
	LINK_CACHE_ENTRIES = 2048,
	LINK_HEADER_REFS_MAX = 255,
	/* A message is cut into pieces of this size: at 100 Mbit/s one delays a heartbeat by
	 * little more than a millisecond. */
	LINK_FRAGMENT = 16 * 1024,
	/* Control part of a message that we send: two node names and three numbers. */
	LINK_CONTROL_MAX = 4 * 1024,
	/* Queued bytes by class; more is ST_BUSY. */
	LINK_URGENT_MAX = 4 * 1024 * 1024,
	LINK_NORMAL_MAX = 64 * 1024 * 1024,
	LINK_BULK_MAX = 64 * 1024 * 1024,
	/* Pieces given to one write: half of the system's IOV_MAX. */
	LINK_CHUNKS_MAX = 512,
	/* Bytes given to one write, so that a later urgent message waits for few. */
	LINK_WRITE_MAX = 64 * 1024,

	/* Bytes on their way in the network: at least as many as 8 Mbit/s carry in a quarter of the
	 * shortest election timeout, at most what a fast line carries between two looks. */
	LINK_ROOM_MIN = 64 * 1024,
	LINK_ROOM_MAX = 16 * 1024 * 1024,
	/* What a packet may wait for those before it: less than the time between two beats. */
	LINK_LATE_US = 20000,

	/* Depth of funs inside funs inside a message. */
	ETF_FUNS_MAX = 16,

	/* Unanswered calls of one peer. */
	SERVICE_CALLS_MAX = 1024,
	/* Memory that one message of a foreign node may take when decoded. */
	SERVICE_ARENA_MAX = 256 * 1024 * 1024,
};

#endif
