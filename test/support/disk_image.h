/* The files of a log's directory in memory, to be damaged and written back; and what the real
 * storage backend makes of them. */
#ifndef SUPPORT_DISK_IMAGE_H
#define SUPPORT_DISK_IMAGE_H

#include <stddef.h>
#include <stdint.h>

enum { IMAGE_FILES_MAX = 32, IMAGE_NAME_MAX = 80 };

struct image_file {
	char name[IMAGE_NAME_MAX];
	uint8_t *bytes; /* up to the last one that is not zero, with room for more */
	size_t used;    /* those */
	size_t size;    /* of the file */
};

struct image {
	struct image_file files[IMAGE_FILES_MAX];
	size_t n;
};

/* What a storage gave back. */
struct loaded_log {
	int rv; /* libraft's code */
	uint64_t term;
	uint64_t vote;
	size_t n;        /* entries */
	uint32_t digest; /* of the terms and bytes of the first digest_n entries */
	char why[300];
};

void image_take(struct image *image, const char *dir);
void image_free(struct image *image);
/* Make the directory hold exactly this. */
void image_put(const struct image *image, const char *dir);
/* The last file, by name, that begins and ends with these; fails when there is none. */
struct image_file *image_find(struct image *image, const char *prefix, const char *suffix);

/* Initialize a storage on the directory and load it. */
void log_load(const char *dir, size_t digest_n, struct loaded_log *ret);
/* Store a term, then a vote unless it is 0: one write of metadata each. */
void log_vote(const char *dir, uint64_t term, uint64_t vote);

#endif
