#include "cluster/plan_name.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const kinds[PLAN_KINDS] = {
    [PLAN_NONE] = "none",       [PLAN_JOIN] = "join",         [PLAN_STANDBY] = "standby",
    [PLAN_REPLACE] = "replace", [PLAN_PROMOTE] = "promote",   [PLAN_DEMOTE] = "demote",
    [PLAN_LEAVE] = "leave",     [PLAN_TAKEOVER] = "takeover",
};

const char *plan_kind_name(enum plan_kind kind)
{
	assert(kind < PLAN_KINDS);
	return kinds[kind];
}

void plan_name_write(const struct raft_plan *plan, char ret[PLAN_NAME_MAX])
{
	(void)snprintf(ret, PLAN_NAME_MAX, "=%s.%" PRIx64 ".%" PRIx64, plan_kind_name(plan->kind),
	               plan->subject, plan->other);
}

static const char digits_of[] = "0123456789abcdef";

/* Hexadecimal digits up to `end`; false when there are none or too many. */
static bool take_number(const char **at, char end, uint64_t *ret)
{
	uint64_t number = 0;
	unsigned digits = 0;

	for (; **at != end; (*at)++, digits++) {
		const char *digit = **at == '\0' ? NULL : strchr(digits_of, **at);

		if (digit == NULL || digits == 16)
			return false;
		number = number << 4 | (uint64_t)(digit - digits_of);
	}
	if (digits == 0)
		return false;
	*ret = number;
	return true;
}

static enum plan_kind kind_of(const char *word, size_t len)
{
	for (unsigned kind = 0; kind < PLAN_KINDS; kind++) {
		if (strlen(kinds[kind]) == len && memcmp(kinds[kind], word, len) == 0)
			return (enum plan_kind)kind;
	}
	return PLAN_NONE;
}

bool plan_name_read(const char *name, struct raft_plan *ret)
{
	struct raft_plan plan = {.kind = PLAN_NONE};
	size_t len = strcspn(name, ".");
	const char *at = name + len;

	if (name[0] != '=' || *at == '\0')
		return false;
	at++;
	if (!take_number(&at, '.', &plan.subject))
		return false;
	at++;
	if (!take_number(&at, '\0', &plan.other))
		return false;
	plan.kind = kind_of(name + 1, len - 1);
	*ret = plan;
	return true;
}
