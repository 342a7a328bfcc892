#include "node/vmargs.h"

#include <assert.h>
#include <string.h>

#include "node/limits.h"

struct splitter {
	const char *at;
	const char *end;
	unsigned line;
	unsigned column;
	char *word; /* the word being gathered: room for the whole text */
	size_t word_len;
	struct vmargs_fault *fault;
};

static enum status fail(struct splitter *s, enum status st, unsigned line, unsigned column,
                        const char *what)
{
	s->fault->line = line;
	s->fault->column = column;
	s->fault->what = what;
	return st;
}

static void step(struct splitter *s)
{
	assert(s->at < s->end);
	if (*s->at == '\n') {
		s->line++;
		s->column = 1;
	} else {
		s->column++;
	}
	s->at++;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\v' || c == '\f';
}

static void keep(struct splitter *s)
{
	s->word[s->word_len++] = *s->at;
	step(s);
}

static enum status quoted(struct splitter *s)
{
	const unsigned line = s->line;
	const unsigned column = s->column;
	const char quote = *s->at;

	step(s);
	while (s->at < s->end && *s->at != quote)
		keep(s);
	if (s->at == s->end)
		return fail(s, ST_MALFORMED, line, column,
		            "a quote is opened here and never closed: close it on the same line");
	step(s);
	return ST_OK;
}

/* Gather one word; the text up to white space, a comment or the end. */
static enum status word(struct splitter *s)
{
	enum status st;

	s->word_len = 0;
	while (s->at < s->end && !is_space(*s->at) && *s->at != '#') {
		if (*s->at == '"' || *s->at == '\'') {
			st = quoted(s);
			if (st != ST_OK)
				return st;
		} else {
			if (*s->at == '\\' && s->at + 1 < s->end)
				step(s);
			keep(s);
		}
	}
	return ST_OK;
}

static void skip_blank(struct splitter *s)
{
	while (s->at < s->end) {
		if (*s->at == '#') {
			while (s->at < s->end && *s->at != '\n')
				step(s);
		} else if (is_space(*s->at)) {
			step(s);
		} else {
			return;
		}
	}
}

/* A flag begins with - or + and goes on with something that is no digit, so that -1 is a
 * value. */
static bool is_flag(const char *text, bool bare)
{
	if (!bare || (text[0] != '-' && text[0] != '+') || text[1] == '\0')
		return false;
	return !(text[1] >= '0' && text[1] <= '9');
}

static enum status add(struct splitter *s, struct arena *a, struct vmargs *v,
                       struct vmargs_word *slot)
{
	const bool bare = *s->at != '"' && *s->at != '\'' && *s->at != '\\';
	enum status st;

	slot->line = s->line;
	slot->column = s->column;
	st = word(s);
	if (st != ST_OK)
		return st;
	slot->text = arena_copy(a, s->word, s->word_len);
	if (slot->text == NULL)
		return fail(s, ST_NOMEM, slot->line, slot->column, status_text(ST_NOMEM));
	slot->flag = is_flag(slot->text, bare);
	if (v->n == 0 && !slot->flag)
		return fail(s, ST_MALFORMED, slot->line, slot->column,
		            "a value stands where a flag was expected: start the line with a flag "
		            "such as -name, -setcookie or -kernel, or with # if it is a comment");
	v->n++;
	return ST_OK;
}

static enum status check_bytes(struct splitter *s)
{
	const char *nul = memchr(s->at, '\0', (size_t)(s->end - s->at));

	if (nul == NULL)
		return ST_OK;
	while (s->at < nul)
		step(s);
	return fail(s, ST_MALFORMED, s->line, s->column,
	            "a NUL byte: this is not a text file; write it with a text editor");
}

enum status vmargs_parse(struct arena *a, const char *text, size_t len, struct vmargs *ret,
                         struct vmargs_fault *fault)
{
	struct splitter s = {text, text + len, 1, 1, NULL, 0, fault};
	struct vmargs v = {NULL, 0};
	enum status st = check_bytes(&s);

	if (st != ST_OK)
		return st;
	s.word = arena_alloc(a, len + 1);
	v.words = arena_alloc(a, VMARGS_WORDS_MAX * sizeof *v.words);
	if (s.word == NULL || v.words == NULL)
		return fail(&s, ST_NOMEM, 1, 1, status_text(ST_NOMEM));
	for (skip_blank(&s); s.at < s.end; skip_blank(&s)) {
		if (v.n == VMARGS_WORDS_MAX)
			return fail(&s, ST_LIMIT, s.line, s.column,
			            "more words than a vm.args may have: shorten the file");
		st = add(&s, a, &v, &v.words[v.n]);
		if (st != ST_OK)
			return st;
	}
	*ret = v;
	return ST_OK;
}

size_t vmargs_next(const struct vmargs *v, size_t i)
{
	const bool extra = strcmp(v->words[i].text, "-extra") == 0;

	assert(i < v->n);
	for (i++; i < v->n; i++) {
		if (!extra && v->words[i].flag)
			break;
	}
	return i;
}
