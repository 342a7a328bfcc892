#include "node/log.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/config.h"
#include "node/limits.h"

enum { TEXT_CUT = 512 }; /* even with every byte escaped, a line stays below LOG_LINE_MAX */

struct log {
	enum log_level level;
	bool json;
	int fd;         /* standard output or the file */
	bool file;      /* fd is a file of ours, to be rotated */
	bool may_block; /* fd is a pipe, socket or terminal */
	int64_t size;   /* bytes in the file */
	int64_t file_bytes;
	unsigned files;
	uint64_t dropped; /* lines lost since the last one that was written */
	struct buf line;  /* the line being made; kept to spare allocations */
	char node[NODE_NAME_MAX];
	char path[CONFIG_PATH_MAX + 16]; /* of the file */
};

static const char *const level_names[LOG_LEVELS] = {
    [LOG_DEBUG] = "debug",     [LOG_INFO] = "info",   [LOG_NOTICE] = "notice",
    [LOG_WARNING] = "warning", [LOG_ERROR] = "error",
};

const char *log_level_name(enum log_level level)
{
	assert(level < LOG_LEVELS);
	return level_names[level];
}

/* Length of the well-formed UTF-8 sequence at s, 0 when it is none. */
static size_t utf8_length(const unsigned char *s)
{
	static const struct {
		unsigned char mask, lead;
		unsigned least;
	} forms[] = {
	    {0x80, 0x00, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};

	for (size_t n = 0; n < 4; n++) {
		unsigned point = s[0] & (unsigned char)~forms[n].mask;
		size_t i = 1;

		if ((s[0] & forms[n].mask) != forms[n].lead)
			continue;
		for (; i <= n && (s[i] & 0xc0) == 0x80; i++)
			point = point << 6 | (s[i] & 0x3f);
		return i == n + 1 && point >= forms[n].least && point <= 0x10ffff &&
		               (point < 0xd800 || point > 0xdfff)
		           ? n + 1
		           : 0;
	}
	return 0;
}

/* Text with control characters and broken UTF-8 made visible; json: quotes escaped as well. */
static void printable(struct buf *b, const char *text, bool json)
{
	const unsigned char *s = (const unsigned char *)text;

	while (*s != '\0') {
		const size_t n = utf8_length(s);

		if (*s == '\n' || *s == '\t' || *s == '\r')
			buf_printf(b, "\\%c", *s == '\n' ? 'n' : *s == '\t' ? 't' : 'r');
		else if (*s < 0x20 || *s == 0x7f || n == 0)
			buf_printf(b, json ? "\\u%04x" : "\\x%02x", *s);
		else if (json && (*s == '"' || *s == '\\'))
			buf_printf(b, "\\%c", *s);
		else
			buf_bytes(b, s, n);
		s += n == 0 ? 1 : n;
	}
}

static void put_time(struct buf *b, const struct timespec *at)
{
	struct tm tm;

	if (gmtime_r(&at->tv_sec, &tm) == NULL)
		memset(&tm, 0, sizeof tm);
	buf_printf(b, "%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ", tm.tm_year + 1900, tm.tm_mon + 1,
	           tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, at->tv_nsec / 1000000);
}

void log_format(struct buf *b, bool json, const char *node, const struct timespec *at,
                enum log_level level, const char *text)
{
	assert(level < LOG_LEVELS);
	buf_printf(b, "%s", json ? "{\"time\":\"" : "");
	put_time(b, at);
	if (json) {
		buf_printf(b, "\",\"level\":\"%s\",\"node\":\"", level_names[level]);
		printable(b, node, true);
		buf_printf(b, "\",\"text\":\"");
		printable(b, text, true);
		buf_printf(b, "\"}\n");
	} else {
		buf_printf(b, " [%s] ", level_names[level]);
		printable(b, text, false);
		buf_u8(b, '\n');
	}
}

static enum status open_file(struct log *l)
{
	struct stat info;

	l->fd = open(l->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
	if (l->fd < 0)
		return ST_IO;
	l->size = fstat(l->fd, &info) == 0 ? info.st_size : 0;
	return ST_OK;
}

static void open_stdout(struct log *l)
{
	struct stat info;

	l->fd = STDOUT_FILENO;
	l->may_block = fstat(l->fd, &info) == 0 && !S_ISREG(info.st_mode);
}

static enum status open_dir(struct log *l, const char *dir, char *why, size_t why_cap)
{
	l->file = true;
	(void)snprintf(l->path, sizeof l->path, "%s/erlmcp.log", dir);
	if (mkdir(dir, 0750) != 0 && errno != EEXIST) {
		(void)snprintf(why, why_cap, "the log directory %s cannot be made: %s", dir,
		               strerror(errno));
		return ST_IO;
	}
	if (open_file(l) != ST_OK) {
		(void)snprintf(why, why_cap, "the log %s cannot be opened: %s", l->path,
		               strerror(errno));
		return ST_IO;
	}
	return ST_OK;
}

enum status log_open(const struct log_config *config, struct log **ret, char *why, size_t why_cap)
{
	struct log *l = calloc(1, sizeof *l);
	enum status st;

	if (l == NULL) {
		(void)snprintf(why, why_cap, "%s", status_text(ST_NOMEM));
		return ST_NOMEM;
	}
	l->fd = -1;
	l->level = config->level;
	l->json = config->json;
	l->file_bytes = config->file_bytes;
	l->files = config->files;
	buf_init(&l->line, (size_t)LOG_LINE_MAX * 8);
	(void)snprintf(l->node, sizeof l->node, "%s", config->node == NULL ? "" : config->node);
	if (config->dir == NULL) {
		open_stdout(l);
	} else {
		st = open_dir(l, config->dir, why, why_cap);
		if (st != ST_OK) {
			log_close(l);
			return st;
		}
	}
	*ret = l;
	return ST_OK;
}

void log_close(struct log *l)
{
	if (l == NULL)
		return;
	if (l->file && l->fd >= 0)
		close(l->fd);
	buf_close(&l->line);
	free(l);
}

bool log_enabled(const struct log *l, enum log_level level)
{
	return level >= l->level;
}

/* erlmcp.log.1 is the newest; the oldest falls off. */
static void rotate(struct log *l)
{
	char from[CONFIG_PATH_MAX + 32];
	char to[CONFIG_PATH_MAX + 32];

	for (unsigned i = l->files; i > 0; i--) {
		if (i == 1)
			(void)snprintf(from, sizeof from, "%s", l->path);
		else
			(void)snprintf(from, sizeof from, "%s.%u", l->path, i - 1);
		(void)snprintf(to, sizeof to, "%s.%u", l->path, i);
		(void)rename(from, to);
	}
	close(l->fd);
	if (open_file(l) != ST_OK)
		l->dropped++;
}

/* True when a whole line can be written without waiting. */
static bool has_room(const struct log *l)
{
	struct pollfd p = {.fd = l->fd, .events = POLLOUT};

	return !l->may_block || (poll(&p, 1, 0) == 1 && (p.revents & POLLOUT) != 0);
}

static void put_line(struct log *l)
{
	size_t done = 0;

	if (l->file && l->fd < 0 && open_file(l) != ST_OK) {
		l->dropped++;
		return;
	}
	if (l->file && l->size + (int64_t)l->line.len > l->file_bytes && l->size > 0)
		rotate(l);
	if (l->fd < 0 || !has_room(l)) {
		l->dropped++;
		return;
	}
	while (done < l->line.len) {
		const ssize_t n = write(l->fd, l->line.base + done, l->line.len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			l->dropped++;
			return;
		}
		done += (size_t)n;
	}
	l->size += (int64_t)done;
}

static void put(struct log *l, enum log_level level, const char *text)
{
	char begin[TEXT_CUT + 4];
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	buf_reset(&l->line);
	log_format(&l->line, l->json, l->node, &now, level, text);
	if (l->line.len > LOG_LINE_MAX) {
		/* Much of it was escaped, so it is not for reading: its beginning will do. */
		(void)snprintf(begin, sizeof begin, "%.*s...", TEXT_CUT, text);
		buf_reset(&l->line);
		log_format(&l->line, l->json, l->node, &now, level, begin);
	}
	if (buf_status(&l->line) == ST_OK)
		put_line(l);
	else
		l->dropped++;
}

void log_vline(struct log *l, enum log_level level, const char *fmt, va_list args)
{
	/* Leave room for the timestamp, so that the line is one atomic write to a pipe. */
	char text[LOG_LINE_MAX - 512];
	char lost[64];

	assert(level < LOG_LEVELS);
	if (!log_enabled(l, level))
		return;
	if (l->dropped > 0 && has_room(l)) {
		(void)snprintf(lost, sizeof lost, "%llu log lines could not be written",
		               (unsigned long long)l->dropped);
		l->dropped = 0;
		put(l, LOG_WARNING, lost);
	}
	(void)vsnprintf(text, sizeof text, fmt, args);
	put(l, level, text);
}

void log_line(struct log *l, enum log_level level, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	log_vline(l, level, fmt, args);
	va_end(args);
}
