/* One running node: the core joined with sockets, disk, log and doors. Shared by the files of
 * this room that touch the world; nobody else includes it. */
#ifndef NODE_NODE_INTERNAL_H
#define NODE_NODE_INTERNAL_H

#include "base/buf.h"
#include "consensus/storage.h"
#include "io/clients.h"
#include "io/control.h"
#include "io/http_server.h"
#include "io/loop.h"
#include "io/net.h"
#include "io/notify.h"
#include "node/config.h"
#include "node/core.h"
#include "node/host_figures.h"
#include "node/jobs.h"
#include "node/limits.h"
#include "node/log.h"
#include "node/metrics.h"
#include "node/node.h"
#include "node/recorder.h"

struct explain_decision;
struct loading;

struct alarm {
	char peer[NODE_NAME_MAX]; /* about whom; empty: nobody in particular */
	char text[ALARM_TEXT_MAX];
	int64_t since_ms; /* wall clock */
};

struct node {
	struct loop *loop;
	const struct node_config *config;
	struct log *log;
	struct recorder *recorder; /* flight recorder */
	struct storage *storage;
	struct core *core;
	struct net *net;
	struct control *control;
	struct notify *manager;   /* service manager; NULL: nobody wants to be told */
	struct clients *clients;  /* NULL: no client channel */
	struct http_server *http; /* NULL: no HTTP */
	struct loading *loading;  /* while the core starts; NULL: nobody is told */
	int64_t load_us;          /* how long that took */
	struct jobs jobs;         /* evaluations under way */
	struct metrics metrics;
	struct disk_figures disk;
	struct {
		struct cluster_status cluster;
		struct raft_view raft;
	} seen;               /* the last sample for metrics and health: too large for a stack */
	int64_t sync_look_us; /* when the members' progress was last looked at, after a heal */
	int64_t render_us;    /* how long the last scrape took */
	struct alarm alarms[ALARMS_MAX];
	size_t n_alarms;
	int64_t started_us;                /* CLOCK_BOOTTIME */
	int64_t served_us;                 /* first time this process served; 0: not yet */
	struct explain_decision *decision; /* the last one, owned; NULL: none yet */
	char leader[NODE_NAME_MAX];        /* as last logged */
	bool countdown_over;               /* a minority's countdown ended in a dry run */
	bool running;                      /* it came up */
	bool closed;                       /* everything was told to close */
	bool stopping_now;                 /* a stop was asked for */
	unsigned stop_waits;               /* looks at the evaluations under way since then */
	bool backing_up;                   /* a backup is under way */
	bool lost_disk;                    /* marked so in its directory: it waits to be admitted */
	bool reset;                        /* restart as a new, empty incarnation when stopped */
	char reset_why[ALARM_TEXT_MAX];    /* what made that necessary */
	int exit_code;
};

/* clock.c: the real clocks and randomness */
int64_t node_now_us(void *arg);
int64_t node_wall_ms(void *arg);
uint64_t node_random(void *arg);

/* events.c: what happened, told to the log and the flight recorder */
/* The cluster's state is newer than what this node takes: say so, with the remedy. */
void node_refused(struct node *n);

void node_on_core_event(void *arg, const struct core_event *ev);
void node_log_start(struct node *n);

/* stop.c: leave in good order with this exit code */
void node_stop(struct node *n, int exit_code, const char *why);

/* client_door.c: the client channel, when there is to be one. False: told to the log. */
bool node_open_clients(struct node *n);

/* doors.c: control socket and calls of other nodes */
void node_on_control(void *arg, uint64_t id, const char *verb, const char *const *args,
                     size_t n_args);
void node_on_call(void *arg, const struct net_call *call);

#endif
