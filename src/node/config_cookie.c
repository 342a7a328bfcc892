/* ~/.erlang.cookie, read and made as Erlang does: the owner's only, letters A to Z. */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/config_internal.h"

enum { COOKIE_LETTERS = 20 }; /* as many as Erlang makes: 94 bits */

static const char *home_of(const struct config_input *in)
{
	const char *home = config_getenv(in, "HOME");
	const struct passwd *entry;

	if (home != NULL && home[0] == '/')
		return home;
	entry = getpwuid(geteuid());
	return entry == NULL ? NULL : entry->pw_dir;
}

static bool random_letters(char *ret, size_t n)
{
	for (size_t i = 0; i < n;) {
		unsigned char byte;

		if (getrandom(&byte, 1, 0) != 1)
			return false;
		/* 234 is the largest multiple of 26 in a byte: the letters stay equally likely. */
		if (byte < 234)
			ret[i++] = (char)('A' + byte % 26);
	}
	ret[n] = '\0';
	return true;
}

static bool write_all(int fd, const char *text, size_t len)
{
	while (len > 0) {
		const ssize_t n = write(fd, text, len);

		if (n <= 0)
			return false;
		text += n;
		len -= (size_t)n;
	}
	return true;
}

/* Make the file. False when that fails, with errno; the file is whole or absent. */
static bool make_cookie(const char *path, char *ret)
{
	const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0400);
	char text[COOKIE_LETTERS + 1];
	bool done;
	int saved;

	if (fd < 0)
		return false;
	done = random_letters(text, COOKIE_LETTERS) && write_all(fd, text, COOKIE_LETTERS) &&
	       fsync(fd) == 0;
	saved = errno;
	close(fd);
	if (!done) {
		(void)unlink(path);
		errno = saved;
		return false;
	}
	memcpy(ret, text, sizeof text);
	return true;
}

static void remember(struct config *c, const char *path)
{
	const int k = config_find("cookie", 6);

	c->origins[k].source = SOURCE_DERIVED;
	config_put(c->origins[k].where, sizeof c->origins[k].where, "%s", path);
}

static void read_cookie(struct config *c, const char *path, const struct stat *info)
{
	struct buf file;
	size_t len;

	if ((info->st_mode & (S_IRWXG | S_IRWXO)) != 0) {
		config_say(c, DIAGNOSTIC_ERROR,
		           "%s may be read by others than its owner: chmod 400 %s", path, path);
		return;
	}
	buf_init(&file, (size_t)CONFIG_COOKIE_MAX * 2);
	if (config_read_file(path, &file) != ST_OK || buf_text(&file) == NULL) {
		config_say(c, DIAGNOSTIC_ERROR, "%s cannot be read: set ERLANG_COOKIE instead",
		           path);
	} else {
		len = strcspn((const char *)file.base, "\r\n");
		if (len == 0 || len >= CONFIG_COOKIE_MAX || strlen((const char *)file.base) < len) {
			config_say(
			    c, DIAGNOSTIC_ERROR,
			    "%s must hold one line of 1 to 255 characters; write one, or set "
			    "ERLANG_COOKIE",
			    path);
		} else {
			memcpy(c->values.cookie, file.base, len);
			c->values.cookie[len] = '\0';
			remember(c, path);
		}
		explicit_bzero(file.base, file.len);
	}
	buf_close(&file);
}

void config_find_cookie(const struct config_input *in, struct config *c)
{
	const char *home = home_of(in);
	char path[CONFIG_PATH_MAX];
	struct stat info;

	if (home == NULL) {
		config_say(c, in->create_cookie ? DIAGNOSTIC_ERROR : DIAGNOSTIC_NOTE,
		           "no cookie: neither ERLANG_COOKIE nor a home directory; set "
		           "ERLANG_COOKIE");
		return;
	}
	config_put(path, sizeof path, "%s/.erlang.cookie", home);
	if (stat(path, &info) == 0) {
		read_cookie(c, path, &info);
		return;
	}
	if (!in->create_cookie)
		return;
	if (make_cookie(path, c->values.cookie)) {
		remember(c, path);
		config_say(
		    c, DIAGNOSTIC_NOTE,
		    "made %s with a random cookie: give every node and tool the same one, or "
		    "set ERLANG_COOKIE",
		    path);
	} else {
		config_say(c, DIAGNOSTIC_ERROR,
		           "no cookie, and %s cannot be made: %s; set ERLANG_COOKIE", path,
		           strerror(errno));
	}
}
