/* What the machine itself costs: one round trip between two processes, and one durable write of
 * one block, as all logs here are written. The least that a replicated write can take. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "bench.h"

enum {
	BLOCK = 4096,
	FILE_BYTES = 8 << 20, /* as a segment of a log: written beforehand, then overwritten */
	MESSAGE = 320,        /* a value of 256 bytes in its frame */
};

static void tune(int fd)
{
	const int on = 1;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static bool whole(int fd, uint8_t *bytes, size_t len)
{
	return recv(fd, bytes, len, MSG_WAITALL) == (ssize_t)len;
}

static int listen_at(const char *host, uint16_t *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(*port)};
	socklen_t len = sizeof address;
	const int listener = socket(AF_INET, SOCK_STREAM, 0);
	const int on = 1;

	if (inet_pton(AF_INET, host, &address.sin_addr) != 1 || listener < 0 ||
	    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
	    bind(listener, (struct sockaddr *)&address, sizeof address) != 0 ||
	    listen(listener, 1) != 0 ||
	    getsockname(listener, (struct sockaddr *)&address, &len) != 0)
		die("%s: %s", host, strerror(errno));
	*port = ntohs(address.sin_port);
	return listener;
}

int echo_run(const char *host, uint16_t port)
{
	const int listener = listen_at(host, &port);
	uint8_t bytes[MESSAGE];

	for (;;) {
		const int fd = accept(listener, NULL, NULL);

		if (fd < 0)
			die("%s: %s", host, strerror(errno));
		tune(fd);
		while (whole(fd, bytes, sizeof bytes) &&
		       write(fd, bytes, sizeof bytes) == sizeof bytes)
			;
		(void)close(fd);
	}
}

static void round_trips(const char *host, uint16_t port, double seconds, struct histogram *h)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
	const int fd = socket(AF_INET, SOCK_STREAM, 0);
	uint8_t bytes[MESSAGE] = {0};
	uint64_t end;

	if (inet_pton(AF_INET, host, &address.sin_addr) != 1 || fd < 0 ||
	    connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
		die("%s: %s", host, strerror(errno));
	tune(fd);
	end = now_ns() + (uint64_t)(seconds * 1e9);
	for (uint64_t at = now_ns(); at < end;) {
		const uint64_t before = at;

		if (write(fd, bytes, sizeof bytes) != sizeof bytes ||
		    !whole(fd, bytes, sizeof bytes))
			die("%s: %s", host, strerror(errno));
		at = now_ns();
		histogram_add(h, at - before);
	}
	(void)close(fd);
}

static void durable_writes(const char *directory, double seconds, struct histogram *h)
{
	struct iovec block = {.iov_len = BLOCK};
	char path[4096];
	off_t offset = 0;
	uint64_t end;
	int fd;

	(void)snprintf(path, sizeof path, "%s/probe", directory);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_DIRECT, 0600);
	if (fd < 0 || posix_memalign(&block.iov_base, BLOCK, BLOCK) != 0)
		die("%s: %s", path, strerror(errno));
	memset(block.iov_base, 'p', BLOCK);
	while (offset < FILE_BYTES && pwritev2(fd, &block, 1, offset, 0) == BLOCK)
		offset += BLOCK;
	if (offset < FILE_BYTES || fsync(fd) != 0)
		die("%s: %s", path, strerror(errno));
	offset = 0;
	end = now_ns() + (uint64_t)(seconds * 1e9);
	for (uint64_t at = now_ns(); at < end;) {
		const uint64_t before = at;

		if (pwritev2(fd, &block, 1, offset, RWF_DSYNC) != BLOCK)
			die("%s: %s", path, strerror(errno));
		offset = (offset + BLOCK) % FILE_BYTES;
		at = now_ns();
		histogram_add(h, at - before);
	}
	(void)close(fd);
	(void)unlink(path);
	free(block.iov_base);
}

static void print(const char *name, const struct histogram *h)
{
	printf("\"%s\": {\"n\": %llu, \"p50_us\": %.1f, \"p99_us\": %.1f}", name,
	       (unsigned long long)h->n, (double)histogram_percentile(h, 0.5) / 1e3,
	       (double)histogram_percentile(h, 0.99) / 1e3);
}

int probe_run(const char *directory, const char *host, uint16_t port, double seconds)
{
	struct histogram *trips = calloc(1, sizeof *trips);
	struct histogram *writes = calloc(1, sizeof *writes);

	if (trips == NULL || writes == NULL)
		die("out of memory");
	round_trips(host, port, seconds, trips);
	durable_writes(directory, seconds, writes);
	printf("{");
	print("round_trip", trips);
	printf(", ");
	print("durable_write", writes);
	printf("}\n");
	free(trips);
	free(writes);
	return 0;
}
