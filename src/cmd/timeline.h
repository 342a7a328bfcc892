/* erlmcp-admin timeline: the flight recorders of all nodes as one story. */
#ifndef CMD_TIMELINE_H
#define CMD_TIMELINE_H

struct cli;

#define TIMELINE_FLAGS "--json", "--since", "--node", "--html"

/* timeline [--since TIME] [--node NODE] [--json | --html FILE] [RECORDER...] */
int timeline_show(struct cli *c, int argc, char **argv);

#endif
