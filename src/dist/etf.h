/* Makes messages with a distribution header readable by everyone else.
 *
 * Behind such a header terms have no version byte, and atoms may be one-byte references to the
 * header's list. etf_copy() copies one term and puts the atoms in place of the references. It
 * knows the extents of all tags and checks them, nothing more; it does not recurse. */
#ifndef DIST_ETF_H
#define DIST_ETF_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/cursor.h"
#include "base/status.h"

/* The atoms that a header announced, by their place in it; borrowed. */
struct etf_refs {
	const char *const *atoms;
	size_t n;
};

/* Copy one term, version byte in front, from the cursor to out. */
CHECKED enum status etf_copy(struct cursor *c, const struct etf_refs *refs, struct buf *out);

#endif
