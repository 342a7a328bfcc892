/* Checks of the way to the others: names, ports, EPMD, peers with their clocks and versions,
 * quorum. */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "cluster/quorum.h"
#include "cmd/doctor_inside.h"
#include "cmd/page.h"
#include "cmd/remote.h"
#include "io/tool.h"
#include "term/term.h"

enum {
	NAMES_MAX = 64,    /* nodes of one host */
	CONNECT_MS = 2000, /* as long as a person waits for a host that drops packets */
	ASK_MS = 5000,
	SLOW_NAME_MS = 500,       /* a reconnection must not wait for a name server */
	CLOCK_WARNING_MS = 500,   /* logs of two nodes cannot be read together */
	CLOCK_FAILURE_MS = 60000, /* certificates and times to live are wrong */
	ANSWER_MAX = 1 << 20,
};

static double now_ms(clockid_t clock)
{
	struct timespec t;

	(void)clock_gettime(clock, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static const char *host_of(const char *node)
{
	const char *at = strchr(node, '@');

	return at == NULL ? node : at + 1;
}

/* --- Names --------------------------------------------------------------------------- */

static void check_name(struct doctor *d, const char *node)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	const double begin = now_ms(CLOCK_MONOTONIC);
	struct addrinfo *found = NULL;
	const int st = getaddrinfo(host_of(node), NULL, &hints, &found);
	const double took = now_ms(CLOCK_MONOTONIC) - begin;
	char address[INET6_ADDRSTRLEN + 8] = "?";

	if (st != 0) {
		doctor_say(
		    d, DOCTOR_FAILURE,
		    "correct the name in ERLMCP_SEED_NODES, or let DNS or /etc/hosts know it",
		    "%s: %s", host_of(node), gai_strerror(st));
		return;
	}
	(void)getnameinfo(found->ai_addr, found->ai_addrlen, address, sizeof address, NULL, 0,
	                  NI_NUMERICHOST);
	freeaddrinfo(found);
	if (strcmp(host_of(node), address) == 0) {
		doctor_say(d, DOCTOR_OK, NULL, "%s is an address: no name server is asked",
		           address);
		return;
	}
	doctor_say(d, took >= SLOW_NAME_MS ? DOCTOR_WARNING : DOCTOR_OK,
	           took >= SLOW_NAME_MS ? "reconnecting waits for this: repair the name server, or "
	                                  "write the members to /etc/hosts"
	                                : NULL,
	           "%s is %s, found in %.1f ms", host_of(node), address, took);
}

void doctor_names(struct doctor *d)
{
	const struct node_config *v = &d->c->config.values;

	for (size_t i = 0; i < v->n_expected; i++)
		check_name(d, v->expected[i]);
}

/* --- Ports --------------------------------------------------------------------------- */

static bool is_free(const char *interface, uint16_t port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const int yes = 1;
	bool ok;

	if (fd < 0)
		return false;
	if (interface[0] == '\0' || inet_pton(AF_INET, interface, &at.sin_addr) != 1)
		at.sin_addr.s_addr = htonl(INADDR_ANY);
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
	ok = bind(fd, (const struct sockaddr *)&at, sizeof at) == 0;
	(void)close(fd);
	return ok;
}

/* A running node has its port: EPMD and the others tell. */
void doctor_ports(struct doctor *d)
{
	const struct node_config *v = &d->c->config.values;
	uint32_t port = v->dist_listen_min;

	if (d->up) {
		doctor_say(d, DOCTOR_OK, NULL, "the node listens within %u-%u", v->dist_listen_min,
		           v->dist_listen_max);
		return;
	}
	while (port < v->dist_listen_max && !is_free(v->dist_interface, (uint16_t)port))
		port++;
	if (is_free(v->dist_interface, (uint16_t)port))
		doctor_say(d, DOCTOR_OK, NULL, "port %u is free for the other nodes", port);
	else
		doctor_say(d, DOCTOR_FAILURE,
		           "stop who has them (`ss -ltnp`), or set ERLMCP_DIST_LISTEN_MIN and _MAX",
		           "none of the ports %u-%u can be had", v->dist_listen_min,
		           v->dist_listen_max);
	if (v->client_port != 0 && !is_free(v->client_interface, (uint16_t)v->client_port))
		doctor_say(d, DOCTOR_FAILURE,
		           "stop who has it (`ss -ltnp`), or set ERLMCP_CLIENT_PORT",
		           "port %u of the client channel is taken", v->client_port);
}

/* --- EPMD ---------------------------------------------------------------------------- */

/* The port under which the EPMD of a host knows this node; 0: it does not. -1: no EPMD there. */
static int port_at(struct doctor *d, const char *host, const char *node)
{
	struct net_name *names = calloc(NAMES_MAX, sizeof *names);
	const size_t len = strcspn(node, "@");
	size_t n = 0;
	int port = -1;

	if (names != NULL && d->tool != NULL &&
	    tool_names(d->tool, host, names, NAMES_MAX, &n) == ST_OK)
		port = 0;
	for (size_t i = 0; i < n && port == 0; i++) {
		if (strlen(names[i].name) == len && strncmp(names[i].name, node, len) == 0)
			port = names[i].port;
	}
	free(names);
	return port;
}

static int port_of(struct doctor *d, const char *node)
{
	return port_at(d, host_of(node), node);
}

/* This host's EPMD is here even when the host's own name is not known. */
void doctor_epmd(struct doctor *d)
{
	const struct node_config *v = &d->c->config.values;
	int port = port_of(d, v->node_name);

	if (port < 0)
		port = port_at(d, "127.0.0.1", v->node_name);
	if (port < 0)
		doctor_say(
		    d, d->up ? DOCTOR_FAILURE : DOCTOR_WARNING,
		    d->up ? "the node starts one by itself within seconds; if not: is port 4369 "
		            "filtered?"
		          : "the node starts one by itself",
		    "nobody answers on port %u of this host", v->epmd_port);
	else if (port == 0)
		doctor_say(d, d->up ? DOCTOR_FAILURE : DOCTOR_OK,
		           d->up ? "the node registers again within seconds; if not: another EPMD "
		                   "answers here than the node's (ERL_EPMD_PORT)"
		                 : NULL,
		           "it answers on port %u; this node is not registered", v->epmd_port);
	else
		doctor_say(d, d->up ? DOCTOR_OK : DOCTOR_WARNING,
		           d->up ? NULL : "somebody else has its name: `epmd -names`",
		           "this node is registered, with port %d", port);
}

/* --- Peers --------------------------------------------------------------------------- */

static enum status connect_to(const char *host, int port)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *found = NULL;
	struct pollfd wait = {.events = POLLOUT};
	char service[16];
	int error = 0;
	socklen_t len = sizeof error;

	(void)snprintf(service, sizeof service, "%d", port);
	if (getaddrinfo(host, service, &hints, &found) != 0)
		return ST_NOT_FOUND;
	wait.fd = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (wait.fd < 0) {
		freeaddrinfo(found);
		return ST_IO;
	}
	if (connect(wait.fd, found->ai_addr, found->ai_addrlen) != 0 && errno != EINPROGRESS)
		error = errno;
	freeaddrinfo(found);
	if (error == 0 && poll(&wait, 1, CONNECT_MS) == 0)
		error = ETIMEDOUT;
	else if (error == 0)
		(void)getsockopt(wait.fd, SOL_SOCKET, SO_ERROR, &error, &len);
	(void)close(wait.fd);
	if (error == 0)
		return ST_OK;
	return error == ETIMEDOUT ? ST_TIMEOUT : ST_REFUSED;
}

static json_t *ask_peer(struct doctor *d, const char *node, double *ret_ahead_ms)
{
	struct remote_call call = {.node = node,
	                           .module = "erlmcp_split_brain_detector",
	                           .function = "explain",
	                           .n_args = 1,
	                           .timeout_ms = ASK_MS};
	const struct term *json;
	struct arena arena;
	json_t *told = NULL;
	double begin;
	double end;
	struct buf b;

	arena_init(&arena, 4096);
	buf_init(&b, ANSWER_MAX);
	json = term_atom(&arena, "json");
	call.args = &json;
	if (!tool_ping(d->tool, node))
		goto out; /* so that the connection is there when the clock is read */
	begin = now_ms(CLOCK_REALTIME);
	if (remote_text(d->tool, &call, &b) == ST_OK) {
		end = now_ms(CLOCK_REALTIME);
		told = json_loadb((const char *)b.base, b.len, 0, NULL);
		*ret_ahead_ms = (double)page_integer(json_object_get(told, "clock"), "wall_ms") -
		                (begin + end) / 2;
	}
out:
	buf_close(&b);
	arena_close(&arena);
	return told;
}

static void check_clock(struct doctor *d, const char *node, double ahead_ms)
{
	const double off = ahead_ms < 0 ? -ahead_ms : ahead_ms;
	int level = DOCTOR_OK;

	if (off >= CLOCK_FAILURE_MS)
		level = DOCTOR_FAILURE;
	else if (off >= CLOCK_WARNING_MS)
		level = DOCTOR_WARNING;
	if (level != DOCTOR_OK)
		doctor_say(
		    d, level,
		    "let both hosts keep the time (chrony, systemd-timesyncd). Nothing that is "
		    "promised depends on it, but logs, times to live and certificates do",
		    "the wall clock of %s is %.1f s %s", node, off / 1000,
		    ahead_ms < 0 ? "behind" : "ahead");
}

static void check_software(struct doctor *d, const char *node, const char *software)
{
	if (software[0] != '\0' && strcmp(software, ERLMCP_VERSION) != 0)
		doctor_say(d, DOCTOR_WARNING, "finish the rolling upgrade",
		           "%s runs version %s, this program is %s", node, software,
		           ERLMCP_VERSION);
}

/* Link, handshake, version, clock of one of them; true when it answers. */
static bool check_peer(struct doctor *d, const char *node)
{
	const int port = port_of(d, node);
	double ahead_ms = 0;
	enum status st;
	json_t *told;

	if (port <= 0) {
		doctor_say(d, DOCTOR_FAILURE,
		           port < 0 ? "is the host up? is port 4369 open to it (RB-010, Network "
		                      "Configuration)?"
		                    : "start the node there",
		           port < 0 ? "%s: no EPMD answers on its host"
		                    : "%s is not registered with the EPMD of its host",
		           node);
		return false;
	}
	st = connect_to(host_of(node), port);
	if (st != ST_OK) {
		doctor_say(
		    d, DOCTOR_FAILURE,
		    "open ports 9100-9105 between the members (RB-010, Network Configuration)",
		    "%s: port %d %s", node, port,
		    st == ST_TIMEOUT ? "does not answer: something drops its packets"
		                     : "refuses connections");
		return false;
	}
	told = ask_peer(d, node, &ahead_ms);
	if (told == NULL) {
		doctor_say(d, DOCTOR_FAILURE,
		           "compare the cookies (ERLANG_COOKIE, ~/.erlang.cookie) of both hosts",
		           "%s: port %d is open, but the handshake fails or nobody answers", node,
		           port);
		return false;
	}
	doctor_say(d, DOCTOR_OK, NULL, "%s answers on port %d: %s, version %s, clock %+.0f ms",
	           node, port, page_text(told, "state"), page_text(told, "software"),
	           (double)(long long)(ahead_ms < 0 ? ahead_ms - 0.5 : ahead_ms + 0.5));
	check_software(d, node, page_text(told, "software"));
	check_clock(d, node, ahead_ms);
	json_decref(told);
	return true;
}

void doctor_peers(struct doctor *d)
{
	const struct node_config *v = &d->c->config.values;
	const json_t *members = json_object_get(d->told, "members");
	const json_t *m;
	size_t i;

	d->here = d->up;
	if (d->tool == NULL) {
		doctor_say(d, DOCTOR_FAILURE, "see above", "the others cannot be asked from here");
		return;
	}
	json_array_foreach(members, i, m)
	{
		if (strcmp(page_text(m, "name"), v->node_name) != 0)
			d->here += check_peer(d, page_text(m, "name")) && page_truth(m, "voter");
	}
	for (i = 0; members == NULL && i < v->n_expected; i++) {
		if (strcmp(v->expected[i], v->node_name) != 0)
			d->here += check_peer(d, v->expected[i]);
	}
	if (v->n_expected == 1 && json_array_size(members) < 2)
		doctor_say(d, DOCTOR_OK, NULL, "there are none");
}

/* --- Quorum -------------------------------------------------------------------------- */

void doctor_quorum(struct doctor *d)
{
	const struct node_config *v = &d->c->config.values;
	const size_t voters =
	    d->up ? json_array_size(json_object_get(d->told, "votes")) : v->n_expected;
	const unsigned needed = d->up ? (unsigned)page_integer(d->told, "needed")
	                              : quorum_needed(v->quorum_size, voters);

	if (d->up && page_integer(d->told, "reachable") != d->here)
		doctor_say(d, DOCTOR_WARNING,
		           "`erlmcp-admin explain` and `cluster status` show which way is cut",
		           "the node has %lld voters in sight, this program reaches %u",
		           page_integer(d->told, "reachable"), d->here);
	if (d->here < needed)
		doctor_say(
		    d, DOCTOR_FAILURE, "start more members, or heal the network to them",
		    "%u of %zu voters answer, %u are needed: nobody can serve with these alone",
		    d->here, voters, needed);
	else if (d->here == needed && voters > 1)
		doctor_say(
		    d, DOCTOR_WARNING, "bring back who is away before anything else fails",
		    "%u of %zu voters answer, %u are needed: one more failure stops the cluster",
		    d->here, voters, needed);
	else
		doctor_say(d, DOCTOR_OK, NULL, "%u of %zu voters answer, %u are needed", d->here,
		           voters, needed);
}
