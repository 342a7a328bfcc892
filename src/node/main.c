/* Composes one node: start and stop order.
 *
 * Start: data directory and its lock, identity (its boot counter grows before anything else
 * happens), storage, core, network, control socket. Stop is the reverse, and asynchronous where
 * libuv is: node_stop() in stop.c. */
#include <assert.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "io/lockfile.h"
#include "node/http_door.h"
#include "node/identity_file.h"
#include "node/loading.h"
#include "node/node_internal.h"
#include "node/node_metrics.h"
#include "node/rescue.h"
#include "node/settings.h"

/* Larger blocks go back to the system when they are freed. Without a fixed value the C library
 * learns from the first big evaluation to keep the memory of all later ones. */
enum { GIVE_BACK_BYTES = 256 << 10 };

/* Bytes of commands between snapshots: at least one segment of the log, which is what it is thrown
 * away by; at most what a node reads again in a second when it starts. */
enum { SNAPSHOT_BYTES_MIN = 8 << 20, SNAPSHOT_BYTES_MAX = 128 << 20 };
/* Of commands that a restarted node applies in one turn of its loop at most, some 100 ms. */
enum { COMMIT_MARK_BYTES = 16 << 20 };

/* libuv's workers: four for the disk, the rest for evaluations. */
#define NODE_THREADS "8"

static void on_link_up(void *arg, const char *peer, uint64_t epoch)
{
	struct node *n = arg;

	core_link_up(n->core, peer, epoch);
}

static void on_link_down(void *arg, const char *peer, uint64_t epoch, const char *why)
{
	struct node *n = arg;

	log_line(n->log, LOG_DEBUG, "link to '%s' closed: %s", peer, why);
	core_link_down(n->core, peer, epoch);
}

static void on_message(void *arg, const char *peer, uint64_t epoch, const uint8_t *bytes,
                       size_t len)
{
	struct node *n = arg;

	core_message(n->core, peer, epoch, bytes, len);
}

static void on_stranger(void *arg, const char *peer, const uint8_t *bytes, size_t len)
{
	struct node *n = arg;

	core_stranger(n->core, peer, bytes, len);
}

static void on_foreign(void *arg, const char *peer, bool up, const char *why)
{
	struct node *n = arg;

	log_line(n->log, LOG_DEBUG, "foreign node '%s' %s%s%s", peer, up ? "arrived" : "left",
	         why == NULL ? "" : ": ", why == NULL ? "" : why);
}

static void on_refused(void *arg, const char *peer, const char *address, const char *why)
{
	struct node *n = arg;

	n->metrics.refused++;
	log_line(n->log, LOG_WARNING, "Refused a connection of '%s' from %s: %s", peer, address,
	         why);
}

static void on_net_trace(void *arg, const char *text)
{
	struct node *n = arg;

	log_line(n->log, LOG_DEBUG, "%s", text);
}

static void ops_send(void *arg, const char *peer, enum traffic traffic, const uint8_t *bytes,
                     size_t len)
{
	static const enum net_class classes[] = {[TRAFFIC_URGENT] = NET_URGENT,
	                                         [TRAFFIC_NORMAL] = NET_NORMAL,
	                                         [TRAFFIC_BULK] = NET_BULK};
	struct node *n = arg;

	/* A message that cannot be queued is a lost message: every protocol above repeats. */
	if (net_send(n->net, peer, classes[traffic], bytes, len) != ST_OK)
		return;
}

static size_t ops_backlog(void *arg, const char *peer)
{
	const struct node *n = arg;

	return net_backlog(n->net, peer, NET_NORMAL);
}

static void ops_keep(void *arg, const char *peer, bool keep)
{
	struct node *n = arg;

	if (!keep)
		net_member_remove(n->net, peer);
	else if (net_member_add(n->net, peer) != ST_OK)
		log_line(n->log, LOG_WARNING, "Node '%s' cannot be kept connected", peer);
}

/* Who belongs to a cluster again waits for none any more. */
static void unmark_lost(struct node *n, const struct identity *id)
{
	if (n->lost_disk && id->state != IDENTITY_EMPTY) {
		rescue_unmark_lost(n->config->data_dir);
		n->lost_disk = false;
	}
}

static void ops_loading(void *arg, uint64_t done, uint64_t all)
{
	const struct node *n = arg;

	loading_progress(n->loading, done, all);
}

static enum status ops_persist(void *arg, const struct identity *id)
{
	struct node *n = arg;
	enum status st = identity_store(n->config->data_dir, id);

	if (st == ST_OK)
		unmark_lost(n, id);
	return st;
}

static void ops_reset(void *arg, const char *why)
{
	struct node *n = arg;

	log_line(n->log, LOG_ERROR,
	         "%s: this node's data is moved aside and it rejoins as a new incarnation", why);
	n->reset = true;
	(void)snprintf(n->reset_why, sizeof n->reset_why, "%s", why);
	node_stop(n, EXIT_STOPPED, why);
}

/* The log may take an eighth of the disk between snapshots: with what is kept behind them, what
 * is reserved and two snapshots of a state as large, it stays below the half. */
static uint64_t snapshot_bytes(const char *data_dir)
{
	struct statvfs disk;
	uint64_t bytes;

	if (statvfs(data_dir, &disk) != 0)
		return SNAPSHOT_BYTES_MAX;
	bytes = (uint64_t)disk.f_blocks * disk.f_frsize / 8;
	if (bytes < SNAPSHOT_BYTES_MIN)
		return SNAPSHOT_BYTES_MIN;
	return bytes < SNAPSHOT_BYTES_MAX ? bytes : SNAPSHOT_BYTES_MAX;
}

static struct core_config core_config_of(const struct node_config *from, const struct log *log)
{
	struct core_config to = {
	    .election_ms = from->election_ms,
	    .election_max_ms = from->election_max_ms * 2,
	    .heartbeat_ms = from->heartbeat_ms,
	    .snapshot_threshold = from->snapshot_threshold,
	    .snapshot_trailing = from->snapshot_trailing,
	    .snapshot_bytes = snapshot_bytes(from->data_dir),
	    .mark_bytes = COMMIT_MARK_BYTES,
	    .trace = log_enabled(log, LOG_DEBUG),
	    .reads_by_lease = from->reads == READS_LEASE,
	    .request_timeout_us = (int64_t)from->request_timeout_ms * 1000,
	    .audit_us = from->audit_interval_ms * 1000,
	    .scrub_us = from->scrub_interval_ms * 1000,
	    .orphan_us = from->task_orphan_ms * 1000,
	};
	config_cluster(from, &to.cluster);
	to.cluster.lost_disk = rescue_is_lost(from->data_dir);
	return to;
}

static void net_config_of(const struct node_config *from, struct net_config *to)
{
	size_t i;

	memset(to, 0, sizeof *to);
	memcpy(to->name, from->node_name, sizeof to->name);
	to->short_names = from->short_names;
	memcpy(to->cookie, from->cookie, sizeof to->cookie);
	for (i = 0; i < from->n_expected; i++) {
		if (strcmp(from->expected[i], from->node_name) != 0)
			memcpy(to->members[to->n_members++], from->expected[i], NET_NAME_MAX);
	}
	memcpy(to->interface, from->dist_interface, sizeof to->interface);
	to->listen_min = (uint16_t)from->dist_listen_min;
	to->listen_max = (uint16_t)from->dist_listen_max;
	to->epmd_port = (uint16_t)from->epmd_port;
	to->ticktime_s = from->net_ticktime_s;
	to->member_silence_ms = from->member_silence_ms;
	to->listen = true;
	to->epmd = true;
}

static bool make_directory(struct node *n, const char *path)
{
	if (mkdir(path, 0750) == 0 || errno == EEXIST)
		return true;
	log_line(n->log, LOG_ERROR,
	         "The directory %s cannot be made: %s. Make it, or name another with "
	         "ERLMCP_DATA_DIR",
	         path, strerror(errno));
	return false;
}

/* True when the directory holds files of a log. */
static bool holds_log(const char *dir)
{
	const struct dirent *entry;
	bool found = false;
	DIR *d = opendir(dir);

	if (d == NULL)
		return false;
	while (!found && (entry = readdir(d)) != NULL)
		found = strncmp(entry->d_name, "metadata", 8) == 0 ||
		        strncmp(entry->d_name, "open-", 5) == 0 ||
		        strncmp(entry->d_name, "snapshot-", 9) == 0 ||
		        isdigit((unsigned char)entry->d_name[0]);
	(void)closedir(d);
	return found;
}

/* Another incarnation's log must not be taken for this one's: it would contradict the
 * cluster's under the same indexes. */
static bool log_is_ours(struct node *n, const char *raft_dir, const struct identity *id)
{
	if (id->state != IDENTITY_EMPTY || !holds_log(raft_dir))
		return true;
	log_line(n->log, LOG_ERROR,
	         "%s holds a log, but %s/identity, which says whose it is, is missing or blank. "
	         "Restore it, or move the whole data directory aside to rejoin as a new member",
	         raft_dir, n->config->data_dir);
	return false;
}

/* The identity with its boot counter grown, durably: a peer that saw a higher one knows that
 * this disk is an old copy. */
static bool load_identity(struct node *n, const char *raft_dir, struct identity *id)
{
	struct fault fault;
	enum status st = identity_load(n->config->data_dir, id, &fault);

	if (st == ST_NOT_FOUND) {
		memset(id, 0, sizeof *id);
		id->raft_id = node_random(NULL) | 1;
		id->promise_max_ms = n->config->election_max_ms * 2;
	} else if (st != ST_OK) {
		log_line(n->log, LOG_ERROR,
		         "%s/identity: %s (%s). Restore it, or move the whole data "
		         "directory aside to rejoin as a new member",
		         n->config->data_dir, status_text(st), fault.what);
		return false;
	}
	if (!log_is_ours(n, raft_dir, id))
		return false;
	id->boot++;
	st = identity_store(n->config->data_dir, id);
	if (st != ST_OK)
		log_line(n->log, LOG_ERROR, "The data directory %s cannot be written: %s",
		         n->config->data_dir, status_text(st));
	return st == ST_OK;
}

static void on_storage_failed(void *arg, const char *why)
{
	const struct core_event ev = {.type = CORE_FATAL, .peer = "", .text = why};

	node_on_core_event(arg, &ev);
}

/* A recovery, a restore, or this node's own setting aside that a crash interrupted. */
static bool finish_rescue(struct node *n)
{
	char aside[ASIDE_NAME_MAX] = "";
	char why[OFFLINE_WHY_MAX] = "";
	enum status st = rescue_finish(n->config->data_dir, aside, why);

	if (st == ST_OK)
		log_line(n->log, LOG_NOTICE,
		         "An interrupted change of the data directory is finished%s%s",
		         aside[0] == '\0' ? "" : "; what was there before is kept in ", aside);
	else if (st != ST_NOT_FOUND)
		log_line(n->log, LOG_ERROR, "An interrupted change of the data directory: %s", why);
	return st == ST_OK || st == ST_NOT_FOUND;
}

static bool open_core(struct node *n)
{
	const struct core_config config = core_config_of(n->config, n->log);
	const struct core_ops ops = {
	    .arg = n,
	    .now_us = node_now_us,
	    .wall_ms = node_wall_ms,
	    .random = node_random,
	    .send = ops_send,
	    .backlog = ops_backlog,
	    .persist = ops_persist,
	    .reset = ops_reset,
	    .event = node_on_core_event,
	    .loading = ops_loading,
	    .keep = ops_keep,
	};
	char raft_dir[CONFIG_PATH_MAX + 8];
	struct consensus_disks disks;
	struct identity id;
	struct fault fault;
	const char *why;

	(void)snprintf(raft_dir, sizeof raft_dir, "%s/raft", n->config->data_dir);
	if (!make_directory(n, raft_dir) || !load_identity(n, raft_dir, &id))
		return false;
	if (storage_open(loop_uv(n->loop), raft_dir, &n->storage, &why) != ST_OK) {
		log_line(n->log, LOG_ERROR, "The log's directory %s cannot be opened: %s", raft_dir,
		         why);
		return false;
	}
	n->lost_disk = config.cluster.lost_disk;
	storage_on_failure(n->storage, on_storage_failed, n);
	storage_on_written(n->storage, node_metrics_written, n);
	storage_hold(n->storage, true);
	disks.log = storage_io(n->storage);
	disks.chunks = storage_chunks(n->storage);
	if (core_new(&config, &ops, &id, &disks, &fault, &n->core) != ST_OK) {
		log_line(n->log, LOG_ERROR, "The configuration does not fit: %s", fault.what);
		return false;
	}
	return true;
}

/* Damage is what was read and is wrong. A disk that fails may fail again, a log that is missing
 * may be on a disk that is not there yet; and alone there is nobody to join. */
static bool may_rejoin(const struct node *n, enum status st, bool had_log)
{
	return st == ST_CORRUPT && had_log && n->config->damaged_log == DAMAGED_REJOIN &&
	       n->config->n_expected > 1;
}

static bool start_core(struct node *n)
{
	char raft_dir[CONFIG_PATH_MAX + 8];
	const char *why;
	enum status st;
	bool had_log;

	(void)snprintf(raft_dir, sizeof raft_dir, "%s/raft", n->config->data_dir);
	had_log = holds_log(raft_dir);
	st = loading_run(n, &why);
	if (st == ST_OK) {
		unmark_lost(n, core_identity(n->core));
		return true;
	}
	/* Whole, and not for this release: nothing is set aside. */
	if (store_beyond(core_store(n->core)) != 0) {
		node_refused(n);
		n->exit_code = EXIT_REMOVED;
		return false;
	}
	if (may_rejoin(n, st, had_log)) {
		log_line(n->log, LOG_ERROR,
		         "The log in %s is damaged: %s. It is set aside, and this node rejoins as "
		         "a new incarnation",
		         raft_dir, why);
		n->reset = true;
		(void)snprintf(n->reset_why, sizeof n->reset_why, "%s", why);
		return false;
	}
	if (st == ST_INVALID) {
		log_line(n->log, LOG_ERROR, "The data directory %s does not fit: %s",
		         n->config->data_dir, why);
		return false;
	}
	log_line(n->log, LOG_ERROR,
	         "The log in %s/raft cannot be loaded: %s (%s). Nothing was changed. %s",
	         n->config->data_dir, why, status_text(st),
	         st == ST_CORRUPT ? "Move the data directory aside to rejoin as a new member"
	                          : "Start it again when what is named is mended");
	n->exit_code = EXIT_DISK;
	return false;
}

static bool open_net(struct node *n)
{
	const struct net_ops ops = {
	    .arg = n,
	    .member_up = on_link_up,
	    .member_down = on_link_down,
	    .member_message = on_message,
	    .member_stranger = on_stranger,
	    .call = node_on_call,
	    .foreign = on_foreign,
	    .refused = on_refused,
	    .trace = on_net_trace,
	};
	struct net_config *config = malloc(sizeof *config);
	const char *why = "out of memory";
	enum status st = ST_NOMEM;

	if (config != NULL) {
		net_config_of(n->config, config);
		st = net_open(loop_uv(n->loop), config, &ops, &n->net, &why);
	}
	free(config);
	if (st != ST_OK)
		log_line(n->log, LOG_ERROR, "The network cannot be opened: %s", why);
	return st == ST_OK;
}

static bool open_control(struct node *n)
{
	const struct control_ops ops = {.arg = n, .request = node_on_control};
	char why[LOG_LINE_MAX];

	if (control_open(loop_uv(n->loop), n->config->data_dir, &ops, &n->control, why,
	                 sizeof why) == ST_OK)
		return true;
	log_line(n->log, LOG_ERROR, "The control socket cannot be opened: %s", why);
	return false;
}

static void on_turn(void *arg)
{
	struct node *n = arg;
	const int64_t began_us = node_now_us(NULL);

	(void)core_run(n->core);
	/* Members' disks and ours work at the same time. */
	net_flush(n->net);
	storage_submit(n->storage);
	if (n->clients != NULL)
		clients_flush(n->clients);
	node_metrics_turn(n, began_us);
}

static int64_t on_deadline(void *arg)
{
	const struct node *n = arg;

	return core_deadline_us(n->core);
}

static void on_signal(void *arg, int number)
{
	node_stop(arg, EXIT_STOPPED, number == SIGTERM ? "SIGTERM" : "SIGINT");
}

static bool open_node(struct node *n)
{
	if (!finish_rescue(n) || !open_core(n))
		return false;
	node_open_http(n);
	if (!open_net(n) || !open_control(n) || !start_core(n) || !node_open_clients(n))
		return false;
	if (recorder_open(n->config->data_dir, &n->recorder) != ST_OK)
		log_line(n->log, LOG_WARNING,
		         "The flight recorder cannot be opened: incidents of this run "
		         "will not be recorded");
	return loop_start(n->loop) == ST_OK;
}

static void node_free(struct node *n)
{
	recorder_close(n->recorder);
	free(n->decision);
	core_free(n->core);
	storage_close(n->storage);
	net_free(n->net);
	control_free(n->control);
	clients_free(n->clients);
	http_server_free(n->http);
}

/* Keep the data for whoever wants to look, and begin as nobody; who is nobody founds nothing. */
static bool move_aside(struct node *n)
{
	char name[ASIDE_NAME_MAX];
	struct recorder *r = NULL;

	if (rescue_mark_lost(n->config->data_dir, n->reset_why) != ST_OK ||
	    rescue_set_aside(n->config->data_dir, name) != ST_OK) {
		log_line(n->log, LOG_ERROR, "The data cannot be set aside in %s: %s",
		         n->config->data_dir, strerror(errno));
		return false;
	}
	log_line(n->log, LOG_NOTICE, "What this node had is kept in %s/%s", n->config->data_dir,
	         name);
	if (recorder_open(n->config->data_dir, &r) != ST_OK)
		return true; /* an incident goes unrecorded */
	recorder_begin(r, "set_aside", node_now_us(NULL), node_wall_ms(NULL));
	recorder_text(r, "why", n->reset_why);
	recorder_text(r, "kept_in", name);
	recorder_end(r);
	recorder_close(r);
	return true;
}

static struct node *node_new(const struct node_config *config, struct log *log)
{
	struct node *n = calloc(1, sizeof *n);
	const struct loop_ops ops = {
	    .arg = n,
	    .turn = on_turn,
	    .deadline_us = on_deadline,
	    .now_us = node_now_us,
	    .signalled = on_signal,
	};

	if (n == NULL)
		return NULL;
	if (loop_new(&ops, &n->loop) != ST_OK) {
		free(n);
		return NULL;
	}
	n->config = config;
	n->log = log;
	n->exit_code = EXIT_START;
	n->started_us = node_now_us(NULL);
	n->manager = notify_open_from_environment(loop_uv(n->loop));
	n->disk.dir = config->data_dir;
	metrics_init(&n->metrics);
	jobs_init(&n->jobs, n);
	return n;
}

/* One life of the node; *again: it was reset and lives once more. */
static int run_once(const struct node_config *config, struct log *log, bool *again)
{
	struct node *n = node_new(config, log);
	int code;

	*again = false;
	if (n == NULL)
		return EXIT_START;
	if (open_node(n)) {
		n->running = true;
		n->exit_code = EXIT_STOPPED;
		node_log_start(n);
		notify_ready(n->manager);
	} else {
		node_stop(n, n->exit_code, "it could not start");
	}
	loop_run(n->loop);
	node_free(n);
	code = n->exit_code;
	*again = n->reset && move_aside(n);
	loop_free(n->loop);
	free(n);
	return code;
}

int node_main(const struct node_config *config, struct log *log)
{
	char why[LOG_LINE_MAX];
	int lock_fd;
	bool again = true;
	int code = EXIT_START;

	(void)mallopt(M_MMAP_THRESHOLD, GIVE_BACK_BYTES);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)setenv("UV_THREADPOOL_SIZE", NODE_THREADS, 0);
	if (lockfile_take(config->data_dir, config->node_name, &lock_fd, why, sizeof why) !=
	    ST_OK) {
		log_line(log, LOG_ERROR, "%s", why);
		return EXIT_START;
	}
	while (again)
		code = run_once(config, log, &again);
	(void)close(lock_fd); /* gives the lock up */
	return code;
}
