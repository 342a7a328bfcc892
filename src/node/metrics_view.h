/* What /metrics is made of, gathered at one moment: plain data.
 *
 * A field is named after its metric; what it means stands in metrics_table.c. NAN: there is
 * nothing to tell. Bytes, seconds, counts: all are doubles, as in what is exposed. */
#ifndef NODE_METRICS_VIEW_H
#define NODE_METRICS_VIEW_H

#include <stddef.h>

#include "cluster/cluster.h"
#include "node/metrics.h"

enum {
	METRICS_DEVICES_MAX = 64, /* network devices of a host with many containers */
	METRICS_DEVICE_NAME = 32, /* IFNAMSIZ is 16 */
	METRICS_LIMITS_MAX = 32,
};

/* One expected member. */
struct metrics_peer {
	const char *node;
	double up;
	double heard;
	double hears_us;
	double voter;
	double last_contact_seconds;
	double losses;
	double returns;
	double lag_entries;
	double link_up;
	double link_rtt_seconds;
	double link_received_bytes;
	double link_sent_bytes;
	double link_reconnects;
	double link_queued_bytes;
	double raft_leader;
	double raft_match_index;
};

struct metrics_device {
	char name[METRICS_DEVICE_NAME];
	double receive_errors;
};

struct metrics_limit {
	const char *name; /* static */
	double in_use;    /* NAN: there are many of what it limits */
	double limit;
	double refusals;
};

struct metrics_view {
	const struct metrics *recorded;
	const char *node;
	char cluster_id[24]; /* "": it has none */
	enum cluster_state state;
	unsigned alarms_active[METRIC_ALARMS];
	size_t n_peers;
	struct metrics_peer peers[2 * MEMBERS_MAX];
	size_t n_devices;
	struct metrics_device devices[METRICS_DEVICES_MAX];
	size_t n_limits;
	struct metrics_limit limits[METRICS_LIMITS_MAX];

	double erlang_cluster_members;
	double erlang_expected_members;
	double auto_recovery_success_ratio;
	double serving;
	double fenced;
	double in_minority;
	double stopping;
	double loading;
	double loading_read_bytes;
	double loading_wanted_bytes;
	double load_seconds;
	double state_age_seconds;
	double reachable_members;
	double needed_members;
	double spare_members;
	double configured_voters;
	double quorum_size;
	double quorum_mismatch;
	double lease_remaining_seconds;
	double shutdown_countdown_seconds;
	double partition_active;
	double partitions;
	double connections_refused;
	double raft_term;
	double raft_term_changes;
	double raft_leading;
	double raft_leader_known;
	double raft_leader_changes;
	double raft_stored_index;
	double raft_commit_index;
	double raft_applied_index;
	double raft_election_timeout_seconds;
	double log_bytes;
	double state_disk_bytes;
	double snapshots;
	double snapshot_seconds;
	double snapshot_written_bytes;
	double snapshot_kept_bytes;
	double snapshot_step_seconds;
	double data_disk_free_bytes;
	double data_disk_size_bytes;
	double sessions;
	double state_index;
	double audit_rounds;
	double audit_failures;
	double audit_mismatches;
	double audit_replacements;
	double audit_last_index;
	double audit_last_equal;
	double audit_verified_index;
	double state_damaged;
	double scrub_sweeps;
	double scrub_objects;
	double sync_running;
	double sync_wanted_bytes;
	double sync_fetched_bytes;
	double sync_elapsed_seconds;
	double sync_transfers;
	double requests_pending;
	double client_connections;
	double evaluations_running;
	double http_connections;
	double http_displaced_connections;
	double http_refused_connections;
	double scrape_render_seconds;
	double clock_jumps;
	double clock_jump_seconds;
	double process_cpu_seconds;
	double process_open_fds;
	double process_max_fds;
	double process_resident_memory_bytes;
	double process_virtual_memory_bytes;
	double process_virtual_memory_max_bytes;
	double process_start_time_seconds;
};

/* Fill in what follows from what was recorded; all else is NAN, or empty. Borrows. */
void metrics_view_init(struct metrics_view *v, const struct metrics *recorded);

/* What the cluster room and Raft know. Names are borrowed. */
void metrics_view_cluster(struct metrics_view *v, const struct cluster_status *c,
                          const struct raft_view *raft, int64_t now_us);

/* The peer of this name; NULL: it is no expected member. */
struct metrics_peer *metrics_view_peer(struct metrics_view *v, const char *node);

#endif
