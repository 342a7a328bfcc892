/* The verbs of bin/erlmcp that start and stop a node. */
#ifndef CMD_ERLMCP_H
#define CMD_ERLMCP_H

struct cli;

int run_foreground(struct cli *c, int argc, char **argv);
int run_start(struct cli *c, int argc, char **argv);
int run_stop(struct cli *c, int argc, char **argv);
int run_restart(struct cli *c, int argc, char **argv);

#endif
