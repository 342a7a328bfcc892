#include "node/host_figures.h"

#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "io/loop.h"

enum {
	PROC_TEXT_MAX = 16 * 1024, /* /proc/net/dev: 130 bytes a device */
	PATH_TEXT_MAX = 1100,      /* CONFIG_PATH_MAX and a name */
};

/* A file of /proc in one read. False: it is not there. */
static bool read_proc(const char *path, char *ret, size_t cap)
{
	FILE *f = fopen(path, "re");
	size_t n;

	if (f == NULL)
		return false;
	n = fread(ret, 1, cap - 1, f);
	ret[n] = '\0';
	(void)fclose(f);
	return n > 0;
}

static double count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	double n = -1; /* the one that looks */

	if (d == NULL)
		return (double)NAN;
	for (const struct dirent *e = readdir(d); e != NULL; e = readdir(d))
		n += e->d_name[0] != '.';
	(void)closedir(d);
	return n;
}

static double limit_of(__rlimit_resource_t resource)
{
	struct rlimit limit;

	if (getrlimit(resource, &limit) != 0)
		return (double)NAN;
	return limit.rlim_cur == RLIM_INFINITY ? -1.0 : (double)limit.rlim_cur;
}

/* The numbers of a line, separated by blanks; returns how many there are, at most cap. */
static size_t read_numbers(const char *text, double *ret, size_t cap)
{
	char *end;
	size_t n = 0;

	for (; n < cap; n++) {
		ret[n] = strtod(text, &end);
		if (end == text)
			break;
		text = end;
	}
	return n;
}

/* proc(5), /proc/pid/stat: behind a name that may hold anything stand the state, a letter, and
 * from the fourth field on numbers. */
enum {
	STAT_USER = 14 - 4,
	STAT_SYSTEM = 15 - 4,
	STAT_START = 22 - 4,
	STAT_BYTES = 23 - 4,
	STAT_PAGES = 24 - 4,
	STAT_FIELDS
};

static void from_stat(struct metrics_view *v, const char *text, int64_t now_us, int64_t wall_ms)
{
	const double hertz = (double)sysconf(_SC_CLK_TCK);
	const char *behind = strrchr(text, ')');
	double field[STAT_FIELDS];
	double boot_s;

	if (behind == NULL || strlen(behind) < 4 ||
	    read_numbers(behind + 3, field, STAT_FIELDS) < STAT_FIELDS)
		return;
	v->process_cpu_seconds = (field[STAT_USER] + field[STAT_SYSTEM]) / hertz;
	v->process_virtual_memory_bytes = field[STAT_BYTES];
	v->process_resident_memory_bytes = field[STAT_PAGES] * (double)sysconf(_SC_PAGESIZE);
	/* In whole tenths, so that two scrapes tell the same. */
	boot_s = (double)wall_ms / 1e3 - (double)now_us / 1e6;
	v->process_start_time_seconds = floor((boot_s + field[STAT_START] / hertz) * 10.0) / 10.0;
}

void host_process(struct metrics_view *v, int64_t now_us, int64_t wall_ms)
{
	char text[1024];

	v->process_open_fds = count_fds();
	v->process_max_fds = limit_of(RLIMIT_NOFILE);
	v->process_virtual_memory_max_bytes = limit_of(RLIMIT_AS);
	if (read_proc("/proc/self/stat", text, sizeof text))
		from_stat(v, text, now_us, wall_ms);
}

bool host_device_line(const char *line, struct metrics_device *ret)
{
	enum { RECEIVE_ERRORS = 2, FIELDS };
	const char *name = line + strspn(line, " ");
	const char *colon = strchr(name, ':');
	double field[FIELDS];

	if (colon == NULL || colon == name || colon - name >= METRICS_DEVICE_NAME ||
	    read_numbers(colon + 1, field, FIELDS) < FIELDS)
		return false;
	memcpy(ret->name, name, (size_t)(colon - name));
	ret->name[colon - name] = '\0';
	ret->receive_errors = field[RECEIVE_ERRORS];
	return true;
}

void host_network(struct metrics_view *v)
{
	char text[PROC_TEXT_MAX];
	char *line = text;

	if (!read_proc("/proc/net/dev", text, sizeof text))
		return;
	while (line != NULL && v->n_devices < METRICS_DEVICES_MAX) {
		char *next = strchr(line, '\n');

		if (next != NULL)
			*next++ = '\0';
		v->n_devices += host_device_line(line, &v->devices[v->n_devices]);
		line = next;
	}
}

/* Bytes on disk of a directory's files. */
static double directory_bytes(const char *dir)
{
	DIR *d = opendir(dir);
	double sum = 0;
	unsigned n = 0;

	if (d == NULL)
		return 0;
	for (const struct dirent *e = readdir(d); e != NULL && n < DISK_FILES_MAX; e = readdir(d)) {
		struct stat s;

		if (fstatat(dirfd(d), e->d_name, &s, AT_SYMLINK_NOFOLLOW) != 0 ||
		    !S_ISREG(s.st_mode))
			continue;
		sum += (double)s.st_blocks * 512.0;
		n++;
	}
	(void)closedir(d);
	return sum;
}

static void look(void *arg)
{
	struct disk_figures *d = arg;
	char path[PATH_TEXT_MAX];
	struct statvfs fs;

	d->failed = statvfs(d->dir, &fs) != 0;
	if (d->failed)
		return;
	d->free_bytes = (double)fs.f_bavail * (double)fs.f_frsize;
	d->size_bytes = (double)fs.f_blocks * (double)fs.f_frsize;
	(void)snprintf(path, sizeof path, "%s/raft", d->dir);
	d->log_bytes = directory_bytes(path);
	(void)snprintf(path, sizeof path, "%s/raft/state", d->dir);
	d->state_bytes = directory_bytes(path);
}

static void looked(void *arg)
{
	struct disk_figures *d = arg;

	d->looking = false;
	d->known = !d->failed;
}

void host_disk(struct metrics_view *v, struct disk_figures *d, struct loop *loop, int64_t now_us)
{
	if (d->dir == NULL)
		return;
	if (d->known && !d->looking) {
		v->log_bytes = d->log_bytes;
		v->state_disk_bytes = d->state_bytes;
		v->data_disk_free_bytes = d->free_bytes;
		v->data_disk_size_bytes = d->size_bytes;
	}
	if (d->looking || (d->seen_us != 0 && now_us - d->seen_us < DISK_LOOK_US))
		return;
	d->seen_us = now_us;
	d->looking = loop_work(loop, look, looked, d) == ST_OK;
}
