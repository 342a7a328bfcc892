#include "consensus/mark_format.h"

#include "consensus/limits.h"

#define MARK_MAGIC UINT64_C(0x314b52414d524c45) /* "ELRMARK1" */

void mark_encode(const struct crc *c, const struct commit_mark *mark, uint8_t ret[MARK_BYTES])
{
	disk_put_u64(ret, MARK_MAGIC);
	disk_put_u64(ret + 8, mark->index);
	disk_put_u64(ret + 16, mark->term);
	disk_put_u64(ret + 24, crc_of(c, ret, 24));
}

enum status mark_decode(const struct crc *c, const uint8_t *bytes, size_t len,
                        struct commit_mark *ret)
{
	if (len != MARK_BYTES || disk_u64(bytes) != MARK_MAGIC ||
	    disk_u64(bytes + 24) != crc_of(c, bytes, 24))
		return ST_NOT_FOUND;
	ret->index = disk_u64(bytes + 8);
	ret->term = disk_u64(bytes + 16);
	return ret->index <= INDEX_MAX && ret->term <= TERM_MAX ? ST_OK : ST_NOT_FOUND;
}
