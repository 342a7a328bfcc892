/* Backoff of connection attempts; see dial.h. */
#include "dist/dial.h"

#include <assert.h>

void dial_init(struct dial *d, int64_t now_ms)
{
	d->failures = 0;
	d->next_ms = now_ms;
}

static int64_t dial_step(unsigned failures)
{
	int64_t step = DIAL_FIRST_MS;

	while (failures-- > 0 && step < DIAL_CAP_MS)
		step *= 2;
	return step < DIAL_CAP_MS ? step : DIAL_CAP_MS;
}

void dial_failed(struct dial *d, int64_t now_ms, uint64_t random)
{
	int64_t step = dial_step(d->failures);
	int64_t wait = step / 2 + (int64_t)(random % (uint64_t)(step / 2 + 1));

	assert(wait > 0 && wait <= DIAL_CAP_MS);
	if (d->failures < UINT32_MAX)
		d->failures++;
	d->next_ms = now_ms + wait;
}

void dial_alive(struct dial *d, int64_t now_ms)
{
	d->failures = 0;
	d->next_ms = now_ms;
}

int64_t dial_patience(int64_t connect_ms)
{
	int64_t patience = DIAL_CONNECT_MIN_MS / 2 + 8 * connect_ms;

	if (connect_ms < 0 || patience > DIAL_CONNECT_MS)
		return DIAL_CONNECT_MS;
	return patience < DIAL_CONNECT_MIN_MS ? DIAL_CONNECT_MIN_MS : patience;
}
