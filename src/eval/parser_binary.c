/* <<Value:Size/type-unit:8, ...>>, and what is between the brackets of comprehensions. */
#include <stdlib.h>
#include <string.h>

#include "eval/parser_core.h"
#include "term/term.h"

/* While a field is read: -1 where nothing was said. */
struct spec {
	int type;
	int unit;
	int sign;
	int little;
};

static const struct spec_word {
	const char *text;
	struct spec says; /* -1: nothing about it */
} spec_words[] = {
    {"integer", {SEGMENT_INTEGER, -1, -1, -1}},
    {"float", {SEGMENT_FLOAT, -1, -1, -1}},
    {"binary", {SEGMENT_BINARY, -1, -1, -1}},
    {"bytes", {SEGMENT_BINARY, -1, -1, -1}},
    {"bitstring", {SEGMENT_BINARY, 1, -1, -1}},
    {"bits", {SEGMENT_BINARY, 1, -1, -1}},
    {"utf8", {SEGMENT_UTF8, -1, -1, -1}},
    {"utf16", {SEGMENT_UTF16, -1, -1, -1}},
    {"utf32", {SEGMENT_UTF32, -1, -1, -1}},
    {"signed", {-1, -1, 1, -1}},
    {"unsigned", {-1, -1, 0, -1}},
    {"big", {-1, -1, -1, 0}},
    {"little", {-1, -1, -1, 1}},
    {"native", {-1, -1, -1, 1}},
};

static bool apply_word(struct spec *spec, const struct spec *says)
{
	if (says->type >= 0) {
		if (spec->type >= 0 && spec->type != says->type)
			return false;
		spec->type = says->type;
	}
	if (says->unit >= 0)
		spec->unit = says->unit;
	if (says->sign >= 0)
		spec->sign = says->sign;
	if (says->little >= 0)
		spec->little = says->little;
	return true;
}

static bool parse_unit(struct parser *p, struct spec *spec)
{
	if (!parser_expect(p, ":"))
		return false;
	if (p->token.kind != TOKEN_INTEGER || term_type(p->token.value) != TERM_INT ||
	    term_int_value(p->token.value) < 1 || term_int_value(p->token.value) > 256) {
		(void)parser_fail(p, "a unit is 1..256");
		return false;
	}
	spec->unit = (int)term_int_value(p->token.value);
	return parser_advance(p);
}

static bool parse_spec_word(struct parser *p, struct spec *spec)
{
	if (p->st != ST_OK || p->token.kind != TOKEN_ATOM) {
		(void)parser_unexpected(p);
		return false;
	}
	if (strcmp(p->token.text, "unit") == 0)
		return parser_advance(p) && parse_unit(p, spec);
	for (size_t i = 0; i < sizeof spec_words / sizeof *spec_words; i++) {
		if (strcmp(spec_words[i].text, p->token.text) != 0)
			continue;
		if (!apply_word(spec, &spec_words[i].says)) {
			(void)parser_fail(p, "conflicting types of a binary's field");
			return false;
		}
		return parser_advance(p);
	}
	(void)parser_fail(p, "undefined bit type");
	return false;
}

static const struct ast *field_value(struct parser *p)
{
	static const char *const signs[] = {"-", "+", "bnot"};
	static const enum ast_op ops[] = {OP_MINUS, OP_PLUS, OP_BNOT};
	struct items items = {0};
	struct ast *x;

	for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
		if (!parser_at(p, signs[i]))
			continue;
		x = parser_node(p, AST_UNARY);
		if (x == NULL || !parser_advance(p) || !parser_push(p, &items, parse_operand(p)))
			return NULL;
		x->op = ops[i];
		x->kids = items.at;
		x->n_kids = items.n;
		return x;
	}
	return parse_operand(p);
}

static bool parse_field(struct parser *p, struct ast_segment *segment)
{
	static const unsigned units[] = {
	    [SEGMENT_INTEGER] = 1, [SEGMENT_FLOAT] = 1, [SEGMENT_BINARY] = 8,
	    [SEGMENT_UTF8] = 1,    [SEGMENT_UTF16] = 1, [SEGMENT_UTF32] = 1,
	};
	struct spec spec = {-1, -1, -1, -1};
	const struct ast *value = field_value(p);

	if (value == NULL)
		return false;
	if (parser_accept(p, ":")) {
		segment->size = parse_operand(p);
		if (segment->size == NULL)
			return false;
	}
	segment->value = value;
	if (parser_accept(p, "/")) {
		do {
			if (!parse_spec_word(p, &spec))
				return false;
		} while (parser_accept(p, "-"));
	}
	segment->type = spec.type < 0 ? SEGMENT_INTEGER : (enum segment_type)spec.type;
	segment->unit = spec.unit < 0 ? units[segment->type] : (unsigned)spec.unit;
	segment->is_signed = spec.sign == 1;
	segment->little = spec.little == 1;
	return p->st == ST_OK;
}

static bool grow_fields(struct parser *p, struct ast_segment **at, size_t n, size_t *cap)
{
	struct ast_segment *grown;

	if (n < *cap)
		return true;
	grown = parser_array(p, *cap == 0 ? 4 : *cap * 2, sizeof *grown);
	if (grown == NULL)
		return false;
	if (n > 0)
		memcpy(grown, *at, n * sizeof *grown);
	*at = grown;
	*cap = *cap == 0 ? 4 : *cap * 2;
	return true;
}

static const struct ast *binary_comprehension(struct parser *p, struct ast *x,
                                              const struct ast *body)
{
	struct items items = {0};

	x->kind = AST_BIN_COMP;
	if (!parser_push(p, &items, body) || !parse_qualifiers(p, x, ">>"))
		return NULL;
	x->kids = items.at;
	x->n_kids = items.n;
	return x;
}

const struct ast *parse_binary(struct parser *p)
{
	struct ast *x = parser_node(p, AST_BINARY);
	struct ast_segment *fields = NULL;
	size_t cap = 0;
	size_t n = 0;

	if (x == NULL || !parser_advance(p))
		return NULL;
	while (!parser_at(p, ">>")) {
		if (!grow_fields(p, &fields, n, &cap) || !parse_field(p, &fields[n]))
			return NULL;
		n++;
		if (n == 1 && parser_accept(p, "||"))
			return binary_comprehension(p, x, fields[0].value);
		if (!parser_accept(p, ","))
			break;
	}
	x->segments = fields;
	x->n_items = n;
	return parser_expect(p, ">>") ? x : NULL;
}

bool parse_qualifiers(struct parser *p, struct ast *x, const char *closing)
{
	struct ast_qualifier *at = NULL;
	size_t cap = 0;
	size_t n = 0;

	do {
		if (n == cap) {
			struct ast_qualifier *grown;

			cap = cap == 0 ? 4 : cap * 2;
			grown = parser_array(p, cap, sizeof *grown);
			if (grown == NULL)
				return false;
			if (n > 0)
				memcpy(grown, at, n * sizeof *grown);
			at = grown;
		}
		at[n].source = parse_expr(p);
		if (parser_at(p, "<-") || parser_at(p, "<=")) {
			at[n].bits = parser_at(p, "<=");
			at[n].pattern = at[n].source;
			(void)parser_advance(p);
			at[n].source = parse_expr(p);
		}
		if (at[n].source == NULL)
			return false;
		n++;
	} while (parser_accept(p, ","));
	x->qualifiers = at;
	x->n_items = n;
	return parser_expect(p, closing);
}
