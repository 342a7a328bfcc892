#include "base/status.h"

#include <assert.h>

static const char *const texts[ST_COUNT] = {
#define STATUS_TEXT(name, text) [ST_##name] = (text),
    STATUS_MAP(STATUS_TEXT)
#undef STATUS_TEXT
};

static const char *const names[ST_COUNT] = {
#define STATUS_NAME(name, text) [ST_##name] = #name,
    STATUS_MAP(STATUS_NAME)
#undef STATUS_NAME
};

const char *status_text(enum status st)
{
	assert(st < ST_COUNT);
	return texts[st];
}

const char *status_name(enum status st)
{
	assert(st < ST_COUNT);
	return names[st];
}
