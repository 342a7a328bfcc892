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

/* ATOM_BYTES_MAX: 255 characters of at most four bytes, Erlang's own limit. TERM_DEPTH_MAX: no
 * constructor builds a term nested deeper (list length does not count), so that printing,
 * comparing and encoding may recurse. TERM_WEIGHT_MAX: likewise no term is heavier, even when
 * sharing makes it small in memory, so that walking one is bounded. */
enum { ATOM_BYTES_MAX = 1020, TERM_DEPTH_MAX = 512, TERM_WEIGHT_MAX = 1 << 22 };

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

enum term_fun_kind {
	TERM_FUN_EXPORT, /* fun module:function/arity */
	TERM_FUN_LOCAL,  /* made by the evaluator of this process */
	TERM_FUN_OPAQUE, /* a closure of another node: kept as it came */
};

struct term_fun {
	enum term_fun_kind kind;
	unsigned arity;
	const char *module;   /* atom text */
	const char *function; /* EXPORT: atom text */
	uint32_t index;       /* LOCAL, OPAQUE: which fun of the module */
	uint32_t uniq;        /* LOCAL, OPAQUE: the version of the module */
	const void *closure;  /* LOCAL: the evaluator's; borrowed */
	const uint8_t *raw;   /* OPAQUE: external format with its tag byte */
	size_t raw_len;       /* OPAQUE */
};

enum term_type term_type(const struct term *t);

/* Cost of walking t: nodes, and 32 bytes of binary count as one. 1..TERM_WEIGHT_MAX. */
uint32_t term_weight(const struct term *t);

/* Constructors. Text and bytes are copied into the arena. They return NULL, and mark the arena
 * as failed, also when the result were deeper or heavier than the limits above. */
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
const struct term *term_port(struct arena *a, const struct term_node_id *id);
const struct term *term_ref(struct arena *a, const struct term_node_id *id);
/* Any number of bits; unused bits of the last byte are cleared. */
const struct term *term_bitstring(struct arena *a, const void *bytes, size_t n_bits);
/* A binary of len bytes that the caller fills through *ret_bytes before anybody reads it. */
const struct term *term_binary_new(struct arena *a, size_t len, uint8_t **ret_bytes);
const struct term *term_fun(struct arena *a, const struct term_fun *fun);
/* A list like term_list() with another tail than nil. */
const struct term *term_list_tail(struct arena *a, const struct term *const items[], size_t n,
                                  const struct term *tail);
/* t itself copied, with everything below it, out of another arena. */
const struct term *term_copy(struct arena *a, const struct term *t);

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
/* The value of key (=:=, exact), or NULL. */
const struct term *term_map_get(const struct term *t, const struct term *key);
const struct term_node_id *term_node_id(const struct term *t); /* pid, port or reference */
const struct term_fun *term_fun_of(const struct term *t);
bool term_is_integer(const struct term *t); /* int or big; any type */
size_t term_bit_size(const struct term *t); /* of a binary or bitstring */

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

/* All there is to choose. depth 0: unlimited; else what is nested deeper, or further on, than
 * ~P and ~W show becomes "...". unicode: as ~tp and ~tw. column: where the text starts, from 1. */
struct term_print_options {
	bool pretty;     /* ~p: strings as text, lines broken */
	bool no_strings; /* with pretty: ~lp */
	bool unicode;    /* t modifier */
	unsigned column; /* first column, 1-based */
	unsigned width;  /* 0: one line */
	unsigned depth;  /* 0: unlimited */
};
void term_print_with(struct buf *b, const struct term *t, const struct term_print_options *o);

/* The text of a float as Erlang writes it: the shortest one that reads back the same. */
void term_print_float(struct buf *b, double v);

/* Whether ~w puts the atom between quotes. */
bool term_atom_needs_quotes(const char *text, size_t len);

/* External term format, version byte 131 included. Decoding copies into the arena; it checks
 * sizes, depth and counts before it allocates. Compressed terms are refused (ST_UNSUPPORTED).
 * Terms with funs of the evaluator cannot be encoded (ST_UNSUPPORTED). */
CHECKED enum status term_encode(const struct term *t, struct buf *b);
CHECKED enum status term_decode(struct arena *a, const uint8_t *bytes, size_t len, size_t *ret_used,
                                const struct term **ret);

/* The same without the version byte, as terms are nested in other formats. */
CHECKED enum status term_encode_bare(const struct term *t, struct buf *b);
CHECKED enum status term_decode_bare(struct arena *a, const uint8_t *bytes, size_t len,
                                     size_t *ret_used, const struct term **ret);

#endif
