/* The table of keys and the effective values, for people and for machines. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "node/config_internal.h"

enum { NAME_WIDTH = 19, WRAP = 80 };

static const char *const source_names[] = {
    [SOURCE_DEFAULT] = "default",         [SOURCE_DERIVED] = "derived",
    [SOURCE_SYS_CONFIG] = "sys.config",   [SOURCE_VM_ARGS] = "vm.args",
    [SOURCE_ENVIRONMENT] = "environment", [SOURCE_COMMAND_LINE] = "command line",
};

const char *config_source_name(enum config_source source)
{
	return source_names[source];
}

const char *config_severity_name(enum config_severity severity)
{
	static const char *const names[] = {"note", "warning", "error"};

	return names[severity];
}

static void value_text(const struct config_key *key, const struct config *c, struct buf *b)
{
	if (key->secret)
		buf_printf(b, "%s", c->values.cookie[0] == '\0' ? "(not set)" : "(set)");
	else
		config_format(key, &c->values, b);
}

void config_print(const struct config *c, struct buf *b)
{
	for (size_t i = 0; i < config_n_keys; i++) {
		const struct config_origin *o = &c->origins[i];
		const size_t start = b->len;
		size_t width;

		buf_printf(b, "%-*s = ", NAME_WIDTH, config_keys[i].name);
		value_text(&config_keys[i], c, b);
		width = b->len - start;
		buf_printf(b, "%*s(%s)\n", width < 44 ? (int)(45 - width) : 1, "",
		           o->where[0] == '\0' ? source_names[o->source] : o->where);
	}
}

static void json_text(const char *text, size_t len, struct buf *b)
{
	buf_u8(b, '"');
	for (size_t i = 0; i < len; i++) {
		const unsigned char c = (unsigned char)text[i];

		if (c == '"' || c == '\\')
			buf_printf(b, "\\%c", c);
		else if (c < 0x20 || c >= 0x7f)
			buf_printf(b, "\\u%04x", c);
		else
			buf_u8(b, c);
	}
	buf_u8(b, '"');
}

static void json_member(const char *name, const char *text, struct buf *b)
{
	buf_printf(b, "\"%s\":", name);
	if (text == NULL)
		buf_printf(b, "null");
	else
		json_text(text, strlen(text), b);
}

/* A value in JSON's own type: numbers and booleans bare, names as an array. */
static void json_value(const struct config_key *key, const struct config *c, struct buf *b)
{
	struct buf text;

	buf_init(&text, CONFIG_TEXT_MAX);
	switch (key->type) {
	case CONFIG_BOOL:
	case CONFIG_INT:
		config_format(key, &c->values, b);
		break;
	case CONFIG_DURATION:
		buf_printf(b, "%g",
		           (double)*(const int64_t *)(const void *)((const char *)&c->values +
		                                                    key->offset) /
		               1000);
		break;
	case CONFIG_SIZE:
		buf_printf(b, "%lld",
		           (long long)*(const int64_t *)(const void *)((const char *)&c->values +
		                                                       key->offset));
		break;
	case CONFIG_NODES:
		buf_u8(b, '[');
		for (size_t i = 0; i < c->values.n_seeds; i++) {
			buf_printf(b, "%s", i == 0 ? "" : ",");
			json_text(c->values.seeds[i], strlen(c->values.seeds[i]), b);
		}
		buf_u8(b, ']');
		break;
	case CONFIG_STRING:
	case CONFIG_NODE:
	case CONFIG_ADDRESS:
	case CONFIG_ENUM:
		if (key->secret) {
			buf_printf(b, "null");
			break;
		}
		config_format(key, &c->values, &text);
		json_text(buf_text(&text) == NULL ? "" : (const char *)text.base, text.len, b);
		break;
	}
	buf_close(&text);
}

void config_print_json(const struct config *c, struct buf *b)
{
	buf_printf(b, "{\"version\":1,\"values\":{");
	for (size_t i = 0; i < config_n_keys; i++) {
		const struct config_origin *o = &c->origins[i];

		buf_printf(b, "%s\n  \"%s\":{\"value\":", i == 0 ? "" : ",", config_keys[i].name);
		json_value(&config_keys[i], c, b);
		if (config_keys[i].secret)
			buf_printf(b, ",\"set\":%s",
			           c->values.cookie[0] == '\0' ? "false" : "true");
		buf_u8(b, ',');
		json_member("source", source_names[o->source], b);
		buf_u8(b, ',');
		json_member("where", o->where[0] == '\0' ? NULL : o->where, b);
		buf_u8(b, '}');
	}
	buf_printf(b, "\n},\"diagnostics\":[");
	for (size_t i = 0; i < c->n_diagnostics; i++) {
		buf_printf(b, "%s\n  {", i == 0 ? "" : ",");
		json_member("severity", config_severity_name(c->diagnostics[i].severity), b);
		buf_u8(b, ',');
		json_member("text", c->diagnostics[i].text, b);
		buf_u8(b, '}');
	}
	buf_printf(b, "]}\n");
}

static void type_text(const struct config_key *key, struct buf *b)
{
	switch (key->type) {
	case CONFIG_BOOL:
		buf_printf(b, "true or false");
		break;
	case CONFIG_INT:
		buf_printf(b, "%lld to %lld%s%s", (long long)key->min, (long long)key->max,
		           key->unit == NULL ? "" : " ", key->unit == NULL ? "" : key->unit);
		break;
	case CONFIG_DURATION:
		buf_printf(b, "seconds, %lld to %lld, or with ms, s, m, h",
		           (long long)key->min / 1000, (long long)key->max / 1000);
		break;
	case CONFIG_SIZE:
		buf_printf(b, "bytes, %lld to %lld, or with K, M, G", (long long)key->min,
		           (long long)key->max);
		break;
	case CONFIG_STRING:
		buf_printf(b, "text");
		break;
	case CONFIG_NODE:
		buf_printf(b, "node name");
		break;
	case CONFIG_NODES:
		buf_printf(b, "node names");
		break;
	case CONFIG_ADDRESS:
		buf_printf(b, "IPv4 address");
		break;
	case CONFIG_ENUM:
		for (size_t i = 0; key->choices[i] != NULL; i++)
			buf_printf(b, "%s%s", i == 0 ? "" : ", ", key->choices[i]);
		break;
	}
}

/* Break text into lines of at most WRAP columns, each behind an indent. */
static void wrapped(const char *text, unsigned indent, struct buf *b)
{
	while (*text != '\0') {
		size_t len = strlen(text);

		if (len > WRAP - indent) {
			len = WRAP - indent;
			while (len > 0 && text[len] != ' ')
				len--;
			if (len == 0)
				len = strcspn(text, " ");
		}
		buf_printf(b, "%*s%.*s\n", (int)indent, "", (int)len, text);
		text += len;
		while (*text == ' ')
			text++;
	}
}

static void places(const struct config_key *key, const char *mark, struct buf *b)
{
	char dashed[64];

	config_put(dashed, sizeof dashed, "%s", key->name);
	for (char *c = dashed; *c != '\0'; c++) {
		if (*c == '_')
			*c = '-';
	}
	if (key->env != NULL)
		buf_printf(b, "%s%s%s, ", mark, key->env, mark);
	if (key->kernel != NULL)
		buf_printf(b, "%s-kernel %s%s, ", mark, key->kernel, mark);
	if (key->flag != NULL)
		buf_printf(b, "%s%s%s, ", mark, key->flag, mark);
	if (key->type == CONFIG_NODE)
		buf_printf(b, "%s-sname%s, ", mark, mark);
	if (key->no_option)
		buf_printf(b, "%s-erlmcp %s%s", mark, key->name, mark);
	else
		buf_printf(b, "%s--%s%s", mark, dashed, mark);
}

static const char head[] =
    "Configuration of erlmcp, weakest source first: built-in default, sys.config,\n"
    "vm.args, environment, command line.\n"
    "  sys.config    [{erlmcp,[{KEY,Value}]}].  also {kernel,[{PARAMETER,Value}]}\n"
    "  vm.args       -erlmcp KEY Value, and the flags named below\n"
    "  environment   the variables named below; empty counts as not set\n"
    "  command line  --KEY VALUE, with - for _\n\n";

void config_help(struct buf *b)
{
	buf_printf(b, "%s", head);
	for (size_t i = 0; i < config_n_keys; i++) {
		const struct config_key *key = &config_keys[i];

		buf_printf(b, "%s  (", key->name);
		type_text(key, b);
		buf_printf(b, ")%s%s\n    ",
		           key->initial == NULL || key->initial[0] == '\0' ? "" : "  default ",
		           key->initial == NULL ? "" : key->initial);
		places(key, "", b);
		buf_u8(b, '\n');
		wrapped(key->help, 4, b);
	}
}

void config_help_json(struct buf *b)
{
	struct buf text;

	buf_printf(b, "[");
	for (size_t i = 0; i < config_n_keys; i++) {
		const struct config_key *key = &config_keys[i];

		buf_init(&text, CONFIG_TEXT_MAX);
		type_text(key, &text);
		buf_printf(b, "%s\n  {", i == 0 ? "" : ",");
		json_member("name", key->name, b);
		buf_u8(b, ',');
		json_member("type", buf_text(&text), b);
		buf_u8(b, ',');
		json_member("default", key->initial, b);
		buf_u8(b, ',');
		json_member("environment", key->env, b);
		buf_u8(b, ',');
		json_member("kernel", key->kernel, b);
		buf_u8(b, ',');
		json_member("flag", key->flag, b);
		buf_printf(b, ",\"option\":%s,", key->no_option ? "false" : "true");
		json_member("help", key->help, b);
		buf_u8(b, '}');
		buf_close(&text);
	}
	buf_printf(b, "\n]\n");
}

void config_help_markdown(struct buf *b)
{
	buf_printf(
	    b, "# Configuration\n\n"
	       "<!-- Generated by `erlmcp config --help --markdown`; do not edit. -->\n\n"
	       "One table of keys drives everything. Sources, weakest first: built-in default, "
	       "`sys.config`,\n`vm.args`, environment, command line.\n\n"
	       "- `sys.config`: `[{erlmcp,[{Key,Value}]}].`, and `{kernel,[{Parameter,Value}]}` "
	       "for the keys that name one\n"
	       "- `vm.args`: `-erlmcp Key Value`, and the flags named below\n"
	       "- environment: the variables named below; an empty one counts as not set\n"
	       "- command line: `--key value`, with `-` for `_`\n\n"
	       "`erlmcp config` prints the effective values with their origin. A bad value "
	       "stops the start with exit\ncode 78 and says what is wrong, where it was set "
	       "and what to do.\n");
	for (size_t i = 0; i < config_n_keys; i++) {
		const struct config_key *key = &config_keys[i];

		buf_printf(b, "\n## %s\n\n", key->name);
		wrapped(key->help, 0, b);
		buf_printf(b, "\n- Values: ");
		type_text(key, b);
		if (key->initial != NULL && key->initial[0] != '\0')
			buf_printf(b, "\n- Default: `%s`", key->initial);
		buf_printf(b, "\n- Set by: ");
		places(key, "`", b);
		buf_u8(b, '\n');
	}
}
