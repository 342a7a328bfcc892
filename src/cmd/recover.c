#include "cmd/recover.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cmd/cli.h"
#include "io/lockfile.h"
#include "io/tool.h"
#include "node/identity_file.h"
#include "node/rescue.h"
#include "session/archive.h"
#include "session/store.h"

enum {
	WHY_MAX = 512,
	BACKUP_MS = 3600 * 1000, /* a state of gigabytes on a slow disk */
};

/* How many of the voters answer, and how many there are. */
struct survey {
	unsigned voters;
	unsigned alive; /* this one counted */
	bool up[MEMBERS_MAX];
};

static int refused(const struct cli *c, const char *why)
{
	(void)fprintf(stderr, "%s: %s\n", c->program, why);
	return CLI_FAILED;
}

/* Nobody may live in the directory meanwhile. -1: told. */
static int lock(const struct cli *c, const char *data_dir)
{
	char why[WHY_MAX];
	pid_t holder = 0;
	int fd;

	if (lockfile_holder(data_dir, &holder) == ST_OK) {
		(void)fprintf(stderr,
		              "%s: a node runs on %s (process %ld): stop it first, with `erlmcp "
		              "stop`\n",
		              c->program, data_dir, (long)holder);
		return -1;
	}
	if (lockfile_take(data_dir, c->program, &fd, why, sizeof why) == ST_OK)
		return fd;
	(void)fprintf(stderr, "%s: %s\n", c->program, why);
	return -1;
}

/* --- cluster recover ----------------------------------------------------------------- */

/* Whom of the members a ping reaches, over the network as the members reach each other. */
static enum status survey(const struct cli *c, const struct rescue *r, struct survey *ret)
{
	const struct node_config *v = &c->config.values;
	const char *at = strchr(r->name, '@');
	char name[NODE_NAME_MAX + 32];
	const struct tool_config config = {name, v->short_names, v->cookie, (uint16_t)v->epmd_port};
	struct survey s = {0};
	char why[WHY_MAX] = "";
	struct tool *tool = NULL;
	enum status st;

	(void)snprintf(name, sizeof name, "recover%ld%s", (long)getpid(),
	               at == NULL ? "@localhost" : at);
	st = tool_open(&config, &tool, why, sizeof why);
	if (st != ST_OK) {
		(void)fprintf(stderr, "%s: the other members cannot be looked for: %s\n",
		              c->program, why);
		return st;
	}
	for (size_t i = 0; i < r->log.n_members; i++) {
		const struct offline_member *m = &r->log.members[i];
		const bool self = m->id == r->identity.raft_id;

		s.up[i] = !self && tool_ping(tool, m->name);
		s.voters += m->voter;
		s.alive += m->voter && (self || s.up[i]);
	}
	tool_close(tool);
	*ret = s;
	return ST_OK;
}

static void show_members(const struct rescue *r, const struct survey *s)
{
	(void)printf("members:\n");
	for (size_t i = 0; i < r->log.n_members; i++) {
		const struct offline_member *m = &r->log.members[i];
		const char *what = "DOES NOT ANSWER: lost";

		if (m->id == r->identity.raft_id)
			what = "this one";
		else if (s->up[i])
			what = "answers: a survivor, which has to join anew";
		(void)printf("  %-40s %-8s %s\n", m->name, m->voter ? "voter" : "standby", what);
	}
	(void)printf("%u of %u voters are here, %u are a majority\n\n", s->alive, s->voters,
	             s->voters / 2 + 1);
}

static void show_log(const struct rescue *r, const struct store *s)
{
	(void)printf("node      %s\ncluster   %016" PRIx64 "\n", r->name, r->identity.cluster_id);
	(void)printf("stored    up to index %" PRIu64 " in term %" PRIu64 "; up to %" PRIu64
	             " certainly committed\n",
	             r->log.last_index, r->log.term, r->log.snapshot_index);
	(void)printf("state     %zu sessions, digest %016" PRIx64 "\n\n", store_count(s),
	             store_digest(s));
}

static void show_losses(const struct rescue *r)
{
	(void)printf(
	    "kept:     everything that is stored here, up to index %" PRIu64 ", committed or not\n"
	    "lost:     what only the lost members stored, behind that index. How much that "
	    "is,\n"
	    "          nobody can tell any more. If another survivor has a higher index, "
	    "recover\n"
	    "          there instead (`cluster recover` on it shows its index)\n"
	    "after it: this node is a new cluster of its own. The old members, should they "
	    "come\n"
	    "          back, are refused (split-brain alarm) until they start over: see\n"
	    "          `cluster resolve`\n\n",
	    r->log.last_index);
}

/* Why there is nothing to recover; NULL: there is. */
static const char *needless(const struct rescue *r, const struct survey *s)
{
	if (s->voters == 1 && s->alive == 1)
		return "not needed: this node is the only voter. Start it";
	if (s->alive > s->voters / 2)
		return "not needed: a majority of the voters is here. Start this node and it "
		       "serves with them; a lost member is replaced with `cluster replace`";
	if (r->name[0] == '\0')
		return "this node is no member of the cluster that its log is of: recover on one "
		       "that is";
	return NULL;
}

/* What a crash interrupted behind its decision is finished first. -1: there is nothing. */
static int finish_begun(const struct cli *c, bool yes)
{
	const char *data_dir = c->config.values.data_dir;
	char why[OFFLINE_WHY_MAX] = "";
	char aside[ASIDE_NAME_MAX] = "";
	struct identity id;
	struct fault fault;
	enum status st;

	if (!yes && rescue_is_decided(data_dir)) {
		(void)printf(
		    "A new cluster was decided on here, and the command was interrupted: it "
		    "is finished\nby doing it again, or when the node starts. Nothing was "
		    "changed.\n");
		return CLI_OK;
	}
	st = rescue_finish(data_dir, aside, why);
	if (st == ST_NOT_FOUND)
		return -1;
	if (st != ST_OK)
		return refused(c, why);
	if (identity_load(data_dir, &id, &fault) != ST_OK)
		return -1; /* it was setting its data aside, which is done now */
	(void)printf("finished what was interrupted: this node is cluster %016" PRIx64
	             " now. Start it, and\nadmit others with `cluster join NODE`.\n",
	             id.cluster_id);
	if (aside[0] != '\0')
		(void)printf("The old log is kept in %s/%s.\n", data_dir, aside);
	return CLI_OK;
}

static int found_anew(const struct cli *c, const struct rescue *r, struct store *s)
{
	const char *data_dir = c->config.values.data_dir;
	const struct rescue_plan plan = {
	    .name = r->name,
	    .promise_max_ms = r->identity.promise_max_ms,
	    .term = r->log.term + 1,
	    .index = r->log.last_index + 1,
	    .parent_id = r->identity.cluster_id,
	    .parent_index = r->log.last_index,
	};
	char why[OFFLINE_WHY_MAX] = "";
	char aside[ASIDE_NAME_MAX];
	struct identity id;

	if (rescue_found(data_dir, s, &plan, &id, aside, why) != ST_OK)
		return refused(c, why);
	(void)printf(
	    "recovered: cluster %016" PRIx64 " begins at index %" PRIu64 " of cluster %016" PRIx64
	    ".\n"
	    "The old log is kept in %s/%s.\n"
	    "Start this node: it serves alone, whatever ERLMCP_QUORUM_SIZE says, and admit "
	    "others\nwith `cluster join NODE` (a survivor of the old cluster: `cluster "
	    "resolve` on it first).\nWhen as many vote as ERLMCP_QUORUM_SIZE says, it "
	    "counts again.\n",
	    id.cluster_id, plan.parent_index, plan.parent_id, data_dir, aside);
	return CLI_OK;
}

static int recover(const struct cli *c, struct store *s, bool yes)
{
	const char *needless_why;
	char why[OFFLINE_WHY_MAX] = "";
	struct survey found;
	struct rescue r;

	if (rescue_look(c->config.values.data_dir, s, &r, why) != ST_OK)
		return refused(c, why);
	if (survey(c, &r, &found) != ST_OK)
		return CLI_FAILED;
	show_log(&r, s);
	show_members(&r, &found);
	(void)fflush(stdout);
	needless_why = needless(&r, &found);
	if (needless_why != NULL)
		return refused(c, needless_why);
	show_losses(&r);
	if (yes)
		return found_anew(c, &r, s);
	(void)printf("Nothing was changed. When the members that do not answer are stopped for "
	             "good, do it\nwith --yes.\n");
	return CLI_OK;
}

int recover_cluster(struct cli *c, int argc, char **argv)
{
	const bool yes = cli_flag(argc, argv, "--yes");
	struct store *s = NULL;
	int code = cli_load(c, CLI_ASK);
	int fd = -1;

	if (code != CLI_OK)
		goto out;
	code = CLI_FAILED;
	fd = lock(c, c->config.values.data_dir);
	if (fd >= 0)
		code = finish_begun(c, yes);
	if (code < 0 && store_new(&s) == ST_OK)
		code = recover(c, s, yes);
	if (code < 0)
		code = refused(c, "out of memory");
	store_free(s);
	if (fd >= 0)
		(void)close(fd);
out:
	config_close(&c->config);
	return code;
}

/* --- backup -------------------------------------------------------------------------- */

struct backup_file {
	void *map; /* its bytes */
	size_t len;
};

static bool map_file(const struct cli *c, const char *path, struct backup_file *ret)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat info;
	void *at = MAP_FAILED;

	if (fd >= 0 && fstat(fd, &info) == 0 && info.st_size > 0)
		at = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (at == MAP_FAILED)
		(void)fprintf(stderr, "%s: %s: %s\n", c->program, path,
		              fd >= 0 && info.st_size == 0 ? "the file is empty: no backup"
		                                           : strerror(errno));
	if (fd >= 0)
		(void)close(fd);
	if (at == MAP_FAILED)
		return false;
	ret->map = at;
	ret->len = (size_t)info.st_size;
	return true;
}

/* Read it whole. False: told, with file, offset, rule and remedy. */
static bool read_backup(const struct cli *c, const char *path, struct store *s,
                        struct archive_head *ret)
{
	struct fault fault = {ST_OK, 0, ""};
	struct backup_file file;
	enum status st;

	if (!map_file(c, path, &file))
		return false;
	st = archive_restore(file.map, file.len, s, ret, &fault);
	(void)munmap(file.map, file.len);
	if (st == ST_OK)
		return true;
	(void)fprintf(stderr, "%s: %s: byte %zu: %s. Nothing of it was used; %s\n", c->program,
	              path, fault.at, fault.what,
	              st == ST_UNSUPPORTED ? "use the release that wrote it, or a newer one"
	                                   : "use another backup");
	return false;
}

static void show_backup(const struct archive_head *head, const struct store *s)
{
	const time_t created = (time_t)(head->created_ms / 1000);
	char when[64] = "";
	struct tm tm;

	if (gmtime_r(&created, &tm) != NULL)
		(void)strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S UTC", &tm);
	(void)printf("made      %s by %s\ncluster   %016" PRIx64 "\n", when, head->node,
	             head->cluster_id);
	(void)printf("state     index %" PRIu64 ", %zu sessions, digest %016" PRIx64
	             ", state version %u\n",
	             head->index, store_count(s), store_digest(s), head->state_version);
}

static int verify(const struct cli *c, const char *path)
{
	struct archive_head head;
	struct store *s;
	int code = CLI_FAILED;

	if (store_new(&s) != ST_OK)
		return refused(c, "out of memory");
	if (read_backup(c, path, s, &head)) {
		show_backup(&head, s);
		(void)printf("whole: every part and the digest of the state match\n");
		code = CLI_OK;
	}
	store_free(s);
	return code;
}

int recover_backup(struct cli *c, int argc, char **argv)
{
	char path[PATH_MAX + 256];
	char here[PATH_MAX];
	const char *args[1] = {path};
	int code;

	if (argc == 2 && strcmp(argv[0], "verify") == 0)
		return verify(c, argv[1]);
	if (argc != 1) {
		(void)fprintf(stderr, "usage: %s backup FILE | backup verify FILE\n", c->program);
		return CLI_USAGE;
	}
	/* The node writes it, and is somewhere else. */
	if (argv[0][0] == '/')
		here[0] = '\0';
	else if (getcwd(here, sizeof here - 1) == NULL)
		return refused(c, "the present directory has no name: give the whole path");
	else
		memcpy(here + strlen(here), "/", 2);
	if (snprintf(path, sizeof path, "%s%s", here, argv[0]) >= PATH_MAX)
		return refused(c, "the path is too long");
	code = cli_load(c, CLI_ASK);
	if (code == CLI_OK)
		code = cli_relay(c, "backup", args, 1, BACKUP_MS);
	config_close(&c->config);
	return code;
}

/* --- restore ------------------------------------------------------------------------- */

static int restore_here(const struct cli *c, const struct archive_head *head, struct store *s)
{
	const struct node_config *v = &c->config.values;
	const struct rescue_plan plan = {
	    .name = v->node_name,
	    .promise_max_ms = head->promise_max_ms,
	    .term = 1,
	    .index = head->index + 1,
	    .parent_id = head->cluster_id,
	    .parent_index = head->index,
	};
	char why[OFFLINE_WHY_MAX] = "";
	char aside[ASIDE_NAME_MAX];
	struct identity id;

	if (rescue_found(v->data_dir, s, &plan, &id, aside, why) != ST_OK)
		return refused(c, why);
	(void)printf(
	    "restored: %s is cluster %016" PRIx64 " now.\n"
	    "Start it: it serves alone, whatever ERLMCP_QUORUM_SIZE says, and admit others, "
	    "with empty\ndata directories, by `erlmcp-admin cluster join NODE`. When as "
	    "many vote as\nERLMCP_QUORUM_SIZE says, it counts again.\n",
	    v->node_name, id.cluster_id);
	return CLI_OK;
}

/* A log or an identity is never replaced by a backup. */
static bool is_fresh(const struct cli *c)
{
	static const char *const parts[] = {"raft", "identity"};
	const char *data_dir = c->config.values.data_dir;
	char path[CONFIG_PATH_MAX + 16];
	struct stat info;

	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
		(void)snprintf(path, sizeof path, "%s/%s", data_dir, parts[i]);
		if (stat(path, &info) != 0)
			continue;
		(void)fprintf(stderr,
		              "%s: %s is in use: a backup is restored into an empty data directory "
		              "only. Move the directory aside, or name another with "
		              "ERLMCP_DATA_DIR\n",
		              c->program, path);
		return false;
	}
	return true;
}

static int restore(const struct cli *c, const char *path, bool dry)
{
	struct archive_head head;
	struct store *s;
	int code = CLI_FAILED;
	int fd = -1;

	if (store_new(&s) != ST_OK)
		return refused(c, "out of memory");
	if (!read_backup(c, path, s, &head))
		goto out;
	show_backup(&head, s);
	(void)fflush(stdout);
	fd = lock(c, c->config.values.data_dir);
	if (fd < 0)
		goto out;
	code = finish_begun(c, !dry);
	if (code >= 0)
		goto out;
	code = CLI_FAILED;
	if (!is_fresh(c))
		goto out;
	code = CLI_OK;
	if (dry)
		(void)printf("It can be restored into %s, for %s. Nothing was changed.\n",
		             c->config.values.data_dir, c->config.values.node_name);
	else
		code = restore_here(c, &head, s);
out:
	if (fd >= 0)
		(void)close(fd);
	store_free(s);
	return code;
}

int recover_restore(struct cli *c, int argc, char **argv)
{
	const bool dry = cli_flag(argc, argv, "--dry-run");
	const char *path = NULL;
	int code = cli_load(c, CLI_ASK);

	for (int i = 0; i < argc; i++) {
		if (strncmp(argv[i], "--", 2) != 0)
			path = argv[i];
	}
	if (code == CLI_OK)
		code = path == NULL ? CLI_USAGE : restore(c, path, dry);
	config_close(&c->config);
	return code;
}
