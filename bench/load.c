/* The loop: connections, requests, answers, times. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

enum {
	EVENTS_MAX = 256,
	READ_MAX = 256 * 1024,
	STALL_S = 30, /* nothing at all for so long: the server hangs */
};

void die(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)fputs("erlmcp-bench: ", stderr);
	(void)vfprintf(stderr, fmt, args);
	(void)fputc('\n', stderr);
	va_end(args);
	exit(1);
}

uint64_t now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

const uint8_t *load_value(struct load *l)
{
	const uint64_t word = prng_next(&l->prng);

	memcpy(l->value, &word, sizeof word < l->options.value_bytes ? sizeof word : 1);
	return l->value;
}

static double own_cpu_s(void)
{
	struct rusage u;

	(void)getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void ask(struct slot *s, uint64_t now)
{
	struct load *l = s->connection->load;

	if (s->setup < l->options.protocol->setup_steps)
		s->op = OP_SETUP;
	else if (l->options.create)
		s->op = OP_CREATE;
	else
		s->op = prng_next(&l->prng) % 100 < l->options.reads ? OP_READ : OP_WRITE;
	s->sent_ns = now;
	s->tries = 0;
	l->options.protocol->ask(s->connection, s);
	if (buf_status(&s->connection->out) != ST_OK)
		die("out of memory for requests");
}

static void send_out(struct connection *c);

/* Everybody is there: clients begin together. */
static void begin(struct load *l)
{
	const uint64_t now = now_ns();
	unsigned i;
	unsigned k;

	l->begun = true;
	l->start_ns = now + (uint64_t)(l->options.warm_up_s * 1e9);
	l->end_ns = l->start_ns + (uint64_t)(l->options.seconds * 1e9);
	for (i = 0; i < l->options.connections; i++) {
		for (k = 0; k < l->depth; k++) {
			l->asked++;
			ask(&l->connections[i].slots[k], now);
		}
		send_out(&l->connections[i]);
	}
}

void connection_ready(struct connection *c)
{
	struct load *l = c->load;
	const uint64_t now = now_ns();
	unsigned k;

	l->n_ready++;
	for (k = 0; k < l->depth; k++) {
		if (l->options.protocol->setup_steps > 0 && !l->options.create)
			ask(&c->slots[k], now);
		else
			l->n_set_up++;
	}
}

static void note_error(struct load *l, const char *why)
{
	unsigned i = 0;

	l->errors++;
	while (i + 1 < REASONS_MAX && l->reasons[i].n > 0 && strcmp(l->reasons[i].text, why) != 0)
		i++;
	if (l->reasons[i].n++ == 0)
		(void)snprintf(l->reasons[i].text, sizeof l->reasons[i].text, "%s", why);
}

static void trace(struct load *l, const struct slot *s, uint64_t now, bool refused)
{
	const struct traced t = {
	    .sent_ns = l->wall_ns + s->sent_ns,
	    .took_us = (uint32_t)((now - s->sent_ns) / 1000),
	    .what = (uint32_t)s->op | (refused ? 256U : 0U),
	};

	if (l->trace != NULL && fwrite(&t, sizeof t, 1, l->trace) != 1)
		die("%s: %s", l->options.trace, strerror(errno));
}

/* The window opens with the first answer behind the warm-up. */
static void watch(struct load *l, uint64_t now)
{
	if (!l->measuring && now >= l->start_ns) {
		l->measuring = true;
		l->start_ns = now;
		l->end_ns = now + (uint64_t)(l->options.seconds * 1e9);
		usage_read(&l->options, &l->before);
		l->client_cpu_s = -own_cpu_s();
	}
	if (l->measuring && !l->ended && l->options.requests == 0 && now >= l->end_ns) {
		l->ended = true;
		l->end_ns = now;
	}
}

static void note(struct load *l, const struct slot *s, const char *why)
{
	const uint64_t now = now_ns();

	watch(l, now);
	if (!l->measuring || l->ended)
		return;
	trace(l, s, now, why != NULL);
	if (why != NULL)
		note_error(l, why);
	else
		histogram_add(s->op == OP_READ ? &l->reads : &l->writes, now - s->sent_ns);
	if (l->options.requests > 0 &&
	    l->reads.n + l->writes.n + (l->options.retry ? 0 : l->errors) >= l->options.requests) {
		l->ended = true;
		l->end_ns = now;
	}
}

void slot_done(struct slot *s, const char *why)
{
	struct load *l = s->connection->load;

	if (s->op == OP_SETUP) {
		if (why != NULL)
			die("setting up: %s", why);
		s->setup++;
		if (s->setup < l->options.protocol->setup_steps)
			ask(s, now_ns());
		else
			l->n_set_up++;
		return;
	}
	note(l, s, why);
	if (why != NULL && l->options.retry && !l->ended) {
		s->tries++;
		s->due_ns = now_ns() + RETRY_MS * 1000000ULL;
		l->refused[(l->first_refused + l->n_refused++) % l->options.clients] = s;
		return;
	}
	if (l->ended || (l->options.requests > 0 && l->asked >= l->options.requests))
		return;
	l->asked++;
	ask(s, now_ns());
}

static void want(struct connection *c, bool out)
{
	struct epoll_event ev = {.events = EPOLLIN | (out ? (unsigned)EPOLLOUT : 0U),
	                         .data.ptr = c};

	if (c->waiting_out == out)
		return;
	c->waiting_out = out;
	if (epoll_ctl(c->load->epoll, EPOLL_CTL_MOD, c->fd, &ev) != 0)
		die("epoll: %s", strerror(errno));
}

static void send_out(struct connection *c)
{
	while (c->out.len > 0) {
		const ssize_t n = send(c->fd, c->out.base, c->out.len, MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN) {
			want(c, true);
			return;
		}
		if (n < 0)
			die("send: %s", strerror(errno));
		buf_consume(&c->out, (size_t)n);
	}
	want(c, false);
}

static void read_in(struct connection *c)
{
	static uint8_t chunk[READ_MAX];
	const struct protocol *p = c->load->options.protocol;
	const ssize_t n = recv(c->fd, chunk, sizeof chunk, 0);
	size_t done;

	if (n < 0 && errno == EAGAIN)
		return;
	if (n < 0)
		die("receive: %s", strerror(errno));
	if (n == 0)
		die("the server hung up");
	if (c->in.len == 0) {
		done = p->take(c, chunk, (size_t)n);
		buf_bytes(&c->in, chunk + done, (size_t)n - done);
	} else {
		buf_bytes(&c->in, chunk, (size_t)n);
		buf_consume(&c->in, p->take(c, c->in.base, c->in.len));
	}
	if (buf_status(&c->in) != ST_OK)
		die("an answer is too long");
}

static void connect_to(struct load *l, struct connection *c)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(l->options.port)};
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c};
	const int on = 1;

	if (inet_pton(AF_INET, l->options.host, &address.sin_addr) != 1)
		die("%s is no address", l->options.host);
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&address, sizeof address) != 0)
		die("%s:%u: %s", l->options.host, l->options.port, strerror(errno));
	(void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	ev.data.ptr = c;
	if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, c->fd, &ev) != 0)
		die("epoll: %s", strerror(errno));
}

static void open_connection(struct load *l, unsigned i)
{
	struct connection *c = &l->connections[i];
	unsigned k;

	c->load = l;
	buf_init(&c->in, OUT_MAX);
	buf_init(&c->out, OUT_MAX);
	c->slots = calloc(l->depth, sizeof *c->slots);
	if (c->slots == NULL)
		die("out of memory");
	for (k = 0; k < l->depth; k++) {
		c->slots[k].connection = c;
		c->slots[k].index = k;
		c->slots[k].number = i * l->depth + k;
		if (l->options.create)
			c->slots[k].setup = l->options.protocol->setup_steps;
	}
	connect_to(l, c);
	l->options.protocol->open(c);
	send_out(c);
}

/* What was refused is asked again, with the same words. Returns when the next one is, in ms. */
static int ask_again(struct load *l)
{
	const uint64_t now = now_ns();

	while (l->n_refused > 0) {
		struct slot *s = l->refused[l->first_refused];

		if (s->due_ns > now)
			return (int)((s->due_ns - now) / 1000000U) + 1;
		l->first_refused = (l->first_refused + 1) % l->options.clients;
		l->n_refused--;
		l->options.protocol->ask(s->connection, s);
		send_out(s->connection);
	}
	return STALL_S * 1000;
}

static void turn(struct load *l)
{
	struct epoll_event events[EVENTS_MAX];
	const int wait_ms = ask_again(l);
	int n = epoll_wait(l->epoll, events, EVENTS_MAX, wait_ms);
	int i;

	if (n == 0 && wait_ms == STALL_S * 1000)
		die("no answer for %d s", STALL_S);
	for (i = 0; i < n; i++) {
		struct connection *c = events[i].data.ptr;

		if ((events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
			read_in(c);
		if (c->out.len > 0)
			send_out(c);
		else
			want(c, false);
	}
	if (!l->begun && l->n_ready == l->options.connections && l->n_set_up == l->options.clients)
		begin(l);
}

static void begin_trace(struct load *l)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	l->wall_ns = (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec - now_ns();
	if (l->options.trace == NULL)
		return;
	l->trace = fopen(l->options.trace, "wb");
	if (l->trace == NULL)
		die("%s: %s", l->options.trace, strerror(errno));
}

static void end_trace(struct load *l)
{
	if (l->trace != NULL && fclose(l->trace) != 0)
		die("%s: %s", l->options.trace, strerror(errno));
}

int load_run(struct load *l)
{
	unsigned i;

	begin_trace(l);
	l->depth = l->options.clients / l->options.connections;
	l->prng.state = now_ns() ^ (uint64_t)getpid() << 32;
	for (i = 0; i < l->options.value_bytes; i++)
		l->value[i] = (uint8_t)prng_next(&l->prng);
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	l->connections = calloc(l->options.connections, sizeof *l->connections);
	l->refused = calloc(l->options.clients, sizeof(struct slot *));
	if (l->epoll < 0 || l->connections == NULL || l->refused == NULL)
		die("cannot begin: %s", strerror(errno));
	for (i = 0; i < l->options.connections; i++)
		open_connection(l, i);
	while (!l->ended)
		turn(l);
	l->client_cpu_s += own_cpu_s();
	usage_read(&l->options, &l->after);
	for (i = 0; i < l->options.connections; i++) {
		struct connection *c = &l->connections[i];

		l->options.protocol->close(c);
		(void)close(c->fd);
		buf_close(&c->in);
		buf_close(&c->out);
		free(c->slots);
	}
	free(l->connections);
	free(l->refused);
	(void)close(l->epoll);
	end_trace(l);
	return 0;
}
