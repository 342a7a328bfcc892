/* bin/erlmcp-admin: looks at the cluster through this host's node.
 *
 * A table of topics, each a table of commands: a new one is a line and a function. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cmd/cli.h"
#include "cmd/cli_pages.h"
#include "cmd/doctor.h"
#include "cmd/explain.h"
#include "cmd/members.h"
#include "cmd/metrics.h"
#include "cmd/recover.h"
#include "cmd/resolve.h"
#include "cmd/show.h"
#include "cmd/sync.h"
#include "cmd/timeline.h"
#include "cmd/whatif.h"

enum {
	ASK_MS = 5000,
	WATCH_MS = 1000, /* as fast as a person reads */
};

/* Exit codes of `cluster status`, as health checks and RB-008 use them. */
enum { ADMIN_SERVING = 0, ADMIN_NOT_SERVING = 2 };

struct topic_verb {
	const char *topic;
	const char *name;
	const char *args;
	const char *help;
	int min; /* nodes */
	int max;
	int (*run)(struct cli *c, int argc, char **argv);
};

static int show_once(struct cli *c, bool json)
{
	const struct control_request request = {c->config.values.data_dir, "cluster-status", NULL,
	                                        0, ASK_MS};
	struct control_answer a;
	int code;

	if (cli_ask(c, &request, &a) != CLI_OK)
		return ADMIN_NOT_SERVING;
	if (a.exit_code != 0) {
		(void)fwrite(a.err.base, 1, a.err.len, stderr);
		code = ADMIN_NOT_SERVING;
	} else if (json) {
		(void)fwrite(a.out.base, 1, a.out.len, stdout);
		(void)fflush(stdout);
		code = show_serving(&a.out) ? ADMIN_SERVING : ADMIN_NOT_SERVING;
	} else {
		code =
		    show_cluster(&a.out, show_colour(stdout)) ? ADMIN_SERVING : ADMIN_NOT_SERVING;
	}
	buf_close(&a.out);
	buf_close(&a.err);
	return code;
}

/* Until interrupted; on a terminal each picture replaces the one before. */
static int watch(struct cli *c, bool json)
{
	const struct timespec pause = {WATCH_MS / 1000, (WATCH_MS % 1000) * 1000000L};

	while (!ferror(stdout)) {
		if (!json && show_colour(stdout))
			(void)printf("\x1b[H\x1b[2J");
		(void)show_once(c, json);
		if (!json && !show_colour(stdout))
			(void)printf("\n");
		(void)nanosleep(&pause, NULL);
	}
	return ADMIN_SERVING;
}

static int cluster_status(struct cli *c, int argc, char **argv)
{
	const bool json = cli_flag(argc, argv, "--json");
	int code = cli_load(c, CLI_ASK);

	if (code == CLI_OK)
		code = cli_flag(argc, argv, "--watch") ? watch(c, json) : show_once(c, json);
	config_close(&c->config);
	return code;
}

static const struct topic_verb topics[] = {
    {"cluster", "status", "[--json] [--watch]",
     "Verdict, members, quorum, reachability, disagreements.", 0, 0, cluster_status},
    {"cluster", "join", "NODE [--standby]",
     "NODE becomes a member: it learns everything first, then votes. --standby: it never\n"
     "      votes, unless a voter stays away for longer than standby_after.",
     1, 1, members_order},
    {"cluster", "leave", "[NODE]", "NODE (default: this one) is removed, and stops.", 0, 1,
     members_order},
    {"cluster", "replace", "OLD NEW", "NEW joins, then OLD is removed: one change.", 2, 2,
     members_order},
    {"cluster", "promote", "NODE", "A standby becomes a voter.", 1, 1, members_order},
    {"cluster", "demote", "NODE", "A voter becomes a standby.", 1, 1, members_order},
    {"cluster", "transfer-leader", "NODE", "NODE leads.", 1, 1, members_order},
    {"cluster", "cancel", "", "The change of the members under way ends where it stands.", 0, 0,
     members_order},
    {"cluster", "recover", "[--yes]",
     "For a majority that is lost for good: on the data directory of a stopped node, show what\n"
     "      is here, who is lost and what would be kept. --yes: make this node a new cluster.",
     0, 0, recover_cluster},
    {"cluster", "resolve", "NODE --keep THIS|THAT [--yes]",
     "NODE is of another cluster, once the same: show what differs between both. --yes: the\n"
     "      members of the one that is not kept set their data aside.",
     2, 2, resolve_cluster},
    {"cluster", "found", "--members NODE,NODE...",
     "Found now with these of the expected members: more than half, this one among them.", 1, 16,
     members_order},
    {"cluster", "sync", "[--full] [--watch] [--json]",
     "How far each member is, and the progress of transfers. --full: compare all states first,\n"
     "      and replace one that differs. --watch: until all are in step.",
     0, 0, sync_show},
};

enum { TOPICS = sizeof topics / sizeof topics[0] };

/* Of the command that was meant, else of all. word: what stands in the command's place, or NULL. */
static int usage(const char *topic, const char *word)
{
	bool known = false;

	for (size_t i = 0; i < TOPICS && word != NULL; i++)
		known |= strcmp(topics[i].name, word) == 0;
	if (known)
		(void)fprintf(stderr, "usage:\n");
	else if (word != NULL)
		(void)fprintf(stderr, "erlmcp-admin: there is no command \"%s %s\"; there are:\n",
		              topic, word);
	else
		(void)fprintf(stderr, "erlmcp-admin: \"%s\" needs a command:\n", topic);
	for (size_t i = 0; i < TOPICS; i++) {
		if (strcmp(topics[i].topic, topic) == 0 &&
		    (!known || strcmp(topics[i].name, word) == 0))
			(void)fprintf(stderr, "  erlmcp-admin %s %s %s\n", topics[i].topic,
			              topics[i].name, topics[i].args);
	}
	return CLI_USAGE;
}

/* cluster [COMMAND] --help */
static int cluster_help(int argc, char **argv)
{
	for (size_t i = 0; i < TOPICS; i++) {
		char head[64];
		bool meant = argc == 1; /* only --help: all of them */

		for (int k = 0; k < argc; k++)
			meant |= strcmp(argv[k], topics[i].name) == 0;
		(void)snprintf(head, sizeof head, "%s %s", topics[i].topic, topics[i].name);
		if (meant)
			cli_pages_verb(head, topics[i].args, topics[i].help);
	}
	return CLI_OK;
}

static int cluster(struct cli *c, int argc, char **argv)
{
	int nodes = -1; /* the command itself is none */

	if (cli_flag(argc, argv, "--help"))
		return cluster_help(argc, argv);
	/* Flags may stand in front of it. */
	for (int i = 0; i < argc; i++) {
		char *word = argv[i];

		if (strncmp(word, "--", 2) == 0)
			continue;
		if (++nodes == 0) {
			argv[i] = argv[0];
			argv[0] = word;
		}
	}
	for (size_t i = 0; i < TOPICS; i++) {
		if (strcmp(topics[i].topic, "cluster") == 0 && nodes >= 0 &&
		    strcmp(argv[0], topics[i].name) == 0 && nodes >= topics[i].min &&
		    nodes <= topics[i].max)
			return topics[i].run(c, argc, argv);
	}
	return usage("cluster", nodes >= 0 ? argv[0] : NULL);
}

static const char *const flags[] = {"--json", "--watch", MEMBERS_FLAGS, SYNC_FLAGS,
                                    "--yes",  "--keep",  "--help",      NULL};
static const char *const status_flags[] = {"--json", "--watch", NULL};
static const char *const metrics_flags[] = {METRICS_FLAGS, NULL};
static const char *const json_flags[] = {"--json", NULL};
static const char *const timeline_flags[] = {TIMELINE_FLAGS, NULL};
static const char *const restore_flags[] = {"--dry-run", NULL};

static const struct cli_verb verbs[] = {
    {"cluster", "COMMAND", "About the cluster, as this host's node sees it.", 0, 17, flags, true,
     cluster},
    {"status", "[--json] [--watch]", "The same as `cluster status`.", 0, 0, status_flags, true,
     cluster_status},
    {"doctor", "[--json]",
     "Examine configuration, disk, names, ports, peers, clocks and quorum; a remedy for each\n"
     "                               fault. Exit code 0: all well, 1: warnings, 2: failures.",
     0, 0, json_flags, true, doctor_show},
    {"explain", "[NODE] [--json]",
     "Why this host's node, or NODE, is in its state: the rule, the votes, the remedy.", 0, 1,
     json_flags, true, explain_show},
    {"timeline", "[--since TIME] [--node NODE] [--json | --html FILE] [RECORDER...]",
     "What all nodes saw, as one story in the order of cause and effect. TIME: 5m, 2h, 03:10\n"
     "                               (default: 1h). RECORDER: a flight recorder's file, or its\n"
     "                               directory: only these are read.",
     0, 40, timeline_flags, true, timeline_show},
    {"whatif", "CUT [--json]",
     "Who would survive a cut, and why. CUT: \"a,b|c\" two sides (* for all others), \"a>b\"\n"
     "                               one way, \"-c\" a death; several with spaces between.",
     1, 16, json_flags, true, whatif_show},
    {"backup", "[verify] FILE",
     "The whole state at one index into a new file, written by the running node. verify: read\n"
     "                               FILE and say what is in it, or what is wrong and where.",
     1, 2, NULL, true, recover_backup},
    {"restore", "FILE [--dry-run]",
     "Make a new cluster, with this stopped and empty node as its only member, out of a\n"
     "                               backup. --dry-run: only say what would be done.",
     1, 1, restore_flags, true, recover_restore},
    {"metrics", "[runbook | PATTERN]",
     "The running node's metrics: those of RB-010 with their targets, or all whose name holds\n"
     "                               PATTERN. --reference: what each of them means.",
     0, 1, metrics_flags, true, metrics_show},
    {"version", "", "The version of this program.", 0, 0, NULL, false, cli_pages_version},
    {"completion", "bash|zsh", "The script that completes this program's words.", 1, 1, NULL, false,
     cli_pages_completion},
    {"man", "", "This program's manual page, as roff.", 0, 0, NULL, false, cli_pages_man},
    {"help", "", "This text.", 0, 0, NULL, false, cli_pages_help},
};

static bool sub_of(size_t i, struct cli_sub *ret)
{
	if (i >= TOPICS)
		return false;
	*ret = (struct cli_sub){topics[i].topic, topics[i].name, topics[i].args, topics[i].help};
	return true;
}

static const struct cli_exit_text exits[] = {
    {0, "done; `cluster status`: the node serves; doctor: all is well"},
    {1, "refused, or it failed; `cluster sync`: somebody is behind; doctor: warnings"},
    {2, "nobody can be asked; `cluster status`: the node does not serve; doctor: failures"},
    {CLI_USAGE, "wrong usage"},
    {CLI_CONFIG, "the configuration is wrong"},
};

static const struct cli_pages pages = {
    .program = "erlmcp-admin",
    .what = "looks at an erlmcp cluster, and changes it",
    .about = "It asks this host's node over its control socket, and others over the distribution. "
             "Changes of the members are one at a time, and refused, with the arithmetic, when "
             "they would stop the cluster. They go on by themselves, whoever leads; --no-wait "
             "returns when one has begun.",
    .verbs = verbs,
    .n_verbs = sizeof verbs / sizeof verbs[0],
    .sub = sub_of,
    .exits = exits,
    .n_exits = sizeof exits / sizeof exits[0],
};

int main(int argc, char **argv)
{
	struct cli c = {.program = "erlmcp-admin", .pages = &pages};

	return cli_main(&c, verbs, sizeof verbs / sizeof verbs[0], argc, argv);
}
