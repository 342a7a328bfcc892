#include "cluster/alarm.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

static const char *const subjects[ALARMS] = {
    [ALARM_FOREIGN] = "split brain: foreign cluster id",
    [ALARM_EXPECTED] = "different expected members",
    [ALARM_MALFORMED] = "malformed message",
    [ALARM_PROMISE] = "promise bound does not fit",
    [ALARM_VERSION] = "state version too new",
    [ALARM_EXPEL] = "lost incarnation cannot be removed",
    [ALARM_ROLLED_BACK] = "rolled-back disk",
    [ALARM_DETECTORS] = "detectors disagree",
    [ALARM_DISKS] = "majority of disks lost",
    [ALARM_REGROWING] = "recovered, and not whole again",
    [ALARM_SLOW_DISK] = "slow disk",
    [ALARM_TWO_VOTERS] = "two voters",
};

static void emit(struct cluster *c, const struct member *m, bool up, const char *text)
{
	struct cluster_action *action = outbox_add(&c->out, CLUSTER_ALARM);

	action->up = up;
	action->peer = outbox_text(&c->out, m->name); /* a guest may be forgotten in this step */
	action->text = outbox_text(&c->out, text);
}

void alarm_raise(struct cluster *c, struct member *m, enum alarm alarm, const char *fmt, ...)
{
	char text[ALARM_TEXT_MAX];
	va_list args;
	int len;

	assert(alarm < ALARMS);
	if (m->alarms & 1U << alarm)
		return;
	m->alarms |= 1U << alarm;
	len = snprintf(text, sizeof text, "%s: ", subjects[alarm]);
	va_start(args, fmt);
	(void)vsnprintf(text + len, sizeof text - (size_t)len, fmt, args);
	va_end(args);
	emit(c, m, true, text);
}

void alarm_clear(struct cluster *c, struct member *m, enum alarm alarm)
{
	if ((m->alarms & 1U << alarm) == 0)
		return;
	m->alarms &= ~(1U << alarm);
	emit(c, m, false, subjects[alarm]);
}

void alarm_clear_all(struct cluster *c, struct member *m)
{
	for (unsigned alarm = 0; alarm < ALARMS; alarm++)
		alarm_clear(c, m, alarm);
}
