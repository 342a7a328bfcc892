/* What the flags of vm.args mean here: ours are taken, Erlang's others are named and ignored,
 * unknown ones get a warning with the nearest known flag. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "node/config_internal.h"
#include "node/vmargs.h"

enum { VM_ARGS_MEMORY = 8 * 1024 * 1024 }; /* words of a file of CONFIG_FILE_MAX bytes */

struct reader {
	const struct config_input *in;
	struct config *c;
	struct vmargs args;
	const char *path;
	bool set[CONFIG_KEYS_MAX]; /* keys this file has set already */
};

struct flag {
	const char *name;
	void (*take)(struct reader *r, size_t at, size_t end);
};

/* Parameters of Erlang's kernel application that have no meaning here, and why. */
struct explained {
	const char *name;
	enum config_severity severity;
	const char *text;
};

static const struct explained explained_kernel[] = {
    {"net_setup", DIAGNOSTIC_WARNING,
     "Erlang has no kernel parameter net_setup. Meant is close watching of the other nodes: "
     "that is always on here and is tuned by heartbeat_ms and detection_ms; Erlang's "
     "net_setuptime (seconds to wait for a connection's handshake) and net_tickintensity need "
     "not be set. The line has no effect and can be removed"},
    {"net_setuptime", DIAGNOSTIC_NOTE, "handshakes have a fixed limit here"},
    {"net_tickintensity", DIAGNOSTIC_NOTE, "ticks are sent every quarter of net_ticktime"},
    {"inet_dist_listen_options", DIAGNOSTIC_NOTE, "socket options are chosen by erlmcp"},
    {"inet_dist_connect_options", DIAGNOSTIC_NOTE, "socket options are chosen by erlmcp"},
    {"dist_auto_connect", DIAGNOSTIC_NOTE, "members are always connected"},
    {"connect_all", DIAGNOSTIC_NOTE, "members are always connected"},
    {"prevent_overlapping_partitions", DIAGNOSTIC_NOTE, "the majority rule prevents them"},
    {"start_pg", DIAGNOSTIC_NOTE, "there are no process groups"},
    {"sync_nodes_mandatory", DIAGNOSTIC_WARNING, "use seed_nodes instead"},
    {"sync_nodes_optional", DIAGNOSTIC_WARNING, "use seed_nodes instead"},
    {"sync_nodes_timeout", DIAGNOSTIC_NOTE, "founding waits for all seed_nodes"},
    {"logger_level", DIAGNOSTIC_WARNING, "use log_level instead"},
    {"shell_history", DIAGNOSTIC_NOTE, "there is no shell"},
};

/* Flags of erl that a release's vm.args may hold and that mean nothing here. */
static const char *const ignored_flags[] = {"-heart",
                                            "-noshell",
                                            "-noinput",
                                            "-hidden",
                                            "-mode",
                                            "-boot",
                                            "-boot_var",
                                            "-config",
                                            "-pa",
                                            "-pz",
                                            "-smp",
                                            "-s",
                                            "-run",
                                            "-eval",
                                            "-detached",
                                            "-mnesia",
                                            "-sasl",
                                            "-stdlib",
                                            "-ssl",
                                            "-proto_dist",
                                            "-start_epmd",
                                            "-connect_all",
                                            "-init_debug",
                                            "-emu_args",
                                            "-args_file",
                                            "-embedded",
                                            "-shutdown_time",
                                            "-env_var",
                                            "-rsh",
                                            "-home",
                                            "-progname",
                                            "-root",
                                            "-epmd_module",
                                            "-oldshell",
                                            "-erl_epmd_port",
                                            "-ssl_dist_opt",
                                            "-ssl_dist_optfile",
                                            "-loader",
                                            "-hosts",
                                            "-code_path_choice"};

static const struct vmargs_word *word_at(const struct reader *r, size_t i)
{
	assert(i < r->args.n);
	return &r->args.words[i];
}

static void PRINTF(4, 5)
    say(struct reader *r, enum config_severity severity, size_t at, const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	config_say(r->c, severity, "%s:%u:%u: %s", r->path, word_at(r, at)->line,
	           word_at(r, at)->column, text);
}

static void set_key(struct reader *r, int k, size_t at, const char *text)
{
	char where[CONFIG_WHERE_MAX];

	assert(k >= 0);
	if (r->set[k])
		say(r, DIAGNOSTIC_WARNING, at, "%s is set a second time: this one counts",
		    config_keys[k].name);
	r->set[k] = true;
	config_put(where, sizeof where, "%s:%u:%u", r->path, word_at(r, at)->line,
	           word_at(r, at)->column);
	config_set(r->c, (size_t)k, SOURCE_VM_ARGS, where, text);
}

/* True when the flag has exactly one value; else says what is wrong. */
static bool one_value(struct reader *r, size_t at, size_t end)
{
	if (end == at + 1) {
		say(r, DIAGNOSTIC_ERROR, at,
		    "%s has no value: write it behind the flag, on its line", word_at(r, at)->text);
		return false;
	}
	if (end > at + 2) {
		say(r, DIAGNOSTIC_ERROR, at + 2,
		    "\"%.64s\" is one value too many for %s: a line must start with a flag such as "
		    "-name, or with # if it is a comment; quote values that hold spaces",
		    word_at(r, at + 2)->text, word_at(r, at)->text);
		return false;
	}
	return true;
}

static void take_name(struct reader *r, size_t at, size_t end)
{
	const char *host;

	if (!one_value(r, at, end))
		return;
	host = strchr(word_at(r, at + 1)->text, '@');
	if (host != NULL && strpbrk(host, ".:") == NULL)
		say(r, DIAGNOSTIC_NOTE, at + 1,
		    "%s has no dot in its host part, so it is a short name (-sname)",
		    word_at(r, at + 1)->text);
	set_key(r, config_find("node_name", 9), at + 1, word_at(r, at + 1)->text);
}

static void take_sname(struct reader *r, size_t at, size_t end)
{
	char name[NODE_NAME_MAX * 2];
	char host[NODE_NAME_MAX];
	const char *given;

	if (!one_value(r, at, end))
		return;
	given = word_at(r, at + 1)->text;
	config_put(name, sizeof name, "%s", given);
	if (strchr(given, '@') == NULL) {
		if (r->in->host->hostname(r->in->host->arg, host, sizeof host) != ST_OK)
			config_put(host, sizeof host, "localhost");
		host[strcspn(host, ".")] = '\0';
		config_put(name, sizeof name, "%.255s@%s", given, host);
	} else if (strchr(strchr(given, '@'), '.') != NULL) {
		say(r, DIAGNOSTIC_ERROR, at + 1,
		    "-sname %s: a short name's host part has no dot; use -name for this one",
		    given);
		return;
	}
	set_key(r, config_find("node_name", 9), at + 1, name);
}

static void take_cookie(struct reader *r, size_t at, size_t end)
{
	if (one_value(r, at, end))
		set_key(r, config_find("cookie", 6), at + 1, word_at(r, at + 1)->text);
}

/* -env NAME VALUE: a variable as if from the environment; the real environment is stronger. */
static void take_env(struct reader *r, size_t at, size_t end)
{
	const char *name;

	if (end != at + 3) {
		say(r, DIAGNOSTIC_ERROR, at, "-env needs a name and a value: -env NAME VALUE");
		return;
	}
	name = word_at(r, at + 1)->text;
	for (size_t i = 0; i < config_n_keys; i++) {
		if (config_keys[i].env != NULL && strcmp(config_keys[i].env, name) == 0) {
			set_key(r, (int)i, at + 2, word_at(r, at + 2)->text);
			return;
		}
	}
	say(r, DIAGNOSTIC_NOTE, at, "-env %s is not used here", name);
}

static void kernel_pair(struct reader *r, size_t at)
{
	const char *name = word_at(r, at)->text;
	const char *near;

	for (size_t i = 0; i < config_n_keys; i++) {
		if (config_keys[i].kernel != NULL && strcmp(config_keys[i].kernel, name) == 0) {
			set_key(r, (int)i, at + 1, word_at(r, at + 1)->text);
			return;
		}
	}
	for (size_t i = 0; i < sizeof explained_kernel / sizeof explained_kernel[0]; i++) {
		if (strcmp(explained_kernel[i].name, name) == 0) {
			say(r, explained_kernel[i].severity, at, "-kernel %s %s: %s", name,
			    word_at(r, at + 1)->text, explained_kernel[i].text);
			return;
		}
	}
	near = config_nearest_kernel(name);
	say(r, DIAGNOSTIC_WARNING, at, "-kernel %s is not known%s%s%s", name,
	    near == NULL ? " and not used" : "; was ", near == NULL ? "" : near,
	    near == NULL ? "" : " meant?");
}

static void erlmcp_pair(struct reader *r, size_t at)
{
	const char *name = word_at(r, at)->text;
	const int k = config_find(name, strlen(name));
	const char *near;

	if (k >= 0) {
		set_key(r, k, at + 1, word_at(r, at + 1)->text);
		return;
	}
	near = config_nearest_key(name);
	say(r, DIAGNOSTIC_WARNING, at, "-erlmcp %s is not known%s%s%s", name,
	    near == NULL ? "; `erlmcp config --help` lists all keys" : "; was ",
	    near == NULL ? "" : near, near == NULL ? "" : " meant?");
}

static void take_pairs(struct reader *r, size_t at, size_t end,
                       void (*pair)(struct reader *r, size_t at))
{
	size_t i;

	for (i = at + 1; i + 1 < end; i += 2)
		pair(r, i);
	if (end == at + 1)
		say(r, DIAGNOSTIC_ERROR, at, "%s needs a parameter and a value: %s net_ticktime 60",
		    word_at(r, at)->text, word_at(r, at)->text);
	else if (i < end)
		say(r, DIAGNOSTIC_ERROR, i,
		    "%s %.64s has no value: parameters and values come in pairs, as in -kernel "
		    "net_ticktime 60",
		    word_at(r, at)->text, word_at(r, i)->text);
}

static void take_kernel(struct reader *r, size_t at, size_t end)
{
	take_pairs(r, at, end, kernel_pair);
}

static void take_erlmcp(struct reader *r, size_t at, size_t end)
{
	take_pairs(r, at, end, erlmcp_pair);
}

static void take_extra(struct reader *r, size_t at, size_t end)
{
	if (end > at + 1)
		say(r, DIAGNOSTIC_NOTE, at, "what follows -extra is not used here");
}

static const struct flag flags[] = {
    {"-name", take_name},     {"-sname", take_sname},   {"-setcookie", take_cookie},
    {"-kernel", take_kernel}, {"-erlmcp", take_erlmcp}, {"-env", take_env},
    {"-extra", take_extra},
};

enum { FLAGS = sizeof flags / sizeof flags[0] };
enum { IGNORED = sizeof ignored_flags / sizeof ignored_flags[0] };

static const char *flag_name(size_t i)
{
	return i < FLAGS ? flags[i].name : ignored_flags[i - FLAGS];
}

/* A flag without meaning here. A value that starts a line is not its value but nonsense. */
static void ignore(struct reader *r, size_t at, size_t end)
{
	for (size_t i = at + 1; i < end; i++) {
		if (word_at(r, i)->line != word_at(r, i - 1)->line) {
			say(r, DIAGNOSTIC_ERROR, i,
			    "\"%.64s\" stands where a flag was expected: start the line with a "
			    "flag "
			    "such as -name, or with # if it is a comment",
			    word_at(r, i)->text);
			return;
		}
	}
	say(r, DIAGNOSTIC_NOTE, at, "%s is a setting of Erlang's virtual machine and not used here",
	    word_at(r, at)->text);
}

static void take(struct reader *r, size_t at, size_t end)
{
	const char *name = word_at(r, at)->text;
	const char *near;

	for (size_t i = 0; i < FLAGS; i++) {
		if (strcmp(flags[i].name, name) == 0) {
			flags[i].take(r, at, end);
			return;
		}
	}
	for (size_t i = 0; i < IGNORED; i++) {
		if (strcmp(ignored_flags[i], name) == 0) {
			ignore(r, at, end);
			return;
		}
	}
	if (name[0] == '+') {
		ignore(r, at, end);
		return;
	}
	near = config_nearest(name, flag_name, FLAGS + IGNORED);
	say(r, DIAGNOSTIC_WARNING, at, "flag %.64s is not known%s%s%s", name,
	    near == NULL ? " and not used" : "; was ", near == NULL ? "" : near,
	    near == NULL ? "" : " meant?");
}

static enum status read_text(struct reader *r, const struct buf *file)
{
	struct vmargs_fault fault;
	struct arena arena;
	enum status st;

	arena_init(&arena, VM_ARGS_MEMORY);
	st = vmargs_parse(&arena, file->len == 0 ? "" : (const char *)file->base, file->len,
	                  &r->args, &fault);
	if (st == ST_OK) {
		for (size_t i = 0; i < r->args.n; i = vmargs_next(&r->args, i))
			take(r, i, vmargs_next(&r->args, i));
	} else if (st != ST_NOMEM) {
		config_say(r->c, DIAGNOSTIC_ERROR, "%s:%u:%u: %s", r->path, fault.line,
		           fault.column, fault.what);
		st = ST_OK;
	}
	arena_close(&arena);
	return st;
}

enum status config_from_vm_args(const struct config_input *in, struct config *c)
{
	struct reader r = {.in = in, .c = c};
	char path[CONFIG_PATH_MAX];
	struct buf file;
	enum status st;

	if (in->vm_args == NULL && in->root == NULL)
		return ST_OK;
	if (in->vm_args != NULL)
		config_put(path, sizeof path, "%s", in->vm_args);
	else
		config_put(path, sizeof path, "%s/releases/" ERLMCP_VERSION "/vm.args", in->root);
	r.path = path;
	buf_init(&file, CONFIG_FILE_MAX);
	st = config_read_file(path, &file);
	if (st == ST_OK) {
		st = read_text(&r, &file);
	} else if (st != ST_NOMEM && (st != ST_NOT_FOUND || in->vm_args != NULL)) {
		config_say(c, DIAGNOSTIC_ERROR, "%s cannot be read: %s", path,
		           st == ST_IO ? strerror(errno) : status_text(st));
		st = ST_OK;
	} else if (st == ST_NOT_FOUND) {
		st = ST_OK;
	}
	buf_close(&file);
	return st;
}
