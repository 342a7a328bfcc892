#include "node/rescue.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
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

static enum status take_place(const char *data_dir, const struct identity *id,
                              char ret_aside[ASIDE_NAME_MAX], char why[OFFLINE_WHY_MAX])
{
	char fresh[PATH_BYTES];
	char place[PATH_BYTES];
	enum status st = ST_OK;

	path_of(data_dir, "raft.new", fresh);
	path_of(data_dir, "raft", place);
	ret_aside[0] = '\0';
	if (access(place, F_OK) == 0)
		st = rescue_set_aside(data_dir, ret_aside);
	if (st != ST_OK)
		return refuse(why, st, "%s cannot be set aside: %s", place, strerror(errno));
	if (rename(fresh, place) != 0)
		return refuse(why, ST_IO, "%s cannot be renamed: %s", fresh, strerror(errno));
	st = identity_store(data_dir, id);
	if (st != ST_OK)
		return refuse(why, st, "%s/identity: %s", data_dir, status_text(st));
	return ST_OK;
}

enum status rescue_found(const char *data_dir, struct store *s, const struct rescue_plan *plan,
                         struct identity *ret, char ret_aside[ASIDE_NAME_MAX],
                         char why[OFFLINE_WHY_MAX])
{
	struct offline_start start = {.name = plan->name, .term = plan->term, .index = plan->index};
	struct identity id;
	char fresh[PATH_BYTES];
	enum status st;

	describe(plan, &id);
	start.raft_id = id.raft_id;
	path_of(data_dir, "raft.new", fresh);
	if (copy_remove(fresh) != ST_OK) /* of an attempt that was interrupted */
		return refuse(why, ST_IO, "%s is in the way", fresh);
	st = offline_write(fresh, s, &start, why);
	if (st == ST_OK)
		st = prove(fresh, s, why);
	if (st == ST_OK)
		st = take_place(data_dir, &id, ret_aside, why);
	else if (copy_remove(fresh) != ST_OK)
		return st; /* removed by the next attempt */
	if (st == ST_OK)
		*ret = id;
	return st;
}
