#include "node/rescue.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "consensus/copy.h"
#include "node/identity_file.h"
#include "node/limits.h"
#include "node/node_internal.h"
#include "session/store.h"

enum { PATH_BYTES = CONFIG_PATH_MAX + 64 };

PRINTF(3, 4)
static enum status refuse(char why[OFFLINE_WHY_MAX], enum status st, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(why, OFFLINE_WHY_MAX, fmt, args);
	va_end(args);
	return st;
}

static void path_of(const char *data_dir, const char *name, char ret[PATH_BYTES])
{
	(void)snprintf(ret, PATH_BYTES, "%s/%s", data_dir, name);
}

static enum status sync_dir(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum status st;

	if (fd < 0)
		return ST_IO;
	st = fsync(fd) == 0 ? ST_OK : ST_IO;
	(void)close(fd);
	return st;
}

/* What is not there need not be moved. */
static enum status rename_in(const char *data_dir, const char *from, const char *to)
{
	char source[PATH_BYTES];
	char target[PATH_BYTES];

	path_of(data_dir, from, source);
	path_of(data_dir, to, target);
	return rename(source, target) == 0 || errno == ENOENT ? ST_OK : ST_IO;
}

enum status rescue_set_aside(const char *data_dir, char ret_name[ASIDE_NAME_MAX])
{
	const long long stamp = (long long)node_wall_ms(NULL);
	char identity[ASIDE_NAME_MAX];
	char log[ASIDE_NAME_MAX];
	enum status st;

	(void)snprintf(log, sizeof log, "raft.aside-%lld", stamp);
	(void)snprintf(identity, sizeof identity, "identity.aside-%lld", stamp);
	st = rename_in(data_dir, "raft", log);
	if (st == ST_OK)
		st = rename_in(data_dir, "identity", identity);
	if (st == ST_OK)
		st = sync_dir(data_dir);
	if (st == ST_OK)
		memcpy(ret_name, log, sizeof log);
	return st;
}

#define LOST_FILE "lost-disk"

enum status rescue_mark_lost(const char *data_dir, const char *why)
{
	char path[PATH_BYTES];
	enum status st = ST_IO;
	int fd;

	path_of(data_dir, LOST_FILE, path);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return ST_IO;
	/* That it is there counts; what it says is for people. */
	if (dprintf(fd, "%s\n", why) > 0 && fsync(fd) == 0)
		st = sync_dir(data_dir);
	(void)close(fd);
	return st;
}

bool rescue_is_lost(const char *data_dir)
{
	char path[PATH_BYTES];

	path_of(data_dir, LOST_FILE, path);
	return access(path, F_OK) == 0;
}

void rescue_unmark_lost(const char *data_dir)
{
	char path[PATH_BYTES];

	path_of(data_dir, LOST_FILE, path);
	(void)unlink(path);
}

enum status rescue_look(const char *data_dir, struct store *s, struct rescue *ret,
                        char why[OFFLINE_WHY_MAX])
{
	struct rescue r = {.name = ""};
	struct fault fault = {ST_OK, 0, ""};
	char dir[PATH_BYTES];
	enum status st;
	size_t i;

	st = identity_load(data_dir, &r.identity, &fault);
	if (st == ST_NOT_FOUND)
		return refuse(why, st, "%s/identity is missing: no node has lived here", data_dir);
	if (st != ST_OK)
		return refuse(why, st, "%s/identity: %s (offset %zu)", data_dir, fault.what,
		              fault.at);
	if (r.identity.state == IDENTITY_EMPTY)
		return refuse(why, ST_NOT_FOUND, "%s belongs to no cluster yet", data_dir);
	path_of(data_dir, "raft", dir);
	st = offline_read(dir, s, &r.log, why);
	if (st != ST_OK)
		return st;
	for (i = 0; i < r.log.n_members; i++) {
		if (r.log.members[i].id == r.identity.raft_id)
			memcpy(r.name, r.log.members[i].name, sizeof r.name);
	}
	*ret = r;
	return ST_OK;
}

/* What was written is there, all of it. */
static enum status prove(const char *dir, const struct store *s, char why[OFFLINE_WHY_MAX])
{
	struct offline_log log;
	struct store *again;
	enum status st = store_new(&again);

	if (st != ST_OK)
		return refuse(why, st, "out of memory");
	st = offline_read(dir, again, &log, why);
	if (st == ST_OK && (store_digest(again) != store_digest(s) ||
	                    store_count(again) != store_count(s) || log.n_members != 1))
		st = refuse(why, ST_CORRUPT, "%s is not what was written", dir);
	store_free(again);
	return st;
}

static void describe(const struct rescue_plan *plan, struct identity *id)
{
	memset(id, 0, sizeof *id);
	id->state = IDENTITY_ADMITTED;
	id->logged = true;
	id->cluster_id = node_random(NULL) | 1;
	id->raft_id = node_random(NULL) | 1;
	id->promise_max_ms = plan->promise_max_ms;
	id->parent_id = plan->parent_id;
	id->parent_index = plan->parent_index;
	id->regrowing = true;
}

/* --- Taking the old one's place ------------------------------------------------------ */

#define FRESH "rescue.new"
#define READY "rescue.ready-"

static bool exists(const char *data_dir, const char *name)
{
	char path[PATH_BYTES];

	path_of(data_dir, name, path);
	return access(path, F_OK) == 0;
}

/* The highest stamp behind this prefix in the names of a directory. */
static bool newest_stamp(const char *data_dir, const char *prefix, long long *ret)
{
	const struct dirent *entry;
	long long newest = -1;
	DIR *d = opendir(data_dir);

	if (d == NULL)
		return false;
	while ((entry = readdir(d)) != NULL) {
		long long stamp;

		if (strncmp(entry->d_name, prefix, strlen(prefix)) != 0)
			continue;
		stamp = strtoll(entry->d_name + strlen(prefix), NULL, 10);
		if (stamp > newest)
			newest = stamp;
	}
	(void)closedir(d);
	*ret = newest;
	return newest >= 0;
}

bool rescue_is_decided(const char *data_dir)
{
	long long stamp;

	return newest_stamp(data_dir, READY, &stamp);
}

/* Set aside what is in the place, and put there what is ready; done when nothing is ready. */
static enum status move_in(const char *data_dir, const char *ready, const char *what,
                           long long stamp)
{
	char from[ASIDE_NAME_MAX + 16];
	char aside[ASIDE_NAME_MAX];
	enum status st = ST_OK;

	(void)snprintf(from, sizeof from, "%s/%s", ready, what);
	(void)snprintf(aside, sizeof aside, "%s.aside-%lld", what, stamp);
	if (!exists(data_dir, from))
		return ST_OK;
	if (exists(data_dir, what))
		st = rename_in(data_dir, what, aside);
	return st == ST_OK ? rename_in(data_dir, from, what) : st;
}

static enum status finish_rescue(const char *data_dir, long long stamp, char why[OFFLINE_WHY_MAX])
{
	char ready[ASIDE_NAME_MAX];
	char path[PATH_BYTES];
	enum status st;

	(void)snprintf(ready, sizeof ready, READY "%lld", stamp);
	path_of(data_dir, ready, path);
	st = move_in(data_dir, ready, "raft", stamp);
	if (st == ST_OK)
		st = move_in(data_dir, ready, "identity", stamp);
	if (st == ST_OK)
		st = sync_dir(path);
	if (st == ST_OK)
		st = sync_dir(data_dir);
	if (st == ST_OK && rmdir(path) != 0)
		st = ST_IO;
	if (st == ST_OK)
		st = sync_dir(data_dir);
	return st == ST_OK
	           ? ST_OK
	           : refuse(why, st, "%s cannot be put in its place: %s", path, strerror(errno));
}

/* The log is aside, and its identity is still here: the same stamp is for both. */
static bool is_half_aside(const char *data_dir, long long *ret_stamp)
{
	char name[ASIDE_NAME_MAX];

	if (!rescue_is_lost(data_dir) || exists(data_dir, "raft") ||
	    !exists(data_dir, "identity") || !newest_stamp(data_dir, "raft.aside-", ret_stamp))
		return false;
	(void)snprintf(name, sizeof name, "identity.aside-%lld", *ret_stamp);
	return !exists(data_dir, name);
}

enum status rescue_finish(const char *data_dir, char ret_aside[ASIDE_NAME_MAX],
                          char why[OFFLINE_WHY_MAX])
{
	char name[ASIDE_NAME_MAX];
	long long stamp;
	enum status st;

	if (newest_stamp(data_dir, READY, &stamp)) {
		st = finish_rescue(data_dir, stamp, why);
	} else if (is_half_aside(data_dir, &stamp)) {
		(void)snprintf(name, sizeof name, "identity.aside-%lld", stamp);
		st = rename_in(data_dir, "identity", name);
		if (st == ST_OK)
			st = sync_dir(data_dir);
		if (st != ST_OK)
			(void)refuse(why, st, "%s/identity cannot be set aside: %s", data_dir,
			             strerror(errno));
	} else {
		return ST_NOT_FOUND;
	}
	if (st != ST_OK)
		return st;
	(void)snprintf(name, sizeof name, "raft.aside-%lld", stamp);
	ret_aside[0] = '\0';
	if (exists(data_dir, name))
		memcpy(ret_aside, name, sizeof name);
	return ST_OK;
}

/* Of an attempt that was interrupted before it was decided. */
static enum status remove_fresh(const char *data_dir)
{
	static const char *const parts[] = {FRESH "/raft", FRESH "/raft.look"};
	static const char *const files[] = {FRESH "/identity", FRESH "/identity.new"};
	char path[PATH_BYTES];
	size_t i;

	for (i = 0; i < sizeof parts / sizeof parts[0]; i++) {
		path_of(data_dir, parts[i], path);
		if (copy_remove(path) != ST_OK)
			return ST_IO;
	}
	for (i = 0; i < sizeof files / sizeof files[0]; i++) {
		path_of(data_dir, files[i], path);
		if (unlink(path) != 0 && errno != ENOENT)
			return ST_IO;
	}
	path_of(data_dir, FRESH, path);
	return rmdir(path) == 0 || errno == ENOENT ? ST_OK : ST_IO;
}

/* Log and identity, whole and durable, under a name that means nothing yet. */
static enum status write_fresh(const char *data_dir, struct store *s,
                               const struct rescue_plan *plan, const struct identity *id,
                               char why[OFFLINE_WHY_MAX])
{
	const struct offline_start start = {
	    .name = plan->name, .raft_id = id->raft_id, .term = plan->term, .index = plan->index};
	char fresh[PATH_BYTES];
	char log[PATH_BYTES];
	enum status st;

	path_of(data_dir, FRESH, fresh);
	path_of(data_dir, FRESH "/raft", log);
	if (mkdir(fresh, 0750) != 0)
		return refuse(why, ST_IO, "%s cannot be made: %s", fresh, strerror(errno));
	st = offline_write(log, s, &start, why);
	if (st == ST_OK)
		st = prove(log, s, why);
	if (st != ST_OK)
		return st;
	st = identity_store(fresh, id);
	if (st == ST_OK)
		st = sync_dir(log);
	if (st == ST_OK)
		st = sync_dir(fresh);
	return st == ST_OK ? ST_OK : refuse(why, st, "%s: %s", fresh, status_text(st));
}

static enum status decide(const char *data_dir, char why[OFFLINE_WHY_MAX])
{
	char ready[ASIDE_NAME_MAX];
	enum status st;

	(void)snprintf(ready, sizeof ready, READY "%lld", (long long)node_wall_ms(NULL));
	st = rename_in(data_dir, FRESH, ready);
	if (st == ST_OK)
		st = sync_dir(data_dir);
	return st == ST_OK ? ST_OK
	                   : refuse(why, st, "%s/" FRESH " cannot be renamed: %s", data_dir,
	                            strerror(errno));
}

enum status rescue_found(const char *data_dir, struct store *s, const struct rescue_plan *plan,
                         struct identity *ret, char ret_aside[ASIDE_NAME_MAX],
                         char why[OFFLINE_WHY_MAX])
{
	struct identity id;
	char fresh[PATH_BYTES];
	enum status st;

	assert(!rescue_is_decided(data_dir));
	describe(plan, &id);
	path_of(data_dir, FRESH, fresh);
	if (remove_fresh(data_dir) != ST_OK)
		return refuse(why, ST_IO, "%s is in the way", fresh);
	st = write_fresh(data_dir, s, plan, &id, why);
	if (st == ST_OK)
		st = decide(data_dir, why);
	else if (remove_fresh(data_dir) != ST_OK)
		return st; /* removed by the next attempt */
	if (st == ST_OK)
		st = rescue_finish(data_dir, ret_aside, why);
	if (st == ST_OK)
		*ret = id;
	return st;
}
