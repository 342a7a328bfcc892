/* What lies on a disk: metadata and its seals, open segments, descriptions of snapshots, the mark
 * of what is committed. The first byte chooses the decoder. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "consensus/disk_format.h"
#include "consensus/mark_format.h"
#include "consensus/seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_segment(const struct crc *c, const uint8_t *data, size_t size)
{
	struct segment_scan scan;

	segment_scan(c, data, size, &scan);
	assert(scan.good <= size && (scan.batches == 0 || scan.good > SEGMENT_WORD));
	assert(scan.dirty || (!scan.cut && !scan.later));
	assert(!scan.later || (scan.later_at >= scan.good && scan.later_at < size));
}

/* What decodes is what was encoded. */
static void fuzz_seal(const struct crc *c, const uint8_t *data, size_t size)
{
	uint8_t again[SEAL_BYTES];
	struct seal seal;

	if (seal_decode(c, data, size, &seal) != ST_OK)
		return;
	seal_encode(c, &seal, again);
	assert(size == SEAL_BYTES && memcmp(again, data, size) == 0);
}

static void fuzz_mark(const struct crc *c, const uint8_t *data, size_t size)
{
	uint8_t again[MARK_BYTES];
	struct commit_mark mark;

	if (mark_decode(c, data, size, &mark) != ST_OK)
		return;
	mark_encode(c, &mark, again);
	assert(size == MARK_BYTES && memcmp(again, data, size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct metadata metadata;
	struct crc crc;

	if (size < 1)
		return 0;
	crc_init(&crc);
	switch (data[0] % 5) {
	case 0:
		fuzz_segment(&crc, data + 1, size - 1);
		break;
	case 1:
		fuzz_seal(&crc, data + 1, size - 1);
		break;
	case 2:
		if (metadata_decode(data + 1, size - 1, &metadata) == ST_OK)
			assert(metadata.version > 0);
		break;
	case 3:
		(void)!snapshot_meta_check(&crc, data + 1, size - 1);
		break;
	default:
		fuzz_mark(&crc, data + 1, size - 1);
	}
	return 0;
}
