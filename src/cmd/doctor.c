/* The list of checks, and how their findings are told. */
#include "cmd/doctor.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cmd/doctor_inside.h"
#include "cmd/explain.h"
#include "cmd/page.h"
#include "cmd/remote.h"
#include "cmd/show.h"
#include "io/tool.h"

enum { TEXT_MAX = 1 << 20, FINDING_MAX = 1500, PING_MS = 2000, HEAD = 22 };

/* In this order: what comes first is often the cause of what comes later. */
static const struct check {
	const char *name;
	void (*run)(struct doctor *d);
} checks[] = {
    {"configuration", doctor_configuration},
    {"cookie", doctor_cookie},
    {"permissions", doctor_permissions},
    {"disk", doctor_disk},
    {"node", doctor_node},
    {"names", doctor_names},
    {"ports", doctor_ports},
    {"epmd", doctor_epmd},
    {"peers", doctor_peers},
    {"quorum", doctor_quorum},
};

static const char *const level_names[] = {"ok", "warning", "failure"};
static const char *const level_colours[] = {"32", "33;1", "31;1"};

void doctor_say(struct doctor *d, int level, const char *remedy, const char *fmt, ...)
{
	char text[FINDING_MAX];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	d->worst = level > d->worst ? level : d->worst;
	(void)json_array_append_new(
	    d->findings, json_pack("{s:s, s:s, s:o}", "level", level_names[level], "text", text,
	                           "remedy", remedy == NULL ? json_null() : json_string(remedy)));
}

/* Each check names what it found. */
static void run_checks(struct doctor *d)
{
	size_t done = 0;

	for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
		checks[i].run(d);
		for (; done < json_array_size(d->findings); done++)
			(void)json_object_set_new(json_array_get(d->findings, done), "check",
			                          json_string(checks[i].name));
	}
}

static int level_of(const json_t *finding)
{
	int level = DOCTOR_OK;

	while (strcmp(page_text(finding, "level"), level_names[level]) != 0 &&
	       level < DOCTOR_FAILURE)
		level++;
	return level;
}

static void print_text(const struct doctor *d, struct buf *b)
{
	const struct page p = {NULL, b, show_colour(stdout)};
	int counts[3] = {0, 0, 0};
	const json_t *f;
	size_t i;

	json_array_foreach(d->findings, i, f)
	{
		const int level = level_of(f);
		const char *word = level_names[level];
		char remedy[FINDING_MAX];

		counts[level]++;
		page_coloured(&p, level_colours[level], word);
		buf_printf(b, "%*s%-*s", (int)(8 - strlen(word)), "", HEAD - 9,
		           page_text(f, "check"));
		page_sentence(&p, page_text(f, "text"), HEAD, 1);
		if (page_text(f, "remedy")[0] == '\0')
			continue;
		(void)snprintf(remedy, sizeof remedy, "-> %s", page_text(f, "remedy"));
		page_sentence(&p, remedy, HEAD, 0);
	}
	buf_printf(b, "\n%d ok, %d warning%s, %d failure%s\n", counts[0], counts[1],
	           counts[1] == 1 ? "" : "s", counts[2], counts[2] == 1 ? "" : "s");
}

static int print(const struct doctor *d, bool json)
{
	struct buf b;

	if (json) {
		json_t *root = json_pack("{s:i, s:s, s:s, s:O}", "version", 1, "node",
		                         d->c->config.values.node_name, "verdict",
		                         level_names[d->worst], "findings", d->findings);

		(void)json_dumpf(root, stdout, JSON_COMPACT);
		(void)printf("\n");
		json_decref(root);
		return d->worst;
	}
	buf_init(&b, TEXT_MAX);
	print_text(d, &b);
	(void)fwrite(b.base, 1, b.len, stdout);
	buf_close(&b);
	return d->worst;
}

/* The node may have died with its socket left behind: it is asked once, quietly. */
static void ask_node(struct doctor *d)
{
	const struct control_request ping = {d->c->config.values.data_dir, "ping", NULL, 0,
	                                     PING_MS};
	struct control_answer a;
	struct buf json;

	if (control_call(&ping, &a) != ST_OK)
		return;
	buf_close(&a.out);
	buf_close(&a.err);
	if (explain_ask(d->c, NULL, &json) != CLI_OK)
		return;
	d->told = json_loadb((const char *)json.base, json.len, 0, NULL);
	d->up = json_is_object(d->told);
	buf_close(&json);
}

int doctor_show(struct cli *c, int argc, char **argv)
{
	struct doctor d = {.c = c, .findings = json_array()};
	int code = cli_load(c, CLI_SHOW);

	if (code != CLI_OK || d.findings == NULL) {
		config_close(&c->config);
		json_decref(d.findings);
		return DOCTOR_FAILURE; /* told: it has not even a configuration to look at */
	}
	ask_node(&d);
	d.tool = remote_open(c);
	run_checks(&d);
	code = print(&d, cli_flag(argc, argv, "--json"));
	if (d.tool != NULL)
		tool_close(d.tool);
	json_decref(d.told);
	json_decref(d.findings);
	config_close(&c->config);
	return code;
}
