/* Flight recorders of up to three nodes, separated by bytes 255: whatever they hold, they are put
 * in order, every event once, and shown in all three ways. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "cmd/story.h"

enum { PAGE_MAX = 64 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void show(const struct story *s)
{
	struct buf b;

	buf_init(&b, PAGE_MAX);
	story_print(s, true, &b);
	buf_reset(&b);
	story_json(s, &b);
	buf_reset(&b);
	story_html(s, &b);
	buf_close(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = {"a", "b", "c"};
	struct story s;
	size_t taken;

	story_init(&s);
	for (size_t i = 0; i < 3 && size > 0; i++) {
		const uint8_t *end = memchr(data, 255, size);
		const size_t len = end == NULL ? size : (size_t)(end - data);
		struct buf b;

		buf_init(&b, PAGE_MAX);
		buf_bytes(&b, data, len);
		(void)story_add(&s, &b, names[i], STORY_FILE);
		buf_close(&b);
		data += end == NULL ? len : len + 1;
		size -= end == NULL ? len : len + 1;
	}
	taken = s.n_events;
	if (story_order(&s) == ST_OK)
		show(&s);
	assert(s.n_events == taken);
	for (size_t i = 0; i < s.n_events; i++)
		assert(s.events[i].record != NULL);
	story_close(&s);
	return 0;
}
