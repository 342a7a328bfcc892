#include "cluster/sums.h"

#include "cluster/quorum.h"
#include "cluster/room.h"
#include "cluster/view.h"

const struct member *sums_member(const struct cluster *c, uint64_t raft_id)
{
	for (size_t i = 0; i < c->n_members; i++) {
		const struct member *m = &c->members[i];

		if (m->known && m->head.raft_id == raft_id)
			return m;
	}
	return NULL;
}

const char *sums_name(const struct cluster *c, const struct raft_view *raft, uint64_t raft_id)
{
	const struct raft_voter *entry = config_by_id(raft, raft_id);
	const struct member *m;

	if (entry != NULL)
		return entry->name;
	m = sums_member(c, raft_id);
	return m == NULL ? "(gone)" : m->name;
}

bool sums_is_up(const struct cluster *c, const struct raft_view *raft, uint64_t raft_id)
{
	const struct member *m = sums_member(c, raft_id);

	(void)raft;
	return m != NULL && (is_self(c, m) || (view_in_sight(c, m) && !m->untrusted));
}

struct sums sums_after(const struct cluster *c, const struct raft_view *raft, uint64_t less,
                       uint64_t more)
{
	const struct raft_voter *out = less == 0 ? NULL : config_by_id(raft, less);
	const struct raft_voter *in = more == 0 ? NULL : config_by_id(raft, more);
	struct sums s = {.voters = (unsigned)raft->n_voters, .up = 0};

	for (size_t i = 0; i < raft->n_members; i++) {
		const struct raft_voter *v = &raft->members[i];

		s.up += v->voter && sums_is_up(c, raft, v->id);
	}
	if (out != NULL && out->voter) {
		s.voters--;
		s.up -= sums_is_up(c, raft, less);
	}
	if (more != 0 && (in == NULL || !in->voter)) {
		s.voters++;
		s.up += sums_is_up(c, raft, more);
	}
	s.needed = view_quorum(c, s.voters);
	return s;
}

bool sums_enough(const struct sums *s)
{
	return s->up >= s->needed && s->voters >= s->needed;
}
