#include "node/api.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "node/backup.h"
#include "node/node_internal.h"
#include "node/node_metrics.h"

static const struct api_entry entries[] = {
    {"erlang", "node", 0, "", "This node's name.", api_node},
    {"erlang", "nodes", 0, "", "The other cluster members in this node's sight.", api_nodes},
    {"erlang", "nodes", 1, "Kind", "Nodes of a kind: visible, hidden, connected, this or known.",
     api_nodes_of},
    {"net_adm", "ping", 1, "Node", "pong when Node answers within five seconds, else pang.",
     api_ping},
    {"net_adm", "names", 0, "", "Names registered with the port mapper (EPMD) of this host.",
     api_names},
    {"net_adm", "names", 1, "Host", "Names registered with the port mapper (EPMD) of Host.",
     api_names},
    {"application", "ensure_all_started", 1, "Application",
     "{ok, []}: an erlmcp node that answers has started its application.", api_ensure_all_started},
    {"init", "stop", 0, "", "Stop this node in good order.", api_stop},
    {"erlmcp_cluster_membership", "get_members", 0, "",
     "{ok, [Node]}: the members in this node's own partition, itself included.", api_get_members},
    {"erlmcp_cluster_membership", "join", 1, "Node",
     "{ok, Text}: Node becomes a member, first without a vote, then a voter. One change at a time.",
     api_order},
    {"erlmcp_cluster_membership", "join", 2, "Node, Role",
     "As join/1; Role standby: a member without a vote, which takes over from a voter that is "
     "away.",
     api_order},
    {"erlmcp_cluster_membership", "leave", 1, "Node", "{ok, Text}: Node is removed, and stops.",
     api_order},
    {"erlmcp_cluster_membership", "leave", 0, "", "{ok, Text}: this node leaves, and stops.",
     api_order},
    {"erlmcp_cluster_membership", "replace", 2, "Old, New",
     "{ok, Text}: New joins, then Old is removed; goes on by itself, whoever leads.", api_order},
    {"erlmcp_cluster_membership", "promote", 1, "Node", "{ok, Text}: a standby becomes a voter.",
     api_order},
    {"erlmcp_cluster_membership", "demote", 1, "Node", "{ok, Text}: a voter becomes a standby.",
     api_order},
    {"erlmcp_cluster_membership", "transfer_leader", 1, "Node", "{ok, Text}: Node leads.",
     api_order},
    {"erlmcp_cluster_membership", "cancel", 0, "",
     "{ok, Text}: the change of the members under way ends where it stands.", api_order},
    {"erlmcp_cluster_membership", "change", 0, "",
     "none, or the change of the members under way as text.", api_change},
    {"erlmcp_cluster_membership", "found", 1, "[Node]",
     "{ok, Text}: found with these of the expected members, more than half, this node included.",
     api_found},
    {"erlmcp_backup", "create", 1, "File",
     "{ok, Text}: the whole state at one index in a new file on this node; nobody waits for it.",
     api_backup},
    {"erlmcp_recovery", "summary", 0, "",
     "{ok, {Cluster, Index, Sessions, Digest, Members}} as this node has them, unconfirmed.",
     api_summary},
    {"erlmcp_recovery", "contents", 2, "sessions | handles | tasks, After",
     "{ok, [{Id, Digest}]}: what this node has behind the id After, or from the first.",
     api_contents_here},
    {"erlmcp_recovery", "give_up", 1, "Cluster",
     "ok: this node, if it is of Cluster, sets its data aside and waits to be admitted elsewhere.",
     api_give_up},
    {"erlmcp_cluster_coordinator", "reset_cluster_state", 0, "",
     "ok: clear this node's live view of the members; it is rebuilt from the committed "
     "configuration.",
     api_reset_cluster_state},
    {"mnesia", "clear_table", 1, "Table",
     "{atomic, ok}: as reset_cluster_state/0, for the table cluster_membership; there is no other.",
     api_clear_table},
    {"erlmcp_session_ha", "validate_consistency", 0, "",
     "{ok, Details}: all members in sight have the same state at one index, and sound memory; "
     "{error, Details} names nodes, buckets and keys that differ.",
     api_validate},
    {"erlmcp_cluster_sync", "trigger_full_sync", 0, "",
     "{ok, [Map]}: every member in sight is brought to the leader's index and verified; one that "
     "differs is replaced by a full transfer and awaited; {error, {timeout, [Map]}}.",
     api_full_sync},
    {"erlmcp_cluster_sync", "trigger_full_sync", 1, "Node",
     "As trigger_full_sync/0, telling about Node only.", api_full_sync},
    {"erlmcp_cluster_sync", "get_sync_status", 0, "",
     "{ok, Status}: how far each member is: index, lag, percent, rate, last verified digest.",
     api_sync_status},
    {"erlmcp_cluster_membership", "get_status", 0, "",
     "{ok, Map}: verdict, members, quorum, reachability, alarms.", api_cluster_fact},
    {"erlmcp_cluster_membership", "is_member", 1, "Node", "true when Node is a member.",
     api_cluster_fact},
    {"erlmcp_cluster_membership", "get_voters", 0, "", "{ok, [Node]}.", api_cluster_fact},
    {"erlmcp_cluster_membership", "get_standbys", 0, "", "{ok, [Node]}: members without a vote.",
     api_cluster_fact},
    {"erlmcp_cluster_coordinator", "get_leader", 0, "", "{ok, Node}; {error, no_leader}.",
     api_cluster_fact},
    {"erlmcp_cluster_coordinator", "is_leader", 0, "", "true when this node leads.",
     api_cluster_fact},
    {"erlmcp_cluster_coordinator", "has_quorum", 0, "", "true when a majority is in sight.",
     api_cluster_fact},
    {"erlmcp_cluster_coordinator", "get_state", 0, "", "{ok, State} of this node.",
     api_cluster_fact},
    {"erlmcp_cluster_sync", "is_in_sync", 0, "", "true when no member is behind.", api_in_sync},
    {"erlmcp_session_ha", "get_digest", 0, "",
     "{ok, Map}: digest of this node's state at its index, and the last comparison.",
     api_cluster_fact},
    {"erlmcp_session_manager", "create_session", 1, "Info", "{ok, Id}.", api_session_create},
    {"erlmcp_session_manager", "get_session", 1, "Id", "{ok, Session}.", api_session_get},
    {"erlmcp_session_manager", "touch_session", 1, "Id", "ok: it was used.", api_session_touch},
    {"erlmcp_session_manager", "delete_session", 1, "Id", "ok.", api_session_delete},
    {"erlmcp_session_manager", "count_sessions", 0, "", "Number of sessions.", api_session_count},
    {"erlmcp_session_manager", "list_sessions", 0, "", "As erlmcp_session:list/0.",
     api_session_list},
    {"erlmcp_session_manager", "list_sessions", 1, "After", "As erlmcp_session:list/1.",
     api_session_list},
    {"erlmcp_session_manager", "list_sessions", 2, "After, Count", "As erlmcp_session:list/2.",
     api_session_list},
    {"erlmcp_split_brain_detector", "get_side", 0, "", "{ok, majority | minority | unknown}.",
     api_cluster_fact},
    {"erlmcp_split_brain_detector", "get_partitions", 0, "",
     "{ok, [[Node]]}: a list for each part.", api_cluster_fact},
    {"erlmcp_split_brain_detector", "is_split", 0, "",
     "true when the members are in several parts.", api_cluster_fact},
    {"erlmcp_help", "text", 0, "", "{ok, Text}: the modules.", api_help},
    {"erlmcp_help", "text", 1, "Module", "{ok, Text}: its functions.", api_help},
    {"erlmcp_help", "text", 2, "Module, Function", "{ok, Text}: the function, with an example.",
     api_help},
    {"erlmcp_split_brain_detector", "explain", 0, "",
     "{ok, Map}: why this node is in its state, and what that was decided from.", api_explain},
    {"erlmcp_split_brain_detector", "explain", 1, "json",
     "{ok, Text}: as explain/0, as JSON for programs.", api_explain},
    {"erlmcp_flight_recorder", "read", 1, "SinceMs",
     "{ok, Text}: this node and its clocks, then what it recorded since then: a JSON object a "
     "line.",
     api_flight_read},
    {"erlmcp_flight_recorder", "clock", 0, "",
     "{ok, Text}: this node's CLOCK_BOOTTIME in microseconds.", api_flight_clock},
    {"erlmcp_session", "create", 1, "Info",
     "{ok, Id}: a new session; Info is kept with it. A map with request_id makes retries safe.",
     api_session_create},
    {"erlmcp_session", "create", 2, "Info, Options",
     "{ok, Id}. Options: ttl_ms, principal, protocol_version, capabilities, owner, request_id.",
     api_session_create_with},
    {"erlmcp_session", "put", 3, "Id, Key, Value", "ok: set Key of session Id to Value.",
     api_session_put},
    {"erlmcp_session", "put", 4, "Id, Key, Value, Options",
     "As put/3. Options: request_id (makes retries safe), epoch, principal (must be the "
     "session's), "
     "expected: the revision that Key has, 0 for none; then {ok, Revision}.",
     api_session_put},
    {"erlmcp_session", "unset", 2, "Id, Key", "ok: remove Key of session Id.", api_session_unset},
    {"erlmcp_session", "unset", 3, "Id, Key, Options", "As unset/2; Options as of put/4.",
     api_session_unset},
    {"erlmcp_session", "get", 1, "Id", "{ok, Session}: a map with the session's data.",
     api_session_get},
    {"erlmcp_session", "get", 2, "Id, Key", "{ok, Value, Revision}: one key of session Id.",
     api_session_get_key},
    {"erlmcp_session", "touch", 1, "Id", "ok: session Id was used; it lives on.",
     api_session_touch},
    {"erlmcp_session", "claim", 1, "Id",
     "{ok, Epoch}: this node owns session Id; who gives an older epoch is refused.",
     api_session_claim},
    {"erlmcp_session", "claim", 2, "Id, Options",
     "As claim/1. Options: epoch, principal (must be the session's), request_id.",
     api_session_claim},
    {"erlmcp_session", "delete", 1, "Id", "ok: delete session Id.", api_session_delete},
    {"erlmcp_session", "delete", 2, "Id, Options",
     "As delete/1. Options: request_id, epoch, principal.", api_session_delete},
    {"erlmcp_session", "count", 0, "", "Number of sessions.", api_session_count},
    {"erlmcp_session", "list", 0, "",
     "[Id]: all sessions; {error, {limit, Text}} when there are more than 10000.",
     api_session_list},
    {"erlmcp_session", "list", 1, "After",
     "{ok, [Id], Next}: the first 1000 behind After, which is first or the Next of the page "
     "before; Next is done at the end.",
     api_session_list},
    {"erlmcp_session", "list", 2, "After, Count", "As list/1, Count of them, at most 10000.",
     api_session_list},
    {"erlmcp_session", "append", 3, "Id, Stream, Event",
     "{ok, Number}: Event is the next one of stream number Stream.", api_session_append},
    {"erlmcp_session", "append", 4, "Id, Stream, Event, Options",
     "As append/3. Options: keep (so many events stay), request_id, epoch, principal.",
     api_session_append},
    {"erlmcp_session", "replay", 3, "Id, Stream, After",
     "{ok, [{Number, Event}]}: what came after number After; {error, {gone, First}} when some of "
     "it "
     "is gone.",
     api_session_replay},
    {"erlmcp_session", "trim", 3, "Id, Stream, Number",
     "ok: the events of the stream up to Number go.", api_session_trim},
    {"erlmcp_session", "close", 2, "Id, Stream", "ok: the stream goes with its events.",
     api_session_close},
    {"erlmcp_session", "ask", 3, "Id, Stream, Question",
     "{ok, QuestionId}: the server asks the client.", api_session_ask},
    {"erlmcp_session", "ask", 4, "Id, Stream, Question, Options",
     "As ask/3. Options: token (the asker's own), request_id, epoch, principal.", api_session_ask},
    {"erlmcp_session", "answer", 3, "Id, QuestionId, Answer",
     "ok: the client answers, at any node; once.", api_session_answer},
    {"erlmcp_session", "answer", 4, "Id, QuestionId, Answer, Options",
     "As answer/3. Options: request_id, epoch, principal.", api_session_answer},
    {"erlmcp_session", "dismiss", 2, "Id, QuestionId", "ok: the question goes.",
     api_session_dismiss},
    {"erlmcp_session", "pending", 1, "Id", "{ok, [Question]}: maps, answered or not.",
     api_session_pending},
    {"erlmcp_handle", "mint", 1, "Value", "{ok, Id}: a new handle for Value.", api_handle_mint},
    {"erlmcp_handle", "mint", 2, "Value, Options",
     "As mint/1. Options: ttl_ms, principal, request_id.", api_handle_mint},
    {"erlmcp_handle", "get", 1, "Id", "{ok, Handle}: a map with its value.", api_handle_get},
    {"erlmcp_handle", "get", 2, "Id, Options",
     "As get/1. Options: principal, who must be the one that it was minted for.", api_handle_get},
    {"erlmcp_handle", "put", 2, "Id, Value", "{ok, Revision}: the handle stands for Value.",
     api_handle_put},
    {"erlmcp_handle", "put", 3, "Id, Value, Options",
     "As put/2. Options: expected (its revision), principal, request_id.", api_handle_put},
    {"erlmcp_handle", "drop", 1, "Id", "ok: the handle goes.", api_handle_drop},
    {"erlmcp_handle", "drop", 2, "Id, Options", "As drop/1. Options: principal, request_id.",
     api_handle_drop},
    {"erlmcp_task", "create", 2, "Name, Arguments",
     "{ok, Id, Epoch}: a task that this node works on; it fails when this node is lost.",
     api_task_create},
    {"erlmcp_task", "create", 3, "Name, Arguments, Options",
     "As create/2. Options: orphan (fail, or claim: another node may go on), ttl_ms, principal, "
     "request_id.",
     api_task_create},
    {"erlmcp_task", "get", 1, "Id", "{ok, Task}: a map with its state.", api_task_get},
    {"erlmcp_task", "get", 2, "Id, Options", "As get/1. Options: principal, whose it must be.",
     api_task_get},
    {"erlmcp_task", "update", 3, "Id, Epoch, Changes",
     "ok. Changes: state (working, input_required, completed, failed, cancelled), message, result.",
     api_task_update},
    {"erlmcp_task", "cancel", 1, "Id", "ok: the task ends; once.", api_task_cancel},
    {"erlmcp_task", "cancel", 2, "Id, Options", "As cancel/1. Options: principal, request_id.",
     api_task_cancel},
    {"erlmcp_task", "claim", 2, "Id, Epoch",
     "{ok, NewEpoch}: this node goes on with the task; Epoch must be the present one.",
     api_task_claim},
    {"erlmcp_task", "delete", 1, "Id", "ok: the task is forgotten.", api_task_delete},
    {"erlmcp_task", "list", 0, "",
     "[{Id, State}]: all tasks; {error, {limit, Text}} when there are more than 10000.",
     api_task_list},
    {"erlmcp_task", "list", 1, "After",
     "{ok, [{Id, State}], Next}: a page, as of erlmcp_session:list/1.", api_task_list},
    {"erlmcp_task", "list", 2, "After, Count", "As list/1, Count of them, at most 10000.",
     api_task_list},
};

const struct api_entry *api_at(size_t i)
{
	return i < sizeof entries / sizeof entries[0] ? &entries[i] : NULL;
}

const struct api_entry *api_find(const char *module, const char *function, unsigned arity)
{
	const struct api_entry *e;
	size_t i;

	for (i = 0; (e = api_at(i)) != NULL; i++) {
		if (e->arity == arity && strcmp(e->function, function) == 0 &&
		    strcmp(e->module, module) == 0)
			return e;
	}
	return NULL;
}

/* Copy a term into another arena through its external form. */
static const struct term *copy_term(struct arena *a, const struct term *t)
{
	const struct term *copy = NULL;
	struct buf b;
	size_t used;

	buf_init(&b, API_MEMORY_MAX);
	if (term_encode(t, &b) != ST_OK || term_decode(a, b.base, b.len, &used, &copy) != ST_OK)
		copy = NULL;
	buf_close(&b);
	return copy;
}

static bool copy_args(struct api_call *call, const struct term *const args[])
{
	unsigned i;

	for (i = 0; i < call->entry->arity; i++) {
		call->args[i] = copy_term(&call->arena, args[i]);
		if (call->args[i] == NULL)
			return false;
	}
	return true;
}

void api_call(struct node *node, const struct api_entry *entry, const struct term *const args[],
              api_done_cb done, void *arg)
{
	struct api_call *call = calloc(1, sizeof *call);

	assert(entry->arity <= API_ARGS_MAX);
	if (call == NULL) {
		done(arg, false, NULL);
		return;
	}
	call->entry = entry;
	call->node = node;
	call->done = done;
	call->arg = arg;
	call->began_us = node_now_us(NULL);
	node_metrics_call(node, entry, call->began_us);
	arena_init(&call->arena, API_MEMORY_MAX);
	if (copy_args(call, args))
		entry->handler(node, call);
	else
		api_badarg(call); /* funs and the like have no external form here */
}

/* {error, _}, as all functions say no. */
static bool is_error(const struct term *value)
{
	return value != NULL && term_type(value) == TERM_TUPLE && term_tuple_size(value) == 2 &&
	       term_is_atom(term_element(value, 0), "error");
}

/* What the door counts by the reason of an {error, _}; others are failures. */
static const struct {
	const char *reason;
	enum metric_outcome outcome;
} reasons[] = {
    {"not_found", OUTCOME_NOT_FOUND}, {"no_key", OUTCOME_NOT_FOUND},
    {"no_stream", OUTCOME_NOT_FOUND}, {"no_question", OUTCOME_NOT_FOUND},
    {"fenced", OUTCOME_FENCED},       {"no_leader", OUTCOME_FENCED},
    {"unknown", OUTCOME_UNKNOWN},     {"timeout", OUTCOME_UNCONFIRMED},
    {"busy", OUTCOME_BUSY},           {"invalid", OUTCOME_INVALID},
    {"unsupported", OUTCOME_INVALID}, {"badarg", OUTCOME_INVALID},
};

enum metric_outcome api_outcome(bool ok, const struct term *value)
{
	const struct term *reason = value;

	if (ok && value != NULL && !is_error(value))
		return OUTCOME_OK;
	if (ok && value != NULL)
		reason = term_element(value, 1);
	/* {Reason, Text} */
	if (reason != NULL && term_type(reason) == TERM_TUPLE && term_tuple_size(reason) == 2)
		reason = term_element(reason, 0);
	for (size_t i = 0; reason != NULL && i < sizeof reasons / sizeof reasons[0]; i++) {
		if (term_is_atom(reason, reasons[i].reason))
			return reasons[i].outcome;
	}
	return OUTCOME_FAILED;
}

static void finish(struct api_call *call, bool ok, const struct term *value)
{
	if (!ok || is_error(value))
		node_metrics_call_refused(call->node, call->entry, call->began_us);
	node_metrics_called(call->node, call->entry, api_outcome(ok, value),
	                    node_now_us(NULL) - call->began_us);
	call->done(call->arg, ok && value != NULL, value);
	arena_close(&call->arena);
	free(call);
}

void api_reply(struct api_call *call, const struct term *value)
{
	finish(call, true, value);
}

void api_raise(struct api_call *call, const struct term *reason)
{
	finish(call, false, reason);
}

void api_badarg(struct api_call *call)
{
	api_raise(call, term_atom(&call->arena, "badarg"));
}

void api_error(struct api_call *call, const struct term *reason)
{
	struct arena *a = &call->arena;

	api_reply(call, term_tuple2(a, term_atom(a, "error"), reason));
}
