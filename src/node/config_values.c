/* Written forms of values: text to field and back, with the rule in words when it is broken. */
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>

#include "node/config_internal.h"

struct field {
	const struct config_key *key;
	const char *text; /* as written */
	void *at;         /* in the node_config */
	struct node_config *values;
	char *why;
	size_t why_cap;
};

struct unit {
	const char *name;
	int64_t factor;
};

static const struct unit durations[] = {{"", 1000},   {"ms", 1},      {"s", 1000},
                                        {"m", 60000}, {"h", 3600000}, {NULL, 0}};
enum { KIBI = 1 << 10, MEBI = 1 << 20, GIBI = 1 << 30 };

static const struct unit sizes[] = {{"", 1}, {"K", KIBI}, {"M", MEBI}, {"G", GIBI}, {NULL, 0}};
static const struct unit plain[] = {{"", 1}, {NULL, 0}};

static enum status PRINTF(2, 3) broken(const struct field *f, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(f->why, f->why_cap, fmt, args);
	va_end(args);
	return ST_INVALID;
}

static bool scaled(const char *text, const struct unit *units, int64_t *ret)
{
	char *end;
	long long v;

	if (!isdigit((unsigned char)text[0]))
		return false;
	errno = 0;
	v = strtoll(text, &end, 10);
	if (errno != 0)
		return false;
	for (; units->name != NULL; units++) {
		if (strcmp(end, units->name) == 0)
			return !__builtin_mul_overflow((int64_t)v, units->factor, ret);
	}
	return false;
}

static enum status parse_int(const struct field *f)
{
	const char *unit = f->key->unit == NULL ? "" : f->key->unit;
	int64_t v;

	if (!scaled(f->text, plain, &v) || v < f->key->min || v > f->key->max)
		return broken(f, "must be a whole number%s%s from %lld to %lld",
		              unit[0] == '\0' ? "" : " of ",
		              strcmp(unit, "port") == 0 ? "a port" : unit, (long long)f->key->min,
		              (long long)f->key->max);
	*(uint32_t *)f->at = (uint32_t)v;
	return ST_OK;
}

static enum status parse_duration(const struct field *f)
{
	int64_t v;

	if (!scaled(f->text, durations, &v) || v < f->key->min || v > f->key->max)
		return broken(f,
		              "must be a number of seconds from %lld to %lld, or a number with one "
		              "of the units ms, s, m, h",
		              (long long)f->key->min / 1000, (long long)f->key->max / 1000);
	*(int64_t *)f->at = v;
	return ST_OK;
}

static enum status parse_size(const struct field *f)
{
	int64_t v;

	if (!scaled(f->text, sizes, &v) || v < f->key->min || v > f->key->max)
		return broken(
		    f,
		    "must be a number of bytes from %lld to %lld, or a number with one of "
		    "the units K, M, G",
		    (long long)f->key->min, (long long)f->key->max);
	*(int64_t *)f->at = v;
	return ST_OK;
}

static enum status parse_bool(const struct field *f)
{
	static const struct {
		const char *text;
		bool value;
	} words[] = {{"true", true}, {"false", false}, {"1", true},  {"0", false},
	             {"yes", true},  {"no", false},    {"on", true}, {"off", false}};

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		if (strcasecmp(f->text, words[i].text) == 0) {
			*(bool *)f->at = words[i].value;
			return ST_OK;
		}
	}
	return broken(f, "must be true or false");
}

static enum status parse_string(const struct field *f)
{
	const size_t len = strlen(f->text);

	assert(f->key->max > 1);
	if (len == 0)
		return broken(f, "must not be empty");
	if (len >= (size_t)f->key->max)
		return broken(f, "must be shorter than %lld bytes", (long long)f->key->max);
	memcpy(f->at, f->text, len + 1);
	return ST_OK;
}

static enum status parse_enum(const struct field *f)
{
	char list[128] = "";

	for (uint32_t i = 0; f->key->choices[i] != NULL; i++) {
		if (strcasecmp(f->text, f->key->choices[i]) == 0) {
			*(uint32_t *)f->at = i;
			return ST_OK;
		}
		config_put(list + strlen(list), sizeof list - strlen(list), "%s%s",
		           i == 0 ? "" : ", ", f->key->choices[i]);
	}
	return broken(f, "must be one of %s", list);
}

static bool name_byte(char c, const char *more)
{
	return isalnum((unsigned char)c) || (c != '\0' && strchr(more, c) != NULL);
}

bool config_is_node_name(const char *s, const char **why)
{
	const char *at = strchr(s, '@');
	const size_t len = strlen(s);

	*why = "must be a node name such as erlmcp@host1.example.com: name, @, host";
	if (at == NULL || at == s || at[1] == '\0' || strchr(at + 1, '@') != NULL)
		return false;
	*why = "must be shorter than 256 bytes";
	if (len >= NODE_NAME_MAX)
		return false;
	*why = "must have only letters, digits, _ and - before the @, and only letters, digits, ., "
	       "_, - and : behind it";
	for (const char *c = s; c < at; c++) {
		if (!name_byte(*c, "_-"))
			return false;
	}
	for (const char *c = at + 1; *c != '\0'; c++) {
		if (!name_byte(*c, "._-:"))
			return false;
	}
	return true;
}

/* This node's own name may lack the host: config_load() completes it. */
static enum status parse_node(const struct field *f)
{
	const bool bare = strchr(f->text, '@') == NULL;
	char name[CONFIG_TEXT_MAX];
	const char *why;

	config_put(name, sizeof name, "%s%s", f->text, bare ? "@host" : "");
	if (!config_is_node_name(name, &why))
		return broken(f, "%s", why);
	memcpy(f->at, f->text, strlen(f->text) + 1);
	return ST_OK;
}

static bool has_seed(const struct node_config *values, const char *name)
{
	for (size_t i = 0; i < values->n_seeds; i++) {
		if (strcmp(values->seeds[i], name) == 0)
			return true;
	}
	return false;
}

static enum status add_seed(const struct field *f, const char *name)
{
	const char *why;

	if (!config_is_node_name(name, &why))
		return broken(f, "holds \"%.64s\", which %s", name, why);
	if (has_seed(f->values, name))
		return ST_OK;
	if (f->values->n_seeds == MEMBERS_MAX)
		return broken(f, "must have at most %d different names", MEMBERS_MAX);
	memcpy(f->values->seeds[f->values->n_seeds++], name, strlen(name) + 1);
	return ST_OK;
}

static enum status split_nodes(const struct field *into, char *text)
{
	enum status st = ST_OK;
	char *item;

	while (st == ST_OK && (item = strsep(&text, ", \t\r\n")) != NULL) {
		if (item[0] != '\0')
			st = add_seed(into, item);
	}
	return st;
}

/* Commas or white space separate names; empty items are as if not written. */
static enum status parse_nodes(const struct field *f)
{
	struct node_config *fresh = calloc(1, sizeof *fresh);
	char *copy = strdup(f->text);
	struct field into = *f;
	enum status st;

	into.values = fresh;
	if (fresh == NULL || copy == NULL) {
		st = broken(f, "could not be read: %s", status_text(ST_NOMEM));
	} else {
		st = split_nodes(&into, copy);
		if (st == ST_OK) {
			memcpy(f->values->seeds, fresh->seeds, sizeof fresh->seeds);
			f->values->n_seeds = fresh->n_seeds;
		}
	}
	free(copy);
	free(fresh);
	return st;
}

/* {A,B,C,D} as Erlang writes an IPv4 address, white space allowed: to dotted form. */
static bool tuple_address(const char *text, char *ret, size_t cap)
{
	static const char shape[] = "{,,,}";
	size_t used = 0;
	size_t at = 0;

	for (; *text != '\0'; text++) {
		if (isspace((unsigned char)*text))
			continue;
		if (used + 1 == cap)
			return false;
		if (isdigit((unsigned char)*text)) {
			ret[used++] = *text;
		} else if (at < sizeof shape - 1 && *text == shape[at]) {
			if (at > 0 && at < 4)
				ret[used++] = '.';
			at++;
		} else {
			return false;
		}
	}
	ret[used] = '\0';
	return at == sizeof shape - 1;
}

static enum status parse_address(const struct field *f)
{
	unsigned char bytes[sizeof(struct in_addr)];
	char text[CONFIG_ADDRESS_MAX];

	if (f->text[0] == '\0') {
		*(char *)f->at = '\0';
		return ST_OK;
	}
	if (!tuple_address(f->text, text, sizeof text)) {
		if (strlen(f->text) >= sizeof text || (inet_pton(AF_INET, f->text, bytes) != 1 &&
		                                       inet_pton(AF_INET6, f->text, bytes) != 1))
			return broken(
			    f, "must be an IPv4 address, written {172,28,0,1} or 172.28.0.1");
		memcpy(text, f->text, strlen(f->text) + 1);
	}
	memcpy(f->at, text, strlen(text) + 1);
	return ST_OK;
}

static enum status (*const parsers[])(const struct field *f) = {
    [CONFIG_BOOL] = parse_bool,         [CONFIG_INT] = parse_int,
    [CONFIG_DURATION] = parse_duration, [CONFIG_SIZE] = parse_size,
    [CONFIG_STRING] = parse_string,     [CONFIG_NODE] = parse_node,
    [CONFIG_NODES] = parse_nodes,       [CONFIG_ADDRESS] = parse_address,
    [CONFIG_ENUM] = parse_enum,
};

enum status config_parse(const struct config_key *key, const char *text, struct node_config *values,
                         char *why, size_t why_cap)
{
	const struct field f = {key, text, (char *)values + key->offset, values, why, why_cap};

	assert(key->type < sizeof parsers / sizeof parsers[0]);
	return parsers[key->type](&f);
}

static void format_duration(int64_t ms, struct buf *b)
{
	if (ms % 1000 == 0)
		buf_printf(b, "%lld", (long long)ms / 1000);
	else
		buf_printf(b, "%lldms", (long long)ms);
}

static void format_size(int64_t bytes, struct buf *b)
{
	static const struct unit big[] = {{"G", GIBI}, {"M", MEBI}, {"K", KIBI}, {"", 1}};
	size_t i = 0;

	while (bytes % big[i].factor != 0)
		i++;
	buf_printf(b, "%lld%s", (long long)(bytes / big[i].factor), big[i].name);
}

void config_format(const struct config_key *key, const struct node_config *values, struct buf *b)
{
	const void *at = (const char *)values + key->offset;

	switch (key->type) {
	case CONFIG_BOOL:
		buf_printf(b, "%s", *(const bool *)at ? "true" : "false");
		break;
	case CONFIG_INT:
		buf_printf(b, "%u", *(const uint32_t *)at);
		break;
	case CONFIG_DURATION:
		format_duration(*(const int64_t *)at, b);
		break;
	case CONFIG_SIZE:
		format_size(*(const int64_t *)at, b);
		break;
	case CONFIG_ENUM:
		buf_printf(b, "%s", key->choices[*(const uint32_t *)at]);
		break;
	case CONFIG_NODES:
		for (size_t i = 0; i < values->n_seeds; i++)
			buf_printf(b, "%s%s", i == 0 ? "" : ",", values->seeds[i]);
		break;
	case CONFIG_STRING:
	case CONFIG_NODE:
	case CONFIG_ADDRESS:
		buf_printf(b, "%s", (const char *)at);
		break;
	}
}
