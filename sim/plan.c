#include "sim/plan.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "sim/world.h"

#define SECOND INT64_C(1000000)
#define MS     INT64_C(1000)

static const struct {
	const char *word;
	const char *text;
	unsigned percent; /* of the plans have it at all */
} faults[FAULT_KINDS] = {
#define FAULT_ROW(name, word, text) [FAULT_##name] = {word, text, 40},
    FAULT_MAP(FAULT_ROW)
#undef FAULT_ROW
};

/* What would hide other things is in fewer plans. */
static unsigned percent_of(enum fault_kind kind)
{
	switch (kind) {
	case FAULT_OLDER:
		return 0; /* worlds of an upgrade have it */
	case FAULT_DRIFT_WILD:
	case FAULT_FREEZE:
	case FAULT_LEAP:
		return 10;
	case FAULT_WIPE:
	case FAULT_RESTORE:
	case FAULT_DISK_ERROR:
	case FAULT_META_ERROR:
	case FAULT_CUT_ERROR:
	case FAULT_SNAPSHOT_ERROR:
	case FAULT_LOAD_ERROR:
	case FAULT_CORRUPT:
	case FAULT_CHUNKS_ERROR:
	case FAULT_CHUNKS_LOST:
	case FAULT_CHUNKS_OLD:
	case FAULT_CHUNKS_SHORT:
	case FAULT_MEMBER_CANCEL:
	case FAULT_MEMBER_LEAD:
		return 25;
	default:
		return faults[kind].percent;
	}
}

const char *fault_word(enum fault_kind kind)
{
	return faults[kind].word;
}

const char *fault_text(enum fault_kind kind)
{
	return faults[kind].text;
}

/* How strong a fault is, in its own unit. */
static int64_t amount_of(struct prng *p, enum fault_kind kind)
{
	switch (kind) {
	case FAULT_SLOW:
		return prng_range(p, 1, prng_next(p) & 1 ? 30 : 400);
	case FAULT_LOSS:
		return prng_range(p, 1, 20);
	case FAULT_CRASH:
	case FAULT_STALL:
		return prng_range(p, 1, SIM_EFFECTS_MAX);
	case FAULT_BUSY:
	case FAULT_REORDER:
		return prng_range(p, 1, 60);
	case FAULT_DRIFT:
		return prng_range(p, -SIM_DRIFT_MAX_PPM, SIM_DRIFT_MAX_PPM);
	case FAULT_DRIFT_WILD:
		return prng_range(p, -400000, 400000);
	case FAULT_WALL:
		return prng_range(p, -86400000, 86400000);
	case FAULT_LEAP:
		return prng_range(p, 1, prng_next(p) & 1 ? 1000 : 20000);
	case FAULT_DISK_SLOW:
		return prng_range(p, 1, 300);
	case FAULT_DISK_ERROR:
	case FAULT_SNAPSHOT_ERROR:
	case FAULT_META_ERROR:
		return prng_range(p, 0, 1);
	case FAULT_ROT:
		return prng_range(p, 0, 1 << 20);
	case FAULT_CHUNKS_SLOW:
		return prng_range(p, 1, prng_next(p) & 1 ? 50 : 2000);
	case FAULT_CHUNKS_ERROR:
		return prng_range(p, 0, 2);
	case FAULT_PICTURE_CRASH:
	case FAULT_FETCH_CRASH:
		return prng_range(p, 1, 8);
	default:
		return 0;
	}
}

/* How long it lasts. */
static int64_t span_of(struct prng *p, enum fault_kind kind)
{
	switch (kind) {
	case FAULT_RESET:
	case FAULT_CRASH:
	case FAULT_WALL:
	case FAULT_DISK_ERROR:
	case FAULT_META_ERROR:
	case FAULT_COPY:
	case FAULT_TRANSFER:
	case FAULT_LEAP:
	case FAULT_CUT_ERROR:
	case FAULT_SNAPSHOT_ERROR:
	case FAULT_MEMBER_JOIN:
	case FAULT_MEMBER_STANDBY:
	case FAULT_MEMBER_REPLACE:
	case FAULT_MEMBER_PROMOTE:
	case FAULT_MEMBER_DEMOTE:
	case FAULT_MEMBER_LEAVE:
	case FAULT_MEMBER_CANCEL:
	case FAULT_MEMBER_LEAD:
	case FAULT_CHUNKS_ERROR:
	case FAULT_CHUNKS_POWER:
	case FAULT_PICTURE_CRASH:
	case FAULT_FETCH_CRASH:
		return 0;
	case FAULT_ROT: /* found out whenever it is read again, or at once */
		return prng_next(p) & 1 ? 0 : prng_range(p, MS, 2 * SECOND);
	case FAULT_PAUSE:
	case FAULT_SUSPEND:
	case FAULT_STALL:
	case FAULT_FREEZE:
		return prng_range(p, MS, prng_next(p) & 1 ? 400 * MS : 4 * SECOND);
	default:
		/* Blips, partitions shorter than a timeout, and long ones. */
		if (prng_next(p) % 4 == 0)
			return prng_range(p, MS, 100 * MS);
		return prng_range(p, 100 * MS, prng_next(p) & 1 ? 2 * SECOND : 10 * SECOND);
	}
}

static bool has_peer(enum fault_kind kind)
{
	return kind == FAULT_CUT || kind == FAULT_CUT_ONE_WAY || kind == FAULT_CUT_NOISY ||
	       kind == FAULT_SLOW || kind == FAULT_LOSS || kind == FAULT_RESET ||
	       kind == FAULT_CORRUPT || kind == FAULT_DUPLICATE || kind == FAULT_REORDER ||
	       kind == FAULT_MEMBER_REPLACE;
}

static bool has_mask(enum fault_kind kind)
{
	return kind == FAULT_SPLIT || kind == FAULT_SPLIT_ONE_WAY;
}

static struct plan_fault make_fault(struct prng *p, enum fault_kind kind, const struct plan *plan)
{
	int64_t first = prng_next(p) % 5 == 0 ? 0 : 3 * SECOND;
	unsigned all = plan->nodes + plan->standbys;
	struct plan_fault f = {
	    .at_us = prng_range(p, first, plan->length_us - 1),
	    .for_us = span_of(p, kind),
	    .kind = kind,
	    .a = (unsigned)prng_range(p, 1, all),
	    .amount = amount_of(p, kind),
	};

	if (has_mask(kind)) {
		f.a = (unsigned)prng_range(p, 1, (1 << all) - 1);
	} else if (has_peer(kind) && all > 1) {
		f.b = (unsigned)prng_range(p, 1, all - 1);
		f.b += f.b >= f.a;
	}
	return f;
}

/* Each standby is wanted at some time: as what it is, as a voter, or in somebody's place. */
static void add_newcomer(struct prng *p, unsigned at, struct plan *plan)
{
	static const enum fault_kind kinds[] = {FAULT_MEMBER_STANDBY, FAULT_MEMBER_STANDBY,
	                                        FAULT_MEMBER_JOIN, FAULT_MEMBER_REPLACE};
	struct plan_fault f = make_fault(p, kinds[prng_next(p) % 4], plan);

	f.a = at;
	if (f.kind == FAULT_MEMBER_REPLACE)
		f.b = (unsigned)prng_range(p, 1, plan->nodes);
	plan->faults[plan->n++] = f;
}

/* Two of three who leave come back later. */
static void add_returns(struct prng *p, struct plan *plan)
{
	for (size_t i = 0, n = plan->n; i < n; i++) {
		const struct plan_fault *left = &plan->faults[i];
		struct plan_fault f = {.kind = FAULT_MEMBER_JOIN, .a = left->a};

		if (left->kind != FAULT_MEMBER_LEAVE || prng_next(p) % 3 == 0 ||
		    left->at_us >= plan->length_us - 2)
			continue;
		f.at_us = prng_range(p, left->at_us + 1, plan->length_us - 1);
		plan->faults[plan->n++] = f;
	}
}

static int by_time(const void *a, const void *b)
{
	const struct plan_fault *x = a;
	const struct plan_fault *y = b;

	return x->at_us < y->at_us ? -1 : x->at_us > y->at_us;
}

static bool makes_sense(enum fault_kind kind, const struct plan *plan)
{
	return plan->nodes + plan->standbys > 1 || (!has_peer(kind) && !has_mask(kind));
}

/* In one world of eight. From a stream of its own: other worlds stay as they were. */
static unsigned held_node(uint64_t seed, unsigned n)
{
	struct prng p = world_stream(seed, 7);

	return prng_next(&p) % 8 == 0 ? (unsigned)prng_range(&p, 1, n) : 0;
}

/* In one world of eight, too: one member holds the state version back, another one dies, and
 * before it is missed the first is upgraded, so that the version is raised without the second.
 * That comes back with an earlier release, often when the log before is gone, and then with the
 * newest. */
static void add_upgrade(uint64_t seed, struct plan *plan)
{
	struct prng p = world_stream(seed, 8);
	struct plan_fault stop = {.kind = FAULT_STOP};
	struct plan_fault older = {.kind = FAULT_OLDER};

	if (prng_next(&p) % 8 != 0 || plan->nodes < 3 || plan->length_us < 8 * SECOND)
		return;
	plan->held = (unsigned)prng_range(&p, 1, plan->nodes);
	stop.a = plan->held;
	older.a = (unsigned)prng_range(&p, 1, plan->nodes - 1);
	older.a += older.a >= stop.a;
	older.at_us = prng_range(&p, 2500 * MS, 4 * SECOND);
	older.amount = prng_range(&p, 1500, 4000);
	older.for_us = older.amount * MS + prng_range(&p, SECOND, 4 * SECOND);
	stop.at_us = older.at_us + prng_range(&p, 100 * MS, SECOND);
	stop.for_us = prng_range(&p, 50 * MS, 300 * MS);
	plan->faults[plan->n++] = older;
	plan->faults[plan->n++] = stop;
}

void plan_make(uint64_t seed, unsigned nodes, int64_t length_us, struct plan *ret)
{
	static const unsigned sizes[] = {3, 3, 3, 3, 3, 3, 5, 5, 5, 5, 4, 1, 2, 6, 7, 9};
	struct prng p = world_stream(seed, 5);
	enum fault_kind kinds[FAULT_KINDS];
	size_t n_kinds = 0;
	size_t n;

	memset(ret, 0, sizeof *ret);
	ret->seed = seed;
	ret->nodes = sizes[prng_next(&p) % (sizeof sizes / sizeof sizes[0])];
	ret->standbys = prng_next(&p) % 3 == 0 ? (unsigned)prng_range(&p, 1, SIM_STANDBYS_MAX) : 0;
	ret->framed = prng_next(&p) % 6 == 0;
	ret->length_us = prng_range(&p, 8 * SECOND, 24 * SECOND);
	if (nodes != 0)
		ret->nodes = nodes;
	ret->held = held_node(seed, ret->nodes + ret->standbys);
	if (length_us != 0)
		ret->length_us = length_us;
	for (unsigned kind = 0; kind < FAULT_KINDS; kind++) {
		if (percent_of(kind) > 0 && world_chance(&p, percent_of(kind)) &&
		    makes_sense(kind, ret))
			kinds[n_kinds++] = kind;
	}
	for (unsigned i = 0; i < ret->standbys; i++)
		add_newcomer(&p, ret->nodes + 1 + i, ret);
	n = (size_t)prng_range(&p, 1, 24);
	for (size_t i = 0; i < n && n_kinds > 0; i++)
		ret->faults[ret->n++] = make_fault(&p, kinds[prng_next(&p) % n_kinds], ret);
	add_returns(&p, ret);
	add_upgrade(seed, ret);
	qsort(ret->faults, ret->n, sizeof ret->faults[0], by_time);
}

void plan_print(const struct plan *p, FILE *out)
{
	fprintf(out, "seed %" PRIu64 "\nnodes %u\n", p->seed, p->nodes);
	if (p->standbys > 0)
		fprintf(out, "standbys %u\n", p->standbys);
	if (p->framed)
		fprintf(out, "framed 1\n");
	if (p->held > 0)
		fprintf(out, "held %u\n", p->held);
	fprintf(out, "length %.6f\n", (double)p->length_us / (double)SECOND);
	for (size_t i = 0; i < p->n; i++) {
		const struct plan_fault *f = &p->faults[i];

		fprintf(out, "%.6f %s %u %u for %.6f amount %" PRId64 "\n",
		        (double)f->at_us / (double)SECOND, fault_word(f->kind), f->a, f->b,
		        (double)f->for_us / (double)SECOND, f->amount);
	}
}

static int64_t micros(double seconds)
{
	return (int64_t)(seconds * (double)SECOND + 0.5);
}

/* Schedules are our own; a number out of range is a world that cannot be, and told as such.
 * NOLINTBEGIN(cert-err34-c) */
static bool read_fault(const char *line, struct plan *p)
{
	struct plan_fault f = {0};
	unsigned all = p->nodes + p->standbys;
	char word[32];
	double at;
	double span;

	if (p->n == SIM_PLAN_MAX || sscanf(line, "%lf %31s %u %u for %lf amount %" SCNd64, &at,
	                                   word, &f.a, &f.b, &span, &f.amount) != 6)
		return false;
	f.at_us = micros(at);
	f.for_us = micros(span);
	while (f.kind < FAULT_KINDS && strcmp(word, fault_word(f.kind)) != 0)
		f.kind++;
	if (f.kind == FAULT_KINDS || f.a < 1 || f.b > all || (!has_mask(f.kind) && f.a > all) ||
	    (has_peer(f.kind) && f.b < 1))
		return false;
	p->faults[p->n++] = f;
	return true;
}

enum status plan_read(FILE *in, struct plan *ret, unsigned *line)
{
	struct plan p = {0};
	unsigned framed;
	char text[256];
	double length;

	for (*line = 1; fgets(text, sizeof text, in) != NULL; ++*line) {
		if (text[0] == '#' || text[0] == '\n')
			continue;
		if (sscanf(text, "seed %" SCNu64, &p.seed) == 1 ||
		    sscanf(text, "nodes %u", &p.nodes) == 1 ||
		    sscanf(text, "standbys %u", &p.standbys) == 1 ||
		    sscanf(text, "held %u", &p.held) == 1)
			continue;
		if (sscanf(text, "length %lf", &length) == 1)
			p.length_us = micros(length);
		else if (sscanf(text, "framed %u", &framed) == 1)
			p.framed = framed != 0;
		else if (!read_fault(text, &p))
			return ST_MALFORMED;
	}
	if (p.nodes < 1 || p.nodes > SIM_VOTERS_MAX || p.standbys > SIM_STANDBYS_MAX ||
	    p.length_us <= 0)
		return ST_MALFORMED;
	*ret = p;
	return ST_OK;
}
/* NOLINTEND(cert-err34-c) */
