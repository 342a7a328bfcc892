/* Limits and times of the sockets between nodes, each with its reason. */
#ifndef IO_NET_LIMITS_H
#define IO_NET_LIMITS_H

enum {
	/* One read of a socket: a few hundred small messages or four fragments. */
	NET_READ_MAX = 64 * 1024,
	NET_RTO_MIN_US = 30000,   /* shortest wait for a lost segment: one beat and a bit */
	NET_RTO_MAX_MS = 1000,    /* longest one: the least that the kernel accepts */
	NET_DELACK_MAX_US = 5000, /* answers are waited for: no delayed acknowledgements */
	/* Kernel buffer of unsent bytes: what a heartbeat may have to wait behind. */
	NET_NOTSENT_LOWAT = 16 * 1024,
	/* What waits for room in the network looks for it again after this. */
	NET_ROOM_MS = 5,
	/* A queue this long is flushed without waiting for the end of the loop's turn. */
	NET_FLUSH_BYTES = 256 * 1024,
	/* Connections that have not proved their cookie: from one address, and in all. More than
	 * the backlog, which a peer has filled in vain when this process slept. */
	NET_STRANGERS_PER_ADDRESS = 80,
	NET_STRANGERS_MAX = 256,
	/* Foreign nodes connected or being connected at once: more than strangers can feign. */
	NET_FOREIGN_MAX = 512,
	/* Listening backlog: a cluster, its tools, and some strangers. */
	NET_BACKLOG = 64,
	/* A foreign node may be slow with its handshake: OTP's own default is 7 s. */
	NET_FOREIGN_HANDSHAKE_MS = 7000,
	/* Two links that became ready this close together came from a simultaneous connect. */
	NET_GLARE_MS = 1000,
	/* Our own attempt keeps a rival waiting for no longer than this. */
	NET_ATTEMPT_PATIENCE_MS = 300,
	/* net_adm:ping/1 to a node that is not connected. */
	NET_PING_MS = 5000,
	/* One question to an EPMD, for names. */
	NET_NAMES_MS = 3000,
	NET_NAMES_MAX = 128,
	/* Stack of a thread that asks the resolver, which puts answers of 64 KiB there. */
	NET_RESOLVE_STACK = 512 * 1024,
	/* Unacknowledged bytes on a foreign link are given up by the kernel after this. */
	NET_USER_TIMEOUT_MS = 60 * 1000,
	/* Registering with EPMD: one attempt, a retry, a retry when the name is taken, and when
	 * to tell that nobody answers. */
	EPMD_ATTEMPT_MS = 1000,
	EPMD_RETRY_MS = 100,
	EPMD_TAKEN_RETRY_MS = 1000,
	EPMD_UNANSWERED_TOLD = 3, /* attempts without an answer: no restart takes so long */
	/* Connections to an EPMD that we serve, and how long one may stay silent. */
	EPMD_CONNS_MAX = 256,
	EPMD_IDLE_MS = 5000,
	/* The same refusal is reported once in this time; so many are remembered. */
	NET_REFUSED_QUIET_MS = 10 * 1000,
	NET_REFUSED_KEPT = 16,
	/* Calls of ours that wait for an answer. */
	NET_CALLS_MAX = 1024,
};

#endif
