/* All traffic between Erlang nodes on one libuv loop: EPMD, listening, connecting, links.
 *
 * No decisions of the cluster are taken here: this room turns sockets into the events of
 * dist/ and carries out what that room returns. Members (named in net_config) are connected
 * for ever with jittered backoff from 50 ms; foreign nodes (real Erlang, tools) only answered.
 *
 * One link per pair. Each authenticated connection to a member has an epoch that grows. */
#ifndef IO_NET_H
#define IO_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct uv_loop_s;
struct net;
struct term;
struct arena;

enum { NET_MEMBERS_MAX = 16, NET_NAME_MAX = 256, NET_COOKIE_MAX = 256 };

enum net_class { NET_URGENT, NET_NORMAL, NET_BULK, NET_CLASSES };

struct net_config {
	char name[NET_NAME_MAX]; /* erlmcp@host */
	bool short_names;        /* -sname */
	char cookie[NET_COOKIE_MAX];
	char members[NET_MEMBERS_MAX][NET_NAME_MAX]; /* expected members without self */
	size_t n_members;
	char interface[64];  /* address to listen on; "" = all (inet_dist_use_interface) */
	uint16_t listen_min; /* 9100 */
	uint16_t listen_max; /* 9105 */
	uint16_t epmd_port;  /* 4369 */
	unsigned ticktime_s; /* net_ticktime, governs foreign nodes */
	unsigned
	    member_silence_ms; /* a member's link silent for this long is closed and redialled */
	bool listen;           /* false: a tool that only connects */
	bool epmd;             /* register with, or serve, EPMD */
};

/* A call of a foreign node or a tool: module:function(args). Answer it exactly once with
 * net_call_reply() or net_call_fail(); either may come later, and after the caller is gone. */
struct net_call {
	const char *from; /* calling node */
	const char *module;
	const char *function;
	const struct term *args;         /* a proper list */
	const struct term *group_leader; /* a pid or NULL */
	uint64_t id;
};

struct net_ops {
	void *arg;
	void (*member_up)(void *arg, const char *node, uint64_t epoch);
	void (*member_down)(void *arg, const char *node, uint64_t epoch, const char *why);
	/* Payload that the member's net_send() was given. Borrowed during the call. */
	void (*member_message)(void *arg, const char *node, uint64_t epoch, const uint8_t *bytes,
	                       size_t len);
	/* A node that is no member here sent what only members send: it takes us for one. May be
	 * NULL. Must not change the members during the call. */
	void (*member_stranger)(void *arg, const char *node, const uint8_t *bytes, size_t len);
	void (*call)(void *arg, const struct net_call *call);
	void (*foreign)(void *arg, const char *node, bool up, const char *why);
	/* A peer was refused: wrong cookie, garbage, duplicate name, foreign protocol. One line. */
	void (*refused)(void *arg, const char *node, const char *address, const char *why);
	void (*trace)(void *arg, const char *text);
};

/* Start listening (and EPMD). ST_IO / ST_EXISTS with *why naming the port, the rule and the
 * remedy (static or until close). Has SIGPIPE ignored in the whole process. */
CHECKED enum status net_open(struct uv_loop_s *loop, const struct net_config *config,
                             const struct net_ops *ops, struct net **ret, const char **why);
void net_close(struct net *n, void (*closed_cb)(void *arg), void *arg);
void net_free(struct net *n);

/* Port the distribution listens on. */
uint16_t net_port(const struct net *n);
/* The pid that stands for this node in messages, and its creation. */
uint32_t net_creation(const struct net *n);

/* Queue bytes for a member. Copies. ST_CLOSED: no link. ST_BUSY: its queue is full (the class's
 * limit); nothing was queued. Urgent goes ahead of normal, normal ahead of bulk; a bulk message
 * is cut into fragments and never delays the others by more than one of them. */
CHECKED enum status net_send(struct net *n, const char *node, enum net_class klass,
                             const uint8_t *bytes, size_t len);

/* Bytes of this class that are queued for a member: the system has not taken them yet. */
size_t net_backlog(struct net *n, const char *node, enum net_class klass);

/* Send what was queued, at once; without it, it leaves before the loop waits. */
void net_flush(struct net *n);

/* Add or forget a member to be kept connected. */
CHECKED enum status net_member_add(struct net *n, const char *node);
void net_member_remove(struct net *n, const char *node);

/* net_adm:ping/1: cb gets pong = true or false; at most 5 s, members from their link's state
 * plus one round trip. */
typedef void (*net_ping_cb)(void *arg, bool pong);
void net_ping(struct net *n, const char *node, net_ping_cb cb, void *arg);

/* Call a function on another node (rpc:call over rex). cb gets the result term or NULL and why. */
typedef void (*net_rpc_cb)(void *arg, const struct term *result, const char *why);
void net_rpc(struct net *n, const char *node, const char *module, const char *function,
             const struct term *args, unsigned timeout_ms, net_rpc_cb cb, void *arg);

/* net_adm:names/0,1: the names EPMD on host knows. cb: names "name\0" pairs; NULL: no answer. */
struct net_name {
	char name[NET_NAME_MAX];
	uint16_t port;
};
typedef void (*net_names_cb)(void *arg, const struct net_name *names, size_t n, const char *why);
void net_names(struct net *n, const char *host, net_names_cb cb, void *arg);

CHECKED enum status net_call_reply(struct net *n, uint64_t call_id, const struct term *result);
/* Class is one of the atoms error, exit, throw; reason any term. */
CHECKED enum status net_call_fail(struct net *n, uint64_t call_id, const char *klass,
                                  const struct term *reason);

/* Connected foreign (hidden to nodes()) nodes, for nodes(hidden) and nodes(connected). */
size_t net_foreign(const struct net *n, char ret[][NET_NAME_MAX], size_t cap);

/* Per-link figures for status and metrics. */
struct net_link_status {
	char node[NET_NAME_MAX];
	bool up;
	bool member;
	uint64_t epoch;
	uint64_t reconnects;
	uint64_t bytes_in; /* of all its connections */
	uint64_t bytes_out;
	size_t queued;
	char address[64];
};
size_t net_links(const struct net *n, struct net_link_status *ret, size_t cap);

#endif
