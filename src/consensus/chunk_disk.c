#include "consensus/chunk_disk.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "session/image.h"

void chunk_name_text(const struct chunk_name *name, char ret[CHUNK_TEXT])
{
	snprintf(ret, CHUNK_TEXT, "chunk-%04u-%016" PRIx64 "-%016" PRIx64, name->chunk,
	         name->changed, name->checksum);
}

enum status chunk_name_parse(const char *text, struct chunk_name *ret)
{
	struct chunk_name name;
	char again[CHUNK_TEXT];
	unsigned long chunk;
	char *end;

	if (strncmp(text, "chunk-", 6) != 0)
		return ST_MALFORMED;
	chunk = strtoul(text + 6, &end, 10);
	if (*end != '-' || chunk >= IMAGE_CHUNKS)
		return ST_MALFORMED;
	name.chunk = (unsigned)chunk;
	name.changed = strtoull(end + 1, &end, 16);
	if (*end != '-')
		return ST_MALFORMED;
	name.checksum = strtoull(end + 1, &end, 16);
	/* One spelling for each name. */
	chunk_name_text(&name, again);
	if (strcmp(again, text) != 0)
		return ST_MALFORMED;
	*ret = name;
	return ST_OK;
}
