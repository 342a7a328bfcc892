/* Configurations that the search has been in: a hash set of records of a fixed size. */
#ifndef LIN_MEMO_H
#define LIN_MEMO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct memo {
	uint64_t *records;  /* owned, one behind another */
	uint32_t *places;   /* owned: record's number plus one, by hash; 0: free */
	size_t words;       /* of one record */
	size_t n;           /* records kept */
	size_t cap;         /* room for so many records */
	size_t n_places;    /* a power of two, more than the records */
	size_t records_max; /* by LIN_MEMO_BYTES_MAX */
};

void memo_init(struct memo *m, size_t words);

/* Works on a zeroed memo and twice. */
void memo_close(struct memo *m);

/* Keep a record (copies it): *ret is false when it was there. ST_LIMIT when full. */
CHECKED enum status memo_add(struct memo *m, const uint64_t *record, bool *ret);

#endif
