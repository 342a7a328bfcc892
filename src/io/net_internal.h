/* What the files of net share: the net, its peers, its connections. Not for other rooms.
 *
 *     net ── peers ── attempt: name → EPMD → connection → handshake
 *      │       └───── up: the one connection in use
 *      └──── conns ── every socket, from accept or connect to its closing */
#ifndef IO_NET_INTERNAL_H
#define IO_NET_INTERNAL_H

#include <uv.h>

#include "base/prng.h"
#include "base/queue.h"
#include "dist/dial.h"
#include "dist/handshake.h"
#include "dist/link_in.h"
#include "dist/link_out.h"
#include "dist/link_room.h"
#include "dist/services.h"
#include "io/net.h"
#include "io/net_limits.h"

struct arena;
struct epmd_query;
struct epmd_register;
struct net_resolve;

enum conn_state {
	CONN_CONNECTING, /* outgoing: TCP is not there yet */
	CONN_HANDSHAKE,  /* names and cookies are exchanged */
	CONN_RIVAL,      /* authenticated, while the node's old link is asked for a sign of life */
	CONN_UP,
	CONN_CLOSED, /* waits for libuv to let go */
	CONN_STATES,
};

struct net_conn {
	struct queue queue; /* in net.conns */
	struct queue dirty; /* in net.dirty while something is to be flushed */
	struct net *net;
	enum conn_state state; /* moved only by conn_move() */
	bool outgoing;
	bool writing; /* an asynchronous write is under way */
	bool suspect; /* silent for too long: one more look before it is closed */
	uv_tcp_t tcp;
	uv_connect_t connect;
	uv_write_t write;
	size_t writing_bytes;           /* of the asynchronous write */
	struct net_peer *peer;          /* who it is with, once its name is known */
	char address[DIST_ADDRESS_MAX]; /* of the other side */
	struct sockaddr_in remote;      /* the same */
	bool loopback;                  /* the other side is this very host, over 127/8 */
	struct handshake handshake;
	struct buf packets; /* handshake bytes that are not a whole packet */
	struct link_in in;
	struct link_out out;
	struct link_room room; /* of what is not urgent */
	bool held;             /* something waits for room */
	struct services services;
	struct buf member_head; /* control part of messages to a member */
	uint64_t epoch;         /* of an authenticated connection */
	int64_t since_ms;       /* when it was made; when up: since it is up */
	int64_t deadline_ms;    /* for what it is doing now */
	int64_t heard_ms;       /* last bytes read */
	int64_t said_ms;        /* last bytes written */
	uint64_t bytes_in;
	uint64_t bytes_out;
};

/* Where an attempt to reach a peer stands. */
enum attempt_stage { ATTEMPT_NONE, ATTEMPT_RESOLVE, ATTEMPT_EPMD, ATTEMPT_CONN };

struct net_peer {
	struct queue queue; /* in net.peers */
	struct net *net;
	char name[NET_NAME_MAX];
	bool member;
	struct net_conn *up; /* the link in use */
	enum attempt_stage stage;
	int64_t stage_deadline_ms;
	bool extended; /* the deadline was put off once, for an EPMD that is there */
	struct net_resolve *resolving; /* may outlive its attempt: one at a time */
	struct epmd_query *query;
	struct net_conn *conn;      /* of the attempt */
	struct sockaddr_in address; /* last known */
	bool address_known;
	int64_t connect_ms; /* how long the last connection took to be made; -1: none yet */
	struct dial dial;
	size_t waiting; /* calls of ours that want it connected */
	uint64_t reconnects;
	uint64_t past_in;  /* bytes of the connections that are closed */
	uint64_t past_out; /* ... */
};

/* A ping or call of ours. */
struct net_request {
	struct queue queue; /* in net.requests */
	uint64_t id;        /* in its reference */
	struct net_peer *peer;
	bool sent; /* over conn */
	struct net_conn *conn;
	int64_t deadline_ms;
	net_ping_cb ping_cb; /* one of the two */
	net_rpc_cb rpc_cb;
	void *arg;
	struct buf call; /* encoded {Module, Function, Args}; empty for a ping */
};

/* net_adm:names */
struct net_names_query {
	struct queue queue; /* in net.names */
	struct net *net;
	struct net_resolve *resolving;
	struct epmd_query *query;
	int64_t deadline_ms;
	net_names_cb cb;
	void *arg;
};

struct net_refusal {
	uint64_t hash; /* of name, address and reason */
	int64_t at_ms;
};

struct net {
	struct uv_loop_s *loop;
	struct net_config config;
	struct net_ops ops;
	char alive[NET_NAME_MAX]; /* our name before the @ */
	uint32_t creation;
	uint16_t port;
	size_t n_listeners;
	uv_tcp_t listeners[2]; /* the interface's; and loopback's, for tools on this host */
	uv_timer_t timer;
	int64_t timer_at_ms; /* when it fires; INT64_MAX: never */
	uv_prepare_t prepare;
	uv_check_t check;
	struct queue peers;
	struct queue conns;
	struct queue dirty;
	struct queue requests;
	struct queue names;
	size_t n_peers;
	size_t n_strangers; /* connections accepted and not authenticated */
	size_t n_requests;
	uint64_t last_epoch;
	uint64_t last_call;    /* of theirs */
	uint64_t last_request; /* of ours */
	struct epmd_register *registration;
	struct prng jitter; /* for backoff only */
	struct net_refusal refusals[NET_REFUSED_KEPT];
	size_t next_refusal;
	char *read_buffer; /* NET_READ_MAX bytes for whoever reads now */
	bool closing;
	size_t handles; /* not closed: connections, timers, registration */
	void (*closed_cb)(void *arg);
	void *closed_arg;
	bool closed;
};

/* net.c */
int64_t net_now(const struct net *n);
void net_maybe_closed(struct net *n);
/* Make sure that the timer fires at at_ms or before. */
void net_wake_at(struct net *n, int64_t at_ms);
void net_trace(struct net *n, const char *fmt, ...) PRINTF(2, 3);
/* Report a refusal, but the same one only now and then. */
void net_refused(struct net *n, const char *node, const char *address, const char *why);

/* net_peer.c */
struct net_peer *peer_find(struct net *n, const char *name);
CHECKED enum status peer_get(struct net *n, const char *name, struct net_peer **ret);
void peer_free(struct net_peer *p);
/* Give the attempt up, if there is one. */
void peer_attempt_drop(struct net_peer *p);
/* The attempt's connection did not lead to a link. */
void peer_attempt_failed(struct net_peer *p, const char *why);
/* Do what is due; returns when to come again. */
int64_t peer_tick(struct net_peer *p, int64_t now_ms);
/* Forget a foreign node that nobody has to do with any more. Only the net's timer calls this,
 * so that no peer vanishes under somebody who still uses it. */
void peer_maybe_forget(struct net_peer *p);

/* net_conn.c */
CHECKED enum status conn_new(struct net *n, bool outgoing, struct net_conn **ret);
CHECKED enum status conn_connect(struct net_conn *c, struct net_peer *peer,
                                 const struct sockaddr_in *address);
void conn_accept(uv_stream_t *listener, int status);
void conn_close(struct net_conn *c, const char *why);
void conn_move(struct net_conn *c, enum conn_state next);
int64_t conn_tick(struct net_conn *c, int64_t now_ms);

/* net_hello.c */
/* Bytes while the handshake goes on. */
void hello_read(struct net_conn *c, const uint8_t *bytes, size_t len);
void hello_connected(struct net_conn *c);
/* A rival's old link did, or did not, give a sign of life. */
int64_t hello_rival_tick(struct net_conn *c, int64_t now_ms);

/* net_link.c */
CHECKED enum status link_begin(struct net_conn *c);
void link_close(struct net_conn *c);
void link_read(struct net_conn *c, const uint8_t *bytes, size_t len);
void link_flush(struct net_conn *c);
void link_dirty(struct net_conn *c);
int64_t link_tick(struct net_conn *c, int64_t now_ms);
CHECKED enum status link_send_message(struct net_conn *c, const struct message *m);

/* net_call.c */
/* The link is up: send what waits for it. */
void net_requests_up(struct net_peer *p);
/* The link is gone, or could not be made: they fail. conn NULL: those not sent yet. */
void net_requests_down(struct net_peer *p, const struct net_conn *conn, const char *why);
void net_requests_answer(struct net *n, uint64_t id, const struct term *result);
int64_t net_requests_tick(struct net *n, int64_t now_ms);
void net_requests_close(struct net *n);

#endif
