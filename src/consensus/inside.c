#include "consensus/inside.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void inside_enter(struct consensus *c)
{
	c->depth++;
	c->moves++;
	c->io.capacity = c->disk->capacity;
}

/* A new leader commits an entry of its own term: before that it knows neither what is
 * committed nor may it serve reads. libraft adds one only when it holds uncommitted entries. */
/* NOLINTNEXTLINE(misc-no-recursion): c->after lets inside_after() in only once */
static void settle(struct consensus *c)
{
	const struct raft *r = &c->raft;
	raft_index last = trail_last(&r->trail);

	if (r->state != RAFT_LEADER || raft_transferee(r) != 0 || c->settled == r->current_term ||
	    c->failed)
		return;
	c->settled = r->current_term;
	if (last > 0 && trail_term(&r->trail, last) == r->current_term)
		return;
	inside_enter(c);
	if (raft_barrier(&c->raft, &c->barrier, NULL) != 0)
		inside_trace(c, 1, "no entry for the new term: %s", raft_errmsg(&c->raft));
	inside_leave(c);
}

/* One number for all that consensus_view() shows, except the promise. */
static uint64_t state_hash(const struct consensus *c)
{
	const struct raft *r = &c->raft;
	const uint64_t words[] = {r->state,
	                          r->current_term,
	                          leader_of(c),
	                          r->commit_index,
	                          r->last_applied,
	                          r->last_stored,
	                          r->configuration_committed_index,
	                          r->configuration_uncommitted_index,
	                          raft_transferee(r)};
	uint64_t hash = 14695981039346656037U; /* FNV-1a, a word at a time */
	size_t i;

	for (i = 0; i < sizeof words / sizeof words[0]; i++)
		hash = (hash ^ words[i]) * 1099511628211U;
	return hash;
}

static void tell_changed(struct consensus *c)
{
	uint64_t hash = state_hash(c);

	if (hash == c->seen_hash)
		return;
	c->seen_hash = hash;
	if (c->ops.changed != NULL)
		c->ops.changed(c->ops.arg);
}

/* Look at what libraft did and tell the owner, who may call back in: then look once more. */
/* NOLINTNEXTLINE(misc-no-recursion): c->after lets it in only once */
static void inside_after(struct consensus *c)
{
	if (c->after) {
		c->again = true;
		return;
	}
	c->after = true;
	do {
		c->again = false;
		timer_after(c);
		inflight_after(c);
		settle(c);
		change_after(c);
		mark_after(c);
		outcomes_tell(c);
		tell_changed(c);
	} while (c->again && !c->closing);
	c->after = false;
}

/* NOLINTNEXTLINE(misc-no-recursion): c->after lets inside_after() in only once */
void inside_leave(struct consensus *c)
{
	assert(c->depth > 0);
	c->depth--;
	if (c->depth == 0 && c->started && !c->closing)
		inside_after(c);
	c->moves++;
}

void inside_fatal(struct consensus *c, const char *why)
{
	if (c->failed)
		return;
	c->failed = true;
	inside_trace(c, 1, "%s", why);
	/* Who starts it is told by consensus_start(), and can close what libraft is not in. */
	if (!c->started)
		snprintf(c->why, sizeof c->why, "%s", why);
	else
		c->ops.fatal(c->ops.arg, why);
}

void inside_trace(struct consensus *c, int level, const char *fmt, ...)
{
	char text[512];
	va_list args;

	if (c->ops.trace == NULL)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	c->ops.trace(c->ops.arg, level, text);
}

int64_t inside_now_ms(struct consensus *c)
{
	int64_t now_ms = c->ops.now_us(c->ops.arg) / 1000;

	if (now_ms > c->last_ms)
		c->last_ms = now_ms;
	return c->last_ms;
}

enum status inside_status(int rv)
{
	switch (rv) {
	case 0:
		return ST_OK;
	case RAFT_NOMEM:
		return ST_NOMEM;
	case RAFT_NOTLEADER:
	case RAFT_LEADERSHIPLOST:
		return ST_NOT_LEADER;
	case RAFT_CORRUPT:
	case RAFT_MALFORMED:
		return ST_CORRUPT;
	case RAFT_NOSPACE:
		return ST_NO_SPACE;
	case RAFT_CANTCHANGE:
	case RAFT_BUSY:
		return ST_BUSY;
	case RAFT_NOTFOUND:
	case RAFT_BADID:
		return ST_NOT_FOUND;
	case RAFT_DUPLICATEID:
	case RAFT_DUPLICATEADDRESS:
	case RAFT_CANTBOOTSTRAP:
		return ST_EXISTS;
	case RAFT_BADROLE:
	case RAFT_INVALID:
	case RAFT_NAMETOOLONG:
		return ST_INVALID;
	default:
		return ST_IO;
	}
}

/* For every message: printf would be a fifth of its way in. */
void address_of(const char *name, uint64_t id, char ret[ADDRESS_MAX])
{
	const size_t len = strnlen(name, NODE_NAME_MAX - 1);
	char *at = ret + len;
	unsigned shift = 60;

	memcpy(ret, name, len);
	*at++ = '#';
	while (shift > 0 && id >> shift == 0)
		shift -= 4;
	for (;; shift -= 4) {
		*at++ = "0123456789abcdef"[id >> shift & 15];
		if (shift == 0)
			break;
	}
	*at = '\0';
}

void address_name(const char *address, char ret[NODE_NAME_MAX])
{
	const char *mark = strrchr(address, '#');
	size_t len = mark != NULL ? (size_t)(mark - address) : strlen(address);

	if (len >= NODE_NAME_MAX)
		len = NODE_NAME_MAX - 1;
	memcpy(ret, address, len);
	ret[len] = '\0';
}

/* The trail is a ring of (last index of a run, its term); size 0 when it never had a record. */
raft_index trail_last(const struct raft_trail *t)
{
	if (t->front == t->back)
		return t->snapshot.index;
	return t->records[(t->back + t->size - 1) % t->size].index;
}

raft_term trail_term(const struct raft_trail *t, raft_index index)
{
	unsigned i;

	if (index == 0)
		return 0;
	if (index == t->snapshot.index)
		return t->snapshot.term;
	if (index <= t->offset)
		return 0;
	for (i = t->front; i != t->back; i = (i + 1) % t->size) {
		if (index <= t->records[i].index)
			return t->records[i].term;
	}
	return 0;
}

const struct raft_server *server_of(const struct raft_configuration *conf, raft_id id)
{
	unsigned i;

	for (i = 0; i < conf->n; i++) {
		if (conf->servers[i].id == id)
			return &conf->servers[i];
	}
	return NULL;
}

size_t voters_of(const struct raft_configuration *conf)
{
	size_t voters = 0;
	unsigned i;

	for (i = 0; i < conf->n; i++)
		voters += conf->servers[i].role == RAFT_VOTER;
	return voters;
}

/* A member's record; made when it is in the configuration, in the place of one that no longer
 * is. NULL for strangers. */
struct peer *peer_of(struct consensus *c, raft_id id)
{
	struct peer *place = NULL;
	unsigned i;

	for (i = 0; i < MEMBERS_MAX; i++) {
		if (c->peers[i].id == id)
			return &c->peers[i];
		if (place == NULL && (c->peers[i].id == 0 ||
		                      server_of(&c->raft.configuration, c->peers[i].id) == NULL))
			place = &c->peers[i];
	}
	if (place == NULL || server_of(&c->raft.configuration, id) == NULL)
		return NULL;
	runs_forget(&place->way, RAFT_CANCELED);
	memset(place, 0, sizeof *place);
	place->id = id;
	runs_init(&place->way);
	return place;
}

raft_id leader_of(const struct consensus *c)
{
	const struct raft *r = &c->raft;

	if (r->state == RAFT_LEADER)
		return r->id;
	/* libraft keeps an old leader's name when the term has moved on. */
	if (r->state == RAFT_FOLLOWER && c->leader_term == r->current_term)
		return r->follower_state.current_leader.id;
	return 0;
}
