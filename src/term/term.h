/* Erlang terms: immutable values built in an arena.
 *
 * Atoms are UTF-8, at most 255 characters (ATOM_BYTES_MAX bytes). Integers of any size: those
 * that fit an int64 are TERM_INT, always; larger ones are TERM_BIG. Lists are cons cells ending
 * in TERM_NIL or, improper, in any other term.
 *
 * Constructors return NULL when the arena is exhausted; they also return NULL when given NULL,
 * so that a tree is built straight through and checked once. */
#ifndef TERM_TERM_H
#define TERM_TERM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/status.h"

enum { ATOM_BYTES_MAX = 1020, TERM_DEPTH_MAX = 512 };

enum term_type {
	TERM_INT,
	TERM_BIG,
	TERM_FLOAT,
	TERM_ATOM,
	TERM_REF,
	TERM_FUN, /* a fun made by the evaluator, or an external one kept opaque */
	TERM_PORT,
	TERM_PID,
	TERM_TUPLE,
	TERM_MAP,
	TERM_NIL,
	TERM_CONS,
	TERM_BINARY, /* a bitstring: bits need not be a multiple of eight */
};

struct term;

struct term_bytes {
	const uint8_t *base;
	size_t len;    /* bytes, the last one possibly partial */
	unsigned tail; /* bits used in the last byte, 1..8; 8 for a binary */
};

/* Node-bound identities as they travel: pids, ports, references. */
struct term_node_id {
	const char *node; /* atom text, NUL-terminated */
	uint32_t creation;
	uint64_t id;       /* pid: id; port: id */
	uint32_t serial;   /* pid only */
	uint32_t words[5]; /* reference only */
	unsigned n_words;
};

enum term_type term_type(const struct term *t);

/* Constructors. Text and bytes are copied into the arena. */
const struct term *term_int(struct arena *a, int64_t v);
const struct term *term_float(struct arena *a, double v);
const struct term *term_atom(struct arena *a, const char *text);
const struct term *term_atom_n(struct arena *a, const char *text, size_t len);
const struct term *term_bool(struct arena *a, bool v);
const struct term *term_binary(struct arena *a, const void *bytes, size_t len);
const struct term *term_string(struct arena *a, const char *utf8); /* list of code points */
const struct term *term_nil(struct arena *a);
const struct term *term_cons(struct arena *a, const struct term *head, const struct term *tail);
const struct term *term_list(struct arena *a, const struct term *const items[], size_t n);
const struct term *term_tuple(struct arena *a, const struct term *const items[], size_t n);
/* A map of n pairs: keys[i] => values[i]; later pairs win over earlier equal keys. */
const struct term *term_map(struct arena *a, const struct term *const keys[],
                            const struct term *const values[], size_t n);
const struct term *term_pid(struct arena *a, const struct term_node_id *id);
const struct term *term_ref(struct arena *a, const struct term_node_id *id);

/* Short forms for the commonest shapes. */
const struct term *term_tuple2(struct arena *a, const struct term *x, const struct term *y);
const struct term *term_tuple3(struct arena *a, const struct term *x, const struct term *y,
                               const struct term *z);

/* Accessors; each asserts the type unless it says otherwise. */
int64_t term_int_value(const struct term *t);
double term_float_value(const struct term *t);
const char *term_atom_text(const struct term *t);          /* NUL-terminated */
bool term_is_atom(const struct term *t, const char *text); /* any type */
bool term_is_list(const struct term *t);                   /* nil or cons; any type */
struct term_bytes term_binary_bytes(const struct term *t);
size_t term_tuple_size(const struct term *t);
const struct term *term_element(const struct term *t, size_t i); /* 0-based */
const struct term *term_head(const struct term *t);
const struct term *term_tail(const struct term *t);
/* Length of a proper list, or -1 when t is not one. Any type. */
int64_t term_length(const struct term *t);
size_t term_map_size(const struct term *t);
/* Pairs in Erlang's term order of keys. */
const struct term *term_map_key(const struct term *t, size_t i);
const struct term *term_map_value(const struct term *t, size_t i);
/* The value of key (==:=, exact), or NULL. */
const struct term *term_map_get(const struct term *t, const struct term *key);
const struct term_node_id *term_node_id(const struct term *t); /* pid, port or reference */

/* Text of an atom, binary, or string (list of code points) as UTF-8 with a NUL: what operators
 * pass as names and values. ST_INVALID for any other term, ST_LIMIT when it does not fit. */
CHECKED enum status term_text(const struct term *t, char *ret, size_t cap, size_t *ret_len);

/* Erlang's term order: < 0, 0, > 0. exact: 1 and 1.0 differ (=:=), as map keys do. */
int term_compare(const struct term *x, const struct term *y, bool exact);

/* Print as io:format("~p") and ("~w") do. column_max 0: on one line; else break lines as ~p does
 * with that width (80). encoding of strings: Unicode, as in an Erlang shell (+pc latin1 default:
 * lists of printable Latin-1 characters print as "text"). */
void term_print(struct buf *b, const struct term *t);                             /* ~w */
void term_print_pretty(struct buf *b, const struct term *t, unsigned column_max); /* ~p */

/* External term format, version byte 131 included. Decoding copies into the arena; it checks
 * sizes, depth and counts before it allocates. */
CHECKED enum status term_encode(const struct term *t, struct buf *b);
CHECKED enum status term_decode(struct arena *a, const uint8_t *bytes, size_t len, size_t *ret_used,
                                const struct term **ret);

#endif
