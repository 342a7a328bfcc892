#include "node/metrics_table.h"

#define GAUGE(group, name, unit, labels, help)                          \
	{                                                               \
		METRICS_##group, METRIC_GAUGE, name, unit, labels, help \
	}
#define COUNTER(group, name, unit, labels, help)                          \
	{                                                                 \
		METRICS_##group, METRIC_COUNTER, name, unit, labels, help \
	}
#define HISTOGRAM(group, name, labels, help)                                     \
	{                                                                        \
		METRICS_##group, METRIC_HISTOGRAM, name, "seconds", labels, help \
	}

/* clang-format off */
const struct metric metrics_table[] = {
	GAUGE(RUNBOOK, "erlang_up", "", "node",
	      "1: this node hears that member, or is it; 0: it does not. For every expected member."),
	GAUGE(RUNBOOK, "erlang_cluster_members", "", "",
	      "Members in sight of this node, itself included."),
	GAUGE(RUNBOOK, "erlang_expected_members", "", "",
	      "Members that there should be: of the configuration, at least ERLMCP_QUORUM_SIZE."),
	COUNTER(RUNBOOK, "node_network_receive_errors_total", "", "device",
		"Receive errors of a network device, from the kernel. Absent when metrics_network is false."),
	GAUGE(RUNBOOK, "erlmcp_runbook_target", "", "metric",
	      "Target of a runbook metric of RB-010, in seconds or as a ratio."),
	GAUGE(RUNBOOK, "erlmcp_runbook_value", "", "metric",
	      "Its mean since this process started. Absent until there was one."),
	HISTOGRAM(RUNBOOK, "erlmcp_partition_detection_seconds", "",
		  "From the last word of the first member lost until its loss was found: one for each partition."),
	COUNTER(RUNBOOK, "erlmcp_partition_recoveries_total", "", "kind",
		"Partitions that ended: automatic, or manual when an operator gave an order meanwhile."),
	GAUGE(RUNBOOK, "erlmcp_auto_recovery_success_ratio", "ratio", "",
	      "Automatic recoveries among all. Absent until there was one."),
	HISTOGRAM(RUNBOOK, "erlmcp_manual_recovery_seconds", "",
		  "From the first order of an operator during a partition until it was over."),

	GAUGE(VERDICT, "erlmcp_node_state", "", "state",
	      "1 for the state of the partition life cycle that this node is in, 0 for the others."),
	GAUGE(VERDICT, "erlmcp_serving", "", "",
	      "1: this node takes client work now."),
	GAUGE(VERDICT, "erlmcp_fenced", "", "",
	      "1: no majority confirms this node, so that it refuses client work."),
	GAUGE(VERDICT, "erlmcp_in_minority", "", "",
	      "1: fewer members are in sight than are needed to serve (RB-008)."),
	GAUGE(VERDICT, "erlmcp_stopping", "", "",
	      "1: this node was told to stop and is doing so."),
	GAUGE(VERDICT, "erlmcp_state_age_seconds", "seconds", "",
	      "How long it has been in its state."),
	COUNTER(VERDICT, "erlmcp_state_changes_total", "", "state",
		"Times it came into that state."),
	GAUGE(VERDICT, "erlmcp_reachable_members", "", "",
	      "Voters in sight both ways, this node included: what is held against the next one."),
	GAUGE(VERDICT, "erlmcp_needed_members", "", "",
	      "Voters that must be in sight to serve."),
	GAUGE(VERDICT, "erlmcp_spare_members", "", "",
	      "Reachable less needed members: 0, one more failure stops service; below 0, a minority."),
	GAUGE(VERDICT, "erlmcp_configured_voters", "", "",
	      "Voters of the newest configuration; before the founding, expected members."),
	GAUGE(VERDICT, "erlmcp_quorum_size", "", "",
	      "ERLMCP_QUORUM_SIZE in effect."),
	GAUGE(VERDICT, "erlmcp_quorum_mismatch", "", "",
	      "1: ERLMCP_QUORUM_SIZE is not the number of voters (RB-008, False Positive)."),
	GAUGE(VERDICT, "erlmcp_lease_remaining_seconds", "seconds", "",
	      "How long this node may still serve without being confirmed anew; 0: it may not."),
	GAUGE(VERDICT, "erlmcp_shutdown_countdown_seconds", "seconds", "",
	      "Time until a minority node stops itself. Absent: there is no countdown."),
	COUNTER(VERDICT, "erlmcp_shutdown_countdowns_total", "", "outcome",
		"Countdowns of a minority: begun, aborted by a heal, over."),
	GAUGE(VERDICT, "erlmcp_alarm_active", "", "alarm",
	      "1: this alarm stands. What it is about stands in `erlmcp-admin cluster status`."),
	COUNTER(VERDICT, "erlmcp_alarms_total", "", "alarm",
		"Times this alarm was raised."),

	GAUGE(PARTITION, "erlmcp_partition_active", "", "",
	      "1: a member is lost, or not all members are in step again."),
	COUNTER(PARTITION, "erlmcp_partitions_total", "", "",
		"Partitions seen: from the first member lost until all are in step again."),
	HISTOGRAM(PARTITION, "erlmcp_partition_duration_seconds", "",
		  "From the last word of the first member lost until all members are heard and this node serves."),
	HISTOGRAM(PARTITION, "erlmcp_fence_seconds", "",
		  "From the last word of the majority, or of the leader, until this node was fenced."),
	HISTOGRAM(PARTITION, "erlmcp_fence_margin_seconds", "",
		  "At take-over by this node: how long the old leader's lease was over, at least. Always positive."),
	HISTOGRAM(PARTITION, "erlmcp_takeover_seconds", "",
		  "From the last word of the old leader until this node, the new one, serves."),
	HISTOGRAM(PARTITION, "erlmcp_heal_seconds", "",
		  "From the first member heard again until all are heard and this node serves."),
	HISTOGRAM(PARTITION, "erlmcp_in_sync_seconds", "",
		  "From the first member heard again until every member has applied what was committed by then."),

	GAUGE(MEMBERS, "erlmcp_member_heard", "", "node",
	      "1: heard within detection_ms."),
	GAUGE(MEMBERS, "erlmcp_member_hears_us", "", "node",
	      "1: that member says it hears this node. Heard but not hearing is a one-way cut."),
	GAUGE(MEMBERS, "erlmcp_member_voter", "", "node",
	      "1: it votes; 0: it is a standby."),
	GAUGE(MEMBERS, "erlmcp_member_last_contact_seconds", "seconds", "node",
	      "Since that member was last heard. Absent: never."),
	COUNTER(MEMBERS, "erlmcp_member_losses_total", "", "node",
		"Times that member was lost."),
	COUNTER(MEMBERS, "erlmcp_member_returns_total", "", "node",
		"Times that member was heard after it had not been, its first time included."),
	GAUGE(MEMBERS, "erlmcp_member_lag_entries", "", "node",
	      "Committed entries that it has not applied, as it last said. Absent: not known."),
	GAUGE(MEMBERS, "erlmcp_link_up", "", "node",
	      "1: an authenticated connection to that member is open."),
	GAUGE(MEMBERS, "erlmcp_link_rtt_seconds", "seconds", "node",
	      "Smoothed round trip of heartbeats. Absent: not measured yet."),
	COUNTER(MEMBERS, "erlmcp_link_received_bytes_total", "bytes", "node",
		"Received from that member over all its connections."),
	COUNTER(MEMBERS, "erlmcp_link_sent_bytes_total", "bytes", "node",
		"Sent to that member over all its connections."),
	COUNTER(MEMBERS, "erlmcp_link_reconnects_total", "", "node",
		"Connections to that member after the first one."),
	GAUGE(MEMBERS, "erlmcp_link_queued_bytes", "bytes", "node",
	      "Waiting to be sent to that member."),
	COUNTER(MEMBERS, "erlmcp_connections_refused_total", "", "",
		"Connections of nodes that were refused: wrong cookie, another protocol, a name in use."),

	GAUGE(RAFT, "erlmcp_raft_term", "", "",
	      "Present term."),
	COUNTER(RAFT, "erlmcp_raft_term_changes_total", "", "",
		"Times the term changed."),
	GAUGE(RAFT, "erlmcp_raft_leading", "", "",
	      "1: this node leads."),
	GAUGE(RAFT, "erlmcp_raft_leader", "", "node",
	      "1: that member leads, as this node knows. None is 1 when no leader is known."),
	GAUGE(RAFT, "erlmcp_raft_leader_known", "", "",
	      "1: this node knows a leader."),
	COUNTER(RAFT, "erlmcp_raft_leader_changes_total", "", "",
		"Times another member than the one before came to lead."),
	GAUGE(RAFT, "erlmcp_raft_stored_index", "", "",
	      "Highest log entry on this node's disk."),
	GAUGE(RAFT, "erlmcp_raft_commit_index", "", "",
	      "Highest log entry known to be committed."),
	GAUGE(RAFT, "erlmcp_raft_applied_index", "", "",
	      "Highest log entry that is in this node's state."),
	GAUGE(RAFT, "erlmcp_raft_match_index", "", "node",
	      "Highest entry known to be stored by that member. Only on the leader."),
	GAUGE(RAFT, "erlmcp_raft_election_timeout_seconds", "seconds", "",
	      "Election timeout in force, lower bound: it adapts to the network."),
	GAUGE(RAFT, "erlmcp_log_bytes", "bytes", "",
	      "The log and its snapshots on disk. Looked at every 10 s."),
	GAUGE(RAFT, "erlmcp_state_disk_bytes", "bytes", "",
	      "The state's chunks on disk. Looked at every 10 s."),
	GAUGE(RAFT, "erlmcp_data_disk_free_bytes", "bytes", "",
	      "Free space where the data directory is. Looked at every 10 s."),
	GAUGE(RAFT, "erlmcp_data_disk_size_bytes", "bytes", "",
	      "Size of that file system."),
	HISTOGRAM(RAFT, "erlmcp_disk_write_seconds", "",
		  "Writing entries to the log, until they are durable."),

	GAUGE(STATE, "erlmcp_sessions", "", "",
	      "Sessions in the replicated state."),
	GAUGE(STATE, "erlmcp_state_index", "", "",
	      "Log entry up to which the state is applied."),
	GAUGE(STATE, "erlmcp_limit_in_use", "", "limit",
	      "How much of a limit is used; of those in bytes, bytes."),
	GAUGE(STATE, "erlmcp_limit", "", "limit",
	      "The limit itself."),
	COUNTER(STATE, "erlmcp_limit_refusals_total", "", "limit",
		"What was refused because of it."),

	COUNTER(EQUAL, "erlmcp_audit_rounds_total", "", "",
		"Comparisons of all members that ended with a judgement. Those that this node led."),
	COUNTER(EQUAL, "erlmcp_audit_failures_total", "", "",
		"Comparisons that could not be made."),
	COUNTER(EQUAL, "erlmcp_audit_mismatches_total", "", "",
		"Comparisons that found a difference."),
	COUNTER(EQUAL, "erlmcp_audit_replacements_total", "", "",
		"Members that were told to start over with the others' state."),
	GAUGE(EQUAL, "erlmcp_audit_last_index", "", "",
	      "Log entry of the last comparison. Absent: there was none."),
	GAUGE(EQUAL, "erlmcp_audit_last_equal", "", "",
	      "1: it found all members equal. Absent: there was none."),
	GAUGE(EQUAL, "erlmcp_audit_verified_index", "", "",
	      "Log entry at which this node's state was last found equal. Absent: never."),
	GAUGE(EQUAL, "erlmcp_state_damaged", "", "",
	      "1: this node's memory changed by itself; it is fenced until it has started over."),
	COUNTER(EQUAL, "erlmcp_scrub_sweeps_total", "", "",
		"Times this node counted its whole state anew."),
	COUNTER(EQUAL, "erlmcp_scrub_objects_total", "", "",
		"Objects of the state that it counted anew."),
	GAUGE(EQUAL, "erlmcp_sync_running", "", "",
	      "1: this node fetches the state of another member."),
	GAUGE(EQUAL, "erlmcp_sync_wanted_bytes", "bytes", "",
	      "Size of the state being fetched. Absent: none is."),
	GAUGE(EQUAL, "erlmcp_sync_fetched_bytes", "bytes", "",
	      "What of it is here and checked. Absent: none is."),
	GAUGE(EQUAL, "erlmcp_sync_elapsed_seconds", "seconds", "",
	      "Since it began. Absent: none is."),
	COUNTER(EQUAL, "erlmcp_sync_transfers_total", "", "",
		"States that were fetched whole."),

	HISTOGRAM(WORK, "erlmcp_operation_seconds", "door operation",
		  "From a request's arrival to its answer, at this node. Doors: client, api."),
	COUNTER(WORK, "erlmcp_operations_total", "", "door outcome",
		"Requests answered, by outcome."),
	GAUGE(WORK, "erlmcp_requests_pending", "", "",
	      "Requests that wait for the cluster to confirm them."),
	GAUGE(WORK, "erlmcp_client_connections", "", "",
	      "Programs connected to the client channel."),
	GAUGE(WORK, "erlmcp_evaluations_running", "", "",
	      "Erlang expressions under way."),
	GAUGE(WORK, "erlmcp_http_connections", "", "",
	      "Connections to the HTTP port."),
	COUNTER(WORK, "erlmcp_http_requests_total", "", "code",
		"HTTP requests answered, by status code."),
	COUNTER(WORK, "erlmcp_http_refused_connections_total", "", "",
		"HTTP connections closed at once, because there were too many."),
	GAUGE(WORK, "erlmcp_scrape_render_seconds", "seconds", "",
	      "How long it took to make the answer to the last scrape."),

	GAUGE(PROCESS, "erlmcp_build_info", "", "version compiler",
	      "Always 1: what this is."),
	GAUGE(PROCESS, "erlmcp_cluster_info", "", "node cluster_id",
	      "Always 1: this node's name and its cluster. Two ids in one network are a split brain."),
	COUNTER(PROCESS, "erlmcp_clock_jumps_total", "", "",
		"Times the wall clock moved by more than half a second against the monotonic one."),
	GAUGE(PROCESS, "erlmcp_clock_jump_seconds", "seconds", "",
	      "By how much it moved the last time; negative: backwards. 0: it never did."),
	HISTOGRAM(PROCESS, "erlmcp_loop_stall_seconds", "",
		  "Turns of the event loop that came more than 10 ms late: a pause of the process or a busy host."),
	COUNTER(PROCESS, "process_cpu_seconds_total", "seconds", "",
		"User and system time."),
	GAUGE(PROCESS, "process_open_fds", "", "",
	      "Open file descriptors."),
	GAUGE(PROCESS, "process_max_fds", "", "",
	      "How many there may be."),
	GAUGE(PROCESS, "process_resident_memory_bytes", "bytes", "",
	      "Resident memory."),
	GAUGE(PROCESS, "process_virtual_memory_bytes", "bytes", "",
	      "Virtual memory."),
	GAUGE(PROCESS, "process_virtual_memory_max_bytes", "bytes", "",
	      "Virtual memory that the process may have; -1: no limit."),
	GAUGE(PROCESS, "process_start_time_seconds", "seconds", "",
	      "When it started, seconds since 1970."),
};
/* clang-format on */

const size_t metrics_n = sizeof metrics_table / sizeof metrics_table[0];

const char *metric_type_name(enum metric_type type)
{
	static const char *const names[] = {"gauge", "counter", "histogram"};

	return names[type];
}

void metrics_reference(struct buf *b)
{
	static const char *const titles[] = {
#define METRIC_GROUP_TITLE(name, title) title,
	    METRIC_GROUP_MAP(METRIC_GROUP_TITLE)
#undef METRIC_GROUP_TITLE
	};

	buf_printf(
	    b, "# Metrics\n\n"
	       "<!-- Generated by `erlmcp-admin metrics --reference`; do not edit. -->\n\n"
	       "`http://HOST:8080/metrics` and `erlmcp-admin metrics "
	       "[PATTERN]`. Everything is as the node that answers sees it;\n"
	       "counters and histograms begin at 0 when its process starts. A metric \"is "
	       "absent\" where there is nothing to tell.\n"
	       "A histogram `NAME` has the samples `NAME_bucket`, `NAME_sum` and `NAME_count`.\n");
	for (size_t g = 0; g < METRIC_GROUPS; g++) {
		buf_printf(b,
		           "\n## %s\n\n| metric | type | labels | meaning |\n|---|---|---|---|\n",
		           titles[g]);
		for (size_t i = 0; i < metrics_n; i++) {
			const struct metric *m = &metrics_table[i];

			if ((size_t)m->group == g)
				buf_printf(b, "| `%s` | %s | %s | %s |\n", m->name,
				           metric_type_name(m->type), m->labels, m->help);
		}
	}
}
