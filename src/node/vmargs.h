/* vm.args: words as Erlang's erlexec splits them, grouped into flags with their values.
 *
 * White space separates words; # starts a comment anywhere outside quotes (## is the same);
 * "..." and '...' quote, and a backslash quotes one character outside of quotes. A word that
 * begins with - or + starts a flag; the words up to the next flag are its values; a number
 * such as -1 is a value. After -extra everything is a value. What the flags mean is not known
 * here. */
#ifndef NODE_VMARGS_H
#define NODE_VMARGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/status.h"

struct vmargs_word {
	const char *text; /* NUL-terminated, in the arena */
	unsigned line;    /* 1-based, where the word starts */
	unsigned column;  /* 1-based, in bytes */
	bool flag;        /* starts a flag: not quoted, begins with - or + */
};

struct vmargs {
	struct vmargs_word *words; /* in the arena */
	size_t n;
};

/* Where and why splitting failed. */
struct vmargs_fault {
	unsigned line;
	unsigned column;
	const char *what; /* the rule and the remedy; static */
};

/* Split a whole file. ST_MALFORMED (unclosed quote, NUL byte, a value before any flag),
 * ST_LIMIT or ST_NOMEM with *fault. */
CHECKED enum status vmargs_parse(struct arena *a, const char *text, size_t len, struct vmargs *ret,
                                 struct vmargs_fault *fault);

/* Index behind the values of the flag at index i. */
size_t vmargs_next(const struct vmargs *v, size_t i);

#endif
