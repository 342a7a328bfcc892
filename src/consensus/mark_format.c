#include "consensus/mark_format.h"

#include "consensus/limits.h"

#define MARK_MAGIC UINT64_C(0x314b52414d524c45) /* "ELRMARK1" */

void mark_encode(const struct crc *c, const struct commit_mark *mark, uint8_t ret[MARK_BYTES])
{
	disk_put_u64(ret, MARK_MAGIC);
	disk_put_u64(ret + 8, mark->member);
	disk_put_u64(ret + 16, mark->index);
	disk_put_u64(ret + 24, mark->term);
	disk_put_u64(ret + 32, crc_of(c, ret, 32));
}

enum status mark_decode(const struct crc *c, const uint8_t *bytes, size_t len,
                        struct commit_mark *ret)
{
	if (len != MARK_BYTES || disk_u64(bytes) != MARK_MAGIC ||
	    disk_u64(bytes + 32) != crc_of(c, bytes, 32))
		return ST_NOT_FOUND;
	ret->member = disk_u64(bytes + 8);
	ret->index = disk_u64(bytes + 16);
	ret->term = disk_u64(bytes + 24);
	if (ret->index == 0 || ret->index > INDEX_MAX || ret->term == 0 || ret->term > TERM_MAX)
		return ST_NOT_FOUND;
	return ST_OK;
}
