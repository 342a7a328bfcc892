/* Alarms: told once when they begin and once when they end. */
#ifndef CLUSTER_ALARM_H
#define CLUSTER_ALARM_H

#include "base/status.h"
#include "cluster/room.h"

/* Raise an alarm about m unless it stands already. The text is one sentence for an operator,
 * with the remedy. */
void alarm_raise(struct cluster *c, struct member *m, enum alarm alarm, const char *fmt, ...)
    PRINTF(4, 5);
void alarm_clear(struct cluster *c, struct member *m, enum alarm alarm);
void alarm_clear_all(struct cluster *c, struct member *m);

#endif
