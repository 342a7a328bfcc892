/* The replicated state machine: commands that a peer forwards, and snapshots from its disk.
 *
 * The input is a sequence of commands, each behind a 16-bit length; they are applied whatever
 * they are. The state that results must survive a snapshot, and the input itself, taken as a
 * snapshot, must be restored whole or not at all. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/buf.h"
#include "session/store.h"

enum { RESULT_MAX = 64 << 10, SNAPSHOT_MAX = 64 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void apply_all(struct store *s, const uint8_t *data, size_t size)
{
	uint64_t index = 1;
	size_t at = 0;

	while (size - at >= 2) {
		size_t len = (size_t)data[at] << 8 | data[at + 1];
		struct store_answer answer;
		struct fault fault;
		struct buf result;
		enum status st;

		at += 2;
		if (len > size - at)
			len = size - at;
		buf_init(&result, RESULT_MAX);
		st = store_apply(s, index, data + at, len, &result);
		assert(st == ST_OK);
		st = store_result_decode(result.base, result.len, &answer);
		assert(st == ST_OK);
		if (command_check(data + at, len, &fault) != ST_OK)
			assert(answer.result != RESULT_OK);
		buf_close(&result);
		index++;
		at += len;
	}
}

static void survive_snapshot(struct store *s)
{
	struct store *copy;
	struct fault fault;
	struct buf b;
	enum status st;

	buf_init(&b, SNAPSHOT_MAX);
	st = store_snapshot(s, &b);
	assert(st == ST_OK);
	st = store_new(&copy);
	assert(st == ST_OK);
	st = store_restore(copy, b.base, b.len, &fault);
	assert(st == ST_OK);
	assert(store_digest(copy) == store_digest(s) && store_index(copy) == store_index(s));
	store_free(copy);
	buf_close(&b);
}

static void restore_input(struct store *s, const uint8_t *data, size_t size)
{
	uint64_t digest = store_digest(s);
	struct fault fault;

	if (store_restore(s, data, size, &fault) != ST_OK)
		assert(store_digest(s) == digest);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct store *s;
	enum status st = store_new(&s);

	assert(st == ST_OK);
	apply_all(s, data, size);
	survive_snapshot(s);
	restore_input(s, data, size);
	store_free(s);
	return 0;
}
