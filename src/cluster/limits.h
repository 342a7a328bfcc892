/* The named limits of the cluster room, each with its reason. */
#ifndef CLUSTER_LIMITS_H
#define CLUSTER_LIMITS_H

enum {
	MEMBERS_MAX = 16,            /* nine voters plus standbys; the matrix is quadratic in it */
	NODE_NAME_MAX = 256,         /* an Erlang node name is at most 255 bytes */
	STATUS_WHY_MAX = 256,        /* one readable sentence */
	CLUSTER_MESSAGE_MAX = 16384, /* a founding record with 16 long names fits twice */
};

#endif
