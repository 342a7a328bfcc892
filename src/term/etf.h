/* Tags of the external term format: libei's header has the names, which keeps the two in step.
 *
 * libei's decoders take no length of their input, and so they read behind the end of a message
 * that lies about its sizes; here all bytes go through a cursor instead. */
#ifndef TERM_ETF_H
#define TERM_ETF_H

#include <ei.h>

enum {
	ETF_VERSION = 131,
	ETF_COMPRESSED = 'P',
	ETF_NEW_FLOAT = 'F',
};

#endif
