#include "consensus/chunk_disk.h"

#include <inttypes.h>
#include <stdio.h>
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

	if (strlen(text) >= CHUNK_TEXT ||
	    sscanf(text, "chunk-%4u-%16" SCNx64 "-%16" SCNx64, &name.chunk, &name.changed,
	           &name.checksum) != 3 ||
	    name.chunk >= IMAGE_CHUNKS)
		return ST_MALFORMED;
	/* One spelling for each name. */
	chunk_name_text(&name, again);
	if (strcmp(again, text) != 0)
		return ST_MALFORMED;
	*ret = name;
	return ST_OK;
}
