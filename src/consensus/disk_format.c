#include "consensus/disk_format.h"

#include <string.h>

#include "consensus/limits.h"

enum {
	FORMAT = 1,                           /* libraft's only one */
	CHECKSUMS_BYTES = 8,                  /* of the header and of the data of a batch */
	COUNT_BYTES = 8,                      /* entries in a batch */
	ENTRY_HEAD_BYTES = 16,                /* term, type, zeros, length */
	ENTRY_TYPE_MAX = 3,                   /* command, barrier, change */
	META_HEAD_BYTES = 32,                 /* format, checksum, configuration index and length */
	META_CONFIGURATION_MAX = 1024 * 1024, /* libraft's limit */
	CRC_POLYNOMIAL = 0x04C11DB7,
};

void crc_init(struct crc *ret)
{
	uint32_t i;
	int bit;

	for (i = 0; i < 256; i++) {
		uint32_t value = i << 24;

		for (bit = 0; bit < 8; bit++)
			value = value << 1 ^ ((value >> 31) != 0 ? (uint32_t)CRC_POLYNOMIAL : 0);
		ret->table[i] = value;
	}
}

uint32_t crc_of(const struct crc *c, const uint8_t *bytes, size_t len)
{
	uint32_t value = 0;
	size_t i;

	for (i = 0; i < len; i++)
		value = value << 8 ^ c->table[(value >> 24 ^ bytes[i]) & 255];
	return value;
}

static uint32_t disk_u32(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
	       (uint32_t)bytes[3] << 24;
}

uint64_t disk_u64(const uint8_t *bytes)
{
	return (uint64_t)disk_u32(bytes) | (uint64_t)disk_u32(bytes + 4) << 32;
}

void disk_put_u64(uint8_t *bytes, uint64_t value)
{
	size_t i;

	for (i = 0; i < 8; i++)
		bytes[i] = (uint8_t)(value >> (8 * i));
}

enum status metadata_decode(const uint8_t *bytes, size_t len, struct metadata *ret)
{
	if (len < METADATA_BYTES)
		return ST_NOT_FOUND;
	if (len > METADATA_BYTES || disk_u64(bytes) != FORMAT || disk_u64(bytes + 8) == 0)
		return ST_CORRUPT;
	ret->version = disk_u64(bytes + 8);
	ret->term = disk_u64(bytes + 16);
	ret->vote = disk_u64(bytes + 24);
	return ST_OK;
}

static bool all_zeros(const uint8_t *bytes, size_t len)
{
	return len == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, len - 1) == 0);
}

/* The heads of n entries make sense; *ret is how many bytes of data they announce. */
static bool heads_ok(const uint8_t *heads, uint64_t n, uint64_t *ret)
{
	uint64_t data = 0;
	uint64_t i;

	for (i = 0; i < n; i++) {
		const uint8_t *head = heads + i * ENTRY_HEAD_BYTES;
		const uint64_t term = disk_u64(head);
		const uint32_t len = disk_u32(head + 12);

		if (term == 0 || term > TERM_MAX || head[8] == 0 || head[8] > ENTRY_TYPE_MAX ||
		    !all_zeros(head + 9, 3) || len % SEGMENT_WORD != 0)
			return false;
		data += len;
	}
	*ret = data;
	return true;
}

enum batch {
	BATCH_NONE,    /* nothing that could be a batch's header */
	BATCH_DAMAGED, /* the header is intact, its data is not; the size is known */
	BATCH_CUT,     /* the header is intact, the file ends before the data does */
	BATCH_INTACT,
};

/* Judge the bytes at the beginning of `bytes` as a batch. */
static enum batch batch_at(const struct crc *c, const uint8_t *bytes, size_t len, size_t *ret_len)
{
	const size_t fixed = CHECKSUMS_BYTES + COUNT_BYTES;
	uint64_t n;
	uint64_t data;
	size_t header;

	if (len < fixed)
		return BATCH_NONE;
	n = disk_u64(bytes + CHECKSUMS_BYTES);
	if (n == 0 || n > (len - fixed) / ENTRY_HEAD_BYTES || !heads_ok(bytes + fixed, n, &data))
		return BATCH_NONE;
	header = COUNT_BYTES + (size_t)n * ENTRY_HEAD_BYTES;
	if (crc_of(c, bytes + CHECKSUMS_BYTES, header) != disk_u32(bytes))
		return BATCH_NONE;
	if (data > len - CHECKSUMS_BYTES - header)
		return BATCH_CUT;
	*ret_len = CHECKSUMS_BYTES + header + (size_t)data;
	if (crc_of(c, bytes + CHECKSUMS_BYTES + header, (size_t)data) != disk_u32(bytes + 4))
		return BATCH_DAMAGED;
	return BATCH_INTACT;
}

/* Look for an intact batch behind damage at `at`. */
static void search_later(const struct crc *c, const uint8_t *bytes, size_t len, size_t at,
                         struct segment_scan *scan)
{
	size_t size;

	while (at < len) {
		if (batch_at(c, bytes + at, len - at, &size) == BATCH_INTACT) {
			scan->later = true;
			scan->later_at = at;
			return;
		}
		at += SEGMENT_WORD;
	}
}

void segment_scan(const struct crc *c, const uint8_t *bytes, size_t len, struct segment_scan *ret)
{
	struct segment_scan scan = {0};
	enum batch found = BATCH_NONE;
	size_t size = SEGMENT_WORD;
	size_t at = 0;

	if (len >= SEGMENT_WORD && disk_u64(bytes) == FORMAT) {
		at = SEGMENT_WORD;
		while ((found = batch_at(c, bytes + at, len - at, &size)) == BATCH_INTACT) {
			scan.batches++;
			at += size;
		}
		scan.good = at;
		if (found != BATCH_DAMAGED)
			size = SEGMENT_WORD;
	}
	scan.dirty = !all_zeros(bytes + at, len - at);
	if (scan.dirty) {
		scan.cut = found == BATCH_CUT || (len != SEGMENT_BYTES_MAX && scan.batches > 0);
		search_later(c, bytes, len, at + size, &scan);
	}
	*ret = scan;
}

enum status snapshot_meta_check(const struct crc *c, const uint8_t *bytes, size_t len)
{
	uint64_t configuration;

	if (len < META_HEAD_BYTES || disk_u64(bytes) != FORMAT)
		return ST_CORRUPT;
	configuration = disk_u64(bytes + 24);
	if (configuration == 0 || configuration > META_CONFIGURATION_MAX ||
	    configuration != len - META_HEAD_BYTES)
		return ST_CORRUPT;
	return crc_of(c, bytes + 16, len - 16) == disk_u64(bytes + 8) ? ST_OK : ST_CORRUPT;
}
