#include "node/api_help.h"

#include <string.h>

#include "node/api.h"

static const struct api_help table[] = {
    {"erlang", "node", "As in Erlang.", "node().", "RB-008, Manual Detection"},
    {"erlang", "nodes", "Members are visible nodes; Erlang nodes and tools are hidden ones.",
     "nodes().", "RB-010, Step 2: Identify Partition Type"},
    {"net_adm", "ping",
     "A real handshake when there is no connection yet: it tells a wrong cookie from a silent "
     "host.",
     "net_adm:ping('erlmcp@node2').", "RB-010, Step 1: Check Network Connectivity"},
    {"net_adm", "names", "What `epmd -names` prints, as a term.", "net_adm:names().",
     "RB-010, Step 1: Check Network Connectivity"},
    {"application", "ensure_all_started", "For scripts that were made for an Erlang release.",
     "application:ensure_all_started(erlmcp).", ""},
    {"init", "stop", "It hands leadership over, ends what is under way, and stays down.",
     "init:stop().", "RB-010, Scenario 2: Split-Brain Detected"},
    {"erlmcp_cluster_membership", "get_members",
     "Compare it on all nodes: different answers mean a partition.",
     "erlmcp_cluster_membership:get_members().", "RB-010, Step 2: Identify Partition Type"},
    {"erlmcp_cluster_membership", "get_status",
     "The map that `erlmcp-admin cluster status --json` prints (doc/reference/status-json.md).",
     "erlmcp_cluster_membership:get_status().", "RB-008, Step 1: Verify Partition Status"},
    {"erlmcp_cluster_membership", "is_member",
     "By the newest configuration, whether it is in sight or not.",
     "erlmcp_cluster_membership:is_member('erlmcp@node2').", ""},
    {"erlmcp_cluster_membership", "get_voters", "Members whose votes count.",
     "erlmcp_cluster_membership:get_voters().", ""},
    {"erlmcp_cluster_membership", "get_standbys",
     "Members that learn everything and take over the vote of a voter that stays away.",
     "erlmcp_cluster_membership:get_standbys().", ""},
    {"erlmcp_cluster_membership", "join",
     "Refused, with the arithmetic, when it would stop the cluster.",
     "erlmcp_cluster_membership:join('erlmcp@node4').", ""},
    {"erlmcp_cluster_membership", "leave", "Refused when the others could not serve on.",
     "erlmcp_cluster_membership:leave('erlmcp@node4').", ""},
    {"erlmcp_cluster_membership", "replace", "The cluster is never smaller than before.",
     "erlmcp_cluster_membership:replace('erlmcp@node3', 'erlmcp@node4').", ""},
    {"erlmcp_cluster_membership", "promote", "It has to have caught up first, which is awaited.",
     "erlmcp_cluster_membership:promote('erlmcp@node4').", ""},
    {"erlmcp_cluster_membership", "demote", "It keeps its copy of everything.",
     "erlmcp_cluster_membership:demote('erlmcp@node4').", ""},
    {"erlmcp_cluster_membership", "transfer_leader",
     "The leader gives its lease up first, so that nobody serves twice.",
     "erlmcp_cluster_membership:transfer_leader('erlmcp@node2').", ""},
    {"erlmcp_cluster_membership", "cancel", "Members stay as they are at that moment.",
     "erlmcp_cluster_membership:cancel().", ""},
    {"erlmcp_cluster_membership", "change", "With the step that is next, or what it waits for.",
     "erlmcp_cluster_membership:change().", ""},
    {"erlmcp_cluster_membership", "found",
     "For a first start of which some members will never come.",
     "erlmcp_cluster_membership:found(['erlmcp@node1','erlmcp@node2']).", "RB-010, Prerequisites"},
    {"erlmcp_backup", "create", "Restored with `erlmcp-admin restore`.",
     "erlmcp_backup:create(\"/var/backups/erlmcp.backup\").", ""},
    {"erlmcp_recovery", "summary", "What `erlmcp-admin cluster resolve` compares.",
     "erlmcp_recovery:summary().", ""},
    {"erlmcp_recovery", "sessions", "A page at a time: go on with the last id.",
     "erlmcp_recovery:sessions(first).", ""},
    {"erlmcp_recovery", "contents", "What `erlmcp-admin cluster resolve` compares.",
     "erlmcp_recovery:contents(sessions, first).", ""},
    {"erlmcp_recovery", "give_up", "Its data is kept aside, not deleted.",
     "erlmcp_recovery:give_up(<<\"d1d9b06528a7371b\">>).",
     "RB-010, Scenario 2: Split-Brain Detected"},
    {"erlmcp_cluster_coordinator", "reset_cluster_state",
     "Sessions, promises and the committed configuration are untouched: it is safe at any time.",
     "erlmcp_cluster_coordinator:reset_cluster_state().",
     "RB-010, Scenario 2: Split-Brain Detected"},
    {"erlmcp_cluster_coordinator", "get_leader",
     "Whom this node follows; whether a majority confirms it, get_state/0 tells.",
     "erlmcp_cluster_coordinator:get_leader().", "RB-010, Scenario 2: Split-Brain Detected"},
    {"erlmcp_cluster_coordinator", "is_leader", "By what this node knows.",
     "erlmcp_cluster_coordinator:is_leader().", ""},
    {"erlmcp_cluster_coordinator", "has_quorum", "Enough voters are in sight, both ways, to serve.",
     "erlmcp_cluster_coordinator:has_quorum().", "RB-008, Minority Partition Detection"},
    {"erlmcp_cluster_coordinator", "get_state",
     "forming, syncing, serving, degraded (serving without some member), fenced or stopped.",
     "erlmcp_cluster_coordinator:get_state().", "RB-008, Step 1: Verify Partition Status"},
    {"mnesia", "clear_table",
     "There is no Mnesia here: the runbooks' command does what it is meant to.",
     "mnesia:clear_table(cluster_membership).", "RB-010, Scenario 2: Split-Brain Detected"},
    {"erlmcp_session_ha", "validate_consistency",
     "All members freeze the same index in passing, and count their states anew; nobody waits for "
     "it.",
     "erlmcp_session_ha:validate_consistency().", "RB-010, Health Checks"},
    {"erlmcp_session_ha", "get_digest",
     "Equal on all members at the same index; audit tells when that was last compared.",
     "erlmcp_session_ha:get_digest().", "RB-010, Health Checks"},
    {"erlmcp_cluster_sync", "trigger_full_sync",
     "What a healed member needs, it gets without this; this proves it.",
     "erlmcp_cluster_sync:trigger_full_sync().", "RB-010, State Synchronization"},
    {"erlmcp_cluster_sync", "get_sync_status",
     "Asks every member; one that does not answer is said to be unreachable. A node that no "
     "majority confirms cannot know how far anybody is, and says unknown.",
     "erlmcp_cluster_sync:get_sync_status().", "RB-010, State Synchronization"},
    {"erlmcp_cluster_sync", "is_in_sync",
     "true when every member answers and has applied all that is committed.",
     "erlmcp_cluster_sync:is_in_sync().", "RB-010, State Synchronization"},
    {"erlmcp_split_brain_detector", "explain",
     "What `erlmcp-admin explain` shows (doc/reference/incidents.md).",
     "erlmcp_split_brain_detector:explain().", "RB-008, Step 1: Verify Partition Status"},
    {"erlmcp_split_brain_detector", "get_side", "RB-008's question: may this side go on?",
     "erlmcp_split_brain_detector:get_side().", "RB-008, Step 1: Verify Partition Status"},
    {"erlmcp_split_brain_detector", "get_partitions",
     "Members that reach each other both ways, by way of others too, as this node has been told.",
     "erlmcp_split_brain_detector:get_partitions().", "RB-010, Step 2: Identify Partition Type"},
    {"erlmcp_split_brain_detector", "is_split", "More than one part, as this node has been told.",
     "erlmcp_split_brain_detector:is_split().", "RB-010, Step 2: Identify Partition Type"},
    {"erlmcp_flight_recorder", "read",
     "What `erlmcp-admin timeline` merges (doc/protocol/flight-recorder.md).",
     "erlmcp_flight_recorder:read(0).", ""},
    {"erlmcp_flight_recorder", "clock", "For comparing clocks: ask, and halve the round trip.",
     "erlmcp_flight_recorder:clock().", ""},
    {"erlmcp_help", "text", "help/0,1,2 print it.", "erlmcp_help:text(erlmcp_cluster_sync).", ""},
    {"erlmcp_session_manager", "create_session", "As erlmcp_session:create/1.",
     "erlmcp_session_manager:create_session(#{}).", ""},
    {"erlmcp_session_manager", "get_session", "As erlmcp_session:get/1.",
     "erlmcp_session_manager:get_session(Id).", ""},
    {"erlmcp_session_manager", "touch_session", "As erlmcp_session:touch/1.",
     "erlmcp_session_manager:touch_session(Id).", ""},
    {"erlmcp_session_manager", "delete_session", "As erlmcp_session:delete/1.",
     "erlmcp_session_manager:delete_session(Id).", ""},
    {"erlmcp_session_manager", "count_sessions",
     "A confirmed read: it is refused on a node that is cut off.",
     "erlmcp_session_manager:count_sessions().", "RB-010, Health Checks"},
    {"erlmcp_session_manager", "list_sessions", "As erlmcp_session:list/0,1,2.",
     "erlmcp_session_manager:list_sessions().", ""},
    {"erlmcp_session", "create", "Ids are 128 random bits, as 32 hexadecimal digits.",
     "erlmcp_session:create(#{name => demo}).", ""},
    {"erlmcp_session", "put", "Acknowledged when a majority has it on disk.",
     "erlmcp_session:put(Id, key, value).", ""},
    {"erlmcp_session", "unset", "Removing what is not there is no error.",
     "erlmcp_session:unset(Id, key).", ""},
    {"erlmcp_session", "get",
     "A confirmed read; Session is a map with info, data, revision and times.",
     "erlmcp_session:get(Id).", ""},
    {"erlmcp_session", "touch", "Its time to live begins anew.", "erlmcp_session:touch(Id).", ""},
    {"erlmcp_session", "claim", "Fencing of owners: each claim has a higher epoch.",
     "erlmcp_session:claim(Id).", ""},
    {"erlmcp_session", "delete", "With its streams and questions.", "erlmcp_session:delete(Id).",
     ""},
    {"erlmcp_session", "count", "A confirmed read.", "erlmcp_session:count().", ""},
    {"erlmcp_session", "list",
     "Ids in their order. A page at a time: list(first), then list(Next) until Next is done.",
     "erlmcp_session:list(first, 100).", ""},
    {"erlmcp_session", "append", "Numbers grow by one, and are never given twice.",
     "erlmcp_session:append(Id, 1, event).", ""},
    {"erlmcp_session", "replay", "What a client asks for that lost its connection.",
     "erlmcp_session:replay(Id, 1, 0).", ""},
    {"erlmcp_session", "trim", "What every client has seen need not be kept.",
     "erlmcp_session:trim(Id, 1, 10).", ""},
    {"erlmcp_session", "close", "Later events begin a new stream.", "erlmcp_session:close(Id, 1).",
     ""},
    {"erlmcp_session", "ask", "The client may answer at any node, also after a failover.",
     "erlmcp_session:ask(Id, 1, question).", ""},
    {"erlmcp_session", "answer", "A second answer is refused.",
     "erlmcp_session:answer(Id, 1, yes).", ""},
    {"erlmcp_session", "dismiss", "Answered or not.", "erlmcp_session:dismiss(Id, 1).", ""},
    {"erlmcp_session", "pending", "What a client has to answer when it comes back.",
     "erlmcp_session:pending(Id).", ""},
    {"erlmcp_handle", "mint",
     "A handle stands for a value that is too large or too secret to hand out.",
     "erlmcp_handle:mint(value).", ""},
    {"erlmcp_handle", "get", "With its revision.", "erlmcp_handle:get(Id).", ""},
    {"erlmcp_handle", "put", "With expected, only if nobody was faster.",
     "erlmcp_handle:put(Id, value).", ""},
    {"erlmcp_handle", "drop", "Dropping what is not there is an error.", "erlmcp_handle:drop(Id).",
     ""},
    {"erlmcp_task", "create", "Tasks outlive connections, and are ended when their node is lost.",
     "erlmcp_task:create(index, #{}).", ""},
    {"erlmcp_task", "get", "state, message, result, owner and epoch.", "erlmcp_task:get(Id).", ""},
    {"erlmcp_task", "update", "Only the owner of the present epoch may.",
     "erlmcp_task:update(Id, Epoch, #{state => completed}).", ""},
    {"erlmcp_task", "cancel", "A task that has ended stays as it is.", "erlmcp_task:cancel(Id).",
     ""},
    {"erlmcp_task", "claim", "Of several claimants one wins.", "erlmcp_task:claim(Id, Epoch).", ""},
    {"erlmcp_task", "delete", "Its result goes with it.", "erlmcp_task:delete(Id).", ""},
    {"erlmcp_task", "list", "A confirmed read; pages as of erlmcp_session:list/1.",
     "erlmcp_task:list(first, 100).", ""},
};

const struct api_help *api_help_of(const char *module, const char *function)
{
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		if (strcmp(table[i].module, module) == 0 &&
		    strcmp(table[i].function, function) == 0)
			return &table[i];
	}
	return NULL;
}

/* A sentence in lines of at most 80 columns, each behind the indent. */
static void wrap(struct buf *b, const char *s, size_t indent)
{
	enum { WIDTH = 80 };

	while (*s != '\0') {
		size_t len = strlen(s);

		if (len > WIDTH - indent) {
			len = WIDTH - indent;
			while (len > 0 && s[len] != ' ')
				len--;
			if (len == 0)
				len = strcspn(s, " ");
		}
		buf_printf(b, "%*s%.*s\n", (int)indent, "", (int)len, s);
		for (s += len; *s == ' '; s++)
			;
	}
}

/* An entry that is the first of its module; the table keeps them together or not. */
static bool is_first(size_t at)
{
	for (size_t i = 0; i < at; i++) {
		if (strcmp(api_at(i)->module, api_at(at)->module) == 0)
			return false;
	}
	return true;
}

static bool list_modules(struct buf *b)
{
	const struct api_entry *e;

	buf_printf(b, "help(Module) or help(Module, Function). Modules:\n");
	for (size_t i = 0; (e = api_at(i)) != NULL; i++) {
		if (is_first(i))
			buf_printf(b, "  %s\n", e->module);
	}
	return true;
}

static void describe(const struct api_entry *e, struct buf *b)
{
	buf_printf(b, "%s:%s(%s)\n", e->module, e->function, e->args);
	wrap(b, e->doc, 4);
}

static void describe_more(const struct api_help *h, struct buf *b)
{
	wrap(b, h->more, 4);
	buf_printf(b, "    Example: %s\n", h->example);
	if (h->section[0] != '\0')
		buf_printf(b, "    Runbook: %s\n", h->section);
}

bool api_help_text(const char *module, const char *function, struct buf *b)
{
	const struct api_help *h = NULL;
	const struct api_entry *e;
	bool found = false;

	if (module == NULL)
		return list_modules(b);
	for (size_t i = 0; (e = api_at(i)) != NULL; i++) {
		if (strcmp(e->module, module) != 0 ||
		    (function != NULL && strcmp(e->function, function) != 0))
			continue;
		found = true;
		describe(e, b);
		h = function == NULL ? NULL : api_help_of(module, function);
	}
	if (h != NULL)
		describe_more(h, b);
	return found;
}

/* --- doc/reference/api.md ------------------------------------------------------------ */

static void markdown_entry(const struct api_entry *e, struct buf *b)
{
	const struct api_help *h = api_help_of(e->module, e->function);

	buf_printf(b, "### `%s:%s(%s)`\n\n%s", e->module, e->function, e->args, e->doc);
	if (h == NULL) {
		buf_printf(b, "\n\n");
		return;
	}
	buf_printf(b, " %s\n\n    erlmcp eval '%s'\n\n", h->more, h->example);
	if (h->section[0] != '\0')
		buf_printf(b, "Runbook: %s.\n\n", h->section);
}

void api_help_markdown(struct buf *b)
{
	const struct api_entry *e;
	const struct api_entry *other;

	buf_printf(b,
	           "# Functions\n\n"
	           "What an operator, a real Erlang node (`rpc:call`, `erl_call`) and scripts can "
	           "call. Made by\n`erlmcp functions --markdown`; a test compares it. In a running "
	           "node: `erlmcp eval \"help().\"`,\n`\"help(erlmcp_cluster_sync).\"`, "
	           "`\"help(erlmcp_cluster_sync, is_in_sync).\"`.\n\n");
	for (size_t i = 0; (e = api_at(i)) != NULL; i++) {
		if (!is_first(i))
			continue;
		buf_printf(b, "## %s\n\n", e->module);
		for (size_t j = i; (other = api_at(j)) != NULL; j++) {
			if (strcmp(other->module, e->module) == 0)
				markdown_entry(other, b);
		}
	}
}
