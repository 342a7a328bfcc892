/* erlmcp-admin doctor: what is wrong with this host, its node and its way to the others, and what
 * to do about it. */
#ifndef CMD_DOCTOR_H
#define CMD_DOCTOR_H

struct cli;

enum { DOCTOR_OK = 0, DOCTOR_WARNING = 1, DOCTOR_FAILURE = 2 };

/* doctor [--json]: exit code is the worst of what was found. */
int doctor_show(struct cli *c, int argc, char **argv);

#endif
