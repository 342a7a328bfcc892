/* How wide everything in a term is when it is printed as ~p on one line. */
#ifndef TERM_MEASURE_H
#define TERM_MEASURE_H

#include "term/term.h"

enum shape {
	SHAPE_TEXT,  /* does not break */
	SHAPE_BYTES, /* <<1,2,3>>: breaks after commas */
	SHAPE_LIST,
	SHAPE_TUPLE,  /* {1,a} */
	SHAPE_TAGGED, /* {a,1} */
	SHAPE_MAP,
	SHAPE_PAIR, /* key => value: two kids */
};

struct node {
	enum shape shape;
	bool improper;           /* LIST: the last kid follows a bar */
	bool dots;               /* the last kid is "..." */
	size_t n;                /* kids */
	long width;              /* characters on one line */
	const struct node *kids; /* n of them */
	const char *text;        /* TEXT, BYTES: UTF-8 */
	size_t len;              /* bytes of text */
};

struct measurer {
	const struct term_print_options *o;
	struct arena scratch; /* the nodes */
	struct buf text;      /* one leaf at a time */
};

void measure_init(struct measurer *m, const struct term_print_options *o);
void measure_close(struct measurer *m);

/* The nodes live until measure_close(). false: they take too much memory. */
bool measure_term(struct measurer *m, const struct term *t, struct node *ret);

#endif
