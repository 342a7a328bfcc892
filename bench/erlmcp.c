/* erlmcp's client channel: doc/protocol/client-channel.md. Each client has a session of its own. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "bench.h"
#include "io/client_wire.h"
#include "session/store.h"

enum { SETUP_CREATE, SETUP_PUT, SETUP_STEPS, COMMAND_BYTES_MAX = 80 * 1024 };

static const uint8_t key[] = "value";

struct erlmcp {
	uint8_t nonce[CLIENT_NONCE];  /* ours */
	uint8_t theirs[CLIENT_NONCE]; /* the server's */
	struct buf command;           /* being encoded */
	struct session_id ids[];      /* of the clients */
};

static void erlmcp_open(struct connection *c)
{
	struct erlmcp *e = calloc(1, sizeof *e + c->load->depth * sizeof e->ids[0]);

	if (e == NULL || getrandom(e->nonce, sizeof e->nonce, 0) != sizeof e->nonce)
		die("out of memory");
	buf_init(&e->command, COMMAND_BYTES_MAX);
	c->state = e;
}

static void erlmcp_close(struct connection *c)
{
	struct erlmcp *e = c->state;

	buf_close(&e->command);
	free(e);
}

static void new_id(struct load *l, struct session_id *ret)
{
	const uint64_t words[2] = {prng_next(&l->prng), prng_next(&l->prng)};

	memcpy(ret->bytes, words, sizeof ret->bytes);
}

static void ask_read(struct connection *c, const struct slot *s)
{
	const struct erlmcp *e = c->state;
	const struct client_frame f = {.type = CLIENT_READ,
	                               .tag = s->index,
	                               .id = e->ids[s->index].bytes,
	                               .bytes = key,
	                               .len = sizeof key - 1};

	client_frame_encode(&c->out, &f);
}

static void erlmcp_ask(struct connection *c, struct slot *s)
{
	const struct command_head head = {0};
	struct erlmcp *e = c->state;
	struct client_frame f = {.type = CLIENT_WRITE, .tag = s->index};
	struct session_id *id = &e->ids[s->index];

	if (s->op == OP_READ) {
		ask_read(c, s);
		return;
	}
	buf_reset(&e->command);
	if (s->op == OP_CREATE || (s->op == OP_SETUP && s->setup == SETUP_CREATE)) {
		if (s->tries == 0)
			new_id(c->load, id);
		command_create(&e->command, &head, id, load_value(c->load),
		               s->op == OP_CREATE ? c->load->options.value_bytes : 0);
	} else {
		command_put(&e->command, &head, id, key, sizeof key - 1, load_value(c->load),
		            c->load->options.value_bytes);
	}
	if (buf_status(&e->command) != ST_OK)
		die("out of memory");
	f.bytes = e->command.base;
	f.len = e->command.len;
	client_frame_encode(&c->out, &f);
}

static void greet(struct connection *c, const struct client_frame *f)
{
	struct erlmcp *e = c->state;
	uint8_t proof[CLIENT_PROOF];
	struct client_frame answer = {.type = CLIENT_PROVE, .nonce = e->nonce, .proof = proof};

	if (f->version != CLIENT_VERSION)
		die("the server speaks version %u", f->version);
	memcpy(e->theirs, f->nonce, CLIENT_NONCE);
	if (client_proof(c->load->options.cookie, false, f->nonce, e->nonce, proof) != ST_OK)
		die("no HMAC");
	client_frame_encode(&c->out, &answer);
}

static void welcome(struct connection *c, const struct client_frame *f)
{
	const struct erlmcp *e = c->state;
	uint8_t wanted[CLIENT_PROOF];

	if (client_proof(c->load->options.cookie, true, e->nonce, e->theirs, wanted) != ST_OK ||
	    !client_proof_equal(wanted, f->proof))
		die("the server does not know the cookie");
	connection_ready(c);
}

static void done(struct connection *c, const struct client_frame *f)
{
	struct store_answer answer;
	struct slot *s;

	if (f->tag >= c->load->depth)
		die("an answer that nobody asked for");
	s = &c->slots[f->tag];
	if (f->outcome != CLIENT_OK)
		slot_done(s, client_outcome_text(f->outcome));
	else if (s->op == OP_READ)
		slot_done(s, f->len == c->load->options.value_bytes ? NULL : "another value");
	else if (store_result_decode(f->bytes, f->len, &answer) != ST_OK)
		slot_done(s, "no result");
	else if (answer.result == RESULT_EXISTS && s->op == OP_CREATE && s->tries > 0)
		slot_done(s, NULL); /* an earlier try made it, unknown to us */
	else
		slot_done(s, answer.result == RESULT_OK ? NULL : store_result_text(answer.result));
}

static size_t erlmcp_take(struct connection *c, const uint8_t *bytes, size_t len)
{
	struct client_frame f;
	size_t at = 0;
	size_t n;

	while (client_frame_length(bytes + at, len - at, &n) == ST_OK) {
		if (client_frame_decode(bytes + at, n, &f) != ST_OK)
			die("a frame cannot be read");
		at += n;
		if (f.type == CLIENT_HELLO)
			greet(c, &f);
		else if (f.type == CLIENT_WELCOME)
			welcome(c, &f);
		else if (f.type == CLIENT_DONE)
			done(c, &f);
		else
			die("refused: %.*s", (int)f.len, (const char *)f.bytes);
	}
	return at;
}

const struct protocol erlmcp_protocol = {
    .name = "erlmcp",
    .setup_steps = SETUP_STEPS,
    .many = true,
    .open = erlmcp_open,
    .close = erlmcp_close,
    .ask = erlmcp_ask,
    .take = erlmcp_take,
};
