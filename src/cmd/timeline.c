/* Gathers what the nodes recorded: from those that answer, from this host's files when its node
 * does not run, or from files alone. */
#include "cmd/timeline.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/arena.h"
#include "cmd/cli.h"
#include "cmd/explain.h"
#include "cmd/page.h"
#include "cmd/remote.h"
#include "cmd/show.h"
#include "cmd/story.h"
#include "io/tool.h"
#include "node/recorder.h"
#include "term/term.h"

enum {
	ASK_MS = 5000,
	CLOCK_ASKS = 5, /* the best of so many round trips */
	RECORDER_MAX = 64 << 20,
	PAGE_MAX = 256 << 20,
	DEFAULT_SINCE_S = 3600,
	BEFORE_MS = 600000, /* read so much more: clocks are measured now and then */
};

struct wish {
	int64_t since_ms;
	bool since_given;
	const char *node;
	const char *html;
	bool json;
	const char *files[STORY_NODES_MAX];
	size_t n_files;
};

/* --- What is wanted ------------------------------------------------------------------ */

static int64_t now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int64_t boot_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_BOOTTIME, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* "90", "5m", "2h", "1d": so long ago. */
static bool take_ago(const char *text, int64_t *ret)
{
	static const struct {
		char unit;
		int64_t ms;
	} units[] = {{'\0', 1000}, {'s', 1000}, {'m', 60000}, {'h', 3600000}, {'d', 86400000}};
	char *end;
	const long long n = strtoll(text, &end, 10);

	if (end == text || n < 0 || n > 100000000 || (*end != '\0' && end[1] != '\0'))
		return false;
	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
		if (*end == units[i].unit) {
			*ret = now_ms() - n * units[i].ms;
			return true;
		}
	}
	return false;
}

/* "2026-11-22T03:10:00", with a blank for the T, or only "03:10[:00]" of today: UTC. */
static bool take_moment(const char *text, int64_t *ret)
{
	static const char *const formats[] = {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S",
	                                      "%Y-%m-%dT%H:%M",    "%Y-%m-%d %H:%M",
	                                      "%H:%M:%S",          "%H:%M"};
	const time_t now = time(NULL);

	for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
		struct tm tm;
		const char *end;

		if (gmtime_r(&now, &tm) == NULL)
			return false;
		tm.tm_sec = 0;
		end = strptime(text, formats[i], &tm);
		if (end == NULL || (strcmp(end, "") != 0 && strcmp(end, "Z") != 0))
			continue;
		*ret = (int64_t)timegm(&tm) * 1000;
		return true;
	}
	return false;
}

/* The word behind a flag goes with it. */
static bool take_value(struct wish *w, const char *flag, const char *value)
{
	if (strcmp(flag, "--since") == 0) {
		w->since_given = true;
		return take_ago(value, &w->since_ms) || take_moment(value, &w->since_ms);
	}
	if (strcmp(flag, "--node") == 0)
		w->node = value;
	else
		w->html = value;
	return true;
}

static bool take_words(struct wish *w, int argc, char **argv)
{
	for (int i = 0; i < argc; i++) {
		if (strcmp(argv[i], "--json") == 0) {
			w->json = true;
		} else if (strncmp(argv[i], "--", 2) == 0) {
			if (i + 1 == argc || !take_value(w, argv[i], argv[i + 1])) {
				(void)fprintf(stderr, "erlmcp-admin: %s %s: it needs %s\n", argv[i],
				              i + 1 == argc ? "(nothing)" : argv[i + 1],
				              strcmp(argv[i], "--since") == 0
				                  ? "a time: 5m, 2h, 1d, 03:10 or "
				                    "2026-11-22T03:10:00 (UTC)"
				                  : "a word behind it");
				return false;
			}
			i++;
		} else if (w->n_files < STORY_NODES_MAX) {
			w->files[w->n_files++] = argv[i];
		}
	}
	if (!w->since_given && w->n_files == 0)
		w->since_ms = now_ms() - (int64_t)DEFAULT_SINCE_S * 1000;
	return true;
}

static int64_t read_from_ms(const struct wish *w)
{
	return w->since_ms > BEFORE_MS ? w->since_ms - BEFORE_MS : 0;
}

/* --- Files --------------------------------------------------------------------------- */

static bool read_one(const char *path, struct buf *b)
{
	FILE *f = fopen(path, "re");
	size_t n = 1;

	if (f == NULL)
		return false;
	while (n > 0 && buf_status(b) == ST_OK) {
		uint8_t *room = buf_extend(b, 65536);

		n = room == NULL ? 0 : fread(room, 1, 65536, f);
		b->len -= room == NULL ? 0 : 65536 - n;
	}
	(void)fclose(f);
	return buf_status(b) == ST_OK;
}

/* A recorder's file, or the directory that it is in. */
static bool add_path(struct story *s, const struct wish *w, const char *path)
{
	struct stat st;
	struct buf b;
	bool ok;

	buf_init(&b, RECORDER_MAX);
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		ok = recorder_read(path, read_from_ms(w), &b) == ST_OK;
	else
		ok = read_one(path, &b);
	if (ok)
		(void)story_add(s, &b, path, STORY_FILE);
	else
		(void)fprintf(stderr, "erlmcp-admin: %s cannot be read: %s\n", path,
		              errno == 0 ? "it holds no flight recorder" : strerror(errno));
	buf_close(&b);
	return ok;
}

static int gather_files(struct story *s, const struct wish *w)
{
	bool ok = true;

	for (size_t i = 0; i < w->n_files; i++) {
		errno = 0;
		ok &= add_path(s, w, w->files[i]);
	}
	return ok ? CLI_OK : CLI_FAILED;
}

/* --- Nodes --------------------------------------------------------------------------- */

/* What its clock showed in the middle of the question. */
static void note_clock(struct story_node *n, int64_t asked_us, int64_t answered_us, int64_t there)
{
	const int64_t error = (answered_us - asked_us) / 2 + 1;

	if (n->error_us >= 0 && n->error_us <= error)
		return;
	n->offset_us = there - (asked_us + (answered_us - asked_us) / 2);
	n->error_us = error;
}

/* This host's node: its recorder's answer tells its clock. */
static bool ask_here(struct cli *c, struct story *s, const struct wish *w)
{
	char since[32];
	const char *args[] = {since};
	const struct control_request request = {c->config.values.data_dir, "flight", args, 1,
	                                        ASK_MS};
	struct control_answer a;
	int64_t asked_us;
	int node = -1;

	(void)snprintf(since, sizeof since, "%" PRId64, read_from_ms(w));
	asked_us = boot_us();
	if (control_call(&request, &a) != ST_OK)
		return false;
	if (a.exit_code == 0)
		node = story_add(s, &a.out, c->config.values.node_name, STORY_LIVE);
	if (node >= 0)
		note_clock(&s->nodes[node], asked_us, boot_us(), s->nodes[node].boot_us);
	buf_close(&a.out);
	buf_close(&a.err);
	return node >= 0;
}

static bool ask_clock(struct tool *t, struct story_node *n)
{
	const struct remote_call call = {.node = n->name,
	                                 .module = "erlmcp_flight_recorder",
	                                 .function = "clock",
	                                 .timeout_ms = ASK_MS};
	const int64_t asked_us = boot_us();
	struct buf b;
	bool ok;

	buf_init(&b, 64);
	ok = remote_text(t, &call, &b) == ST_OK && buf_text(&b) != NULL;
	if (ok)
		note_clock(n, asked_us, boot_us(), strtoll(buf_text(&b), NULL, 10));
	buf_close(&b);
	return ok;
}

static void ask_there(struct tool *t, struct story *s, const char *name, const struct wish *w)
{
	struct remote_call call = {.node = name,
	                           .module = "erlmcp_flight_recorder",
	                           .function = "read",
	                           .n_args = 1,
	                           .timeout_ms = ASK_MS};
	const int node = story_node(s, name);
	const struct term *since;
	struct arena arena;
	enum status st;
	struct buf b;

	if (node < 0)
		return;
	arena_init(&arena, 4096);
	buf_init(&b, RECORDER_MAX);
	since = term_int(&arena, read_from_ms(w));
	call.args = &since;
	st = remote_text(t, &call, &b);
	arena_close(&arena);
	if (st == ST_OK) {
		(void)story_add(s, &b, name, STORY_LIVE);
		for (int i = 0; i < CLOCK_ASKS && ask_clock(t, &s->nodes[node]); i++)
			;
	}
	buf_close(&b);
}

/* Whom to ask: the members as this host's node knows them, else those that are expected. */
static void ask_others(struct cli *c, struct story *s, const struct wish *w, bool here)
{
	const struct node_config *v = &c->config.values;
	struct tool *t = remote_open(c);
	json_t *status = NULL;
	struct buf json;
	const json_t *m;
	size_t i;

	if (t == NULL)
		return;
	if (here && explain_ask(c, NULL, &json) == CLI_OK) {
		status = json_loadb((const char *)json.base, json.len, 0, NULL);
		buf_close(&json);
	}
	json_array_foreach(json_object_get(status, "members"), i, m)
	{
		if (strcmp(page_text(m, "name"), v->node_name) != 0)
			ask_there(t, s, page_text(m, "name"), w);
	}
	for (i = 0; status == NULL && i < v->n_expected; i++) {
		if (strcmp(v->expected[i], v->node_name) != 0)
			ask_there(t, s, v->expected[i], w);
	}
	json_decref(status);
	tool_close(t);
}

static int gather_live(struct cli *c, struct story *s, const struct wish *w)
{
	const int self = story_node(s, c->config.values.node_name);
	const bool here = ask_here(c, s, w);
	struct buf b;

	if (!here) {
		buf_init(&b, RECORDER_MAX);
		if (recorder_read(c->config.values.data_dir, read_from_ms(w), &b) == ST_OK)
			(void)story_add(s, &b, s->nodes[self].name, STORY_FILE);
		buf_close(&b);
	}
	ask_others(c, s, w, here);
	for (size_t i = 0; i < s->n_nodes; i++) {
		if (s->n_events > 0 || s->nodes[i].source == STORY_LIVE)
			return CLI_OK;
	}
	(void)fprintf(stderr, "%s: no node answers, and %s holds no flight recorder of that time\n",
	              c->program, c->config.values.data_dir);
	return CLI_DOWN;
}

/* --- Showing ------------------------------------------------------------------------- */

static int write_file(const char *path, const struct buf *b)
{
	FILE *f = fopen(path, "we");
	const bool ok = f != NULL && fwrite(b->base, 1, b->len, f) == b->len;

	if ((f == NULL || fclose(f) == 0) && ok)
		return CLI_OK;
	(void)fprintf(stderr, "erlmcp-admin: %s cannot be written: %s\n", path, strerror(errno));
	return CLI_FAILED;
}

static int show(struct story *s, const struct wish *w)
{
	struct buf b;
	int code = CLI_OK;

	buf_init(&b, PAGE_MAX);
	if (w->html != NULL)
		story_html(s, &b);
	else if (w->json)
		story_json(s, &b);
	else
		story_print(s, show_colour(stdout), &b);
	if (buf_status(&b) != ST_OK) {
		(void)fprintf(stderr, "erlmcp-admin: the story is too long: choose a later "
		                      "--since\n");
		code = CLI_FAILED;
	} else if (w->html != NULL) {
		code = write_file(w->html, &b);
	} else {
		(void)fwrite(b.base, 1, b.len, stdout);
	}
	buf_close(&b);
	return code;
}

static int choose_node(struct cli *c, struct story *s, const struct wish *w)
{
	char name[NODE_NAME_MAX];

	if (w->node == NULL)
		return CLI_OK;
	remote_name(c, w->node, name, sizeof name);
	for (size_t i = 0; i < s->n_nodes; i++) {
		if (strcmp(s->nodes[i].name, name) == 0)
			s->only = (int)i;
	}
	if (s->only >= 0)
		return CLI_OK;
	(void)fprintf(stderr, "%s: %s is not in this story; these are:", c->program, name);
	for (size_t i = 0; i < s->n_nodes; i++)
		(void)fprintf(stderr, " %s", s->nodes[i].name);
	(void)fprintf(stderr, "\n");
	return CLI_USAGE;
}

int timeline_show(struct cli *c, int argc, char **argv)
{
	struct wish w = {0};
	struct story s;
	int code;

	if (!take_words(&w, argc, argv))
		return CLI_USAGE;
	story_init(&s);
	code = cli_load(c, CLI_ASK);
	if (code == CLI_OK)
		code = w.n_files > 0 ? gather_files(&s, &w) : gather_live(c, &s, &w);
	if (code == CLI_OK)
		code = choose_node(c, &s, &w);
	s.since_ms = w.since_ms;
	if (code == CLI_OK && story_order(&s) != ST_OK) {
		(void)fprintf(stderr, "%s: out of memory\n", c->program);
		code = CLI_FAILED;
	}
	if (code == CLI_OK)
		code = show(&s, &w);
	story_close(&s);
	config_close(&c->config);
	return code;
}
