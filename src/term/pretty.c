/* Terms as ~p prints them: text as text, and long terms broken into lines.
 *
 * First a tree of nodes is made that knows the width of everything (measure), then it is laid out.
 * Where Erlang breaks lines is a matter of its io_lib_pretty, whose rules are kept here to the
 * column: an element stays on the line while there is room for it and for the brackets that
 * close behind it; what is compound starts a line of its own; a tagged tuple is indented behind
 * its tag unless that would push the rest beyond the middle of the line. */
#include <assert.h>
#include <string.h>

#include "base/utf8.h"
#include "term/print.h"
#include "term/repr.h"

/* Nodes of one print: a term of TERM_WEIGHT_MAX nodes would not fit, but then neither would its
 * text be read by anybody. */
enum { SCRATCH_MAX = 64 * 1024 * 1024, STRING_CHARS_PER_DEPTH = 4 };

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

struct printer {
	struct buf *out;
	const struct term_print_options *o;
	struct arena scratch; /* the nodes */
	struct buf text;      /* one leaf at a time */
	long line_max;        /* columns */
	long chars_max;       /* characters of a line without its indentation */
	long tag_indent;      /* indentation of a tagged tuple's rest; <= 0: behind the tag */
};

static bool measure(struct printer *p, const struct term *t, unsigned depth, struct node *ret);

static long characters(const char *text, size_t len)
{
	long n = 0;

	for (size_t i = 0; i < len; i++)
		n += ((uint8_t)text[i] & 0xc0) != 0x80;
	return n;
}

/* The leaf's text, so far in p->text, becomes the node's. */
static bool text_node(struct printer *p, enum shape shape, struct node *ret)
{
	ret->shape = shape;
	ret->len = p->text.len;
	if (buf_status(&p->text) != ST_OK)
		return false;
	ret->text = arena_copy(&p->scratch, p->text.base, p->text.len);
	if (ret->text == NULL)
		return false;
	ret->width = characters(ret->text, ret->len);
	return true;
}

static bool fixed_node(const char *text, struct node *ret)
{
	ret->shape = SHAPE_TEXT;
	ret->text = text;
	ret->len = strlen(text);
	ret->width = (long)ret->len;
	return true;
}

static bool list_is_text(const struct term *t)
{
	if (term_length(t) < 1)
		return false;
	for (; t->type == TERM_CONS; t = t->cons.tail) {
		const struct term *c = t->cons.head;

		if (c->type != TERM_INT || c->integer < 0 || c->integer > 0xff ||
		    !print_is_text((uint32_t)c->integer))
			return false;
	}
	return true;
}

static bool measure_string(struct printer *p, const struct term *t, struct node *ret)
{
	buf_u8(&p->text, '"');
	for (; t->type == TERM_CONS; t = t->cons.tail)
		print_char(&p->text, (uint32_t)t->cons.head->integer, '"', false);
	buf_u8(&p->text, '"');
	return text_node(p, SHAPE_TEXT, ret);
}

static bool kids_alloc(struct printer *p, size_t n, struct node *ret, struct node **ret_kids)
{
	struct node *kids = arena_alloc(&p->scratch, (n + 1) * sizeof *kids);

	ret->kids = kids;
	ret->n = n;
	*ret_kids = kids;
	return kids != NULL;
}

static unsigned deeper(unsigned depth, size_t by)
{
	return depth == 0 ? 0 : (unsigned)(depth - by);
}

static void sum_width(struct node *node, long brackets)
{
	node->width = brackets + (node->n > 0 ? (long)node->n - 1 : 0);
	for (size_t i = 0; i < node->n; i++)
		node->width += node->kids[i].width;
}

static bool measure_list(struct printer *p, const struct term *t, unsigned depth, struct node *ret)
{
	struct node *kids;
	size_t n = 0;

	for (const struct term *l = t;; l = l->cons.tail) {
		if (l->type == TERM_CONS) {
			n++;
			continue;
		}
		ret->improper = l->type != TERM_NIL;
		n += ret->improper;
		break;
	}
	if (depth > 0 && n >= depth) {
		n = depth;
		ret->dots = true;
	}
	ret->shape = SHAPE_LIST;
	if (!kids_alloc(p, n, ret, &kids))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (ret->dots && i + 1 == n)
			(void)fixed_node("...", &kids[i]);
		else if (!measure(p, t->type == TERM_CONS ? t->cons.head : t, deeper(depth, i + 1),
		                  &kids[i]))
			return false;
		t = t->type == TERM_CONS ? t->cons.tail : t;
	}
	if (ret->dots)
		ret->improper = true;
	sum_width(ret, 2);
	return true;
}

static bool measure_tuple(struct printer *p, const struct term *t, unsigned depth, struct node *ret)
{
	struct node *kids;
	size_t shown = t->tuple.n;

	if (depth == 1)
		return fixed_node("{...}", ret);
	if (depth > 0 && shown >= depth) {
		shown = depth;
		ret->dots = true;
	}
	ret->shape =
	    t->tuple.n > 1 && t->tuple.items[0]->type == TERM_ATOM ? SHAPE_TAGGED : SHAPE_TUPLE;
	if (!kids_alloc(p, shown, ret, &kids))
		return false;
	for (size_t i = 0; i < shown; i++) {
		if (ret->dots && i + 1 == shown)
			(void)fixed_node("...", &kids[i]);
		else if (!measure(p, t->tuple.items[i], deeper(depth, i + 1), &kids[i]))
			return false;
	}
	sum_width(ret, 2);
	return true;
}

static bool measure_pair(struct printer *p, const struct term *key, const struct term *value,
                         unsigned depth, struct node *ret)
{
	struct node *kids;

	ret->shape = SHAPE_PAIR;
	if (!kids_alloc(p, 2, ret, &kids) || !measure(p, key, depth, &kids[0]) ||
	    !measure(p, value, depth, &kids[1]))
		return false;
	ret->width = kids[0].width + 4 + kids[1].width;
	return true;
}

static bool measure_map(struct printer *p, const struct term *t, unsigned depth, struct node *ret)
{
	struct node *kids;
	size_t shown = t->map.n;

	if (depth == 1)
		return fixed_node("#{...}", ret);
	if (depth > 0 && shown >= depth) {
		shown = depth;
		ret->dots = true;
	}
	ret->shape = SHAPE_MAP;
	if (!kids_alloc(p, shown, ret, &kids))
		return false;
	for (size_t i = 0; i < shown; i++) {
		if (ret->dots && i + 1 == shown)
			(void)fixed_node("...", &kids[i]);
		else if (!measure_pair(p, t->map.keys[i], t->map.values[i], deeper(depth, 1),
		                       &kids[i]))
			return false;
	}
	sum_width(ret, 3);
	return true;
}

/* What ~p takes for text: all of it printable, as Latin-1 or, with ~tp, as UTF-8. */
static bool bytes_are_text(const struct term_bytes *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (!print_is_text(bytes->base[i]))
			return false;
	}
	return len > 0 && bytes->tail == 8;
}

/* "/utf8" text: returns whether the bytes are UTF-8 of printable characters, and not all ASCII. */
static bool bytes_are_utf8(const struct term_bytes *bytes)
{
	bool wide = false;
	uint32_t code;

	for (size_t at = 0; at < bytes->len;) {
		size_t width = utf8_read(bytes->base + at, bytes->len - at, &code);

		if (width == 0 || !print_is_text(code))
			return false;
		wide = wide || width > 1;
		at += width;
	}
	return wide && bytes->tail == 8;
}

static bool measure_bytes(struct printer *p, const struct term *t, unsigned depth, struct node *ret)
{
	const struct term_bytes *bytes = &t->bytes;
	size_t shown = bytes->len;
	const bool strings = !p->o->no_strings;
	const bool utf8 = strings && p->o->unicode && bytes_are_utf8(bytes);
	uint32_t code;

	if (bytes->len == 0)
		return fixed_node("<<>>", ret);
	if (depth == 1)
		return fixed_node("<<...>>", ret);
	if (depth > 0 && shown > (size_t)STRING_CHARS_PER_DEPTH * (depth - 1))
		shown = (size_t)STRING_CHARS_PER_DEPTH * (depth - 1);
	if (!utf8 && !(strings && bytes_are_text(bytes, shown))) {
		print_bytes(&p->text, t, depth);
		return text_node(p, SHAPE_BYTES, ret);
	}
	buf_bytes(&p->text, "<<\"", 3);
	for (size_t at = 0; at < shown;) {
		size_t width = 1;

		code = bytes->base[at];
		if (utf8)
			width = utf8_read(bytes->base + at, bytes->len - at, &code);
		print_char(&p->text, code, '"', p->o->unicode);
		at += width;
	}
	buf_printf(&p->text, "\"%s%s>>", utf8 ? "/utf8" : "", shown < bytes->len ? "..." : "");
	return text_node(p, SHAPE_TEXT, ret);
}

/* Recursion is bounded by TERM_DEPTH_MAX. */
static bool measure(struct printer *p, const struct term *t, unsigned depth, struct node *ret)
{
	memset(ret, 0, sizeof *ret);
	buf_reset(&p->text);
	switch ((enum term_type)t->type) {
	case TERM_NIL:
		return fixed_node("[]", ret);
	case TERM_CONS:
		if (depth != 1 && !p->o->no_strings && list_is_text(t))
			return measure_string(p, t, ret);
		return measure_list(p, t, depth, ret);
	case TERM_TUPLE:
		return t->tuple.n == 0 ? fixed_node("{}", ret) : measure_tuple(p, t, depth, ret);
	case TERM_MAP:
		return t->map.n == 0 ? fixed_node("#{}", ret) : measure_map(p, t, depth, ret);
	case TERM_BINARY:
		return measure_bytes(p, t, depth, ret);
	case TERM_INT:
	case TERM_BIG:
	case TERM_FLOAT:
	case TERM_ATOM:
	case TERM_REF:
	case TERM_FUN:
	case TERM_PORT:
	case TERM_PID:
		print_leaf(&p->text, t, p->o->unicode);
		return text_node(p, SHAPE_TEXT, ret);
	}
	return false;
}

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

static void print_pretty(struct printer *p, const struct term *t)
{
	const long column = p->o->column > 0 ? (long)p->o->column : 1;
	struct place at = {column, column - 1, 0, 0};
	struct node root;

	if (!measure(p, t, p->o->depth, &root)) {
		if (p->out->st == ST_OK)
			p->out->st = ST_LIMIT;
		return;
	}
	p->chars_max = root.width;
	if (p->line_max == 0 || root.width < p->line_max - column || root.shape == SHAPE_TEXT) {
		write_line(p, &root);
		return;
	}
	p->tag_indent = choose_indent(p, &root, at);
	(void)lay_out(p, &root, at);
}

void term_print_with(struct buf *b, const struct term *t, const struct term_print_options *o)
{
	struct term_print_options options = *o;
	struct printer p = {.out = b, .o = &options, .line_max = (long)o->width};

	if (!o->pretty) {
		options.no_strings = true;
		p.line_max = 0;
	}
	arena_init(&p.scratch, SCRATCH_MAX);
	buf_init(&p.text, SCRATCH_MAX);
	print_pretty(&p, t);
	buf_close(&p.text);
	arena_close(&p.scratch);
}

void term_print_pretty(struct buf *b, const struct term *t, unsigned column_max)
{
	const struct term_print_options o = {.pretty = true, .column = 1, .width = column_max};

	term_print_with(b, t, &o);
}
