#include "session/expiry.h"

#include "session/state.h"

enum { ALL_SHELVES = STORE_BUCKETS * SHELVES };

static struct shelf *shelf_at(const struct store *s, unsigned at)
{
	return &s->buckets[at / SHELVES].shelves[at % SHELVES];
}

/* Look through a shelf from scan->place on. Returns how many were found; when it was looked
 * through from its start to its end, its time is set anew. */
static size_t shelf_expired(struct shelf *shelf, struct expiry_scan *scan, int64_t now_ms,
                            struct expiry *list, size_t max)
{
	const bool whole = scan->place == 0;
	int64_t due_ms = INT64_MAX;
	size_t n = 0;

	for (; scan->place < shelf->n; scan->place++) {
		const struct object *o = shelf->items[scan->place].object;
		const struct object_ops *ops = object_ops_of(o->kind);
		int64_t due = ops->due_ms(o);

		due_ms = due < due_ms ? due : due_ms;
		if (due > now_ms)
			continue;
		if (n == max)
			return n;
		list[n].id = o->id;
		list[n].active_ms = ops->seen(o).active_ms;
		list[n++].revision = ops->seen(o).revision;
	}
	if (whole)
		shelf->due_ms = due_ms;
	scan->place = 0;
	scan->shelf = (scan->shelf + 1) % ALL_SHELVES;
	return n;
}

size_t store_expired(struct store *s, struct expiry_scan *scan, int64_t now_ms, size_t steps,
                     struct expiry *list, size_t max)
{
	size_t n = 0;
	unsigned shelves;

	for (shelves = 0; shelves < ALL_SHELVES && steps > 0 && n < max; shelves++) {
		struct shelf *shelf = shelf_at(s, scan->shelf);
		size_t cost = 1;

		if (shelf->due_ms <= now_ms) {
			cost += shelf->n;
			n += shelf_expired(shelf, scan, now_ms, list + n, max - n);
		} else {
			scan->place = 0;
			scan->shelf = (scan->shelf + 1) % ALL_SHELVES;
		}
		steps -= cost < steps ? cost : steps;
	}
	return n;
}

void store_task_scan(const struct store *s, struct expiry_scan *scan, size_t steps,
                     store_task_cb cb, void *arg)
{
	unsigned shelves;
	uint32_t i;

	for (shelves = 0; s->n[OBJECT_TASK] > 0 && shelves < ALL_SHELVES && steps > 0; shelves++) {
		const struct shelf *shelf = shelf_at(s, scan->shelf);
		const size_t cost = 1 + shelf->n;

		for (i = 0; i < shelf->n; i++) {
			struct object *o = shelf->items[i].object;
			struct task_view view;

			if (o->kind != OBJECT_TASK)
				continue;
			task_view(task_of(o), &view);
			cb(arg, &view);
		}
		scan->shelf = (scan->shelf + 1) % ALL_SHELVES;
		steps -= cost < steps ? cost : steps;
	}
}

int64_t store_next_expiry(const struct store *s)
{
	int64_t due_ms = INT64_MAX;
	unsigned i;

	for (i = 0; i < ALL_SHELVES; i++) {
		if (shelf_at(s, i)->due_ms < due_ms)
			due_ms = shelf_at(s, i)->due_ms;
	}
	return due_ms;
}
