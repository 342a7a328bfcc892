#include "node/recorder.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { RECORDER_PATH_MAX = 1100, RECORDER_LINE_MAX = 8192 };

struct recorder {
	int fd;                           /* of the newer file */
	off_t size;                       /* of the newer file */
	char path[RECORDER_PATH_MAX];     /* newer file */
	char old_path[RECORDER_PATH_MAX]; /* older file */
	struct buf line;                  /* the event being built */
};

static enum status open_file(struct recorder *r, int flags)
{
	r->fd = open(r->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | flags, 0640);
	if (r->fd < 0)
		return ST_IO;
	r->size = lseek(r->fd, 0, SEEK_END);
	return ST_OK;
}

enum status recorder_open(const char *dir, struct recorder **ret)
{
	struct recorder *r = calloc(1, sizeof *r);
	enum status st;

	if (r == NULL)
		return ST_NOMEM;
	if (snprintf(r->path, sizeof r->path, "%s/flight.log", dir) >= (int)sizeof r->path ||
	    snprintf(r->old_path, sizeof r->old_path, "%s/flight.old.log", dir) >=
	        (int)sizeof r->old_path) {
		free(r);
		return ST_LIMIT;
	}
	st = open_file(r, 0);
	if (st != ST_OK) {
		free(r);
		return st;
	}
	buf_init(&r->line, RECORDER_LINE_MAX);
	*ret = r;
	return ST_OK;
}

void recorder_close(struct recorder *r)
{
	if (r == NULL)
		return;
	if (r->fd >= 0)
		(void)close(r->fd);
	buf_close(&r->line);
	free(r);
}

static void rotate(struct recorder *r)
{
	(void)close(r->fd);
	/* Whatever fails here, recording goes on in the file that can be opened. */
	(void)rename(r->path, r->old_path);
	if (open_file(r, 0) != ST_OK)
		r->fd = -1;
}

/* Append text as a JSON string, quotes included. Bytes that are not ASCII pass through. */
static void append_string(struct buf *b, const char *text)
{
	const char *at;

	buf_u8(b, '"');
	for (at = text; *at != '\0'; at++) {
		const unsigned char byte = (unsigned char)*at;

		if (byte == '"' || byte == '\\') {
			buf_u8(b, '\\');
			buf_u8(b, byte);
		} else if (byte < 0x20) {
			buf_printf(b, "\\u%04x", byte);
		} else {
			buf_u8(b, byte);
		}
	}
	buf_u8(b, '"');
}

void recorder_begin(struct recorder *r, const char *event, int64_t boot_us, int64_t wall_ms)
{
	if (r == NULL)
		return;
	buf_reset(&r->line);
	buf_printf(&r->line, "{\"event\":\"%s\",\"boot_us\":%lld,\"wall_ms\":%lld", event,
	           (long long)boot_us, (long long)wall_ms);
}

void recorder_text(struct recorder *r, const char *key, const char *value)
{
	if (r == NULL)
		return;
	buf_printf(&r->line, ",\"%s\":", key);
	append_string(&r->line, value);
}

void recorder_int(struct recorder *r, const char *key, int64_t value)
{
	if (r != NULL)
		buf_printf(&r->line, ",\"%s\":%lld", key, (long long)value);
}

void recorder_end(struct recorder *r)
{
	ssize_t n;

	if (r == NULL)
		return;
	buf_bytes(&r->line, "}\n", 2);
	if (buf_status(&r->line) != ST_OK || r->fd < 0)
		return;
	/* One write a line: a full disk loses events, never the node. */
	n = write(r->fd, r->line.base, r->line.len);
	if (n > 0)
		r->size += n;
	if (r->size >= RECORDER_FILE_MAX)
		rotate(r);
}

/* --- Reading ------------------------------------------------------------------------- */

/* The wall clock of a line; -1: it was cut short by a crash. */
static int64_t wall_of(const char *line, size_t len)
{
	static const char key[] = "\"wall_ms\":";
	const char *at = memmem(line, len, key, sizeof key - 1);

	return at == NULL || line[len - 1] != '}' ? -1 : strtoll(at + sizeof key - 1, NULL, 10);
}

static enum status read_file(const char *path, int64_t since_ms, struct buf *ret)
{
	FILE *f = fopen(path, "re");
	enum status st = ST_OK;
	char *line = NULL;
	size_t cap = 0;
	ssize_t len;

	if (f == NULL)
		return errno == ENOENT ? ST_NOT_FOUND : ST_IO;
	while (st == ST_OK && (len = getline(&line, &cap, f)) > 0) {
		if (line[len - 1] == '\n')
			len--;
		if (len == 0 || wall_of(line, (size_t)len) < since_ms)
			continue;
		buf_bytes(ret, line, (size_t)len);
		buf_u8(ret, '\n');
		st = buf_status(ret);
	}
	free(line);
	(void)fclose(f);
	return st;
}

enum status recorder_read(const char *dir, int64_t since_ms, struct buf *ret)
{
	char path[RECORDER_PATH_MAX];
	enum status st;

	if (snprintf(path, sizeof path, "%s/flight.old.log", dir) >= (int)sizeof path)
		return ST_LIMIT;
	st = read_file(path, since_ms, ret);
	if (st != ST_OK && st != ST_NOT_FOUND)
		return st;
	(void)snprintf(path, sizeof path, "%s/flight.log", dir);
	return read_file(path, since_ms, ret);
}
