#include "http/head.h"

#include <assert.h>
#include <http_parser.h>
#include <string.h>
#include <strings.h>

static enum status refuse(struct http_refusal *r, enum status st, unsigned code, const char *what)
{
	r->code = code;
	r->what = what;
	return st;
}

static enum status too_long(const uint8_t *bytes, size_t len, struct http_refusal *r)
{
	if (memchr(bytes, '\n', len) == NULL)
		return refuse(r, ST_LIMIT, 414, "the request line is too long");
	return refuse(r, ST_LIMIT, 431, "the headers are too long");
}

/* True when the byte at i may stand there: lines end in CR LF and do not begin with a blank. */
static bool fits_line(const uint8_t *bytes, size_t len, size_t i)
{
	const uint8_t c = bytes[i];

	if (c == '\r')
		return i + 1 == len || bytes[i + 1] == '\n';
	if (c == '\n')
		return i > 0 && bytes[i - 1] == '\r';
	if ((c == ' ' || c == '\t') && (i == 0 || bytes[i - 1] == '\n'))
		return false;
	return c == '\t' || (c >= 0x20 && c != 0x7f);
}

enum status http_head_length(const uint8_t *bytes, size_t len, size_t known, size_t *ret,
                             struct http_refusal *refusal)
{
	const size_t looked = len < HTTP_HEAD_MAX ? len : HTTP_HEAD_MAX;
	size_t i;

	/* The last one once more: what may follow it was not known. */
	for (i = known > 0 ? known - 1 : 0; i < looked; i++) {
		if (!fits_line(bytes, len, i))
			return refuse(refusal, ST_MALFORMED, 400,
			              "a control character, a line that does not end in CR LF, or "
			              "a folded header");
		if (i >= 3 && memcmp(bytes + i - 3, "\r\n\r\n", 4) == 0) {
			*ret = i + 1;
			return ST_OK;
		}
	}
	return looked < HTTP_HEAD_MAX ? ST_AGAIN : too_long(bytes, looked, refusal);
}

/* --- The library: everything of http_parser.h is between here and the next line ---------- */

struct reading {
	struct http_head *head;
	struct http_text target;
	bool in_value; /* the last piece was of a header's value */
	bool too_many;
};

/* A piece that continues the one before: the whole head is in one piece of memory. */
static void extend(struct http_text *t, const char *at, size_t len)
{
	if (t->at == NULL)
		t->at = at;
	t->len = (size_t)(at + len - t->at);
}

static int on_url(http_parser *p, const char *at, size_t len)
{
	struct reading *r = p->data;

	extend(&r->target, at, len);
	return 0;
}

static int on_name(http_parser *p, const char *at, size_t len)
{
	struct reading *r = p->data;
	struct http_head *h = r->head;

	if (h->n_headers == 0 || r->in_value) {
		r->too_many = h->n_headers == HTTP_HEADERS_MAX;
		if (r->too_many)
			return 1;
		h->headers[h->n_headers++] = (struct http_header){{NULL, 0}, {NULL, 0}};
	}
	r->in_value = false;
	extend(&h->headers[h->n_headers - 1].name, at, len);
	return 0;
}

static int on_value(http_parser *p, const char *at, size_t len)
{
	struct reading *r = p->data;

	r->in_value = true;
	extend(&r->head->headers[r->head->n_headers - 1].value, at, len);
	return 0;
}

/* Neither a body nor another request is for the library. */
static int on_end(http_parser *p)
{
	http_parser_pause(p, 1);
	return 0;
}

static enum http_verb verb_of(const char *name)
{
	static const char *const names[] = {"GET", "HEAD", "POST", "DELETE", "OPTIONS"};
	unsigned i;

	for (i = 0; i < sizeof names / sizeof names[0]; i++) {
		if (strcmp(names[i], name) == 0)
			return (enum http_verb)i;
	}
	return VERB_OTHER;
}

static enum status library_refusal(enum http_errno error, const struct reading *r,
                                   struct http_refusal *refusal)
{
	switch (error) {
	case HPE_INVALID_METHOD:
		return refuse(refusal, ST_MALFORMED, 501, "an unknown method");
	case HPE_INVALID_VERSION:
		return refuse(refusal, ST_MALFORMED, 505, "only HTTP/1.1 and HTTP/1.0 are spoken");
	case HPE_INVALID_URL:
		return refuse(refusal, ST_MALFORMED, 400, "the request target is malformed");
	default:
		if (r->too_many)
			return refuse(refusal, ST_LIMIT, 431, "too many headers");
		return refuse(refusal, ST_MALFORMED, 400, "the head is malformed");
	}
}

/* Path and query of a target in origin or absolute form. */
static bool split_target(const struct http_text *target, struct http_head *h)
{
	struct http_parser_url url;

	http_parser_url_init(&url);
	if (target->at == NULL || http_parser_parse_url(target->at, target->len, 0, &url) != 0 ||
	    (url.field_set & 1U << UF_PATH) == 0)
		return false;
	h->path.at = target->at + url.field_data[UF_PATH].off;
	h->path.len = url.field_data[UF_PATH].len;
	if (url.field_set & 1U << UF_QUERY) {
		h->query.at = target->at + url.field_data[UF_QUERY].off;
		h->query.len = url.field_data[UF_QUERY].len;
	}
	return h->path.at[0] == '/';
}

/* Fills verb, target, headers; *minor is that of HTTP/1.x. */
static enum status library_parse(const uint8_t *bytes, size_t len, struct http_head *h,
                                 unsigned *minor, struct http_refusal *refusal)
{
	static const http_parser_settings settings = {
	    .on_url = on_url,
	    .on_header_field = on_name,
	    .on_header_value = on_value,
	    .on_headers_complete = on_end,
	};
	struct reading r = {.head = h};
	http_parser p;

	http_parser_init(&p, HTTP_REQUEST);
	p.data = &r;
	(void)http_parser_execute(&p, &settings, (const char *)bytes, len);
	if (HTTP_PARSER_ERRNO(&p) != HPE_PAUSED)
		return library_refusal(HTTP_PARSER_ERRNO(&p), &r, refusal);
	if (p.http_major != 1 || p.http_minor > 1)
		return refuse(refusal, ST_MALFORMED, 505, "only HTTP/1.1 and HTTP/1.0 are spoken");
	h->verb = verb_of(http_method_str((enum http_method)p.method));
	*minor = p.http_minor;
	if (r.target.len > HTTP_TARGET_MAX)
		return refuse(refusal, ST_LIMIT, 414, "the request target is too long");
	if (!split_target(&r.target, h))
		return refuse(refusal, ST_MALFORMED, 400, "the request target is malformed");
	return ST_OK;
}

/* --- Ours ------------------------------------------------------------------------------- */

bool http_text_is(const struct http_text *t, const char *word)
{
	return t->len == strlen(word) && memcmp(t->at, word, t->len) == 0;
}

bool http_text_like(const struct http_text *t, const char *word)
{
	return t->len == strlen(word) && strncasecmp(t->at, word, t->len) == 0;
}

static size_t count_headers(const struct http_head *h, const char *name)
{
	size_t n = 0;

	for (size_t i = 0; i < h->n_headers; i++)
		n += http_text_like(&h->headers[i].name, name);
	return n;
}

const struct http_text *http_header(const struct http_head *h, const char *name)
{
	for (size_t i = 0; i < h->n_headers; i++) {
		if (http_text_like(&h->headers[i].name, name))
			return &h->headers[i].value;
	}
	return NULL;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static void trim(struct http_text *t)
{
	while (t->len > 0 && is_blank(t->at[0])) {
		t->at++;
		t->len--;
	}
	while (t->len > 0 && is_blank(t->at[t->len - 1]))
		t->len--;
}

bool http_list_holds(const struct http_text *list, const char *word)
{
	const char *end = list->at + list->len;
	const char *at = list->at;

	while (at < end) {
		const char *comma = memchr(at, ',', (size_t)(end - at));
		struct http_text item = {at, (size_t)((comma == NULL ? end : comma) - at)};

		trim(&item);
		if (http_text_like(&item, word))
			return true;
		at = comma == NULL ? end : comma + 1;
	}
	return false;
}

/* RFC 9110, section 5.6.2: tchar. */
static bool is_token(const struct http_text *t)
{
	size_t i;

	for (i = 0; i < t->len; i++) {
		const char c = t->at[i];

		if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
		    (c == '\0' || strchr("!#$%&'*+-.^_`|~", c) == NULL))
			return false;
	}
	return t->len > 0;
}

/* Digits only; more than 18 are more than anybody sends. */
static bool read_length(const struct http_text *t, uint64_t *ret)
{
	uint64_t n = 0;

	for (size_t i = 0; i < t->len; i++) {
		if (t->at[i] < '0' || t->at[i] > '9')
			return false;
		n = n * 10 + (uint64_t)(t->at[i] - '0');
	}
	*ret = n;
	return t->len > 0 && t->len <= 18;
}

/* RFC 9112, section 6: what disagrees about where a body ends is how requests are smuggled. */
static enum status frame_body(struct http_head *h, unsigned minor, struct http_refusal *refusal)
{
	const struct http_text *coding = http_header(h, "transfer-encoding");
	const struct http_text *length = http_header(h, "content-length");

	if (count_headers(h, "transfer-encoding") > 1 || count_headers(h, "content-length") > 1 ||
	    (coding != NULL && (length != NULL || minor == 0)))
		return refuse(refusal, ST_MALFORMED, 400, "the body's length is told in two ways");
	if (coding != NULL && !http_text_like(coding, "chunked"))
		return refuse(refusal, ST_MALFORMED, 501, "the only transfer coding is chunked");
	if (length != NULL && !read_length(length, &h->length))
		return refuse(refusal, ST_MALFORMED, 400, "Content-Length is no number");
	if (h->length > HTTP_BODY_MAX)
		return refuse(refusal, ST_LIMIT, 413, "the body is too long");
	h->chunked = coding != NULL;
	return ST_OK;
}

static enum status check_headers(struct http_head *h, unsigned minor, struct http_refusal *refusal)
{
	const struct http_text *expects = http_header(h, "expect");
	const struct http_text *connection = http_header(h, "connection");
	const size_t hosts = count_headers(h, "host");

	for (size_t i = 0; i < h->n_headers; i++) {
		if (!is_token(&h->headers[i].name))
			return refuse(refusal, ST_MALFORMED, 400, "a header's name is malformed");
	}
	if (hosts > 1 || (hosts == 0 && minor > 0))
		return refuse(refusal, ST_MALFORMED, 400, "there must be one Host header");
	if (expects != NULL && !http_text_like(expects, "100-continue"))
		return refuse(refusal, ST_MALFORMED, 417, "the only expectation is 100-continue");
	h->expects = expects != NULL && minor > 0;
	h->keep_alive = minor > 0 && (connection == NULL || !http_list_holds(connection, "close"));
	return ST_OK;
}

enum status http_head_parse(const uint8_t *bytes, size_t len, struct http_head *ret,
                            struct http_refusal *refusal)
{
	struct http_head h = {.n_headers = 0};
	unsigned minor = 0;
	enum status st;

	assert(len > 0 && len <= HTTP_HEAD_MAX);
	st = library_parse(bytes, len, &h, &minor, refusal);
	if (st != ST_OK)
		return st;
	for (size_t i = 0; i < h.n_headers; i++) {
		if (h.headers[i].value.at == NULL)
			h.headers[i].value.at = "";
		trim(&h.headers[i].value);
	}
	st = check_headers(&h, minor, refusal);
	if (st == ST_OK)
		st = frame_body(&h, minor, refusal);
	if (st == ST_OK)
		*ret = h;
	return st;
}
