/* Checkers of the streams and questions of sessions.
 *
 * An event has one number for ever and numbers follow the log; what was appended stays until it
 * is trimmed or pushed out by newer ones. A question is answered once and stays until somebody
 * dismisses it. All answers are looked at, and every new state. */
#include <inttypes.h>

#include "sim/check_things.h"

/* --- Events -------------------------------------------------------------------------- */

/* What stands under a number was appended by somebody, to this stream. */
static bool known_append(struct world *w, uint64_t number, uint64_t stream,
                         const struct thing_event *e)
{
	const struct op *op = clients_op(w, e->op);

	if (e->number >= 1 && e->number < THING_EVENTS && op != NULL && op->kind == OP_APPEND &&
	    op->thing == number && op->numbers[0] == stream)
		return true;
	thing_fail(w, CHECK_STREAM, number,
	           "event %" PRIu64 " of stream %" PRIu64 " is of operation %" PRIu64, e->number,
	           stream, e->op);
	return false;
}

/* Numbers follow the log. */
static void check_order(struct world *w, uint64_t number, const struct stream_watch *s, uint64_t at)
{
	uint64_t before = s->events[at - 1].revision;
	uint64_t behind = at + 1 < THING_EVENTS ? s->events[at + 1].revision : 0;
	uint64_t own = s->events[at].revision;

	if (own < before || (behind != 0 && behind < own))
		thing_fail(w, CHECK_STREAM, number,
		           "events around %" PRIu64 " are of the entries %" PRIu64 ", %" PRIu64
		           ", %" PRIu64,
		           at, before, own, behind);
}

static void see_event(struct world *w, uint64_t number, uint64_t stream,
                      const struct thing_event *e)
{
	struct stream_watch *s = &thing_watch(w, number)->streams[stream - 1];
	struct event_watch *known;

	if (!known_append(w, number, stream, e))
		return;
	known = &s->events[e->number];
	if (known->op != 0 && (known->op != e->op || known->revision != e->revision))
		thing_fail(w, CHECK_STREAM, number,
		           "event %" PRIu64 " of stream %" PRIu64 " was operation %" PRIu64
		           " of entry %" PRIu64 " and is operation %" PRIu64 " of entry %" PRIu64,
		           e->number, stream, known->op, known->revision, e->op, e->revision);
	if (known->op != 0)
		return;
	*known = (struct event_watch){e->op, e->revision};
	if (e->number > s->told)
		s->told = e->number;
	thing_place(w, number, e->op, e->revision);
	check_order(w, number, s, e->number);
}

void stream_appended(struct world *w, const struct op *op)
{
	const struct thing_event e = {op->detail, op->revision, op->id};

	see_event(w, op->thing, op->numbers[0], &e);
}

/* The events from here on are all there. */
static void check_whole(struct world *w, uint64_t number, const uint64_t asked[2],
                        const struct thing_seen *seen)
{
	uint64_t from = asked[1] + 1 > seen->first ? asked[1] + 1 : seen->first;
	uint64_t n = from < seen->next ? seen->next - from : 0;

	for (size_t i = 0; i < seen->n_events; i++) {
		if (seen->events[i].number != from + i)
			thing_fail(w, CHECK_STREAM, number,
			           "stream %" PRIu64 " shows event %" PRIu64
			           " in the place of %" PRIu64,
			           asked[0], seen->events[i].number, from + i);
		see_event(w, number, asked[0], &seen->events[i]);
	}
	if (seen->n_events != (n < THING_KEEPS ? n : THING_KEEPS))
		thing_fail(w, CHECK_STREAM, number,
		           "stream %" PRIu64 " shows %zu of the events %" PRIu64 " to %" PRIu64,
		           asked[0], seen->n_events, from, seen->next - 1);
}

/* What had been appended is there, or was pushed out or trimmed. */
static void check_kept(struct world *w, uint64_t number, uint64_t stream, uint64_t index,
                       const struct thing_seen *seen)
{
	const struct stream_watch *s = &thing_watch(w, number)->streams[stream - 1];
	uint64_t pushed = seen->next > THING_KEEPS ? seen->next - THING_KEEPS : 1;

	for (uint64_t at = seen->next > 0 ? seen->next : 1; at <= s->told; at++) {
		if (s->events[at].op != 0 && s->events[at].revision <= index)
			thing_fail(w, CHECK_STREAM, number,
			           "event %" PRIu64 " of stream %" PRIu64 " of entry %" PRIu64
			           " is lost at entry %" PRIu64,
			           at, stream, s->events[at].revision, index);
	}
	if (seen->first > pushed && seen->first > s->trimmed + 1)
		thing_fail(w, CHECK_STREAM, number,
		           "stream %" PRIu64 " begins with event %" PRIu64
		           ", and nobody trimmed it",
		           stream, seen->first);
}

void stream_seen(struct world *w, uint64_t number, const uint64_t asked[2], uint64_t index,
                 const struct thing_seen *seen)
{
	check_kept(w, number, asked[0], index, seen);
	check_whole(w, number, asked, seen);
}

/* --- Questions ----------------------------------------------------------------------- */

/* NULL: it is not watched. */
static struct question_watch *question_of(struct world *w, uint64_t number, uint64_t id)
{
	struct thing_watch *t = thing_watch(w, number);

	for (unsigned i = 0; i < QUESTIONS_WATCHED && id != 0; i++) {
		if (t->questions[i].id == id)
			return &t->questions[i];
	}
	return NULL;
}

void question_asked(struct world *w, const struct op *op)
{
	struct thing_watch *t = thing_watch(w, op->thing);

	if (question_of(w, op->thing, op->detail) != NULL)
		return; /* the same answer once more */
	for (unsigned i = 0; i < QUESTIONS_WATCHED; i++) {
		if (t->questions[i].id != 0)
			continue;
		t->questions[i].id = op->detail;
		t->questions[i].revision = op->revision;
		return;
	}
}

static void see_answer(struct world *w, uint64_t number, struct question_watch *q, uint64_t answer)
{
	if (q->answer != 0 && q->answer != answer)
		thing_fail(w, CHECK_QUESTION, number,
		           "question %" PRIu64 " is answered by operations %" PRIu64
		           " and %" PRIu64,
		           q->id, q->answer, answer);
	q->answer = answer;
}

void question_answered(struct world *w, const struct op *op)
{
	struct question_watch *q = question_of(w, op->thing, op->numbers[0]);

	if (q == NULL)
		return;
	see_answer(w, op->thing, q, op->id);
	q->answered = op->revision;
}

void question_wanted_gone(struct world *w, const struct op *op)
{
	struct question_watch *q = question_of(w, op->thing, op->numbers[0]);

	if (q != NULL)
		q->dismissed = true;
}

void question_seen(struct world *w, uint64_t number, uint64_t id, uint64_t index,
                   const struct thing_seen *seen)
{
	struct question_watch *q = question_of(w, number, id);

	if (q == NULL || q->revision > index)
		return;
	if (!seen->asked && !q->dismissed)
		thing_fail(w, CHECK_QUESTION, number,
		           "question %" PRIu64 " is not there at entry %" PRIu64, id, index);
	if (!seen->asked)
		return;
	if (seen->answer != 0)
		see_answer(w, number, q, seen->answer);
	else if (q->answered != 0 && q->answered <= index)
		thing_fail(w, CHECK_QUESTION, number,
		           "the answer of entry %" PRIu64 " to question %" PRIu64
		           " is lost at entry %" PRIu64,
		           q->answered, id, index);
}
