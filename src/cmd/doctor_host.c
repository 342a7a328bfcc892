/* Checks of this host: configuration, cookie, permissions, disk, the node itself. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "cmd/doctor_inside.h"
#include "cmd/page.h"
#include "io/lockfile.h"

enum {
	COOKIE_SHORT = 16,        /* letters: 75 bits, if they are random */
	SYNCS = 16,               /* enough to meet a slow one */
	SYNC_BYTES = 4096,        /* as a small entry of the log */
	SPACE_FAILURE_MIB = 64,   /* snapshots and the log's reserve do not fit */
	SPACE_WARNING_MIB = 1024, /* what a busy log takes between snapshots, several times */
	MIB = 1024 * 1024,
};

void doctor_configuration(struct doctor *d)
{
	const struct config *c = &d->c->config;
	char warning[512];

	for (size_t i = 0; i < c->n_diagnostics; i++) {
		const struct config_diagnostic *x = &c->diagnostics[i];

		if (x->severity != DIAGNOSTIC_NOTE)
			doctor_say(
			    d, x->severity == DIAGNOSTIC_ERROR ? DOCTOR_FAILURE : DOCTOR_WARNING,
			    "`erlmcp config` shows each value and where it comes from", "%s",
			    x->text);
	}
	if (c->values.alone)
		doctor_say(d, DOCTOR_WARNING,
		           "set ERLMCP_SEED_NODES to the names of all members, on each of them",
		           "a cluster of its own, without fault tolerance");
	if (config_quorum_warning(&c->values, warning, sizeof warning))
		doctor_say(d, DOCTOR_WARNING,
		           "set it to the number of members on every node (RB-008, False Positive)",
		           "%s", warning);
	if (c->n_errors == 0)
		doctor_say(d, DOCTOR_OK, NULL, "%s, %zu expected members, ERLMCP_QUORUM_SIZE %u",
		           c->values.node_name, c->values.n_expected, c->values.quorum_size);
}

void doctor_cookie(struct doctor *d)
{
	const char *cookie = d->c->config.values.cookie;
	const size_t len = strlen(cookie);

	if (len == 0)
		doctor_say(d, DOCTOR_FAILURE,
		           "set ERLANG_COOKIE, the same on all members, or write it to "
		           "~/.erlang.cookie (mode 0400)",
		           "there is none");
	else if (len < COOKIE_SHORT)
		doctor_say(d, DOCTOR_WARNING,
		           "who has it has everything: take at least 20 random letters, the same "
		           "on all members",
		           "it has only %zu characters", len);
	else
		doctor_say(d, DOCTOR_OK, NULL, "%zu characters", len);
}

/* --- Permissions --------------------------------------------------------------------- */

static void check_directory(struct doctor *d, const char *what, const char *path)
{
	const bool is_data = strcmp(what, "data") == 0;
	struct stat st;

	if (stat(path, &st) != 0 && errno == ENOENT) {
		doctor_say(d, DOCTOR_OK, NULL,
		           d->up ? "the %s directory %s is not there, and not needed by this node"
		                 : "the %s directory %s will be made at the first start",
		           what, path);
	} else if (access(path, R_OK | W_OK | X_OK) != 0 && errno == EROFS && !is_data) {
		doctor_say(d, DOCTOR_OK, NULL,
		           "%s is read-only: a node in the foreground logs to standard output",
		           path);
	} else if (access(path, R_OK | W_OK | X_OK) != 0) {
		doctor_say(d, DOCTOR_FAILURE,
		           "run this as the node's user, or give the directory to it (chown)",
		           "the %s directory %s: %s", what, path, strerror(errno));
	} else if (is_data && (st.st_mode & 0007) != 0) {
		doctor_say(d, DOCTOR_WARNING,
		           "chmod o-rwx it: the sessions of all clients are in it",
		           "the %s directory %s is open to every user (mode %04o)", what, path,
		           (unsigned)st.st_mode & 07777);
	} else {
		doctor_say(d, DOCTOR_OK, NULL, "the %s directory %s can be written", what, path);
	}
}

static void check_cookie_file(struct doctor *d)
{
	const char *home = getenv("HOME");
	char path[CLI_PATH_MAX];
	struct stat st;

	if (home == NULL || home[0] == '\0')
		return;
	(void)snprintf(path, sizeof path, "%s/.erlang.cookie", home);
	if (stat(path, &st) == 0 && (st.st_mode & 0077) != 0)
		doctor_say(d, DOCTOR_WARNING, "chmod 0400 it",
		           "%s can be read by others (mode %04o)", path,
		           (unsigned)st.st_mode & 07777);
}

void doctor_permissions(struct doctor *d)
{
	check_directory(d, "data", d->c->config.values.data_dir);
	if (d->c->config.values.log_dir[0] != '\0')
		check_directory(d, "log", d->c->config.values.log_dir);
	check_cookie_file(d);
}

/* --- Disk ---------------------------------------------------------------------------- */

static double now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* The slowest of some small durable writes; < 0: errno says why not. */
static double slowest_sync_ms(const char *dir)
{
	static const char page[SYNC_BYTES];
	char path[CLI_PATH_MAX + 32];
	double worst = 0;
	int fd;

	(void)snprintf(path, sizeof path, "%s/.doctor-XXXXXX", dir);
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return -1;
	for (int i = 0; i < SYNCS && worst >= 0; i++) {
		const double begin = now_ms();

		if (write(fd, page, sizeof page) != (ssize_t)sizeof page || fdatasync(fd) != 0)
			worst = -1;
		else if (now_ms() - begin > worst)
			worst = now_ms() - begin;
	}
	(void)close(fd);
	(void)unlink(path);
	return worst;
}

static void check_space(struct doctor *d, const char *dir)
{
	struct statvfs disk;
	long long mib;
	int level = DOCTOR_OK;

	if (statvfs(dir, &disk) != 0)
		return;
	mib = (long long)(disk.f_bavail * disk.f_frsize / MIB);
	if (mib < SPACE_FAILURE_MIB)
		level = DOCTOR_FAILURE;
	else if (mib < SPACE_WARNING_MIB)
		level = DOCTOR_WARNING;
	doctor_say(d, level,
	           level == DOCTOR_OK
	               ? NULL
	               : "make room: without it writes are refused (they begin again "
	                 "by themselves)",
	           "%lld MiB of %lld MiB are free in %s", mib,
	           (long long)(disk.f_blocks * disk.f_frsize / MIB), dir);
	if (disk.f_files > 0 && disk.f_favail < 1000)
		doctor_say(d, DOCTOR_WARNING, "remove small files, or make the file system anew",
		           "only %llu files can be made in %s", (unsigned long long)disk.f_favail,
		           dir);
}

static void check_sync(struct doctor *d, const char *dir)
{
	const double limit_ms = d->c->config.values.election_ms;
	const double worst = slowest_sync_ms(dir);
	const char *remedy = "the log needs a disk of its own, or a faster one; longer election "
	                     "timeouts help against false alarms";

	if (worst < 0)
		doctor_say(d, DOCTOR_FAILURE, "repair the disk, or free space",
		           "cannot write to %s: %s", dir, strerror(errno));
	else if (worst >= limit_ms)
		doctor_say(d, DOCTOR_FAILURE, remedy,
		           "the slowest of %d durable writes took %.1f ms: longer than an election "
		           "timeout (%.0f ms)",
		           SYNCS, worst, limit_ms);
	else
		doctor_say(
		    d, worst * 4 >= limit_ms ? DOCTOR_WARNING : DOCTOR_OK,
		    worst * 4 >= limit_ms ? remedy : NULL,
		    "the slowest of %d durable writes took %.1f ms (election timeout: %.0f ms)",
		    SYNCS, worst, limit_ms);
}

/* Before the first start: the directory that will hold the data directory. */
void doctor_disk(struct doctor *d)
{
	char dir[CLI_PATH_MAX];
	char *slash;

	(void)snprintf(dir, sizeof dir, "%s", d->c->config.values.data_dir);
	while (access(dir, F_OK) != 0 && (slash = strrchr(dir, '/')) != NULL && slash != dir)
		*slash = '\0';
	check_space(d, dir);
	if (access(dir, W_OK) == 0)
		check_sync(d, dir);
	if (d->up && page_truth(json_object_get(d->told, "disk"), "short"))
		doctor_say(
		    d, DOCTOR_FAILURE, "make room where the data directory is",
		    "this node has no space in reserve, and may be unable to store what comes");
	if (d->up && page_truth(json_object_get(d->told, "disk"), "full"))
		doctor_say(d, DOCTOR_FAILURE, "make room on the members whose disks are full",
		           "this leader refuses writes: a majority has no space in reserve");
}

/* --- The node ------------------------------------------------------------------------ */

void doctor_node(struct doctor *d)
{
	const struct node_config *v = &d->c->config.values;
	const char *state = page_text(d->told, "state");
	const bool serves = strcmp(state, "serving") == 0 || strcmp(state, "degraded") == 0;
	char age[32];
	pid_t pid = 0;

	if (d->up) {
		const json_t *rule = json_object_get(d->told, "rule");

		doctor_say(d,
		           strcmp(state, "serving") == 0 ? DOCTOR_OK
		           : serves                      ? DOCTOR_WARNING
		                                         : DOCTOR_FAILURE,
		           strcmp(state, "serving") == 0 ? NULL : page_text(rule, "remedy"),
		           "%s has been %s for %s: %s", v->node_name, state,
		           page_span(d->told, "state_age_ms", age, sizeof age),
		           page_text(d->told, "why"));
	} else if (lockfile_holder(v->data_dir, &pid) == ST_OK) {
		doctor_say(d, DOCTOR_FAILURE, "look at its log; `erlmcp restart` when it stays so",
		           "process %ld holds %s, but does not answer", (long)pid, v->data_dir);
	} else {
		doctor_say(
		    d, DOCTOR_WARNING,
		    "`erlmcp start`, or `docker start` its container; `erlmcp-admin timeline` "
		    "tells why it stopped",
		    "%s does not run", v->node_name);
	}
}
