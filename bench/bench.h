/* A load generator for replicated stores: the same loop, clients and clock for each of them.
 *
 * A client has one request outstanding. A connection carries one client, or several where the
 * protocol tells them apart (etcd's streams, our tags). What a system is asked, and how its
 * answers are read, is a struct protocol; everything else is in load.c. */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/prng.h"
#include "histogram.h"

enum {
	SERVERS_MAX = 16,  /* processes whose CPU time is counted */
	VALUE_MAX = 65536, /* one value */
	CONNECTIONS_MAX = 4096,
	OUT_MAX = 16 << 20, /* unsent bytes of one connection */
	REASONS_MAX = 8,    /* told apart of what was not answered with OK; others are the last */
	RETRY_MS = 10,      /* what was refused is asked again after so long */
};

enum op {
	OP_SETUP, /* several steps, in order */
	OP_READ,
	OP_WRITE,
	OP_CREATE, /* a new session, key, ... with every request */
	OP_COUNT,
};

struct load;

/* A client: who waits for one answer. */
struct slot {
	struct connection *connection;
	unsigned number;  /* among all clients */
	unsigned index;   /* on its connection */
	unsigned setup;   /* steps done */
	enum op op;       /* under way */
	uint64_t sent_ns; /* when, the first time */
	unsigned tries;   /* of this request that were refused */
	uint64_t due_ns;  /* refused: when it is asked again */
};

/* Why requests were not answered with OK. */
struct reason {
	char text[96];
	uint64_t n;
};

/* One answer in the file that --trace names; in the machine's byte order. */
struct traced {
	uint64_t sent_ns; /* CLOCK_REALTIME */
	uint32_t took_us;
	uint32_t what; /* enum op, +256: refused */
};

struct connection {
	struct load *load;
	int fd;
	bool waiting_out;   /* the kernel takes no more at present */
	struct buf in;      /* an answer that came in part */
	struct buf out;     /* to send */
	void *state;        /* the protocol's */
	struct slot *slots; /* load->depth of them */
};

struct protocol {
	const char *name;
	unsigned setup_steps; /* requests of each client before it is measured */
	bool many;            /* several clients may share a connection */
	/* A connection was made; slots may be asked from connection_ready() on. */
	void (*open)(struct connection *c);
	void (*close)(struct connection *c);
	/* Append a request to c->out. */
	void (*ask)(struct connection *c, struct slot *s);
	/* Read answers: slot_done() for each; returns how many bytes were used. */
	size_t (*take)(struct connection *c, const uint8_t *bytes, size_t len);
};

extern const struct protocol erlmcp_protocol;
extern const struct protocol redis_protocol;
extern const struct protocol etcd_protocol;

struct options {
	const struct protocol *protocol;
	const char *host;
	uint16_t port;
	const char *cookie;   /* erlmcp */
	const char *prefix;   /* of keys: runs do not meet */
	unsigned clients;     /* in all */
	unsigned connections; /* they share these */
	unsigned reads;       /* per cent of the requests */
	bool create;          /* each request makes something new */
	bool retry;           /* ask again what was refused, until it is answered with OK */
	const char *trace;    /* file for every answer's times, or NULL */
	unsigned value_bytes;
	double warm_up_s;
	double seconds;         /* measured */
	uint64_t requests;      /* stop after so many; 0: after `seconds` */
	unsigned wait_replicas; /* redis: WAIT for so many; 0: no WAIT */
	unsigned n_servers;
	long servers[SERVERS_MAX]; /* process ids */
};

/* What servers have used. */
struct usage {
	double cpu_s;     /* all of them together */
	uint64_t rss;     /* bytes, all of them together */
	uint64_t rss_max; /* of the largest one */
};

struct load {
	struct options options;
	int epoll;
	unsigned depth; /* clients of a connection */
	struct connection *connections;
	unsigned n_ready;  /* connections */
	unsigned n_set_up; /* clients */
	bool begun;        /* all clients are under way */
	bool measuring;    /* the warm-up is over */
	bool ended;
	uint64_t start_ns; /* of what is measured */
	uint64_t end_ns;
	uint64_t asked; /* requests since the beginning */
	uint64_t errors;
	struct reason reasons[REASONS_MAX]; /* in order of the first of each */
	struct slot **refused;              /* --retry: in order of due_ns; all clients fit */
	unsigned first_refused;             /* place of the oldest */
	unsigned n_refused;                 /* ... and how many */
	void *trace;                        /* stdio's file, or NULL */
	uint64_t wall_ns;                   /* CLOCK_REALTIME when now_ns() was 0 */
	struct histogram reads;
	struct histogram writes;
	struct usage before;
	struct usage after;
	double client_cpu_s;
	struct prng prng;
	uint8_t value[VALUE_MAX];
};

/* load.c */
int load_run(struct load *l);
uint64_t now_ns(void);
/* The greeting is over. */
void connection_ready(struct connection *c);
/* An answer came. why: NULL, or what is wrong with it. */
void slot_done(struct slot *s, const char *why);
/* A value to write, different each time. */
const uint8_t *load_value(struct load *l);
/* Print why and end the process. */
void die(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* usage.c */
void usage_read(const struct options *o, struct usage *ret);

/* probe.c: what one round trip, to an echo that runs there, and one durable write cost here, as
 * JSON. */
int echo_run(const char *host, uint16_t port);
int probe_run(const char *directory, const char *host, uint16_t port, double seconds);

#endif
