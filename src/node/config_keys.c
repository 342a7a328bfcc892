/* The table of configuration keys. Adding a key is a line here and a field in node_config. */
#include <stddef.h>

#include "node/config.h"
#include "session/store.h"

#define FIELD(name) offsetof(struct node_config, name)

static const char *const levels[] = {"debug", "info", "notice", "warning", "error", NULL};
static const char *const formats[] = {"text", "json", NULL};
static const char *const joins[] = {"no", "standby", "voter", NULL};
static const char *const reads[] = {"confirmed", "lease", NULL};
static const char *const damaged[] = {"rejoin", "stop", NULL};

enum {
	PORT_MAX = 65535,
	DAY_MS = 24 * 3600 * 1000,
	KIBI = 1024,
	GIBI = 1024 * 1024 * 1024,
};

/* clang-format off */
const struct config_key config_keys[] = {
	{ .name = "node_name", .type = CONFIG_NODE, .offset = FIELD(node_name),
	  .env = "ERLMCP_NODE_NAME", .flag = "-name",
	  .help = "Name of this node, name@host, unique in the cluster. A host part with a dot is a "
	          "long name (-name), one without is a short name (-sname). Default: erlmcp@ and "
	          "this machine's name if that resolves, else erlmcp@127.0.0.1." },
	{ .name = "cookie", .type = CONFIG_STRING, .offset = FIELD(cookie), .max = CONFIG_COOKIE_MAX,
	  .env = "ERLANG_COOKIE", .flag = "-setcookie", .secret = true, .no_option = true,
	  .help = "The cluster's shared secret. Default: the content of ~/.erlang.cookie, which is "
	          "made with a random value and mode 0400 when it is missing. Not on the command "
	          "line, where every user of the machine could read it." },
	{ .name = "seed_nodes", .type = CONFIG_NODES, .offset = FIELD(seeds),
	  .env = "ERLMCP_SEED_NODES",
	  .help = "Names of the expected members, separated by commas; this node itself may be "
	          "among them or not. The cluster is founded when all of them are present. "
	          "Default: none." },
	{ .name = "quorum_size", .type = CONFIG_INT, .offset = FIELD(quorum_size), .min = 1,
	  .max = MEMBERS_MAX, .initial = "3", .env = "ERLMCP_QUORUM_SIZE", .unit = "nodes",
	  .help = "Total number of nodes in the cluster. A node serves only while it sees more than "
	          "half of this number, and more than half of the cluster's actual members: the "
	          "setting can only make it stricter. With neither seed_nodes nor quorum_size given, "
	          "a node is a cluster of its own." },
	{ .name = "shutdown_delay", .type = CONFIG_DURATION, .offset = FIELD(shutdown_delay_ms),
	  .min = 0, .max = DAY_MS, .initial = "10", .env = "SHUTDOWN_DELAY",
	  .help = "How long a node stays fenced in a minority before it stops (force_shutdown)." },
	{ .name = "force_shutdown", .type = CONFIG_BOOL, .offset = FIELD(force_shutdown),
	  .initial = "false", .env = "FORCE_SHUTDOWN",
	  .help = "true: a node fenced for longer than shutdown_delay stops, with exit code 76. "
	          "false: it goes on refusing work and only logs what it would do." },
	{ .name = "start_period", .type = CONFIG_DURATION, .offset = FIELD(start_period_ms), .min = 0,
	  .max = DAY_MS, .initial = "60", .env = "ERLMCP_START_PERIOD",
	  .help = "The countdown to a minority's stop begins only after the node has served once, or "
	          "this long after its start: the first node to come up after a total outage must "
	          "not stop for being early." },
	{ .name = "standby_after", .type = CONFIG_DURATION, .offset = FIELD(standby_after_ms),
	  .min = 0, .max = DAY_MS, .initial = "30", .env = "ERLMCP_STANDBY_AFTER",
	  .help = "A voter that no member has heard for this long is replaced by a standby, if there "
	          "is one: members without a vote, see `erlmcp-admin cluster join`. When it comes back "
	          "it is the standby. 30 s: longer than a process needs to start again, shorter than "
	          "most machines. 0: only an operator does this." },
	{ .name = "join", .type = CONFIG_ENUM, .offset = FIELD(join), .choices = joins,
	  .initial = "no", .env = "ERLMCP_JOIN",
	  .help = "What a node without data does when it meets a cluster through seed_nodes. no: it "
	          "waits for `erlmcp-admin cluster join`. standby, voter: it asks to be admitted as "
	          "that, and never founds a cluster. A node that is a member does not look at it." },
	{ .name = "damaged_log", .type = CONFIG_ENUM, .offset = FIELD(damaged_log),
	  .choices = damaged, .initial = "rejoin", .env = "ERLMCP_DAMAGED_LOG",
	  .help = "What a node does when its log, snapshot or state is damaged on disk. It never "
	          "votes from it. rejoin: it sets the damaged files aside in the data directory, "
	          "and waits to be admitted again by the others as a new incarnation; it founds "
	          "nothing. stop: exit code 74. A disk that fails, and a log that is missing, stop "
	          "it in any case, as does damage in a cluster of one." },
	{ .name = "data_dir", .type = CONFIG_STRING, .offset = FIELD(data_dir), .max = CONFIG_PATH_MAX,
	  .env = "ERLMCP_DATA_DIR",
	  .help = "Directory of everything that must survive a restart, and of the control socket. "
	          "One node each. Default: data/ in the release, else ./data." },
	{ .name = "log_dir", .type = CONFIG_STRING, .offset = FIELD(log_dir), .max = CONFIG_PATH_MAX,
	  .env = "ERLMCP_LOG_DIR",
	  .help = "Directory of erlmcp.log, written when the node runs detached (`erlmcp start`). "
	          "Default: log/ in the release, else ./log." },
	{ .name = "log_level", .type = CONFIG_ENUM, .offset = FIELD(log_level), .choices = levels,
	  .initial = "info", .env = "ERLMCP_LOG_LEVEL",
	  .help = "The least important events that are logged." },
	{ .name = "log_format", .type = CONFIG_ENUM, .offset = FIELD(log_format), .choices = formats,
	  .initial = "text", .env = "ERLMCP_LOG_FORMAT",
	  .help = "One line an event, for people (text) or for machines (json)." },
	{ .name = "log_file_size", .type = CONFIG_SIZE, .offset = FIELD(log_file_bytes),
	  .min = 64LL * KIBI, .max = GIBI, .initial = "10M", .env = "ERLMCP_LOG_FILE_SIZE",
	  .help = "erlmcp.log is rotated before it grows beyond this size." },
	{ .name = "log_files", .type = CONFIG_INT, .offset = FIELD(log_files), .min = 1,
	  .max = LOG_FILES_MAX, .initial = "5", .env = "ERLMCP_LOG_FILES", .unit = "files",
	  .help = "Rotated log files that are kept, besides the present one." },
	{ .name = "net_ticktime", .type = CONFIG_INT, .offset = FIELD(net_ticktime_s), .min = 1,
	  .max = 3600, .initial = "60", .env = "ERLMCP_NET_TICKTIME", .kernel = "net_ticktime",
	  .unit = "seconds",
	  .help = "Real Erlang nodes and tools are found dead after this time (within 75 to 125 % of "
	          "it), as in Erlang. Members watch each other much faster: see detection_ms." },
	{ .name = "dist_interface", .type = CONFIG_ADDRESS, .offset = FIELD(dist_interface),
	  .initial = "", .env = "ERLMCP_DIST_INTERFACE", .kernel = "inet_dist_use_interface",
	  .help = "Address on which other nodes are accepted, {172,28,0,1} or 172.28.0.1. It must be "
	          "an address of this machine; any other one gives a warning and the node's own "
	          "address is used. Default: all addresses." },
	{ .name = "dist_listen_min", .type = CONFIG_INT, .offset = FIELD(dist_listen_min), .min = 1,
	  .max = PORT_MAX, .initial = "9100", .env = "ERLMCP_DIST_LISTEN_MIN",
	  .kernel = "inet_dist_listen_min", .unit = "port",
	  .help = "First port to try for accepting other nodes." },
	{ .name = "dist_listen_max", .type = CONFIG_INT, .offset = FIELD(dist_listen_max), .min = 1,
	  .max = PORT_MAX, .initial = "9105", .env = "ERLMCP_DIST_LISTEN_MAX",
	  .kernel = "inet_dist_listen_max", .unit = "port",
	  .help = "Last port to try for accepting other nodes." },
	{ .name = "client_port", .type = CONFIG_INT, .offset = FIELD(client_port), .min = 0,
	  .max = PORT_MAX, .initial = "0", .env = "ERLMCP_CLIENT_PORT", .unit = "port",
	  .help = "Port of the client channel, for programs that keep sessions here over plain TCP "
	          "and prove the cookie (doc/protocol/client-channel.md). 0: none." },
	{ .name = "client_interface", .type = CONFIG_ADDRESS, .offset = FIELD(client_interface),
	  .initial = "127.0.0.1", .env = "ERLMCP_CLIENT_INTERFACE",
	  .help = "Address of this machine on which the client channel listens. 0.0.0.0: all. What "
	          "is sent on it is not encrypted." },
	{ .name = "http_port", .type = CONFIG_INT, .offset = FIELD(http_port), .min = 0,
	  .max = PORT_MAX, .initial = "8080", .env = "ERLMCP_HTTP_PORT", .unit = "port",
	  .help = "Port of HTTP: /metrics, /livez, /readyz, /health. When it is in use the node goes "
	          "on without it and says so. 0: none." },
	{ .name = "http_interface", .type = CONFIG_ADDRESS, .offset = FIELD(http_interface),
	  .initial = "", .env = "ERLMCP_HTTP_INTERFACE",
	  .help = "Address of this machine on which HTTP is spoken. Default: all addresses." },
	{ .name = "metrics_network", .type = CONFIG_BOOL, .offset = FIELD(metrics_network),
	  .initial = "true", .env = "ERLMCP_METRICS_NETWORK",
	  .help = "true: /metrics tells node_network_receive_errors_total from the kernel's own "
	          "counters. false: it does not, because a node exporter on this machine does." },
	{ .name = "epmd_port", .type = CONFIG_INT, .offset = FIELD(epmd_port), .min = 1,
	  .max = PORT_MAX, .initial = "4369", .env = "ERL_EPMD_PORT", .unit = "port",
	  .help = "Port of EPMD, on this machine and on those of the other members." },
	{ .name = "heartbeat_ms", .type = CONFIG_INT, .offset = FIELD(heartbeat_ms), .min = 5,
	  .max = 1000, .initial = "25", .env = "ERLMCP_HEARTBEAT_MS", .unit = "milliseconds",
	  .help = "Period of heartbeats between members. At most a tenth of election_ms, so that TCP "
	          "recovers a lost one in time." },
	{ .name = "detection_ms", .type = CONFIG_INT, .offset = FIELD(detection_ms), .min = 50,
	  .max = 30000, .initial = "250", .env = "ERLMCP_DETECTION_MS", .unit = "milliseconds",
	  .help = "A member not heard for this long is lost." },
	{ .name = "member_silence_ms", .type = CONFIG_INT, .offset = FIELD(member_silence_ms),
	  .min = 200, .max = 60000, .initial = "750", .env = "ERLMCP_MEMBER_SILENCE_MS",
	  .unit = "milliseconds",
	  .help = "A member's connection that was silent for this long is closed and dialled anew." },
	{ .name = "election_ms", .type = CONFIG_INT, .offset = FIELD(election_ms), .min = 50,
	  .max = 30000, .initial = "250", .env = "ERLMCP_ELECTION_MS", .unit = "milliseconds",
	  .help = "Election timeout on a good network: a follower that hears no leader for a random "
	          "time between this and twice this stands for election." },
	{ .name = "election_max_ms", .type = CONFIG_INT, .offset = FIELD(election_max_ms), .min = 50,
	  .max = 60000, .initial = "1000", .env = "ERLMCP_ELECTION_MAX_MS", .unit = "milliseconds",
	  .help = "Largest election timeout that adapting to a slow network may choose. Twice this is "
	          "the longest promise a member ever gives, and how long a restarted one abstains "
	          "from votes. Part of the cluster's settings at founding: the same on all members." },
	{ .name = "lease_guard_ms", .type = CONFIG_INT, .offset = FIELD(lease_guard_ms), .min = 0,
	  .max = 1000, .initial = "10", .env = "ERLMCP_LEASE_GUARD_MS", .unit = "milliseconds",
	  .help = "Taken off every lease: a cut-off node is fenced at least this long before the "
	          "majority can take over." },
	{ .name = "request_timeout_ms", .type = CONFIG_INT, .offset = FIELD(request_timeout_ms),
	  .min = 100, .max = 60000, .initial = "5000", .env = "ERLMCP_REQUEST_TIMEOUT_MS",
	  .unit = "milliseconds",
	  .help = "A request that the cluster has not confirmed after this time fails." },
	{ .name = "reads", .type = CONFIG_ENUM, .offset = FIELD(reads), .choices = reads,
	  .initial = "confirmed", .env = "ERLMCP_READS",
	  .help = "confirmed: a majority confirms the leader for each batch of reads; no clock can "
	          "make a read stale. lease: the leader answers at once while its lease lasts, which "
	          "is faster and trusts the clocks and the hypervisor." },
	{ .name = "snapshot_threshold", .type = CONFIG_INT, .offset = FIELD(snapshot_threshold),
	  .min = 16, .max = 10000000, .initial = "8192", .env = "ERLMCP_SNAPSHOT_THRESHOLD",
	  .unit = "entries", .help = "Log entries between snapshots of the replicated state." },
	{ .name = "snapshot_trailing", .type = CONFIG_INT, .offset = FIELD(snapshot_trailing),
	  .min = 1, .max = 10000000, .initial = "4096", .env = "ERLMCP_SNAPSHOT_TRAILING",
	  .unit = "entries",
	  .help = "Log entries kept behind a snapshot, for members that are a little behind." },
	{ .name = "state_version_max", .type = CONFIG_INT, .offset = FIELD(state_version_max),
	  .min = STATE_VERSION_1, .max = STATE_VERSION_NEWEST, .initial = "3",
	  .env = "ERLMCP_STATE_VERSION_MAX", .unit = "version",
	  .help = "Newest version of the replicated state that this node takes. The members raise "
	          "the cluster's by themselves to the newest that all of them take, and nothing "
	          "lowers it again. Hold it at the present one on all members before a rolling "
	          "upgrade, and the release before can take over again; without it there is no way "
	          "back. A node that takes less than the cluster's is refused." },
	{ .name = "audit_interval", .type = CONFIG_DURATION, .offset = FIELD(audit_interval_ms),
	  .min = 0, .max = DAY_MS, .initial = "300", .env = "ERLMCP_AUDIT_INTERVAL",
	  .help = "The leader has all members compare their states this often, and after each heal. "
	          "It costs one small log entry and a look at all of memory: often enough to find a "
	          "difference before it spreads, seldom enough to cost nothing. 0: only an operator "
	          "does this." },
	{ .name = "scrub_interval", .type = CONFIG_DURATION, .offset = FIELD(scrub_interval_ms),
	  .min = 0, .max = DAY_MS, .initial = "60", .env = "ERLMCP_SCRUB_INTERVAL",
	  .help = "Each member counts its whole state anew in this time, a little at a time, and so "
	          "finds memory that changed by itself. 0: never." },
	{ .name = "task_orphan_time", .type = CONFIG_DURATION, .offset = FIELD(task_orphan_ms),
	  .min = 5000, .max = DAY_MS, .initial = "30", .env = "ERLMCP_TASK_ORPHAN_TIME",
	  .help = "A node that works on a task and is silent for so long has lost it: the task fails, "
	          "or another node may go on with it. A node that starts again has lost its tasks at "
	          "once." },
};
/* clang-format on */

const size_t config_n_keys = sizeof config_keys / sizeof config_keys[0];

_Static_assert(sizeof config_keys / sizeof config_keys[0] <= CONFIG_KEYS_MAX,
               "CONFIG_KEYS_MAX is smaller than the table of keys");
