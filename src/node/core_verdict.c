/* What follows from a difference: a node whose memory changed by itself, or whose state is not that
 * of a majority that agrees, is fenced and starts over.
 *
 * Nobody is made to start over on one member's word: a verdict names voters that agree, they must
 * be a majority without its receiver, and the receiver must see the difference itself. */
#include <inttypes.h>
#include <stdio.h>

#include "node/core_internal.h"

enum {
	FOUND_SHOWN = 4,          /* damaged objects in an alarm: it is one line */
	VERDICT_MESSAGE_MAX = 256 /* bytes: digests and as many raft ids as members */
};

#define DAMAGE_SUBJECT "memory changed by itself"

void core_audit_alarm(struct core *c, bool up, const char *text)
{
	const struct core_event ev = {.type = CORE_ALARM, .up = up, .peer = "", .text = text};

	core_emit(c, &ev);
}

static void name_found(struct core *c, const struct scrub *s)
{
	char id[SESSION_ID_TEXT];
	size_t i;

	for (i = 0; i < s->n_found && i < FOUND_SHOWN; i++) {
		session_id_text(&s->found[i].id, id);
		buf_printf(&c->note, "%s %s (digest %016" PRIx64 ", counted %016" PRIx64 ")",
		           i == 0 ? "" : ",", id, s->found[i].digest, s->found[i].recounted);
	}
	if (s->n_found > i)
		buf_printf(&c->note, " and more");
}

void core_note_damage(struct core *c, const struct scrub *s)
{
	if (c->audit.totals.damaged)
		return;
	c->audit.totals.damaged = true;
	c->audit.call_us = 0;
	buf_reset(&c->note);
	buf_printf(&c->note, DAMAGE_SUBJECT ": %u of %u buckets at index %" PRIu64 ":", s->damaged,
	           STORE_BUCKETS, store_index(c->store));
	name_found(c, s);
	buf_printf(&c->note, "; this node is fenced until it starts over with the others' state, "
	                     "or is restarted");
	core_audit_alarm(c, true, buf_text(&c->note));
	c->dirty = true;
}

static void start_over(struct core *c, const struct audit_message *m, const struct store_mark *mark)
{
	char why[ALARM_TEXT_MAX];

	if (mark != NULL && mark->digest != m->digest)
		(void)snprintf(why, sizeof why,
		               "this node's state differs from that of %zu voters who agree, at "
		               "index %" PRIu64 ": digest %016" PRIx64 ", theirs %016" PRIx64,
		               m->n, m->index, mark->digest, m->digest);
	else
		(void)snprintf(
		    why, sizeof why,
		    "this node's memory is damaged, and %zu voters agree on the state at "
		    "index %" PRIu64 ": digest %016" PRIx64,
		    m->n, m->index, m->digest);
	c->audit.resetting = true;
	c->audit.totals.damaged = true;
	core_audit_alarm(c, true, why);
	c->ops.reset(c->ops.arg, why);
}

static bool is_other_voter(const struct core *c, uint64_t id)
{
	for (size_t i = 0; i < c->view.n_members; i++) {
		if (c->view.members[i].id == id)
			return c->view.members[i].voter && id != c->view.self_id;
	}
	return false;
}

void core_take_verdict(struct core *c, const struct audit_message *m)
{
	const struct store_mark *mark = store_mark(c->store, m->index);
	struct cursor list = m->list;
	size_t others = 0;
	size_t all = 0;

	for (size_t i = 0; i < m->n; i++) {
		const uint64_t id = audit_next_u64(&list);
		const bool other = is_other_voter(c, id);

		others += other;
		all += other || id == c->view.self_id;
	}
	if (c->audit.resetting || c->view.n_voters == 0)
		return;
	if (c->audit.totals.damaged ||
	    (mark != NULL && (mark->digest != m->digest || mark->rest != m->rest))) {
		if (others > c->view.n_voters / 2)
			start_over(c, m, mark);
	} else if (mark != NULL && all > c->view.n_voters / 2) {
		core_audit_told(c, m->index, m->digest, &c->audit.totals.verified,
		                &c->audit.totals.verified_digest);
	}
}

static void send_verdict(struct core *c, const struct audit_round *r, const struct audit_node *to)
{
	struct audit_message m = {.round = r->number,
	                          .index = r->index,
	                          .digest = r->nodes[r->truth].digest,
	                          .rest = r->nodes[r->truth].rest};
	uint64_t ids[MEMBERS_MAX];
	struct buf b;

	buf_init(&b, VERDICT_MESSAGE_MAX);
	audit_put_verdict(&b, &m, ids, audit_round_agreeing(r, ids));
	if (!to->self) {
		core_send_audit(c, to->name, &b);
		return;
	}
	if (buf_status(&b) == ST_OK && audit_decode(b.base, b.len, &m) == ST_OK)
		core_take_verdict(c, &m);
	buf_close(&b);
}

/* One member a round starts over: while it is away the others can spare no second one. */
void core_tell_verdict(struct core *c, struct audit_round *r)
{
	struct audit_node *condemned = NULL;

	for (size_t i = 0; i < r->n && r->majority; i++) {
		struct audit_node *node = &r->nodes[i];

		if (audit_round_condemns(r, node) && (condemned == NULL || condemned->self))
			condemned = node;
		else if (node->outcome == AUDIT_EQUAL)
			send_verdict(c, r, node);
	}
	if (condemned == NULL)
		return;
	condemned->replaced = true;
	c->audit.totals.condemned++;
	send_verdict(c, r, condemned);
}
