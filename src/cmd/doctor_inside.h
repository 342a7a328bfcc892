/* What the files of the doctor share; nobody else includes it. */
#ifndef CMD_DOCTOR_INSIDE_H
#define CMD_DOCTOR_INSIDE_H

#include <jansson.h>
#include <stdbool.h>

#include "base/buf.h"

#include "cmd/cli.h"
#include "cmd/doctor.h"

struct tool;

struct doctor {
	struct cli *c;
	json_t *findings;  /* owned: {check, level, text, remedy} */
	int worst;         /* DOCTOR_* */
	bool up;           /* this host's node answers */
	json_t *told;      /* owned: its explanation; NULL: it does not run */
	struct tool *tool; /* to ask the others; NULL: cannot be opened */
	unsigned here;     /* voters that answered, this node included */
};

/* What was found. remedy: NULL where there is nothing to do. */
void doctor_say(struct doctor *d, int level, const char *remedy, const char *fmt, ...) PRINTF(4, 5);

/* The checks, by file: doctor.c's table names them. */
void doctor_configuration(struct doctor *d);
void doctor_cookie(struct doctor *d);
void doctor_permissions(struct doctor *d);
void doctor_disk(struct doctor *d);
void doctor_node(struct doctor *d);
void doctor_names(struct doctor *d);
void doctor_ports(struct doctor *d);
void doctor_epmd(struct doctor *d);
void doctor_peers(struct doctor *d);
void doctor_quorum(struct doctor *d);

#endif
