#include "lin/history.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lin/limits.h"

enum { SYMBOLS_FIRST = 64, OPS_FIRST = 64, INTEGER_TEXT_MAX = 24 };

const char *history_f_name(enum history_f f)
{
	static const char *const names[HISTORY_FS] = {
	    [HISTORY_READ] = "read",     [HISTORY_WRITE] = "write",   [HISTORY_CAS] = "cas",
	    [HISTORY_CREATE] = "create", [HISTORY_DELETE] = "delete",
	};

	assert(f < HISTORY_FS);
	return names[f];
}

static size_t hash_of(const char *text)
{
	uint64_t hash = 0xcbf29ce484222325U; /* FNV-1a */

	for (; *text != '\0'; text++)
		hash = (hash ^ (uint8_t)*text) * 0x100000001b3U;
	return (size_t)(hash ^ hash >> 29);
}

static void bucket_add(struct history *h, uint32_t symbol)
{
	size_t at = hash_of(h->symbols[symbol].text) & (h->n_buckets - 1);

	h->symbols[symbol].next = h->buckets[at];
	h->buckets[at] = symbol;
}

static enum status symbols_grow(struct history *h)
{
	size_t cap = h->cap_symbols == 0 ? SYMBOLS_FIRST : 2 * h->cap_symbols;
	struct history_symbol *symbols = realloc(h->symbols, cap * sizeof *symbols);
	uint32_t *buckets;

	if (symbols == NULL)
		return ST_NOMEM;
	h->symbols = symbols;
	buckets = calloc(cap, sizeof *buckets);
	if (buckets == NULL)
		return ST_NOMEM;
	h->cap_symbols = cap;
	free(h->buckets);
	h->buckets = buckets;
	h->n_buckets = cap;
	for (uint32_t i = 1; i < h->n_symbols; i++)
		bucket_add(h, i);
	return ST_OK;
}

enum status history_init(struct history *h)
{
	uint32_t null;

	memset(h, 0, sizeof *h);
	h->time = INT64_MIN;
	return history_symbol(h, "null", &null);
}

void history_close(struct history *h)
{
	for (size_t i = 0; i < h->n_symbols; i++)
		free(h->symbols[i].text);
	free(h->symbols);
	free(h->buckets);
	free(h->ops);
	memset(h, 0, sizeof *h);
}

enum status history_symbol(struct history *h, const char *json, uint32_t *ret)
{
	struct history_symbol *s;
	uint32_t at;

	if (h->n_symbols > 0 && strcmp(json, "null") == 0) {
		*ret = HISTORY_NULL;
		return ST_OK;
	}
	at = h->n_buckets == 0 ? 0 : h->buckets[hash_of(json) & (h->n_buckets - 1)];
	for (; at != 0; at = h->symbols[at].next) {
		if (strcmp(h->symbols[at].text, json) == 0) {
			*ret = at;
			return ST_OK;
		}
	}
	if (h->n_symbols >= (size_t)4 * HISTORY_OPS_MAX)
		return ST_LIMIT;
	if (h->n_symbols == h->cap_symbols && symbols_grow(h) != ST_OK)
		return ST_NOMEM;
	s = &h->symbols[h->n_symbols];
	memset(s, 0, sizeof *s);
	s->text = strdup(json);
	if (s->text == NULL)
		return ST_NOMEM;
	*ret = (uint32_t)h->n_symbols++;
	if (*ret != HISTORY_NULL)
		bucket_add(h, *ret);
	return ST_OK;
}

enum status history_integer(struct history *h, int64_t value, uint32_t *ret)
{
	char text[INTEGER_TEXT_MAX];

	snprintf(text, sizeof text, "%" PRId64, value);
	return history_symbol(h, text, ret);
}

const char *history_text(const struct history *h, uint32_t symbol)
{
	assert(symbol < h->n_symbols);
	return h->symbols[symbol].text;
}

enum status history_invoke(struct history *h, const struct history_op *op, int64_t time)
{
	struct history_symbol *process = &h->symbols[op->process];
	struct history_op *new_op;

	assert(op->f < HISTORY_FS && op->process < h->n_symbols && op->key < h->n_symbols);
	assert(op->value < h->n_symbols && op->expected < h->n_symbols);
	if (process->open != 0)
		return ST_BUSY;
	if (time < h->time ||
	    (op->value == HISTORY_NULL && (op->f == HISTORY_WRITE || op->f == HISTORY_CREATE)))
		return ST_INVALID;
	if (h->n_ops >= HISTORY_OPS_MAX)
		return ST_LIMIT;
	if (h->n_ops == h->cap_ops) {
		size_t cap = h->cap_ops == 0 ? OPS_FIRST : 2 * h->cap_ops;
		struct history_op *ops = realloc(h->ops, cap * sizeof *ops);

		if (ops == NULL)
			return ST_NOMEM;
		h->ops = ops;
		h->cap_ops = cap;
	}
	new_op = &h->ops[h->n_ops++];
	*new_op = *op;
	if (op->f == HISTORY_DELETE || op->f == HISTORY_READ)
		new_op->value = HISTORY_NULL;
	new_op->outcome = HISTORY_INFO;
	new_op->invoked = h->position++;
	new_op->returned = HISTORY_NEVER;
	new_op->invoke_time = time;
	new_op->return_time = 0;
	process->open = (uint32_t)h->n_ops;
	h->time = time;
	return ST_OK;
}

enum status history_return(struct history *h, uint32_t process, enum history_outcome outcome,
                           uint32_t value, int64_t time)
{
	struct history_op *op;

	assert(process < h->n_symbols && value < h->n_symbols);
	if (h->symbols[process].open == 0)
		return ST_NOT_FOUND;
	if (time < h->time)
		return ST_INVALID;
	op = &h->ops[h->symbols[process].open - 1];
	op->outcome = outcome;
	op->returned = h->position++;
	op->return_time = time;
	if (op->f == HISTORY_READ && outcome == HISTORY_OK)
		op->value = value;
	h->symbols[process].open = 0;
	h->time = time;
	return ST_OK;
}
