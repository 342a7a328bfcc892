/* A document that a table makes is the one in doc/. */
#ifndef SUPPORT_REFERENCE_H
#define SUPPORT_REFERENCE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "testing.h"

enum { REFERENCE_BYTES_MAX = 1 << 20 };

/* variable: of the environment, names the file. make: what it must hold. command: prints that. */
static inline void assert_reference(const char *variable, void (*make)(struct buf *b),
                                    const char *command)
{
	const char *path = getenv(variable);
	FILE *f = path == NULL ? NULL : fopen(path, "re");
	struct buf made;
	struct buf found;
	int c;

	if (f == NULL)
		fail_msg("%s names no file", variable);
	buf_init(&made, REFERENCE_BYTES_MAX);
	buf_init(&found, REFERENCE_BYTES_MAX);
	make(&made);
	while ((c = fgetc(f)) != EOF)
		buf_u8(&found, (uint8_t)c);
	(void)fclose(f);
	assert_non_null(buf_text(&made));
	assert_non_null(buf_text(&found));
	if (strcmp(buf_text(&made), buf_text(&found)) != 0)
		fail_msg("it is another one; run: %s > %s", command, path);
	buf_close(&made);
	buf_close(&found);
}

#endif
