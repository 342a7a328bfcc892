/* Lists that may be long, a page at a time: sessions and tasks in the order of their ids.
 *
 * list() is all of them as long as they fit one page, and an error that names the other way when
 * they do not. list(After), list(After, Count): {ok, Page, Next}, where Next is the After of the
 * next page, or done. Each page is a read of its own: what comes or goes between two of them
 * may be seen or not, and what stays is seen once. */
#include <stdio.h>

#include "node/api_state.h"
#include "node/node_internal.h"
#include "session/objects.h"

enum {
	PAGE_ITEMS = 1000,      /* of list(After): 50 KiB as text */
	PAGE_ITEMS_MAX = 10000, /* half a megabyte: a moment of the node's time */
	HINT_MAX = 128
};

/* Places in call->numbers. */
enum { COUNT, FROM_FIRST };

struct listed {
	struct arena *arena;
	const struct term **items;
	size_t n;
	struct session_id last;
};

static void add(struct listed *list, const struct session_id *id, const struct term *item)
{
	list->items[list->n++] = item;
	list->last = *id;
}

static void on_session(void *arg, const struct session_view *session)
{
	struct listed *list = arg;

	add(list, &session->id, state_id_term(list->arena, &session->id));
}

static void on_task(void *arg, const struct task_view *task)
{
	struct listed *list = arg;
	struct arena *a = list->arena;

	add(list, &task->id,
	    term_tuple2(a, state_id_term(a, &task->id),
	                term_atom(a, task_state_text(task->state))));
}

/* {error, {limit, Text}} */
static const struct term *too_long(struct arena *a, size_t all)
{
	char text[HINT_MAX];

	(void)snprintf(
	    text, sizeof text,
	    "there are %zu, a list has at most %d: ask for pages, list(first), list(After)", all,
	    PAGE_ITEMS_MAX);
	return term_tuple2(a, term_atom(a, "error"),
	                   term_tuple2(a, term_atom(a, "limit"), term_string(a, text)));
}

/* {ok, Page, Next} */
static const struct term *page_of(const struct listed *list, bool more)
{
	struct arena *a = list->arena;
	const struct term *parts[] = {term_atom(a, "ok"), term_list(a, list->items, list->n),
	                              more ? state_id_term(a, &list->last) : term_atom(a, "done")};

	return term_tuple(a, parts, sizeof parts / sizeof parts[0]);
}

static const struct term *query(struct api_call *call, const struct store *store, bool tasks)
{
	const struct session_id id = state_id(call);
	const struct session_id *after = call->numbers[FROM_FIRST] ? NULL : &id;
	struct listed list = {.arena = &call->arena};
	size_t max = call->numbers[COUNT];
	struct store_usage usage;
	size_t all;

	store_usage(store, &usage);
	all = tasks ? usage.tasks : usage.sessions;
	if (call->entry->arity == 0 && all > PAGE_ITEMS_MAX)
		return too_long(list.arena, all);
	if (max > all)
		max = all + 1;
	list.items = arena_alloc(list.arena, (max + 1) * sizeof(const struct term *));
	if (list.items == NULL)
		return NULL;
	if (tasks)
		(void)store_task_page(store, after, max, on_task, &list);
	else
		(void)store_page(store, after, max, on_session, &list);
	return call->entry->arity == 0 ? term_list(list.arena, list.items, list.n)
	                               : page_of(&list, list.n == max);
}

static const struct term *query_sessions(struct api_call *call, const struct store *store)
{
	return query(call, store, false);
}

static const struct term *query_tasks(struct api_call *call, const struct store *store)
{
	return query(call, store, true);
}

/* After: an id, or the atom first; Count: 1 to PAGE_ITEMS_MAX. */
static bool take_page(struct api_call *call)
{
	const unsigned arity = call->entry->arity;

	call->numbers[COUNT] = arity == 0 ? PAGE_ITEMS_MAX : PAGE_ITEMS;
	call->numbers[FROM_FIRST] = arity == 0 || term_is_atom(call->args[0], "first");
	if (!call->numbers[FROM_FIRST] && !state_take_id(call, 0))
		return false;
	if (arity == 2 && !state_number(call, call->args[1], &call->numbers[COUNT]))
		return false;
	if (call->numbers[COUNT] >= 1 && call->numbers[COUNT] <= PAGE_ITEMS_MAX)
		return true;
	api_badarg(call);
	return false;
}

void api_session_list(struct node *node, struct api_call *call)
{
	(void)node;
	if (take_page(call))
		state_read(call, query_sessions);
}

void api_task_list(struct node *node, struct api_call *call)
{
	(void)node;
	if (take_page(call))
		state_read(call, query_tasks);
}
