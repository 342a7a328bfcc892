#include "io/notify.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

enum {
	TEXT_MAX = 512,    /* of one datagram */
	DECIMAL = 10,      /* numbers in the environment */
	US_PER_MS = 1000,  /* the loop's timers count milliseconds */
	BEATS_PER_TIME = 2 /* sd_watchdog_enabled(3) asks for half of the time */
};

struct notify {
	uv_timer_t beat;       /* the watchdog's */
	struct sockaddr_un to; /* the manager */
	socklen_t to_len;      /* of it, without what is not used of the path */
	int fd;                /* an unbound datagram socket */
};

static void tell(const struct notify *n, const char *text)
{
	if (n == NULL)
		return;
	/* Full or gone: the next one says more than this one would. */
	(void)sendto(n->fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL,
	             (const struct sockaddr *)&n->to, n->to_len);
}

static void on_beat(uv_timer_t *timer)
{
	tell(timer->data, "WATCHDOG=1");
}

static bool address_of(const char *socket, struct sockaddr_un *to, socklen_t *to_len)
{
	const size_t len = strlen(socket);

	if ((socket[0] != '/' && socket[0] != '@') || len < 2 || len >= sizeof to->sun_path)
		return false;
	memset(to, 0, sizeof *to);
	to->sun_family = AF_UNIX;
	memcpy(to->sun_path, socket, len);
	if (socket[0] == '@')
		to->sun_path[0] = '\0';
	*to_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	return true;
}

struct notify *notify_open(struct uv_loop_s *uv, const char *socket_path, uint64_t watchdog_us)
{
	const uint64_t period_ms = watchdog_us / BEATS_PER_TIME / US_PER_MS;
	struct notify *n;

	if (socket_path == NULL)
		return NULL;
	n = calloc(1, sizeof *n);
	if (n == NULL)
		return NULL;
	if (!address_of(socket_path, &n->to, &n->to_len))
		goto out_free;
	n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (n->fd < 0)
		goto out_free;
	(void)uv_timer_init(uv, &n->beat);
	n->beat.data = n;
	if (period_ms > 0)
		(void)uv_timer_start(&n->beat, on_beat, 0, period_ms);
	uv_unref((uv_handle_t *)&n->beat);
	return n;

out_free:
	free(n);
	return NULL;
}

static uint64_t number_in_environment(const char *name)
{
	const char *text = getenv(name);
	char *end = NULL;
	unsigned long long value;

	if (text == NULL || *text == '\0')
		return 0;
	errno = 0;
	value = strtoull(text, &end, DECIMAL);
	return errno == 0 && *end == '\0' ? value : 0;
}

struct notify *notify_open_from_environment(struct uv_loop_s *uv)
{
	const uint64_t pid = number_in_environment("WATCHDOG_PID");
	const bool ours = pid == 0 || pid == (uint64_t)getpid();

	return notify_open(uv, getenv("NOTIFY_SOCKET"),
	                   ours ? number_in_environment("WATCHDOG_USEC") : 0);
}

void notify_ready(struct notify *n)
{
	tell(n, "READY=1");
}

void notify_status(struct notify *n, const char *text)
{
	char line[TEXT_MAX];

	(void)snprintf(line, sizeof line, "STATUS=%s", text);
	tell(n, line);
}

void notify_starting(struct notify *n, const char *text, uint64_t extend_us)
{
	char lines[TEXT_MAX];

	(void)snprintf(lines, sizeof lines, "EXTEND_TIMEOUT_USEC=%llu\nSTATUS=%s",
	               (unsigned long long)extend_us, text);
	tell(n, lines);
}

void notify_stopping(struct notify *n)
{
	tell(n, "STOPPING=1\nSTATUS=stopping");
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void notify_close(struct notify *n)
{
	if (n == NULL)
		return;
	(void)close(n->fd);
	n->fd = -1;
	uv_close((uv_handle_t *)&n->beat, on_closed);
}
