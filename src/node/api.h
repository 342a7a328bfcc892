/* The API registry: one table of functions, four doors to it.
 *
 * What an operator, a real Erlang node (rpc, erpc, erl_call), erlmcp-admin or an MCP operator
 * tool can do is a line here: module, function, arity, help, handler. A handler answers exactly
 * once, now or later, from the loop's thread. */
#ifndef NODE_API_H
#define NODE_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"
#include "node/metrics.h"
#include "term/term.h"

struct node;
struct api_call;
struct store;
struct store_answer;

enum {
	API_ARGS_MAX = 8,          /* the widest function of the registry has fewer */
	API_MEMORY_MAX = 64 << 20, /* arguments, scratch and result of one call */
};

typedef void (*api_handler)(struct node *node, struct api_call *call);

/* value lives until the callback returns. ok = false: an error exception with that reason. */
typedef void (*api_done_cb)(void *arg, bool ok, const struct term *value);

/* The reply of a write that took effect, and of a query of the state; NULL: out of memory. */
typedef const struct term *(*api_wrote)(struct api_call *call, const struct store_answer *answer);
typedef const struct term *(*api_query)(struct api_call *call, const struct store *store);

struct api_entry {
	const char *module;
	const char *function;
	unsigned arity;
	const char *args; /* argument names, for help: "Id, Key, Value" */
	const char *doc;  /* one sentence, for help */
	api_handler handler;
};

struct api_call {
	const struct api_entry *entry;
	struct node *node;
	struct arena arena;                    /* arguments, scratch and result */
	const struct term *args[API_ARGS_MAX]; /* entry->arity of them, in the arena */
	api_done_cb done;
	void *arg;
	uint8_t id[16];      /* scratch of api_state.c: of the session, handle or task */
	api_wrote wrote;     /* scratch: how a write replies; NULL: ok */
	api_query query;     /* scratch: what a read asks */
	uint64_t numbers[2]; /* scratch: of a query */
	int64_t began_us;    /* when it was called */
	bool confirmed;      /* scratch: a read by lease is being read again, confirmed */
};

/* The entry for module:function/arity, or NULL. Safe from any thread. */
const struct api_entry *api_find(const char *module, const char *function, unsigned arity);

/* Visit the whole table, in its order. */
const struct api_entry *api_at(size_t i);

/* Call it. Copies the arguments. done comes exactly once, possibly before this returns. */
void api_call(struct node *node, const struct api_entry *entry, const struct term *const args[],
              api_done_cb done, void *arg);

/* Handlers end with one of these; call is gone afterwards. NULL stands for "out of memory". */
void api_reply(struct api_call *call, const struct term *value);
/* As what an answer is counted. ok false: value is the reason of an exception, or NULL. */
enum metric_outcome api_outcome(bool ok, const struct term *value);
void api_raise(struct api_call *call, const struct term *reason);
void api_badarg(struct api_call *call);

/* {error, Reason}, the shape of refusals that a caller is expected to handle. */
void api_error(struct api_call *call, const struct term *reason);

/* Handlers, by file: api_erlang.c, api_members.c, api_session.c, api_streams.c, api_objects.c. */
void api_node(struct node *node, struct api_call *call);
void api_nodes(struct node *node, struct api_call *call);
void api_nodes_of(struct node *node, struct api_call *call);
void api_ping(struct node *node, struct api_call *call);
void api_names(struct node *node, struct api_call *call);
void api_ensure_all_started(struct node *node, struct api_call *call);
void api_stop(struct node *node, struct api_call *call);
void api_get_members(struct node *node, struct api_call *call);
void api_order(struct node *node, struct api_call *call);
void api_change(struct node *node, struct api_call *call);
void api_found(struct node *node, struct api_call *call);
void api_reset_cluster_state(struct node *node, struct api_call *call);
void api_clear_table(struct node *node, struct api_call *call);
void api_validate(struct node *node, struct api_call *call);
void api_full_sync(struct node *node, struct api_call *call);
void api_sync_status(struct node *node, struct api_call *call);
void api_cluster_fact(struct node *node, struct api_call *call);
void api_in_sync(struct node *node, struct api_call *call);
void api_help(struct node *node, struct api_call *call);
void api_flight_read(struct node *node, struct api_call *call);
void api_flight_clock(struct node *node, struct api_call *call);
void api_explain(struct node *node, struct api_call *call);
void api_summary(struct node *node, struct api_call *call);
void api_contents_here(struct node *node, struct api_call *call);
void api_give_up(struct node *node, struct api_call *call);
void api_session_create(struct node *node, struct api_call *call);
void api_session_put(struct node *node, struct api_call *call);
void api_session_get(struct node *node, struct api_call *call);
void api_session_delete(struct node *node, struct api_call *call);
void api_session_count(struct node *node, struct api_call *call);
void api_session_list(struct node *node, struct api_call *call);
void api_session_create_with(struct node *node, struct api_call *call);
void api_session_get_key(struct node *node, struct api_call *call);
void api_session_unset(struct node *node, struct api_call *call);
void api_session_claim(struct node *node, struct api_call *call);
void api_session_touch(struct node *node, struct api_call *call);
void api_session_append(struct node *node, struct api_call *call);
void api_session_trim(struct node *node, struct api_call *call);
void api_session_close(struct node *node, struct api_call *call);
void api_session_replay(struct node *node, struct api_call *call);
void api_session_ask(struct node *node, struct api_call *call);
void api_session_answer(struct node *node, struct api_call *call);
void api_session_dismiss(struct node *node, struct api_call *call);
void api_session_pending(struct node *node, struct api_call *call);
void api_handle_mint(struct node *node, struct api_call *call);
void api_handle_get(struct node *node, struct api_call *call);
void api_handle_put(struct node *node, struct api_call *call);
void api_handle_drop(struct node *node, struct api_call *call);
void api_task_create(struct node *node, struct api_call *call);
void api_task_get(struct node *node, struct api_call *call);
void api_task_update(struct node *node, struct api_call *call);
void api_task_cancel(struct node *node, struct api_call *call);
void api_task_claim(struct node *node, struct api_call *call);
void api_task_delete(struct node *node, struct api_call *call);
void api_task_list(struct node *node, struct api_call *call);

#endif
