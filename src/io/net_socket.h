/* Plain sockets for libuv: those whose errors are wanted before a handle exists, and the
 * options that keep a link prompt. */
#ifndef IO_NET_SOCKET_H
#define IO_NET_SOCKET_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

struct link_path;

/* A listening TCP socket. ST_EXISTS: the port is in use; ST_INVALID: the address is not of this
 * host; ST_IO: anything else. */
CHECKED enum status net_socket_listen(const struct sockaddr_in *address, int *ret_fd);
/* No delay, little in the kernel, no exponential retries. user_timeout_ms: see tcp(7). */
void net_socket_tune(int fd, unsigned user_timeout_ms);
/* Round trips and unacknowledged bytes; zeros where the system does not tell. */
void net_socket_path(int fd, struct link_path *ret);
/* Whether the address is of this host. */
bool net_socket_is_local(const struct sockaddr_in *peer, const struct sockaddr_in *own);
/* libuv writes without MSG_NOSIGNAL: a peer that hangs up must not end this process. */
void net_socket_no_sigpipe(void);
/* Bytes from the operating system's random source. */
void net_socket_random(void *ret, size_t len);

#endif
