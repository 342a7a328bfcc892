#include "cmd/resolve.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "cmd/cli.h"
#include "io/tool.h"
#include "session/content.h"
#include "session/store.h"
#include "term/term.h"

enum {
	ASK_MS = 10000,
	SHOWN_MAX = 10,            /* ids of each kind: a person reads no more */
	PAGE_MEMORY_MAX = 8 << 20, /* one answer */
	HEX_TEXT = 17,
};

enum how { ONLY_THIS, ONLY_THAT, DIFFERS, HOW };

/* One of the two, asked through one of its members. */
struct side {
	const char *word; /* THIS, THAT */
	const char *node; /* whom to ask */
	char cluster[HEX_TEXT];
	char digest[HEX_TEXT];
	int64_t index;
	int64_t sessions;
	size_t n_members;
	char members[MEMBERS_MAX][NODE_NAME_MAX];
	/* The page of its sessions, handles or tasks that is being compared. */
	struct arena arena;
	const struct term *rest;    /* list of {Id, Digest} not looked at yet */
	char last[SESSION_ID_TEXT]; /* of them; "": none yet */
	bool over;                  /* there are no more */
};

/* Things of one kind that only one of them has, or that differ. */
struct difference {
	uint64_t n;
	char ids[SHOWN_MAX][SESSION_ID_TEXT];
};

struct resolve {
	const struct cli *cli;
	struct tool *tool;
	struct side sides[2];
	struct difference differences[CONTENT_KINDS][HOW];
};

/* erlmcp_recovery:FUNCTION(ARG...) there: what is behind {ok, _}; NULL: told. */
static const struct term *ask(struct resolve *r, const char *node, const char *function,
                              const struct term *args, struct arena *arena)
{
	const struct tool_call call = {node, "erlmcp_recovery", function, args, ASK_MS};
	const struct term *got = NULL;

	if (tool_rpc(r->tool, &call, arena, &got) != ST_OK) {
		(void)fprintf(stderr, "%s: %s does not answer\n", r->cli->program, node);
		return NULL;
	}
	if (term_is_atom(got, "ok"))
		return got;
	if (term_type(got) == TERM_TUPLE && term_tuple_size(got) == 2 &&
	    term_is_atom(term_element(got, 0), "ok"))
		return term_element(got, 1);
	(void)fprintf(stderr, "%s: %s cannot do this: it is of an earlier release, or refuses\n",
	              r->cli->program, node);
	return NULL;
}

static bool take_text(const struct term *t, char *ret, size_t cap)
{
	size_t len;

	return term_text(t, ret, cap, &len) == ST_OK;
}

static bool summarize(struct resolve *r, struct side *s)
{
	struct arena arena;
	const struct term *got;
	bool ok = false;

	arena_init(&arena, PAGE_MEMORY_MAX);
	got = ask(r, s->node, "summary", term_nil(&arena), &arena);
	if (got != NULL && term_type(got) == TERM_TUPLE && term_tuple_size(got) == 5) {
		const struct term *rest = term_element(got, 4);

		s->index = term_int_value(term_element(got, 1));
		s->sessions = term_int_value(term_element(got, 2));
		ok = take_text(term_element(got, 0), s->cluster, sizeof s->cluster) &&
		     take_text(term_element(got, 3), s->digest, sizeof s->digest);
		for (; term_length(rest) > 0 && s->n_members < MEMBERS_MAX; rest = term_tail(rest))
			ok = ok &&
			     take_text(term_head(rest), s->members[s->n_members++], NODE_NAME_MAX);
	}
	arena_close(&arena);
	return ok;
}

/* --- Comparing ----------------------------------------------------------------------- */

/* Have something to look at, or be over. False: it does not answer. */
static bool fetch(struct resolve *r, struct side *s, enum content_kind kind)
{
	const struct term *args[2];
	const struct term *got;

	if (s->over || (s->rest != NULL && term_length(s->rest) > 0))
		return true;
	arena_close(&s->arena);
	arena_init(&s->arena, PAGE_MEMORY_MAX);
	args[0] = term_atom(&s->arena, content_kind_text(kind));
	args[1] = s->last[0] == '\0' ? term_atom(&s->arena, "first")
	                             : term_binary(&s->arena, s->last, strlen(s->last));
	got = ask(r, s->node, "contents", term_list(&s->arena, args, 2), &s->arena);
	if (got == NULL)
		return false;
	s->rest = got;
	s->over = term_length(got) <= 0;
	return true;
}

/* The id and digest of what is to be looked at; ids compare as bytes do. False: over. */
static bool peek(const struct side *s, char ret_id[SESSION_ID_TEXT], char ret_digest[HEX_TEXT])
{
	const struct term *pair;

	if (s->over)
		return false;
	pair = term_head(s->rest);
	return term_type(pair) == TERM_TUPLE && term_tuple_size(pair) == 2 &&
	       take_text(term_element(pair, 0), ret_id, SESSION_ID_TEXT) &&
	       take_text(term_element(pair, 1), ret_digest, HEX_TEXT);
}

static void step_over(struct side *s, const char *id)
{
	memcpy(s->last, id, SESSION_ID_TEXT);
	s->rest = term_tail(s->rest);
}

static void note(struct difference *d, const char *id)
{
	if (d->n < SHOWN_MAX)
		memcpy(d->ids[d->n], id, SESSION_ID_TEXT);
	d->n++;
}

/* Both lists are in order of ids: walk them side by side. */
static bool compare_kind(struct resolve *r, enum content_kind kind)
{
	struct difference *differences = r->differences[kind];
	struct side *a = &r->sides[0];
	struct side *b = &r->sides[1];
	char id[2][SESSION_ID_TEXT];
	char digest[2][HEX_TEXT];

	for (;;) {
		bool have[2];
		int order;

		if (!fetch(r, a, kind) || !fetch(r, b, kind))
			return false;
		have[0] = peek(a, id[0], digest[0]);
		have[1] = peek(b, id[1], digest[1]);
		if (!have[0] && !have[1])
			return a->over && b->over;
		order = !have[0] ? 1 : !have[1] ? -1 : strcmp(id[0], id[1]);
		if (order < 0)
			note(&differences[ONLY_THIS], id[0]);
		else if (order > 0)
			note(&differences[ONLY_THAT], id[1]);
		else if (strcmp(digest[0], digest[1]) != 0)
			note(&differences[DIFFERS], id[0]);
		if (order <= 0)
			step_over(a, id[0]);
		if (order >= 0)
			step_over(b, id[1]);
	}
}

static void from_the_first(struct side *s)
{
	s->rest = NULL;
	s->last[0] = '\0';
	s->over = false;
}

static bool compare(struct resolve *r)
{
	for (unsigned kind = 0; kind < CONTENT_KINDS; kind++) {
		from_the_first(&r->sides[0]);
		from_the_first(&r->sides[1]);
		if (!compare_kind(r, (enum content_kind)kind))
			return false;
	}
	return true;
}

static void show_differences(const struct resolve *r, enum content_kind kind)
{
	static const char *const how[HOW] = {"only in THIS", "only in THAT", "that differ"};

	for (size_t i = 0; i < HOW; i++) {
		const struct difference *d = &r->differences[kind][i];
		char what[32];

		(void)snprintf(what, sizeof what, "%s %s", content_kind_text(kind), how[i]);
		(void)printf("%-22s %" PRIu64 "\n", what, d->n);
		for (uint64_t k = 0; k < d->n && k < SHOWN_MAX; k++)
			(void)printf("        %s\n", d->ids[k]);
		if (d->n > SHOWN_MAX)
			(void)printf("        and %" PRIu64 " more\n", d->n - SHOWN_MAX);
	}
}

static void show(const struct resolve *r)
{
	for (size_t i = 0; i < 2; i++) {
		const struct side *s = &r->sides[i];

		(void)printf("%s  cluster %s, asked through %s:\n      index %" PRId64 ", %" PRId64
		             " sessions, digest %s\n",
		             s->word, s->cluster, s->node, s->index, s->sessions, s->digest);
		for (size_t k = 0; k < s->n_members; k++)
			(void)printf("        %s\n", s->members[k]);
	}
	for (unsigned kind = 0; kind < CONTENT_KINDS; kind++)
		show_differences(r, (enum content_kind)kind);
	(void)fflush(stdout);
}

/* --- Giving one up ------------------------------------------------------------------- */

static bool is_member(const struct side *s, const char *name)
{
	for (size_t i = 0; i < s->n_members; i++) {
		if (strcmp(s->members[i], name) == 0)
			return true;
	}
	return false;
}

/* Every member of the side is told, but for those who went over to the other one; who does not
 * answer is told when it is there. */
static int give_up(struct resolve *r, const struct side *lost, const struct side *kept)
{
	struct arena arena;
	int code = CLI_OK;

	for (size_t i = 0; i < lost->n_members; i++) {
		const struct term *id;
		bool ok;

		if (is_member(kept, lost->members[i]))
			continue;
		arena_init(&arena, PAGE_MEMORY_MAX);
		id = term_binary(&arena, lost->cluster, strlen(lost->cluster));
		ok = ask(r, lost->members[i], "give_up", term_list(&arena, &id, 1), &arena) != NULL;
		if (ok)
			(void)printf("%s sets its data aside; then, on the other side:\n"
			             "      erlmcp-admin cluster join %s\n",
			             lost->members[i], lost->members[i]);
		else
			code = CLI_FAILED;
		arena_close(&arena);
	}
	if (code != CLI_OK)
		(void)fprintf(stderr,
		              "%s: who did not answer still belongs to cluster %s: do this again "
		              "when it is there, naming it\n",
		              r->cli->program, lost->cluster);
	return code;
}

static int resolve(struct resolve *r, const char *keep, bool yes)
{
	const size_t kept = strcmp(keep, "THIS") == 0 ? 0 : 1;
	const struct side *lost = &r->sides[1 - kept];

	if (!summarize(r, &r->sides[0]) || !summarize(r, &r->sides[1]))
		return CLI_FAILED;
	if (strcmp(r->sides[0].cluster, r->sides[1].cluster) == 0) {
		(void)fprintf(stderr,
		              "%s: %s and %s are of one cluster: there is nothing to resolve\n",
		              r->cli->program, r->sides[0].node, r->sides[1].node);
		return CLI_FAILED;
	}
	if (!compare(r))
		return CLI_FAILED;
	show(r);
	if (yes)
		return give_up(r, lost, &r->sides[kept]);
	(void)printf(
	    "\nNothing was changed. With --yes the members of %s (cluster %s)\n"
	    "set their data aside and wait to be admitted to the other one; what only they\n"
	    "have is served no more. Make a backup of it before, if it matters.\n",
	    lost->word, lost->cluster);
	return CLI_OK;
}

static int open_and_resolve(const struct cli *c, const char *node, const char *keep, bool yes)
{
	struct resolve r = {.cli = c};
	const struct node_config *v = &c->config.values;
	const char *at = strchr(v->node_name, '@');
	char name[NODE_NAME_MAX + 32];
	const struct tool_config config = {name, v->short_names, v->cookie, (uint16_t)v->epmd_port};
	char why[512] = "";
	int code;

	(void)snprintf(name, sizeof name, "resolve%ld%s", (long)getpid(), at);
	r.sides[0] = (struct side){.word = "THIS", .node = v->node_name};
	r.sides[1] = (struct side){.word = "THAT", .node = node};
	arena_init(&r.sides[0].arena, PAGE_MEMORY_MAX);
	arena_init(&r.sides[1].arena, PAGE_MEMORY_MAX);
	if (tool_open(&config, &r.tool, why, sizeof why) != ST_OK) {
		(void)fprintf(stderr, "%s: %s\n", c->program, why);
		return CLI_FAILED;
	}
	code = resolve(&r, keep, yes);
	tool_close(r.tool);
	arena_close(&r.sides[0].arena);
	arena_close(&r.sides[1].arena);
	return code;
}

int resolve_cluster(struct cli *c, int argc, char **argv)
{
	const bool yes = cli_flag(argc, argv, "--yes");
	const char *words[2] = {NULL, NULL};
	size_t n = 0;
	int code;

	/* resolve NODE --keep THIS|THAT */
	for (int i = 1; i < argc; i++) {
		if (strncmp(argv[i], "--", 2) != 0 && n < 2)
			words[n++] = argv[i];
	}
	if (n != 2 || !cli_flag(argc, argv, "--keep") || strchr(words[0], '@') == NULL ||
	    (strcmp(words[1], "THIS") != 0 && strcmp(words[1], "THAT") != 0)) {
		(void)fprintf(
		    stderr,
		    "usage: %s cluster resolve NODE --keep THIS|THAT [--yes]\n  NODE is a "
		    "member of the other cluster\n",
		    c->program);
		return CLI_USAGE;
	}
	code = cli_load(c, CLI_ASK);
	if (code == CLI_OK)
		code = open_and_resolve(c, words[0], words[1], yes);
	config_close(&c->config);
	return code;
}
