/* Any bytes as a member's message about states: decoded, and given to a comparison under way. */
#include <stdlib.h>

#include "node/audit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct audit_round *round_of(const struct audit_message *m)
{
	static const char *const names[] = {"a@host", "b@host"};
	struct audit_round *r = audit_round_new(m->round);

	for (size_t i = 0; r != NULL && i < 2; i++) {
		r->index = m->index;
		audit_round_add(r, names[i], true)->voter = true;
	}
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct audit_message m;
	struct audit_round *r;

	if (audit_decode(data, size, &m) != ST_OK)
		return 0;
	r = round_of(&m);
	if (r == NULL)
		return 0;
	if (m.type == AUDIT_REPORT && audit_round_report(r, "b@host", &m) == ST_OK) {
		audit_round_judge(r);
		if (r->majority || r->n_keys > AUDIT_KEYS_MAX)
			abort(); /* one of two is none */
	}
	if (m.type == AUDIT_OBJECTS && audit_round_objects(r, "b@host", &m) == ST_OK)
		abort(); /* it has not reported */
	audit_round_free(r);
	return 0;
}
