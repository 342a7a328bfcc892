/* Terms as ~p prints them: text as text, and long terms broken into lines.
 *
 * First a tree of nodes is made that knows the width of everything (measure.c), then it is laid
 * out. Where Erlang breaks lines is a matter of its io_lib_pretty, whose rules are kept here to the
 * column: an element stays on the line while there is room for it and for the brackets that
 * close behind it; what is compound starts a line of its own; a tagged tuple is indented behind
 * its tag unless that would push the rest beyond the middle of the line. */
#include <assert.h>
#include <string.h>

#include "term/measure.h"

/* NOLINTBEGIN(misc-no-recursion): recursion is bounded by TERM_DEPTH_MAX */

struct printer {
	struct buf *out;
	long line_max;   /* columns */
	long chars_max;  /* characters of a line without its indentation */
	long tag_indent; /* indentation of a tagged tuple's rest; <= 0: behind the tag */
};

static void write_line(struct printer *p, const struct node *node)
{
	static const char *const open[] = {
	    [SHAPE_LIST] = "[", [SHAPE_TUPLE] = "{", [SHAPE_TAGGED] = "{", [SHAPE_MAP] = "#{"};
	const bool list = node->shape == SHAPE_LIST;

	if (node->shape == SHAPE_TEXT || node->shape == SHAPE_BYTES) {
		buf_bytes(p->out, node->text, node->len);
		return;
	}
	if (node->shape == SHAPE_PAIR) {
		write_line(p, &node->kids[0]);
		buf_bytes(p->out, " => ", 4);
		write_line(p, &node->kids[1]);
		return;
	}
	buf_bytes(p->out, open[node->shape], strlen(open[node->shape]));
	for (size_t i = 0; i < node->n; i++) {
		if (i > 0)
			buf_u8(p->out, list && node->improper && i + 1 == node->n ? '|' : ',');
		write_line(p, &node->kids[i]);
	}
	buf_u8(p->out, list ? ']' : '}');
}

/* Where a node is laid out. */
struct place {
	long col;    /* the column of its first character, from 1 */
	long indent; /* spaces that start a further line of the same container */
	long last;   /* brackets that close right behind it */
	long width;  /* characters on this line since its indentation */
};

static bool is_flat(const struct node *node)
{
	if (node->shape == SHAPE_PAIR)
		return node->kids[0].shape == SHAPE_TEXT && node->kids[1].shape == SHAPE_TEXT;
	return node->shape == SHAPE_TEXT;
}

static bool fits(const struct printer *p, const struct node *node, const struct place *at)
{
	return node->width < p->line_max - at->col - at->last &&
	       node->width + at->width + at->last <= p->chars_max;
}

/* Does a further element, with the comma before it, stay on the line? last: brackets behind. */
static bool follows(const struct printer *p, const struct node *node, const struct place *at,
                    long last)
{
	long width = node->width + 1;

	if (!is_flat(node))
		return false;
	if (last == 0)
		last = 1; /* room for the comma behind it */
	return width < p->line_max - at->col - last && at->width + width + last <= p->chars_max;
}

/* One walk serves two purposes: with p->out NULL it only finds out whether the indentation that is
 * tried leaves enough room (false: it does not). */
static bool lay_out(struct printer *p, const struct node *node, struct place at);

static void put(struct printer *p, const char *text)
{
	if (p->out != NULL)
		buf_bytes(p->out, text, strlen(text));
}

static void put_line(struct printer *p, const struct node *node)
{
	if (p->out != NULL)
		write_line(p, node);
}

static void new_line(struct printer *p, long indent)
{
	uint8_t *at;

	if (p->out == NULL)
		return;
	buf_u8(p->out, '\n');
	at = buf_extend(p->out, (size_t)indent);
	if (at != NULL)
		memset(at, ' ', (size_t)indent);
}

/* Lays out key => value; *ret_used is the columns taken, a whole line when something broke. */
static bool lay_out_pair(struct printer *p, const struct node *pair, struct place at,
                         long *ret_used)
{
	const long indent = p->tag_indent > 0 ? p->tag_indent : 4;
	struct place value = {at.col + indent, at.indent + indent, at.last, 0};

	*ret_used = p->line_max;
	if (fits(p, pair, &at)) {
		put_line(p, pair);
		if (is_flat(pair))
			*ret_used = pair->width;
		return true;
	}
	if (!lay_out(p, &pair->kids[0], at))
		return false;
	put(p, " =>");
	new_line(p, value.indent);
	return lay_out(p, &pair->kids[1], value);
}

static bool lay_out_element(struct printer *p, const struct node *node, struct place at,
                            long *ret_used)
{
	if (node->shape == SHAPE_PAIR)
		return lay_out_pair(p, node, at, ret_used);
	if (is_flat(node) && fits(p, node, &at)) {
		put_line(p, node);
		*ret_used = node->width;
		return true;
	}
	*ret_used = p->line_max;
	return lay_out(p, node, at);
}

/* Brackets that close right behind the i-th kid. What comes before a bar or before dots counts as
 * if it were the end, too. */
static long last_of(const struct node *node, size_t i, const struct place *at)
{
	const size_t tail = node->dots || (node->shape == SHAPE_LIST && node->improper);

	return i + 1 + tail >= node->n ? at->last + 1 : 0;
}

/* The elements from the i-th on, the ones before being on the line already. col0: the column of
 * elements that start a line. */
static bool lay_out_rest(struct printer *p, const struct node *node, size_t i, long col0,
                         struct place at)
{
	const bool list = node->shape == SHAPE_LIST;

	for (; i < node->n; i++) {
		const struct node *kid = &node->kids[i];
		const bool end = i + 1 == node->n;
		const bool bar = list && node->improper && end;
		const long last = last_of(node, i, &at);
		struct place start;
		long used;

		put(p, bar ? "|" : ",");
		if (node->dots && end) {
			put_line(p, kid);
			return true;
		}
		if (follows(p, kid, &at, last)) {
			put_line(p, kid);
			at.col += kid->width + 1;
			at.width += kid->width + 1;
			continue;
		}
		new_line(p, at.indent);
		/* The trial counts a tail from where the line has got to; so does Erlang's. */
		start = (struct place){bar && p->out == NULL ? at.col : col0, at.indent, last, 0};
		if (!lay_out_element(p, kid, start, &used))
			return false;
		at.col = col0 + used;
		at.width = used;
	}
	return true;
}

static bool lay_out_elements(struct printer *p, const struct node *node, size_t i, struct place at)
{
	const long col0 = at.col;
	struct place first = at;
	const bool pairs = node->shape == SHAPE_MAP;
	long used;

	assert(i < node->n);
	first.last = last_of(node, i, &at);
	if (node->dots && i + 1 == node->n) {
		put_line(p, &node->kids[i]);
		return true;
	}
	if (!lay_out_element(p, &node->kids[i], first, &used))
		return false;
	at.col += used;
	at.width = pairs && p->out != NULL ? used : at.width + used;
	return lay_out_rest(p, node, i + 1, col0, at);
}

static bool lay_out_tagged(struct printer *p, const struct node *node, struct place at)
{
	const struct node *tag = &node->kids[0];
	const long behind = tag->width + 2;
	const bool under = p->tag_indent > 0 && behind > p->tag_indent;
	const long indent = under ? p->tag_indent : behind;
	const long tag_col = at.col + behind;
	const long col0 = at.col + indent;
	bool room;

	if (under)
		room = p->chars_max + col0 <= p->line_max || col0 <= p->line_max / 2;
	else
		room = p->chars_max + tag_col < p->line_max || tag_col < p->line_max / 2;
	if (p->out == NULL && !room)
		return false;
	put_line(p, tag);
	at.indent += indent;
	at.col = tag_col;
	at.width += tag->width;
	if (under)
		return lay_out_rest(p, node, 1, col0, at);
	put(p, ",");
	at.width++;
	return lay_out_elements(p, node, 1, at);
}

/* <<...>> in lines of whole bytes. */
static void lay_out_bytes(struct printer *p, const struct node *node, struct place at)
{
	long room = p->line_max - (at.col + 2);
	const char *text = node->text + 2;
	const char *end = node->text + node->len - 2;
	long left;

	if (p->out == NULL)
		return;
	if (room > p->chars_max - 4 - at.width)
		room = p->chars_max - 4 - at.width;
	room = room - at.last < 8 ? 8 : room - at.last;
	left = room;
	put(p, "<<");
	while (text < end) {
		const char *comma = memchr(text, ',', (size_t)(end - text));
		const long len = (long)((comma == NULL ? end : comma + 1) - text);

		if (len > left) {
			new_line(p, at.indent + 2);
			left = room;
		}
		buf_bytes(p->out, text, (size_t)len);
		left -= len;
		text += len;
	}
	put(p, ">>");
}

/* Recursion is bounded by TERM_DEPTH_MAX. */
static bool lay_out(struct printer *p, const struct node *node, struct place at)
{
	const long open = node->shape == SHAPE_MAP ? 2 : 1;
	const bool list = node->shape == SHAPE_LIST;
	bool ok;

	if (node->shape == SHAPE_TEXT || fits(p, node, &at)) {
		put_line(p, node);
		return true;
	}
	if (node->shape == SHAPE_BYTES) {
		lay_out_bytes(p, node, at);
		return true;
	}
	put(p, list ? "[" : node->shape == SHAPE_MAP ? "#{" : "{");
	at.width += 1;
	if (node->shape == SHAPE_TAGGED) {
		ok = lay_out_tagged(p, node, at);
	} else {
		at.col += open;
		at.indent += open;
		at.width += p->out == NULL && node->shape == SHAPE_MAP;
		ok = lay_out_elements(p, node, 0, at);
	}
	put(p, list ? "]" : "}");
	return ok;
}

/* Behind the tag if that leaves room everywhere, else by four, else by one. */
static long choose_indent(struct printer *p, const struct node *root, struct place at)
{
	struct buf *out = p->out;
	long chosen = 1;

	p->out = NULL;
	p->tag_indent = -1;
	if (lay_out(p, root, at)) {
		chosen = -1;
	} else {
		p->tag_indent = 4;
		if (lay_out(p, root, at))
			chosen = 4;
	}
	p->out = out;
	return chosen;
}

static void print_nodes(struct printer *p, const struct node *root, long column)
{
	struct place at = {column, column - 1, 0, 0};

	p->chars_max = root->width;
	if (p->line_max == 0 || root->width < p->line_max - column || root->shape == SHAPE_TEXT) {
		write_line(p, root);
		return;
	}
	p->tag_indent = choose_indent(p, root, at);
	(void)lay_out(p, root, at);
}

void term_print_with(struct buf *b, const struct term *t, const struct term_print_options *o)
{
	struct term_print_options options = *o;
	struct printer p = {.out = b, .line_max = (long)o->width};
	struct measurer m;
	struct node root;

	if (!o->pretty) {
		options.no_strings = true;
		p.line_max = 0;
	}
	measure_init(&m, &options);
	if (measure_term(&m, t, &root))
		print_nodes(&p, &root, o->column > 0 ? (long)o->column : 1);
	else if (b->st == ST_OK)
		b->st = ST_LIMIT;
	measure_close(&m);
}

void term_print_pretty(struct buf *b, const struct term *t, unsigned column_max)
{
	const struct term_print_options o = {.pretty = true, .column = 1, .width = column_max};

	term_print_with(b, t, &o);
}
/* NOLINTEND(misc-no-recursion) */
