/* erlmcp-admin metrics: the running node's figures, and the list of all metrics. */
#ifndef CMD_METRICS_H
#define CMD_METRICS_H

struct cli;

/* metrics [runbook | PATTERN], or --reference, which needs no node. */
int metrics_show(struct cli *c, int argc, char **argv);

#define METRICS_FLAGS "--reference"

#endif
