/* Histories as JSON lines, in and out: doc/protocol/history.md. */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "lin/history.h"
#include "lin/limits.h"

enum event_type { EVENT_OK, EVENT_FAIL, EVENT_INFO, EVENT_INVOKE, EVENT_TYPES };

static const char *const type_names[EVENT_TYPES] = {
    [EVENT_INVOKE] = "invoke",
    [EVENT_OK] = "ok",
    [EVENT_FAIL] = "fail",
    [EVENT_INFO] = "info",
};

static const enum history_outcome outcomes[] = {
    [EVENT_OK] = HISTORY_OK,
    [EVENT_FAIL] = HISTORY_FAIL,
    [EVENT_INFO] = HISTORY_INFO,
};

/* One event with its names looked up. */
struct event {
	enum event_type type;
	struct history_op op; /* f, process, key, value, expected */
	int64_t time;
};

static enum status wrong(struct fault *fault, enum status st, const char *what)
{
	fault->st = st;
	fault->at = 0;
	fault->what = what;
	return st;
}

/* An integer or a text; null only where a value may be absent. */
static enum status symbol_of(struct history *h, const json_t *value, uint32_t *ret)
{
	enum status st;
	char *text;

	if (value == NULL || json_is_null(value)) {
		*ret = HISTORY_NULL;
		return ST_OK;
	}
	if (json_is_integer(value))
		return history_integer(h, json_integer_value(value), ret);
	if (!json_is_string(value))
		return ST_MALFORMED;
	text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
	if (text == NULL)
		return ST_NOMEM;
	st = history_symbol(h, text, ret);
	free(text);
	return st;
}

static enum status name_of(struct history *h, const json_t *object, const char *member,
                           struct fault *fault, uint32_t *ret)
{
	const json_t *value = json_object_get(object, member);
	enum status st = symbol_of(h, value, ret);

	if (st == ST_OK && *ret == HISTORY_NULL)
		st = ST_MALFORMED;
	if (st != ST_OK)
		return wrong(fault, st, "process and key must be integers or texts");
	return ST_OK;
}

/* Which of the names is it? n when none. */
static unsigned one_of(const json_t *value, const char *(*name)(unsigned i), unsigned n)
{
	const char *text = json_string_value(value);
	unsigned i = 0;

	while (i < n && (text == NULL || strcmp(text, name(i)) != 0))
		i++;
	return i;
}

static const char *type_name(unsigned i)
{
	return type_names[i];
}

static const char *f_name(unsigned i)
{
	return history_f_name(i);
}

static enum status values_of(struct history *h, const json_t *object, struct event *e,
                             struct fault *fault)
{
	const json_t *value = json_object_get(object, "value");
	enum status st;

	if (e->op.f == HISTORY_CAS) {
		/* The answer need not repeat what was asked. */
		if (e->type != EVENT_INVOKE)
			return ST_OK;
		if (json_array_size(value) != 2)
			return wrong(fault, ST_MALFORMED, "a cas has [expected, new]");
		st = symbol_of(h, json_array_get(value, 0), &e->op.expected);
		if (st == ST_OK)
			st = symbol_of(h, json_array_get(value, 1), &e->op.value);
	} else {
		st = symbol_of(h, value, &e->op.value);
	}
	if (st != ST_OK)
		return wrong(fault, st, "a value must be an integer, a text or null");
	if (e->type == EVENT_OK && e->op.f == HISTORY_READ && value == NULL)
		return wrong(fault, ST_MALFORMED, "a read that is ok has a value");
	return ST_OK;
}

static enum status event_of(struct history *h, const json_t *object, struct fault *fault,
                            struct event *ret)
{
	const json_t *time = json_object_get(object, "time");
	struct event e = {.type = EVENT_INVOKE};
	enum status st;

	e.type = one_of(json_object_get(object, "type"), type_name, EVENT_TYPES);
	if (e.type == EVENT_TYPES)
		return wrong(fault, ST_MALFORMED, "type must be invoke, ok, fail or info");
	e.op.f = one_of(json_object_get(object, "f"), f_name, HISTORY_FS);
	if (e.op.f == HISTORY_FS)
		return wrong(fault, ST_MALFORMED, "f must be read, write, cas, create or delete");
	if (!json_is_integer(time))
		return wrong(fault, ST_MALFORMED, "time must be an integer");
	e.time = json_integer_value(time);
	st = name_of(h, object, "process", fault, &e.op.process);
	if (st == ST_OK)
		st = name_of(h, object, "key", fault, &e.op.key);
	if (st == ST_OK)
		st = values_of(h, object, &e, fault);
	if (st == ST_OK)
		*ret = e;
	return st;
}

/* Does the answer belong to what the process asked? */
static bool answers(const struct history *h, const struct history_op *op)
{
	uint32_t open = h->symbols[op->process].open;

	return open != 0 && h->ops[open - 1].f == op->f && h->ops[open - 1].key == op->key;
}

static enum status event_add(struct history *h, const struct event *e, struct fault *fault)
{
	enum status st;

	if (e->type == EVENT_INVOKE) {
		st = history_invoke(h, &e->op, e->time);
		if (st == ST_BUSY)
			return wrong(fault, ST_MALFORMED, "the process still waits for an answer");
	} else {
		if (!answers(h, &e->op))
			return wrong(fault, ST_MALFORMED, "the process did not ask for this");
		st = history_return(h, e->op.process, outcomes[e->type], e->op.value, e->time);
	}
	if (st == ST_INVALID)
		return wrong(fault, ST_MALFORMED,
		             e->time < h->time ? "time goes backwards" : "null is never written");
	return st == ST_OK ? ST_OK : wrong(fault, st, status_text(st));
}

enum status history_line(struct history *h, const char *line, size_t len, struct fault *fault)
{
	json_t *object = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
	struct event e;
	enum status st;

	if (!json_is_object(object)) {
		json_decref(object);
		return wrong(fault, ST_MALFORMED, "not one JSON object");
	}
	st = event_of(h, object, fault, &e);
	if (st == ST_OK)
		st = event_add(h, &e, fault);
	json_decref(object);
	return st;
}

enum status history_load(struct history *h, FILE *file, struct fault *fault, size_t *ret_line)
{
	char *line = NULL;
	size_t cap = 0;
	size_t number = 0;
	enum status st = ST_OK;
	ssize_t len = 0;

	while (st == ST_OK && (len = getline(&line, &cap, file)) >= 0) {
		number++;
		if (len > HISTORY_LINE_MAX)
			st = wrong(fault, ST_LIMIT, "the line is too long");
		else if (strspn(line, " \t\r\n") < (size_t)len)
			st = history_line(h, line, (size_t)len, fault);
	}
	if (st == ST_OK && !feof(file))
		st = wrong(fault, ST_IO, "reading failed");
	free(line);
	*ret_line = number;
	return st;
}

/* --- Writing --------------------------------------------------------------------------- */

/* An event of an operation, with what is needed to sort it. */
struct saved {
	uint32_t position;
	uint32_t op;
	bool answer;
};

static int by_position(const void *a, const void *b)
{
	const struct saved *x = a;
	const struct saved *y = b;

	return (x->position > y->position) - (x->position < y->position);
}

static void save_value(const struct history *h, const struct history_op *op, bool answer,
                       FILE *file)
{
	if (op->f == HISTORY_CAS)
		(void)fprintf(file, "[%s,%s]", history_text(h, op->expected),
		              history_text(h, op->value));
	else if (op->f == HISTORY_READ && !answer)
		(void)fputs("null", file);
	else
		(void)fputs(history_text(h, op->value), file);
}

static void save_event(const struct history *h, const struct saved *s, FILE *file)
{
	const struct history_op *op = &h->ops[s->op];
	enum event_type type = EVENT_INFO;

	while (type > EVENT_OK && outcomes[type] != op->outcome)
		type--;
	(void)fprintf(file, "{\"process\":%s,\"type\":\"%s\",\"f\":\"%s\",\"key\":%s,\"value\":",
	              history_text(h, op->process), type_names[s->answer ? type : EVENT_INVOKE],
	              history_f_name(op->f), history_text(h, op->key));
	save_value(h, op, s->answer, file);
	(void)fprintf(file, ",\"time\":%" PRId64 "}\n",
	              s->answer ? op->return_time : op->invoke_time);
}

enum status history_save(const struct history *h, FILE *file)
{
	struct saved *events = calloc(2 * h->n_ops + 1, sizeof *events);
	size_t n = 0;

	if (events == NULL)
		return ST_NOMEM;
	for (uint32_t i = 0; i < h->n_ops; i++) {
		events[n++] = (struct saved){h->ops[i].invoked, i, false};
		if (h->ops[i].returned != HISTORY_NEVER)
			events[n++] = (struct saved){h->ops[i].returned, i, true};
	}
	qsort(events, n, sizeof *events, by_position);
	for (size_t i = 0; i < n; i++)
		save_event(h, &events[i], file);
	free(events);
	return ferror(file) ? ST_IO : ST_OK;
}
