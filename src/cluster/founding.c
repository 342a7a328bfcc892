#include "cluster/founding.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cluster/alarm.h"
#include "cluster/beats.h"
#include "cluster/quorum.h"
#include "cluster/room.h"
#include "cluster/view.h"

static uint32_t promise_max_ms(const struct cluster *c)
{
	return (uint32_t)((c->config.promise_max_us + 999) / 1000);
}

/* A cluster that this node may not remember is not founded again. */
static bool may_found(const struct cluster *c)
{
	return c->identity.state == IDENTITY_EMPTY && c->config.join == JOIN_NO &&
	       !c->config.lost_disk;
}

static bool is_expected(const struct cluster *c, const char *name)
{
	for (size_t i = 0; i < c->config.n_expected; i++) {
		if (strcmp(c->config.expected[i], name) == 0)
			return true;
	}
	return false;
}

/* --- Hello: do we expect the same names? --------------------------------------------- */

static void say_hello(struct cluster *c, struct member *m)
{
	struct wire_hello hello = {.promise_max_ms = promise_max_ms(c),
	                           .n = c->config.n_expected,
	                           .takes = c->config.state_takes,
	                           .state = c->raft->state_version,
	                           .regrowing = c->identity.regrowing};

	memcpy(hello.names, c->config.expected, sizeof hello.names);
	message_begin(c, WIRE_HELLO);
	wire_put_hello(&c->scratch, &hello);
	message_send(c, m);
	m->next_hello_us = c->now_us + HELLO_INTERVAL_US;
}

/* A name that only one of the two lists has, and who has it; NULL: the lists agree. */
static const char *difference(const struct cluster *c, const struct wire_hello *hello, bool *ours)
{
	for (size_t i = 0; i < hello->n; i++) {
		if (!is_expected(c, hello->names[i])) {
			*ours = false;
			return hello->names[i];
		}
	}
	for (size_t i = 0; i < c->config.n_expected; i++) {
		size_t j = 0;

		while (j < hello->n && strcmp(hello->names[j], c->config.expected[i]) != 0)
			j++;
		if (j == hello->n) {
			*ours = true;
			return c->config.expected[i];
		}
	}
	return NULL;
}

/* Who takes less than the state of the cluster is not let in, and both sides say so. */
static void compare_versions(struct cluster *c, struct member *m, uint32_t state)
{
	const uint32_t ours = c->raft->state_version;

	if (c->identity.state == IDENTITY_EMPTY && state > c->config.state_takes)
		alarm_raise(c, m, ALARM_VERSION,
		            "the state of %.80s's cluster has version %u, this node takes up to "
		            "%u and is refused: install a release that takes it, or remove "
		            "ERLMCP_STATE_VERSION_MAX",
		            m->name, state, c->config.state_takes);
	else if (m->head.identity == IDENTITY_EMPTY && m->takes != 0 && m->takes < ours)
		alarm_raise(
		    c, m, ALARM_VERSION,
		    "%.80s takes the state up to version %u, this cluster's has version %u: "
		    "it is refused until a release that takes it is installed there, or "
		    "ERLMCP_STATE_VERSION_MAX removed",
		    m->name, m->takes, ours);
	else
		alarm_clear(c, m, ALARM_VERSION);
}

void founding_take_hello(struct cluster *c, struct member *m, const struct wire_hello *hello)
{
	bool ours = false;
	const char *name = difference(c, hello, &ours);

	m->hello = name == NULL ? HELLO_SAME : HELLO_DIFFERS;
	m->promise_ms = hello->promise_max_ms;
	m->takes = hello->takes;
	m->regrowing = hello->regrowing;
	compare_versions(c, m, hello->state);
	/* Once there is a cluster, its configuration counts, not what somebody expects. */
	if (name == NULL || c->identity.state != IDENTITY_EMPTY ||
	    m->head.identity != IDENTITY_EMPTY) {
		alarm_clear(c, m, ALARM_EXPECTED);
		return;
	}
	alarm_raise(c, m, ALARM_EXPECTED,
	            "%.60s is expected by %.60s only; give every node the same "
	            "ERLMCP_SEED_NODES",
	            name, ours ? c->config.self : m->name);
}

/* --- The record ---------------------------------------------------------------------- */

static void bootstrap(struct cluster *c)
{
	(void)outbox_add(&c->out, CLUSTER_PERSIST);
	(void)outbox_add(&c->out, CLUSTER_BOOTSTRAP);
	/* The next beat is the acknowledgement. */
	beats_hurry(c);
}

static bool is_present(const struct cluster *c, const struct member *m)
{
	return is_self(c, m) || (m->linked && view_in_sight(c, m) && m->hello == HELLO_SAME &&
	                         m->head.identity == IDENTITY_EMPTY);
}

static bool all_present(const struct cluster *c)
{
	for (size_t i = 0; i < c->n_members; i++) {
		if (c->members[i].expected && !is_present(c, &c->members[i]))
			return false;
	}
	return true;
}

static bool is_lowest(const struct cluster *c)
{
	for (size_t i = 0; i < c->config.n_expected; i++) {
		if (strcmp(c->config.expected[i], c->config.self) < 0)
			return false;
	}
	return true;
}

static bool is_among(const char *name, const char names[][NODE_NAME_MAX], size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(names[i], name) == 0)
			return true;
	}
	return false;
}

/* With these of the expected members, which are all of them unless an operator ordered it. */
static void propose(struct cluster *c, const char names[][NODE_NAME_MAX], size_t n)
{
	struct identity *id = &c->identity;

	assert(id->state == IDENTITY_EMPTY && id->n_members == 0);
	id->state = IDENTITY_FOUNDER;
	id->cluster_id = c->random | 1; /* never 0 */
	id->promise_max_ms = promise_max_ms(c);
	for (size_t i = 0; i < c->n_members; i++) {
		const struct member *m = &c->members[i];
		struct identity_member *entry = &id->members[id->n_members];

		if (!m->expected || !is_among(m->name, names, n))
			continue;
		memcpy(entry->name, m->name, sizeof entry->name);
		entry->raft_id = is_self(c, m) ? id->raft_id : m->head.raft_id;
		entry->founder_id = entry->raft_id;
		entry->boot = 0;
		id->n_members++;
	}
	bootstrap(c);
}

/* The record names this very incarnation, and none came after it: it was never seen as more
 * than empty. Else its disk went back in time, and it has forgotten its votes. */
static bool is_listed(const struct cluster *c, const struct member *m)
{
	for (size_t i = 0; i < c->identity.n_members; i++) {
		const struct identity_member *entry = &c->identity.members[i];

		if (strcmp(entry->name, m->name) == 0)
			return entry->founder_id == m->head.raft_id &&
			       entry->raft_id == entry->founder_id && entry->boot == 0;
	}
	return false;
}

/* Its vote still counts in the newest configuration. */
static bool is_voter(const struct cluster *c, const struct member *m)
{
	const struct raft_voter *voter = config_by_id(c->raft, m->head.raft_id);

	return !c->raft->started || (voter != NULL && voter->voter);
}

/* The founding is not over for a listed member that is still empty. It has never voted, so that
 * the same first entry makes it what it would be had it slept since. A leader invites it; but
 * without the listed there may be no majority for any leader. */
static bool awaits_record(const struct cluster *c, const struct member *m)
{
	return m->linked && m->heard && !m->untrusted && m->head.identity == IDENTITY_EMPTY &&
	       is_listed(c, m) && is_voter(c, m);
}

static void offer(struct cluster *c, struct member *m)
{
	const struct identity *id = &c->identity;
	struct wire_found found = {
	    .cluster_id = id->cluster_id,
	    .promise_max_ms = id->promise_max_ms,
	};

	for (size_t i = 0; i < id->n_members; i++) {
		if (id->members[i].founder_id == 0)
			continue; /* joined later */
		memcpy(found.members[found.n].name, id->members[i].name, NODE_NAME_MAX);
		found.members[found.n].raft_id = id->members[i].founder_id;
		found.n++;
	}
	message_begin(c, WIRE_FOUND);
	wire_put_found(&c->scratch, &found);
	message_send(c, m);
	m->next_offer_us = c->now_us + OFFER_INTERVAL_US;
}

/* So many can found without the others: more than half, so that those cannot, too. */
static size_t founders_needed(const struct cluster *c)
{
	return quorum_needed(c->config.quorum_size, c->config.n_expected);
}

/* Expected names, each once, enough of them, and this incarnation under our own. */
static bool record_is_ours(const struct cluster *c, const struct wire_found *found)
{
	bool named = false;

	if (found->n < founders_needed(c))
		return false;
	for (size_t i = 0; i < found->n; i++) {
		if (!is_expected(c, found->members[i].name))
			return false;
		for (size_t j = 0; j < i; j++) {
			if (strcmp(found->members[i].name, found->members[j].name) == 0 ||
			    found->members[i].raft_id == found->members[j].raft_id)
				return false;
		}
		if (strcmp(found->members[i].name, c->config.self) == 0)
			named = found->members[i].raft_id == c->identity.raft_id;
	}
	return named;
}

void founding_take_record(struct cluster *c, struct member *m, const struct wire_found *found)
{
	struct identity *id = &c->identity;

	if (!may_found(c) || found->cluster_id != m->head.cluster_id || !record_is_ours(c, found))
		return;
	if (promise_max_ms(c) > found->promise_max_ms) {
		alarm_raise(c, m, ALARM_PROMISE,
		            "its cluster allows promises of %u ms, this node is configured for %u "
		            "ms; use the same election timeouts everywhere",
		            found->promise_max_ms, promise_max_ms(c));
		return;
	}
	id->state = IDENTITY_FOUNDER;
	id->cluster_id = found->cluster_id;
	id->promise_max_ms = found->promise_max_ms;
	id->n_members = found->n;
	for (size_t i = 0; i < found->n; i++) {
		memcpy(id->members[i].name, found->members[i].name, NODE_NAME_MAX);
		id->members[i].raft_id = found->members[i].raft_id;
		id->members[i].founder_id = found->members[i].raft_id;
		id->members[i].boot = 0;
	}
	bootstrap(c);
}

/* --- By an operator's command -------------------------------------------------------- */

static enum status refuse(char text[ORDER_TEXT_MAX], enum status st, const char *fmt, ...)
    PRINTF(3, 4);

static enum status refuse(char text[ORDER_TEXT_MAX], enum status st, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, ORDER_TEXT_MAX, fmt, args);
	va_end(args);
	return st;
}

/* What stands against founding with these; ST_OK: nothing. */
static enum status check_founders(const struct cluster *c, const char names[][NODE_NAME_MAX],
                                  size_t n, char text[ORDER_TEXT_MAX])
{
	if (!is_among(c->config.self, names, n))
		return refuse(text, ST_INVALID,
		              "%.100s must be among the founders: order it on one", c->config.self);
	for (size_t i = 0; i < n; i++) {
		const struct member *m = view_find(c, names[i]);

		if (m == NULL || !m->expected)
			return refuse(text, ST_INVALID,
			              "%.100s is none of the expected members (ERLMCP_SEED_NODES)",
			              names[i]);
		if (is_among(names[i], names, i))
			return refuse(text, ST_INVALID, "%.100s is named twice", names[i]);
		if (!is_self(c, m) && m->known && m->head.identity != IDENTITY_EMPTY)
			return refuse(text, ST_REFUSED,
			              "%.100s belongs to a cluster already: join that one",
			              names[i]);
		if (!is_present(c, m))
			return refuse(text, ST_NOT_FOUND,
			              "%.100s is not in sight, or expects other members", names[i]);
	}
	if (n < founders_needed(c))
		return refuse(text, ST_REFUSED,
		              "%zu of %zu expected members cannot found, %zu needed "
		              "(ERLMCP_QUORUM_SIZE=%u): else the others could found, too",
		              n, c->config.n_expected, founders_needed(c), c->config.quorum_size);
	return ST_OK;
}

enum status founding_order(struct cluster *c, const char names[][NODE_NAME_MAX], size_t n,
                           char text[ORDER_TEXT_MAX])
{
	enum status st;

	if (c->identity.state != IDENTITY_EMPTY)
		return refuse(text, ST_EXISTS, "%.100s belongs to a cluster already",
		              c->config.self);
	if (c->config.join != JOIN_NO)
		return refuse(text, ST_REFUSED, "%.100s was started to join (ERLMCP_JOIN)",
		              c->config.self);
	if (c->config.lost_disk)
		return refuse(text, ST_REFUSED,
		              "%.100s belonged to a cluster and its log was damaged: it waits for "
		              "that cluster. See `cluster recover`",
		              c->config.self);
	st = check_founders(c, names, n, text);
	if (st != ST_OK)
		return st;
	propose(c, names, n);
	return refuse(
	    text, ST_OK,
	    "founded by %zu of %zu expected members, %zu needed; the others found nothing: "
	    "admit each with `erlmcp-admin cluster join NODE` when it is there%s",
	    n, c->config.n_expected, founders_needed(c),
	    n == 2 ? ". WARNING: two voters: both are needed, no failure is survived" : "");
}

/* --- Advancing ----------------------------------------------------------------------- */

static void greet(struct cluster *c)
{
	for (size_t i = 0; i < c->n_members; i++) {
		struct member *m = &c->members[i];

		/* Two members of one cluster have nothing left to compare. */
		if (m->linked && m->next_hello_us <= c->now_us &&
		    (c->identity.state == IDENTITY_EMPTY || !m->known ||
		     m->head.identity == IDENTITY_EMPTY))
			say_hello(c, m);
	}
}

void founding_advance(struct cluster *c)
{
	greet(c);
	/* The bootstrap entry is the first one: a second one committed says that it took. */
	c->settled |= c->raft->started && c->raft->commit > 1;
	if (may_found(c) && is_lowest(c) && all_present(c))
		propose(c, (const char(*)[NODE_NAME_MAX])c->config.expected, c->config.n_expected);
	if (c->identity.state != IDENTITY_FOUNDER || (c->settled && c->raft->leader_id != 0))
		return;
	for (size_t i = 0; i < c->n_members; i++) {
		struct member *m = &c->members[i];

		if (m->next_offer_us <= c->now_us && awaits_record(c, m))
			offer(c, m);
	}
}
