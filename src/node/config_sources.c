/* Three of the sources: sys.config, the environment, the command line. vm.args has its own
 * file, config_vm_args.c. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "eval/eval.h"
#include "node/config_internal.h"
#include "term/term.h"

enum { SYS_CONFIG_MEMORY = 16 * 1024 * 1024 }; /* terms of a file of CONFIG_FILE_MAX bytes */

enum status config_read_file(const char *path, struct buf *b)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	enum status st = ST_OK;
	char chunk[4096];
	ssize_t n;

	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? ST_NOT_FOUND : ST_IO;
	while ((n = read(fd, chunk, sizeof chunk)) > 0)
		buf_bytes(b, chunk, (size_t)n);
	if (n < 0)
		st = ST_IO;
	else
		st = buf_status(b);
	close(fd);
	return st;
}

/* ---- sys.config ---- */

struct sys_config {
	struct config *c;
	struct arena arena;
	const char *path;
};

static void item_text(const struct term *t, struct buf *b)
{
	char text[CONFIG_TEXT_MAX];
	size_t len;

	if (term_text(t, text, sizeof text, &len) == ST_OK)
		buf_bytes(b, text, len);
	else
		term_print(b, t);
}

static bool is_text(const struct term *t)
{
	char text[CONFIG_TEXT_MAX];
	size_t len;

	return term_text(t, text, sizeof text, &len) == ST_OK;
}

/* The written form of a value: what the same value looks like in the environment. */
static void value_text(const struct term *t, struct buf *b)
{
	if (!is_text(t) && term_type(t) == TERM_CONS && term_length(t) > 0) {
		for (; term_type(t) == TERM_CONS; t = term_tail(t)) {
			item_text(term_head(t), b);
			buf_printf(b, "%s", term_type(term_tail(t)) == TERM_CONS ? "," : "");
		}
		return;
	}
	item_text(t, b);
}

static int kernel_key(const char *name)
{
	for (size_t i = 0; i < config_n_keys; i++) {
		if (config_keys[i].kernel != NULL && strcmp(config_keys[i].kernel, name) == 0)
			return (int)i;
	}
	return -1;
}

static void sys_config_pair(struct sys_config *s, const char *app, const struct term *pair)
{
	const bool kernel = strcmp(app, "kernel") == 0;
	struct buf text;
	char where[CONFIG_WHERE_MAX];
	const char *name;
	const char *near;
	int k;

	if (term_type(pair) != TERM_TUPLE || term_tuple_size(pair) != 2 ||
	    term_type(term_element(pair, 0)) != TERM_ATOM) {
		config_say(s->c, DIAGNOSTIC_ERROR,
		           "%s: an entry of {%s,[...]} is no {key,Value} pair: write it as "
		           "{quorum_size,3}",
		           s->path, app);
		return;
	}
	name = term_atom_text(term_element(pair, 0));
	k = kernel ? kernel_key(name) : config_find(name, strlen(name));
	if (k < 0) {
		near = kernel ? config_nearest_kernel(name) : config_nearest_key(name);
		config_say(s->c, kernel && near == NULL ? DIAGNOSTIC_NOTE : DIAGNOSTIC_WARNING,
		           "%s: {%s,[{%s,...}]} is not used here%s%s%s", s->path, app, name,
		           near == NULL ? "" : "; was ", near == NULL ? "" : near,
		           near == NULL ? "" : " meant?");
		return;
	}
	buf_init(&text, CONFIG_TEXT_MAX);
	value_text(term_element(pair, 1), &text);
	config_put(where, sizeof where, "%s {%s,[{%s,...}]}", s->path, app, name);
	if (buf_status(&text) == ST_OK && buf_text(&text) != NULL)
		config_set(s->c, (size_t)k, SOURCE_SYS_CONFIG, where, buf_text(&text));
	else
		config_say(s->c, DIAGNOSTIC_ERROR, "%s: the value is longer than %d bytes", where,
		           CONFIG_TEXT_MAX);
	buf_close(&text);
}

static void sys_config_app(struct sys_config *s, const struct term *t)
{
	const struct term *pairs;
	const char *app;

	if (term_type(t) != TERM_TUPLE || term_tuple_size(t) != 2 ||
	    term_type(term_element(t, 0)) != TERM_ATOM || term_length(term_element(t, 1)) < 0) {
		config_say(s->c, DIAGNOSTIC_ERROR,
		           "%s: an entry is no {application,[{key,Value}]}: write it as "
		           "[{erlmcp,[{quorum_size,3}]}].",
		           s->path);
		return;
	}
	app = term_atom_text(term_element(t, 0));
	if (strcmp(app, "erlmcp") != 0 && strcmp(app, "kernel") != 0) {
		config_say(s->c, DIAGNOSTIC_NOTE, "%s: settings of %s are not used", s->path, app);
		return;
	}
	for (pairs = term_element(t, 1); term_type(pairs) == TERM_CONS; pairs = term_tail(pairs))
		sys_config_pair(s, app, term_head(pairs));
}

static enum status sys_config_text(struct sys_config *s, const struct buf *file)
{
	const struct term *list;
	const char *message = "";
	unsigned line = 0;
	unsigned column = 0;
	enum status st = eval_consult(&s->arena, (const char *)file->base, file->len, &list, &line,
	                              &column, &message);

	if (st == ST_NOMEM)
		return st;
	if (st != ST_OK) {
		config_say(s->c, DIAGNOSTIC_ERROR, "%s:%u:%u: %s", s->path, line, column, message);
		return ST_OK;
	}
	if (term_length(list) != 1 || term_length(term_head(list)) < 0) {
		config_say(s->c, DIAGNOSTIC_ERROR,
		           "%s: must hold one list that ends with a dot: "
		           "[{erlmcp,[{quorum_size,3}]}].",
		           s->path);
		return ST_OK;
	}
	for (list = term_head(list); term_type(list) == TERM_CONS; list = term_tail(list))
		sys_config_app(s, term_head(list));
	return ST_OK;
}

enum status config_from_sys_config(const struct config_input *in, struct config *c)
{
	struct sys_config s = {.c = c};
	char path[CONFIG_PATH_MAX];
	struct buf file;
	enum status st;

	if (in->sys_config == NULL && in->root == NULL)
		return ST_OK;
	if (in->sys_config != NULL)
		config_put(path, sizeof path, "%s", in->sys_config);
	else
		config_put(path, sizeof path, "%s/releases/" ERLMCP_VERSION "/sys.config",
		           in->root);
	s.path = path;
	buf_init(&file, CONFIG_FILE_MAX);
	arena_init(&s.arena, SYS_CONFIG_MEMORY);
	st = config_read_file(path, &file);
	if (st == ST_OK) {
		st = sys_config_text(&s, &file);
	} else if (st != ST_NOMEM && (st != ST_NOT_FOUND || in->sys_config != NULL)) {
		config_say(c, DIAGNOSTIC_ERROR, "%s cannot be read: %s", path,
		           st == ST_IO ? strerror(errno) : status_text(st));
		st = ST_OK;
	} else if (st == ST_NOT_FOUND) {
		st = ST_OK;
	}
	arena_close(&s.arena);
	buf_close(&file);
	return st;
}

/* ---- environment ---- */

const char *config_getenv(const struct config_input *in, const char *name)
{
	const size_t len = strlen(name);

	for (size_t i = 0; in->environment != NULL && in->environment[i] != NULL; i++) {
		if (strncmp(in->environment[i], name, len) == 0 && in->environment[i][len] == '=')
			return in->environment[i] + len + 1;
	}
	return NULL;
}

/* Variables with our prefix that are not keys: the programs' own, and those that Kubernetes
 * makes for a service of the same name. */
static bool is_other_variable(const char *name)
{
	static const char *const known[] = {"ERLMCP_ROOT", "ERLMCP_VM_ARGS", "ERLMCP_SYS_CONFIG",
	                                    "ERLMCP_CONTAINER"};

	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		if (strcmp(name, known[i]) == 0)
			return true;
	}
	return strncmp(name, "ERLMCP_SERVICE_", 15) == 0 || strncmp(name, "ERLMCP_PORT", 11) == 0;
}

static void check_variable(struct config *c, const char *entry)
{
	const char *equals = strchr(entry, '=');
	char name[64];
	const char *near;

	if (strncmp(entry, "ERLMCP_", 7) != 0 || equals == NULL ||
	    (size_t)(equals - entry) >= sizeof name)
		return;
	memcpy(name, entry, (size_t)(equals - entry));
	name[equals - entry] = '\0';
	for (size_t i = 0; i < config_n_keys; i++) {
		if (config_keys[i].env != NULL && strcmp(config_keys[i].env, name) == 0)
			return;
	}
	if (is_other_variable(name))
		return;
	near = config_nearest_env(name);
	config_say(c, DIAGNOSTIC_WARNING, "environment variable %s is not known%s%s%s", name,
	           near == NULL ? "; `erlmcp config --help` lists all" : "; was ",
	           near == NULL ? "" : near, near == NULL ? "" : " meant?");
}

void config_from_environment(const struct config_input *in, struct config *c)
{
	char where[CONFIG_WHERE_MAX];

	for (size_t i = 0; i < config_n_keys; i++) {
		const char *value =
		    config_keys[i].env == NULL ? NULL : config_getenv(in, config_keys[i].env);

		/* Compose files pass variables on that nobody set: empty is as good as unset. */
		if (value == NULL || value[0] == '\0')
			continue;
		config_put(where, sizeof where, "environment %s", config_keys[i].env);
		config_set(c, i, SOURCE_ENVIRONMENT, where, value);
	}
	for (size_t i = 0; in->environment != NULL && in->environment[i] != NULL; i++)
		check_variable(c, in->environment[i]);
}

/* ---- command line ---- */

static void set_option(struct config *c, const char *name, size_t len, const char *value)
{
	const int k = config_find(name, len);
	char where[CONFIG_WHERE_MAX];
	char word[64];
	const char *near;

	config_put(word, sizeof word, "%.*s", (int)len, name);
	if (k < 0) {
		near = config_nearest_key(word);
		config_say(c, DIAGNOSTIC_ERROR, "option --%s is not known%s%s%s", word,
		           near == NULL ? "; `erlmcp config --help` lists all" : "; was --",
		           near == NULL ? "" : near, near == NULL ? "" : " meant?");
	} else if (config_keys[k].no_option) {
		config_say(c, DIAGNOSTIC_ERROR,
		           "option --%s: a secret does not belong on the command line, where every "
		           "user can read it; set %s in the environment instead",
		           word, config_keys[k].env);
	} else if (value == NULL) {
		config_say(c, DIAGNOSTIC_ERROR, "option --%s needs a value: --%s VALUE", word,
		           word);
	} else {
		config_put(where, sizeof where, "command line --%s", word);
		config_set(c, (size_t)k, SOURCE_COMMAND_LINE, where, value);
	}
}

void config_from_options(const struct config_input *in, struct config *c)
{
	const size_t before = c->n_errors;

	for (size_t i = 0; i < in->n_options; i++) {
		const char *option = in->options[i];
		const char *equals = strchr(option, '=');

		if (strncmp(option, "--", 2) != 0 || option[2] == '\0') {
			config_say(c, DIAGNOSTIC_ERROR,
			           "\"%.64s\" is no option: options are written --name VALUE",
			           option);
		} else if (equals != NULL) {
			set_option(c, option + 2, (size_t)(equals - option) - 2, equals + 1);
		} else {
			set_option(c, option + 2, strlen(option + 2),
			           i + 1 < in->n_options ? in->options[i + 1] : NULL);
			i++;
		}
	}
	c->bad_options = c->n_errors > before;
}
