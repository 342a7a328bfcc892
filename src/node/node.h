/* A node as a program: what bin/erlmcp's `foreground` runs. */
#ifndef NODE_NODE_H
#define NODE_NODE_H

struct node_config;
struct log;

/* Exit codes of a node, for supervisors. */
enum node_exit {
	EXIT_STOPPED = 0,   /* asked to: init:stop/0, `erlmcp stop`, SIGTERM */
	EXIT_START = 70,    /* could not start; the log says why */
	EXIT_DISK = 74,     /* a write or sync failed, or data on disk is corrupt */
	EXIT_MINORITY = 76, /* shut itself down in a minority (FORCE_SHUTDOWN=true) */
	EXIT_REMOVED = 77,  /* removed from the cluster, or refused by it */
};

/* Run until stopped. Returns an exit code. Borrows both. */
int node_main(const struct node_config *config, struct log *log);

#endif
