/* erlmcp-admin cluster recover, backup, restore: what an operator does when a majority is lost. */
#ifndef CMD_RECOVER_H
#define CMD_RECOVER_H

struct cli;

int recover_cluster(struct cli *c, int argc, char **argv);
int recover_backup(struct cli *c, int argc, char **argv);
int recover_restore(struct cli *c, int argc, char **argv);

#endif
