#include "node/config.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "node/config_internal.h"

enum { DIAGNOSTIC_TEXT_MAX = 1536 }; /* a path, a bad value and the rule with its remedy */

void config_say(struct config *c, enum config_severity severity, const char *fmt, ...)
{
	char text[DIAGNOSTIC_TEXT_MAX];
	struct config_diagnostic *d;
	va_list args;

	if (severity == DIAGNOSTIC_ERROR)
		c->n_errors++;
	if (c->n_diagnostics == CONFIG_DIAGNOSTICS_MAX) {
		c->n_dropped++;
		return;
	}
	va_start(args, fmt);
	(void)vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	d = &c->diagnostics[c->n_diagnostics];
	d->severity = severity;
	d->text = strdup(text);
	if (d->text == NULL)
		c->n_dropped++;
	else
		c->n_diagnostics++;
}

void config_put(char *ret, size_t cap, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(ret, cap, fmt, args);
	va_end(args);
}

int config_find(const char *name, size_t len)
{
	for (size_t i = 0; i < config_n_keys; i++) {
		const char *known = config_keys[i].name;
		size_t j = 0;

		while (j < len && (known[j] == name[j] || (known[j] == '_' && name[j] == '-')))
			j++;
		if (j == len && known[j] == '\0')
			return (int)i;
	}
	return -1;
}

static void bad_value(struct config *c, const struct config_key *key, const char *where,
                      const char *text, const char *why)
{
	char remedy[160];

	if (key->initial != NULL && key->initial[0] != '\0')
		config_put(remedy, sizeof remedy, "correct it, or remove it for the default %s",
		           key->initial);
	else
		config_put(remedy, sizeof remedy, "correct it, or remove it for the default");
	if (key->secret)
		config_say(c, DIAGNOSTIC_ERROR, "%s (%s): %s; %s", key->name, where, why, remedy);
	else
		config_say(c, DIAGNOSTIC_ERROR, "%s = \"%.128s\" (%s): %s; %s", key->name, text,
		           where, why, remedy);
}

static void remember(struct config *c, size_t k, enum config_source source, const char *where)
{
	c->origins[k].source = source;
	config_put(c->origins[k].where, sizeof c->origins[k].where, "%s", where);
}

void config_set(struct config *c, size_t k, enum config_source source, const char *where,
                const char *text)
{
	char why[256];

	assert(k < config_n_keys);
	if (source < c->origins[k].source)
		return;
	if (config_parse(&config_keys[k], text, &c->values, why, sizeof why) == ST_OK)
		remember(c, k, source, where);
	else
		bad_value(c, &config_keys[k], where, text, why);
}

static void set_defaults(struct config *c)
{
	for (size_t i = 0; i < config_n_keys; i++) {
		char why[256];
		enum status st = ST_OK;

		if (config_keys[i].initial != NULL)
			st = config_parse(&config_keys[i], config_keys[i].initial, &c->values, why,
			                  sizeof why);
		assert(st == ST_OK); /* a default keeps its own rule */
	}
}

static enum config_source source_of(const struct config *c, const void *field)
{
	const size_t offset = (size_t)((const char *)field - (const char *)&c->values);

	for (size_t i = 0; i < config_n_keys; i++) {
		if (config_keys[i].offset == offset)
			return c->origins[i].source;
	}
	assert(false && "every field has a key");
	return SOURCE_DEFAULT;
}

static void derive(struct config *c, const void *field, const char *where)
{
	const size_t offset = (size_t)((const char *)field - (const char *)&c->values);

	for (size_t i = 0; i < config_n_keys; i++) {
		if (config_keys[i].offset == offset)
			remember(c, i, SOURCE_DERIVED, where);
	}
}

/* Complete a name without host, or make the default one. */
static void finish_name(const struct config_input *in, struct config *c)
{
	struct node_config *v = &c->values;
	char host[NODE_NAME_MAX] = "127.0.0.1";
	char name[NODE_NAME_MAX * 2];
	char address[CONFIG_ADDRESS_MAX];
	const char *why;

	if (strchr(v->node_name, '@') == NULL) {
		if (in->host->hostname(in->host->arg, host, sizeof host) != ST_OK ||
		    !in->host->resolve(in->host->arg, host, address, sizeof address))
			config_put(host, sizeof host, "127.0.0.1");
		config_put(name, sizeof name, "%s@%s",
		           v->node_name[0] == '\0' ? "erlmcp" : v->node_name, host);
		if (v->node_name[0] == '\0')
			derive(c, v->node_name, "this machine's name");
		if (config_is_node_name(name, &why))
			memcpy(v->node_name, name, strlen(name) + 1);
		else
			config_say(c, DIAGNOSTIC_ERROR,
			           "node_name = \"%s\", from this machine's name, %s; set "
			           "ERLMCP_NODE_NAME",
			           name, why);
	}
	v->short_names =
	    strchr(v->node_name, '@') != NULL && strpbrk(strchr(v->node_name, '@'), ".:") == NULL;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void finish_members(struct config *c)
{
	struct node_config *v = &c->values;
	bool self = false;

	v->alone = v->n_seeds == 0 && source_of(c, &v->quorum_size) == SOURCE_DEFAULT;
	v->n_expected = v->n_seeds;
	memcpy(v->expected, v->seeds, sizeof v->seeds);
	for (size_t i = 0; i < v->n_seeds; i++)
		self = self || strcmp(v->seeds[i], v->node_name) == 0;
	if (!self && v->n_seeds == MEMBERS_MAX) {
		config_say(
		    c, DIAGNOSTIC_ERROR,
		    "seed_nodes: %d names without this node's own (%s), but a cluster has at "
		    "most %d members; remove one",
		    MEMBERS_MAX, v->node_name, MEMBERS_MAX);
		return;
	}
	if (!self)
		memcpy(v->expected[v->n_expected++], v->node_name, sizeof v->node_name);
	qsort(v->expected, v->n_expected, sizeof v->expected[0], by_name);
	if (!v->alone)
		return;
	v->quorum_size = 1;
	derive(c, &v->quorum_size, "a cluster of its own");
	config_say(c, DIAGNOSTIC_NOTE,
	           "neither seed_nodes nor quorum_size is set: %s is a cluster of its own, without "
	           "fault tolerance. Set ERLMCP_SEED_NODES on every node to form a larger one",
	           v->node_name);
}

bool config_quorum_warning(const struct node_config *v, char *ret, size_t cap)
{
	const size_t majority = v->n_expected / 2 + 1;
	const size_t by_size = v->quorum_size / 2 + 1;

	/* Who is started to join expects no more than somebody to ask. */
	if (v->alone || v->quorum_size == v->n_expected || v->join != 0)
		return false;
	config_put(ret, cap,
	           "ERLMCP_QUORUM_SIZE is %u, but %zu member%s expected: %s. "
	           "Set ERLMCP_QUORUM_SIZE to %zu on every node (RB-008, False Positive), or "
	           "correct ERLMCP_SEED_NODES",
	           v->quorum_size, v->n_expected, v->n_expected == 1 ? " is" : "s are",
	           by_size > v->n_expected
	               ? "this node can never see as many as that needs and will not serve"
	           : by_size > majority
	               ? "this node fences itself although it is in a majority"
	               : "the members' own majority counts, as it is the stricter one",
	           v->n_expected);
	return true;
}

static void finish_paths(const struct config_input *in, struct config *c, char *field,
                         const char *leaf)
{
	char cwd[CONFIG_PATH_MAX];
	char path[CONFIG_PATH_MAX * 2 + 16];
	const char *given = field[0] == '\0' ? leaf : field;

	if (given[0] == '/')
		return;
	if (field[0] == '\0' && in->root != NULL) {
		config_put(path, sizeof path, "%s/%s", in->root, leaf);
		derive(c, field, "the release");
	} else if (getcwd(cwd, sizeof cwd) != NULL) {
		config_put(path, sizeof path, "%s/%s", cwd, given);
		if (field[0] == '\0')
			derive(c, field, "the working directory");
	} else {
		config_put(path, sizeof path, "%s", given);
	}
	if (strlen(path) >= CONFIG_PATH_MAX)
		config_say(c, DIAGNOSTIC_ERROR, "%s: \"%.128s...\" is longer than %d bytes", leaf,
		           path, CONFIG_PATH_MAX - 1);
	else
		memcpy(field, path, strlen(path) + 1);
}

static void finish_interface(const struct config_input *in, struct config *c)
{
	struct node_config *v = &c->values;
	const char *host = strchr(v->node_name, '@');
	char own[CONFIG_ADDRESS_MAX] = "";
	char given[CONFIG_ADDRESS_MAX];

	if (v->dist_interface[0] == '\0' || strcmp(v->dist_interface, "0.0.0.0") == 0 ||
	    in->host->is_local(in->host->arg, v->dist_interface))
		return;
	memcpy(given, v->dist_interface, sizeof given);
	if (host == NULL || !in->host->resolve(in->host->arg, host + 1, own, sizeof own) ||
	    !in->host->is_local(in->host->arg, own))
		own[0] = '\0';
	memcpy(v->dist_interface, own, sizeof own);
	config_say(c, DIAGNOSTIC_WARNING,
	           "dist_interface %s (inet_dist_use_interface) is not an address of this machine; "
	           "{172,28,0,1}, for one, is the gateway of the bridge and not the node. Using %s "
	           "instead. Remedy: set it to this node's own address, or remove the line to "
	           "listen on all addresses",
	           given, own[0] == '\0' ? "all addresses" : own);
	derive(c, v->dist_interface, "the node's own address");
}

struct rule {
	bool broken;
	const char *text;
};

/* Rules between keys. */
static void check_together(struct config *c)
{
	const struct node_config *v = &c->values;
	const struct rule rules[] = {
	    {v->dist_listen_min > v->dist_listen_max,
	     "dist_listen_min is above dist_listen_max: swap them"},
	    {v->heartbeat_ms * 5 > v->election_ms,
	     "heartbeat_ms is more than a fifth of election_ms: a lost packet would look like a "
	     "dead leader; lower heartbeat_ms or raise election_ms"},
	    {v->heartbeat_ms * 3 > v->detection_ms,
	     "detection_ms is less than three heartbeats: a lost packet would look like a lost "
	     "member; raise detection_ms"},
	    {v->election_ms > v->election_max_ms,
	     "election_ms is above election_max_ms: raise election_max_ms, on all members"},
	    {v->lease_guard_ms * 2 > v->election_ms,
	     "lease_guard_ms is more than half of election_ms: no lease would be left; lower it"},
	    {v->detection_ms > v->member_silence_ms,
	     "member_silence_ms is below detection_ms: connections would be closed before the "
	     "member counts as lost; raise member_silence_ms"},
	};

	for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
		if (rules[i].broken)
			config_say(c, DIAGNOSTIC_ERROR, "%s", rules[i].text);
	}
}

static enum status read_sources(const struct config_input *in, struct config *c)
{
	enum status st;

	st = config_from_sys_config(in, c);
	if (st != ST_OK)
		return st;
	st = config_from_vm_args(in, c);
	if (st != ST_OK)
		return st;
	config_from_environment(in, c);
	config_from_options(in, c);
	return ST_OK;
}

enum status config_load(const struct config_input *in, struct config *ret)
{
	char warning[512];
	enum status st;

	assert(in->host != NULL);
	memset(ret, 0, sizeof *ret);
	set_defaults(ret);
	st = read_sources(in, ret);
	if (st != ST_OK)
		return st;
	finish_name(in, ret);
	finish_members(ret);
	finish_paths(in, ret, ret->values.data_dir, "data");
	finish_paths(in, ret, ret->values.log_dir, "log");
	finish_interface(in, ret);
	check_together(ret);
	if (config_quorum_warning(&ret->values, warning, sizeof warning))
		config_say(ret, DIAGNOSTIC_WARNING, "%s", warning);
	if (ret->values.cookie[0] == '\0' && ret->n_errors == 0)
		config_find_cookie(in, ret);
	return ret->n_errors == 0 ? ST_OK : ST_INVALID;
}

void config_close(struct config *c)
{
	for (size_t i = 0; i < c->n_diagnostics; i++)
		free(c->diagnostics[i].text);
	explicit_bzero(c->values.cookie, sizeof c->values.cookie);
	c->n_diagnostics = 0;
}
