#include "consensus/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
	SLOTS = 2,         /* libraft writes metadata1 and metadata2 in turn */
	PATH_BYTES = 1024, /* a directory and a short name; storage_open() checks */
};

#define SEAL_MAGIC UINT64_C(0x314c414553524c45) /* "ELRSEAL1" */

/* One of the two pairs of files as found. */
struct slot {
	enum status metadata_st; /* ST_OK, ST_NOT_FOUND: absent or short, ST_CORRUPT */
	enum status seal_st;     /* the same */
	struct metadata metadata;
	struct seal seal;
};

/* Odd versions are in metadata1. */
static unsigned slot_of(uint64_t version)
{
	return version % 2 == 1 ? 0 : 1;
}

void seal_encode(const struct crc *c, const struct seal *seal, uint8_t ret[SEAL_BYTES])
{
	disk_put_u64(ret, SEAL_MAGIC);
	disk_put_u64(ret + 8, seal->of.version);
	disk_put_u64(ret + 16, seal->of.term);
	disk_put_u64(ret + 24, seal->of.vote);
	disk_put_u64(ret + 32, seal->filler ? 1 : 0);
	disk_put_u64(ret + 40, crc_of(c, ret, 40));
}

enum status seal_decode(const struct crc *c, const uint8_t *bytes, size_t len, struct seal *ret)
{
	if (len < SEAL_BYTES)
		return ST_NOT_FOUND;
	if (len > SEAL_BYTES || disk_u64(bytes) != SEAL_MAGIC || disk_u64(bytes + 32) > 1 ||
	    disk_u64(bytes + 40) != crc_of(c, bytes, 40))
		return ST_CORRUPT;
	ret->of.version = disk_u64(bytes + 8);
	ret->of.term = disk_u64(bytes + 16);
	ret->of.vote = disk_u64(bytes + 24);
	ret->filler = disk_u64(bytes + 32) == 1;
	return ST_OK;
}

static void path_of(const char *dir, unsigned slot, const char *suffix, char ret[PATH_BYTES])
{
	(void)snprintf(ret, PATH_BYTES, "%s/metadata%u%s", dir, slot + 1, suffix);
}

/* Read a small file; an absent one is empty. */
static enum status read_small(const char *path, uint8_t *ret, size_t cap, size_t *ret_len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0 && errno != ENOENT)
		return ST_IO;
	n = fd < 0 ? 0 : read(fd, ret, cap);
	if (fd >= 0)
		close(fd);
	if (n < 0)
		return ST_IO;
	*ret_len = (size_t)n;
	return ST_OK;
}

static enum status read_slot(const struct crc *c, const char *dir, unsigned i, struct slot *ret)
{
	uint8_t bytes[SEAL_BYTES + 1];
	char path[PATH_BYTES];
	size_t len;

	path_of(dir, i, "", path);
	if (read_small(path, bytes, METADATA_BYTES + 1, &len) != ST_OK)
		return ST_IO;
	ret->metadata_st = metadata_decode(bytes, len, &ret->metadata);
	path_of(dir, i, ".seal", path);
	if (read_small(path, bytes, sizeof bytes, &len) != ST_OK)
		return ST_IO;
	ret->seal_st = seal_decode(c, bytes, len, &ret->seal);
	if (ret->metadata_st == ST_OK && slot_of(ret->metadata.version) != i)
		ret->metadata_st = ST_CORRUPT;
	if (ret->seal_st == ST_OK && slot_of(ret->seal.of.version) != i)
		ret->seal_st = ST_CORRUPT;
	return ST_OK;
}

static bool same(const struct metadata *a, const struct metadata *b)
{
	return a->version == b->version && a->term == b->term && a->vote == b->vote;
}

static enum status corrupt(unsigned slot, const char *suffix, const char *what,
                           char why[SEAL_WHY_MAX])
{
	(void)snprintf(why, SEAL_WHY_MAX, "metadata%u%s, byte 0: %s", slot + 1, suffix, what);
	return ST_CORRUPT;
}

/* The slot of the newest seal that vouches for something, or -1. */
static int newest_seal(const struct slot slots[SLOTS])
{
	int newest = -1;
	int i;

	for (i = 0; i < SLOTS; i++) {
		if (slots[i].seal_st != ST_OK || slots[i].seal.filler)
			continue;
		if (newest < 0 || slots[i].seal.of.version > slots[newest].seal.of.version)
			newest = i;
	}
	return newest;
}

/* No seals: a new directory, one of a release before there were any, or one in which the first
 * ones were being written. What libraft would load counts. */
static enum status check_unsealed(const struct slot slots[SLOTS], struct metadata *ret,
                                  char why[SEAL_WHY_MAX])
{
	struct metadata newest = {0};
	unsigned i;

	for (i = 0; i < SLOTS; i++) {
		if (slots[i].metadata_st == ST_CORRUPT)
			return corrupt(i, "", "this is no term and vote", why);
		if (slots[i].metadata_st == ST_OK && slots[i].metadata.version > newest.version)
			newest = slots[i].metadata;
	}
	*ret = newest;
	return ST_OK;
}

/* `newest` has the newest seal. *undo: the other slot holds a step that was never sealed. */
static enum status check_sealed(const struct slot slots[SLOTS], unsigned newest, bool *undo,
                                char why[SEAL_WHY_MAX])
{
	const struct slot *n = &slots[newest];
	const struct slot *o = &slots[1 - newest];
	const uint64_t version = n->seal.of.version;

	if (n->metadata_st != ST_OK || !same(&n->metadata, &n->seal.of))
		return corrupt(newest, "", "not the term and vote that were stored", why);
	if (o->seal_st != ST_OK || o->seal.of.version + 1 != version)
		return corrupt(1 - newest, ".seal", "not what was stored before the other", why);
	*undo = o->metadata_st == ST_OK && o->metadata.version == version + 1;
	if (*undo || o->metadata_st == ST_NOT_FOUND)
		return ST_OK;
	if (o->metadata_st != ST_OK || o->metadata.version + 1 != version ||
	    (!o->seal.filler && !same(&o->metadata, &o->seal.of)))
		return corrupt(1 - newest, "", "not the term and vote that were stored", why);
	return ST_OK;
}

static enum status sync_dir(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rv;

	if (fd < 0)
		return ST_IO;
	rv = fsync(fd);
	close(fd);
	return rv == 0 ? ST_OK : ST_IO;
}

static enum status undo_step(const char *dir, unsigned slot, char why[SEAL_WHY_MAX])
{
	char path[PATH_BYTES];

	path_of(dir, slot, "", path);
	if (unlink(path) == 0 && sync_dir(dir) == ST_OK)
		return ST_OK;
	(void)snprintf(why, SEAL_WHY_MAX, "cannot take metadata%u back: %s", slot + 1,
	               strerror(errno));
	return ST_IO;
}

enum status seal_check(const struct crc *c, const char *dir, struct metadata *ret, bool *sealed,
                       char why[SEAL_WHY_MAX])
{
	struct slot slots[SLOTS];
	bool undo = false;
	int newest;
	int i;

	for (i = 0; i < SLOTS; i++) {
		if (read_slot(c, dir, (unsigned)i, &slots[i]) != ST_OK) {
			(void)snprintf(why, SEAL_WHY_MAX, "cannot read metadata%d: %s", i + 1,
			               strerror(errno));
			return ST_IO;
		}
	}
	for (i = 0; i < SLOTS; i++) {
		if (slots[i].seal_st == ST_CORRUPT)
			return corrupt((unsigned)i, ".seal", "the checksum does not match", why);
	}
	newest = newest_seal(slots);
	*sealed = newest >= 0;
	if (newest < 0)
		return check_unsealed(slots, ret, why);
	if (check_sealed(slots, (unsigned)newest, &undo, why) != ST_OK)
		return ST_CORRUPT;
	*ret = slots[newest].seal.of;
	return undo ? undo_step(dir, 1 - (unsigned)newest, why) : ST_OK;
}

static enum status write_seal(const struct crc *c, const char *dir, unsigned slot,
                              const struct seal *seal)
{
	uint8_t bytes[SEAL_BYTES];
	char path[PATH_BYTES];
	bool ok;
	int fd;

	seal_encode(c, seal, bytes);
	path_of(dir, slot, ".seal", path);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return ST_IO;
	ok = pwrite(fd, bytes, sizeof bytes, 0) == (ssize_t)sizeof bytes && fdatasync(fd) == 0;
	close(fd);
	return ok ? ST_OK : ST_IO;
}

enum status seal_store(const struct crc *c, const char *dir, const struct metadata *of, bool first,
                       char why[SEAL_WHY_MAX])
{
	const struct seal seal = {.of = *of};
	const struct seal filler = {.of = {.version = of->version - 1}, .filler = true};
	const unsigned slot = slot_of(of->version);
	enum status st = ST_OK;

	if (first)
		st = write_seal(c, dir, 1 - slot, &filler);
	if (st == ST_OK)
		st = write_seal(c, dir, slot, &seal);
	if (st == ST_OK && first)
		st = sync_dir(dir);
	if (st != ST_OK)
		(void)snprintf(why, SEAL_WHY_MAX, "metadata%u.seal: %s", slot + 1, strerror(errno));
	return st;
}
