#include "node/term_json.h"

#include <string.h>

#include "base/arena.h"
#include "term/term.h"

/* NOLINTBEGIN(misc-no-recursion): depth is the guard */
static const struct term *map_of(struct arena *a, const json_t *j, unsigned depth)
{
	const size_t n = json_object_size(j);
	const struct term **keys = arena_alloc(a, (n + 1) * sizeof(const struct term *));
	const struct term **values = arena_alloc(a, (n + 1) * sizeof(const struct term *));
	/* jansson's iterator wants it so, and changes nothing.
	 * NOLINTNEXTLINE(performance-no-int-to-ptr) */
	json_t *all = (json_t *)(uintptr_t)j;
	const char *key;
	json_t *value;
	size_t at = 0;

	if (keys == NULL || values == NULL)
		return NULL;
	json_object_foreach(all, key, value)
	{
		keys[at] = term_atom(a, key);
		values[at] = term_of_json(a, value, depth + 1);
		if (values[at++] == NULL)
			return NULL;
	}
	return term_map(a, keys, values, n);
}

static const struct term *list_of(struct arena *a, const json_t *j, unsigned depth)
{
	const size_t n = json_array_size(j);
	const struct term **items = arena_alloc(a, (n + 1) * sizeof(const struct term *));

	for (size_t i = 0; items != NULL && i < n; i++) {
		items[i] = term_of_json(a, json_array_get(j, i), depth + 1);
		if (items[i] == NULL)
			return NULL;
	}
	return items == NULL ? NULL : term_list(a, items, n);
}

const struct term *term_of_json(struct arena *a, const json_t *j, unsigned depth)
{
	if (j == NULL || depth > TERM_JSON_DEPTH_MAX)
		return NULL;
	switch (json_typeof(j)) {
	case JSON_OBJECT:
		return map_of(a, j, depth);
	case JSON_ARRAY:
		return list_of(a, j, depth);
	case JSON_STRING:
		return term_binary(a, json_string_value(j), json_string_length(j));
	case JSON_INTEGER:
		return term_int(a, json_integer_value(j));
	case JSON_REAL:
		return term_float(a, json_real_value(j));
	case JSON_TRUE:
		return term_atom(a, "true");
	case JSON_FALSE:
		return term_atom(a, "false");
	default:
		return term_atom(a, "undefined");
	}
}
/* NOLINTEND(misc-no-recursion) */
