/* Sockets and their options; see net_socket.h. */
#include "io/net_socket.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/net_limits.h"

/* Options of Linux 6.15 and 6.16 that the headers of older systems do not name (tcp(7)). */
#ifndef TCP_RTO_MAX_MS
#define TCP_RTO_MAX_MS 44
#endif
#ifndef TCP_RTO_MIN_US
#define TCP_RTO_MIN_US 45
#endif
#ifndef TCP_DELACK_MAX_US
#define TCP_DELACK_MAX_US 46
#endif

enum status net_socket_listen(const struct sockaddr_in *address, int *ret_fd)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int one = 1;
	enum status st;

	if (fd < 0)
		return ST_IO;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 &&
	    bind(fd, (const struct sockaddr *)address, sizeof *address) == 0 &&
	    listen(fd, NET_BACKLOG) == 0) {
		*ret_fd = fd;
		return ST_OK;
	}
	st = errno == EADDRINUSE ? ST_EXISTS : errno == EADDRNOTAVAIL ? ST_INVALID : ST_IO;
	close(fd);
	return st;
}

static void set_int(int fd, int level, int option, int value)
{
	/* A kernel without the option makes the link less prompt, not wrong. */
	(void)setsockopt(fd, level, option, &value, sizeof value);
}

void net_socket_tune(int fd, unsigned user_timeout_ms)
{
	set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	set_int(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, NET_NOTSENT_LOWAT);
	set_int(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, (int)user_timeout_ms);
	/* Heartbeats are a thin stream: without this each loss doubles the wait for the next. */
	set_int(fd, IPPROTO_TCP, TCP_THIN_LINEAR_TIMEOUTS, 1);
	/* A lost segment is repeated after tens of milliseconds, not after the usual 200: several
	 * repetitions fit into the shortest election timeout. */
	set_int(fd, IPPROTO_TCP, TCP_RTO_MIN_US, NET_RTO_MIN_US);
	set_int(fd, IPPROTO_TCP, TCP_RTO_MAX_MS, NET_RTO_MAX_MS);
	set_int(fd, IPPROTO_TCP, TCP_DELACK_MAX_US, NET_DELACK_MAX_US);
	set_int(fd, SOL_SOCKET, SO_KEEPALIVE, 0);
}

bool net_socket_is_local(const struct sockaddr_in *peer, const struct sockaddr_in *own)
{
	return ntohl(peer->sin_addr.s_addr) >> 24 == 127 ||
	       peer->sin_addr.s_addr == own->sin_addr.s_addr;
}

void net_socket_no_sigpipe(void)
{
	(void)signal(SIGPIPE, SIG_IGN);
}

void net_socket_random(void *ret, size_t len)
{
	char *at = ret;

	while (len > 0) {
		ssize_t n = getrandom(at, len, 0);

		if (n < 0 && errno != EINTR)
			abort(); /* no randomness: no challenge would be a secret */
		if (n > 0) {
			at += n;
			len -= (size_t)n;
		}
	}
}
