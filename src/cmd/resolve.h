/* erlmcp-admin cluster resolve: two clusters out of one, and which of them stays. */
#ifndef CMD_RESOLVE_H
#define CMD_RESOLVE_H

struct cli;

int resolve_cluster(struct cli *c, int argc, char **argv);

#endif
