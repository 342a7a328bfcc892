/* Redis, RESP version 2: SET and WAIT as one request, or GET. Answers come in the order of the
 * requests, so a connection carries one client. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

enum { WAIT_MS = 5000, KEY_MAX = 96, LINE_MAX_BYTES = 512 };

struct redis {
	char key[KEY_MAX];
	unsigned answers; /* still to come for the request under way */
	const char *why;  /* what was wrong with one of them */
	uint64_t created; /* keys made so far */
};

static void redis_open(struct connection *c)
{
	struct redis *r = calloc(1, sizeof *r);

	if (r == NULL)
		die("out of memory");
	(void)snprintf(r->key, sizeof r->key, "%s:%u", c->load->options.prefix, c->slots[0].number);
	c->state = r;
	connection_ready(c);
}

static void redis_close(struct connection *c)
{
	free(c->state);
}

static void redis_ask(struct connection *c, struct slot *s)
{
	const struct options *o = &c->load->options;
	struct redis *r = c->state;

	r->why = NULL;
	r->answers = 1;
	if (s->op == OP_READ) {
		buf_printf(&c->out, "*2\r\n$3\r\nGET\r\n$%zu\r\n%s\r\n", strlen(r->key), r->key);
		return;
	}
	if (s->op == OP_CREATE)
		(void)snprintf(r->key, sizeof r->key, "%s:%u:%llu", o->prefix, s->number,
		               (unsigned long long)++r->created);
	buf_printf(&c->out, "*3\r\n$3\r\nSET\r\n$%zu\r\n%s\r\n$%u\r\n", strlen(r->key), r->key,
	           o->value_bytes);
	buf_bytes(&c->out, load_value(c->load), o->value_bytes);
	buf_bytes(&c->out, "\r\n", 2);
	if (o->wait_replicas > 0) {
		char ms[16];

		(void)snprintf(ms, sizeof ms, "%d", WAIT_MS);
		buf_printf(&c->out, "*3\r\n$4\r\nWAIT\r\n$1\r\n%u\r\n$%zu\r\n%s\r\n",
		           o->wait_replicas, strlen(ms), ms);
		r->answers = 2;
	}
}

/* Bytes of the first answer; 0: not all of it is there. Notes what is wrong with it. */
static size_t answer(struct connection *c, const uint8_t *bytes, size_t len)
{
	const uint8_t *end = memchr(bytes, '\n', len);
	struct redis *r = c->state;
	long number;
	size_t line;

	if (end == NULL)
		return 0;
	line = (size_t)(end - bytes) + 1;
	if (line < 3 || line > LINE_MAX_BYTES)
		die("an answer cannot be read");
	number = strtol((const char *)bytes + 1, NULL, 10);
	switch (bytes[0]) {
	case '+':
		return line;
	case '-':
		r->why = "the server answered with an error";
		return line;
	case ':':
		if (number < (long)c->load->options.wait_replicas)
			r->why = "too few replicas have it";
		return line;
	case '$':
		if (number != (long)c->load->options.value_bytes)
			die("another value");
		return len < line + (size_t)number + 2 ? 0 : line + (size_t)number + 2;
	default:
		die("an answer cannot be read");
	}
}

static size_t redis_take(struct connection *c, const uint8_t *bytes, size_t len)
{
	struct redis *r = c->state;
	size_t at = 0;
	size_t n;

	while (at < len && (n = answer(c, bytes + at, len - at)) > 0) {
		at += n;
		if (r->answers == 0)
			die("an answer that nobody asked for");
		if (--r->answers == 0)
			slot_done(&c->slots[0], r->why);
	}
	return at;
}

const struct protocol redis_protocol = {
    .name = "redis",
    .setup_steps = 1,
    .open = redis_open,
    .close = redis_close,
    .ask = redis_ask,
    .take = redis_take,
};
