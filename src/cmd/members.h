/* erlmcp-admin cluster join, leave, ...: orders about the members, and waiting for their end. */
#ifndef CMD_MEMBERS_H
#define CMD_MEMBERS_H

struct cli;

/* The order's name and its nodes are argv[0..]; flags may stand anywhere. Returns the exit code:
 * 0 done, or with --no-wait begun; 1 refused, or not done in time; 2 nobody can be asked. */
int members_order(struct cli *c, int argc, char **argv);

/* The flags, for the table of verbs. */
#define MEMBERS_FLAGS "--standby", "--no-wait", "--members"

#endif
