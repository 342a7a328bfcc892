/* The client channel's requests: commands and reads of programs that keep sessions here.
 *
 * Runs on the loop's thread, allocates one small block a request, and copies a command once,
 * into the request that waits for its commit. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "io/clients.h"
#include "node/node_internal.h"
#include "session/command.h"
#include "session/limits.h"
#include "session/store.h"

/* A request under way. */
struct asked {
	struct node *node;
	uint64_t client;
	uint64_t tag;
	int64_t began_us;
	enum metric_operation operation;
	struct session_id id; /* read */
	uint16_t key_len;
	uint8_t key[]; /* read */
};

static enum client_outcome outcome_of(enum status st, bool read)
{
	switch (st) {
	case ST_OK:
		return CLIENT_OK;
	case ST_FENCED:
	case ST_CLOSED:
		return CLIENT_FENCED;
	case ST_BUSY:
	case ST_NOMEM:
	case ST_NO_SPACE:
		return CLIENT_BUSY;
	default:
		return read ? CLIENT_UNCONFIRMED : CLIENT_UNKNOWN;
	}
}

/* What a command that command_check() accepts does. */
static enum metric_operation operation_of(const uint8_t *bytes)
{
	static const enum metric_operation operations[COMMAND_TYPES] = {
	    [COMMAND_CREATE] = OPERATION_CREATE,        [COMMAND_PUT] = OPERATION_PUT,
	    [COMMAND_DELETE] = OPERATION_DELETE,        [COMMAND_UNSET] = OPERATION_SESSION,
	    [COMMAND_CLAIM] = OPERATION_SESSION,        [COMMAND_TOUCH] = OPERATION_SESSION,
	    [COMMAND_APPEND] = OPERATION_STREAM,        [COMMAND_TRIM] = OPERATION_STREAM,
	    [COMMAND_CLOSE] = OPERATION_STREAM,         [COMMAND_ASK] = OPERATION_PENDING,
	    [COMMAND_ANSWER] = OPERATION_PENDING,       [COMMAND_DISMISS] = OPERATION_PENDING,
	    [COMMAND_HANDLE_CREATE] = OPERATION_HANDLE, [COMMAND_HANDLE_PUT] = OPERATION_HANDLE,
	    [COMMAND_HANDLE_DELETE] = OPERATION_HANDLE, [COMMAND_TASK_CREATE] = OPERATION_TASK,
	    [COMMAND_TASK_UPDATE] = OPERATION_TASK,     [COMMAND_TASK_CANCEL] = OPERATION_TASK,
	    [COMMAND_TASK_CLAIM] = OPERATION_TASK,      [COMMAND_TASK_DELETE] = OPERATION_TASK,
	};
	const unsigned type = command_type_of(bytes);

	return type < COMMAND_TYPES ? operations[type] : OPERATION_OTHER;
}

static void measure(const struct asked *a, enum client_outcome outcome)
{
	static const enum metric_outcome outcomes[] = {
	    [CLIENT_OK] = OUTCOME_OK,
	    [CLIENT_NOT_FOUND] = OUTCOME_NOT_FOUND,
	    [CLIENT_FENCED] = OUTCOME_FENCED,
	    [CLIENT_UNKNOWN] = OUTCOME_UNKNOWN,
	    [CLIENT_UNCONFIRMED] = OUTCOME_UNCONFIRMED,
	    [CLIENT_BUSY] = OUTCOME_BUSY,
	    [CLIENT_INVALID] = OUTCOME_INVALID,
	};

	metrics_operation(&a->node->metrics, DOOR_CLIENT, a->operation, outcomes[outcome],
	                  node_now_us(NULL) - a->began_us);
}

static void answer(struct asked *a, enum client_outcome outcome, const uint8_t *bytes, size_t len)
{
	measure(a, outcome);
	clients_answer(a->node->clients, a->client, a->tag, outcome, bytes, len);
	free(a);
}

static void written(void *arg, enum status st, const uint8_t *result, size_t len)
{
	answer(arg, outcome_of(st, false), result, st == ST_OK ? len : 0);
}

static void read_done(void *arg, enum status st, const uint8_t *result, size_t len)
{
	struct asked *a = arg;
	struct core *core = a->node->core;
	const uint8_t *value;
	size_t value_len;

	(void)result;
	(void)len;
	if (st != ST_OK) {
		answer(a, outcome_of(st, true), NULL, 0);
		return;
	}
	st = store_value(core_store(core), &a->id, a->key, a->key_len, &value, &value_len);
	if (!core_reads_valid(core)) {
		core_read(core, true, read_done, a);
		return;
	}
	core_used(core, &a->id);
	if (st == ST_OK)
		answer(a, CLIENT_OK, value, value_len);
	else
		answer(a, CLIENT_NOT_FOUND, NULL, 0);
}

static struct asked *asked_new(struct node *n, uint64_t client, const struct client_frame *f,
                               size_t key_len)
{
	struct asked *a = malloc(sizeof *a + key_len);

	if (a == NULL) {
		clients_answer(n->clients, client, f->tag, CLIENT_BUSY, NULL, 0);
		return NULL;
	}
	a->node = n;
	a->client = client;
	a->tag = f->tag;
	a->began_us = node_now_us(NULL);
	a->operation = OPERATION_GET;
	a->key_len = (uint16_t)key_len;
	return a;
}

static void on_write(struct node *n, uint64_t client, const struct client_frame *f)
{
	struct fault fault;
	struct asked *a;

	if (command_check(f->bytes, f->len, &fault) != ST_OK) {
		clients_answer(n->clients, client, f->tag, CLIENT_INVALID,
		               (const uint8_t *)fault.what, strlen(fault.what));
		return;
	}
	a = asked_new(n, client, f, 0);
	if (a == NULL)
		return;
	a->operation = operation_of(f->bytes);
	core_write_encoded(n->core, f->bytes, f->len, written, a);
}

static void on_read(struct node *n, uint64_t client, const struct client_frame *f)
{
	struct asked *a;

	if (f->len > SESSION_KEY_MAX) {
		clients_answer(n->clients, client, f->tag, CLIENT_INVALID, NULL, 0);
		return;
	}
	a = asked_new(n, client, f, f->len);
	if (a == NULL)
		return;
	memcpy(a->id.bytes, f->id, SESSION_ID_BYTES);
	memcpy(a->key, f->bytes, f->len);
	core_read(n->core, false, read_done, a);
}

static void on_request(void *arg, uint64_t client, const struct client_frame *frame)
{
	if (frame->type == CLIENT_WRITE)
		on_write(arg, client, frame);
	else
		on_read(arg, client, frame);
}

bool node_open_clients(struct node *n)
{
	const struct clients_ops ops = {n, on_request};
	struct sockaddr_in address = {.sin_family = AF_INET};
	const struct clients_config config = {n->config->node_name, n->config->cookie, &address};
	enum status st = ST_OK;

	if (n->config->client_port == 0)
		return true;
	address.sin_port = htons((uint16_t)n->config->client_port);
	if (n->config->client_interface[0] != '\0' &&
	    inet_pton(AF_INET, n->config->client_interface, &address.sin_addr) != 1)
		st = ST_INVALID;
	if (st == ST_OK)
		st = clients_open(loop_uv(n->loop), &config, &ops, &n->clients);
	if (st == ST_OK)
		return true;
	log_line(n->log, LOG_ERROR,
	         "The client channel cannot listen on %s, port %u: %s. Choose another client_port "
	         "or client_interface, or port 0 for no such channel",
	         n->config->client_interface, n->config->client_port, status_text(st));
	return false;
}
