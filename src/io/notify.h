/* Tells the service manager how the node is: sd_notify(3)'s datagrams, without its library.
 *
 * The protocol is one datagram of NAME=VALUE lines to a socket that the environment names;
 * libsystemd would bring five libraries into the image for that. Beats of the watchdog are sent by
 * the event loop, so they stop when it does. Nothing is waited for: a manager that does not listen
 * is lost. */
#ifndef IO_NOTIFY_H
#define IO_NOTIFY_H

#include <stdint.h>

struct notify;
struct uv_loop_s;

/* To the socket of this path ('@': an abstract one), with a beat at half of each watchdog_us (0:
 * none). NULL when socket is NULL, has no place in an address, or memory is short: then the others
 * do nothing. */
struct notify *notify_open(struct uv_loop_s *uv, const char *socket, uint64_t watchdog_us);

/* As the environment says: NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID. */
struct notify *notify_open_from_environment(struct uv_loop_s *uv);

/* The node answers its operator. */
void notify_ready(struct notify *n);

/* A sentence for `systemctl status`; cut where it is too long. */
void notify_status(struct notify *n, const char *text);

/* It is starting, with this sentence, and moves: do not give it up for extend_us from now. */
void notify_starting(struct notify *n, const char *text, uint64_t extend_us);

/* It stops in good order. */
void notify_stopping(struct notify *n);

/* No more beats; memory is released by the loop. */
void notify_close(struct notify *n);

#endif
