/* erlmcp-admin whatif: who would survive a cut. */
#ifndef CMD_WHATIF_H
#define CMD_WHATIF_H

struct cli;

/* whatif CUT... [--json] */
int whatif_show(struct cli *c, int argc, char **argv);

#endif
