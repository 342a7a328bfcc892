/* Commands about the streams of a session and its questions to the client. Only an answer comes
 * from the client: the others do not make the session live longer. */
#include <assert.h>
#include <stdlib.h>

#include "session/commands.h"
#include "session/pending.h"
#include "session/stream.h"

/* A session that is being changed, and the command that does it. */
struct change {
	struct store *store;
	const struct command *cmd;
	struct session *session;
	struct store_answer *answer;
};

static void *part_of(const struct session *session, enum part_kind kind)
{
	return session->parts == NULL ? NULL : session->parts[kind];
}

static enum status part_new(enum part_kind kind, void **ret)
{
	struct streams *streams;
	struct pending *pending;
	enum status st;

	if (kind == PART_STREAMS) {
		st = streams_new(&streams);
		if (st == ST_OK)
			*ret = streams;
		return st;
	}
	st = pending_new(&pending);
	if (st == ST_OK)
		*ret = pending;
	return st;
}

/* Have the part. */
static enum status part_make(struct session *session, enum part_kind kind)
{
	if (session->parts == NULL) {
		session->parts = calloc(PART_KINDS, sizeof(void *));
		if (session->parts == NULL)
			return ST_NOMEM;
	}
	if (session->parts[kind] != NULL)
		return ST_OK;
	return part_new(kind, &session->parts[kind]);
}

/* An empty part is no part: what was emptied costs nothing, and is encoded as if it had never
 * been there. */
static void parts_settle(struct session *session)
{
	bool any = false;
	unsigned i;

	for (i = 0; session->parts != NULL && i < PART_KINDS; i++) {
		if (session->parts[i] == NULL)
			continue;
		if (part_ops_of(i)->bytes(session->parts[i]) > 0) {
			any = true;
			continue;
		}
		part_ops_of(i)->free(session->parts[i]);
		session->parts[i] = NULL;
	}
	if (any)
		return;
	free(session->parts);
	session->parts = NULL;
}

/* Which limit so many bytes more would hit. */
static enum store_result grow_limit(const struct change *c, size_t cost)
{
	if (session_bytes(c->session) + cost > SESSION_BYTES_MAX)
		return RESULT_SESSION_LIMIT;
	if (c->store->bytes + cost > c->store->bytes_max)
		return RESULT_STORE_LIMIT;
	return RESULT_OK;
}

/* Do it to a session whose guards hold, within store_change() and store_changed(). */
static enum status change(struct store *s, const struct command *cmd, struct store_answer *answer,
                          enum status (*deed)(struct change *c))
{
	struct change c = {s, cmd, command_session(s, cmd, answer), answer};
	enum status st;

	if (c.session == NULL)
		return ST_OK;
	store_change(s, &c.session->object);
	st = deed(&c);
	parts_settle(c.session);
	if (st == ST_OK && answer->result == RESULT_OK) {
		c.session->revision = s->index;
		answer->revision = s->index;
		answer->epoch = c.session->epoch;
	}
	store_changed(s, &c.session->object);
	return st;
}

/* The number of a stream, which has 32 bits. */
static bool stream_of(const struct change *c, uint32_t *ret)
{
	if (c->cmd->fields.numbers[0] > UINT32_MAX) {
		c->answer->result = RESULT_NO_STREAM;
		return false;
	}
	*ret = (uint32_t)c->cmd->fields.numbers[0];
	return true;
}

static enum store_result append_result(enum stream_limit what)
{
	switch (what) {
	case STREAM_LIMIT_NONE:
		break;
	case STREAM_LIMIT_LENGTH:
		return RESULT_EVENT_LIMIT;
	case STREAM_LIMIT_EVENTS:
		return RESULT_EVENTS_LIMIT;
	case STREAM_LIMIT_STREAMS:
		return RESULT_STREAMS_LIMIT;
	}
	return RESULT_OK;
}

static enum status append(struct change *c)
{
	const struct command_fields *f = &c->cmd->fields;
	const uint64_t keep = f->numbers[1] < EVENTS_MAX ? f->numbers[1] : EVENTS_MAX;
	struct append a = {.keep = (uint32_t)keep,
	                   .revision = c->store->index,
	                   .bytes = f->texts[0].at,
	                   .len = f->texts[0].len};
	enum stream_limit what = STREAM_LIMIT_NONE;
	enum status st;

	if (!stream_of(c, &a.stream))
		return ST_OK;
	if (a.len > EVENT_BYTES_MAX) {
		c->answer->result = RESULT_EVENT_LIMIT;
		return ST_OK;
	}
	c->answer->result = grow_limit(c, streams_cost(part_of(c->session, PART_STREAMS), &a));
	if (c->answer->result != RESULT_OK)
		return ST_OK;
	st = part_make(c->session, PART_STREAMS);
	if (st == ST_OK)
		st = streams_append(part_of(c->session, PART_STREAMS), &a, &c->answer->detail,
		                    &what);
	c->answer->result = append_result(what);
	return st == ST_LIMIT ? ST_OK : st;
}

enum status do_append(struct store *s, const struct command *cmd, struct store_answer *answer)
{
	return change(s, cmd, answer, append);
}

/* The outcome of a step that finds the stream or not. */
static enum status stream_found(struct change *c, enum status st)
{
	if (st == ST_NOT_FOUND) {
		c->answer->result = RESULT_NO_STREAM;
		return ST_OK;
	}
	return st;
}

static enum status trim(struct change *c)
{
	struct streams *streams = part_of(c->session, PART_STREAMS);
	uint32_t stream;

	if (!stream_of(c, &stream))
		return ST_OK;
	return stream_found(c, streams == NULL
	                           ? ST_NOT_FOUND
	                           : streams_trim(streams, stream, c->cmd->fields.numbers[1]));
}

enum status do_trim(struct store *s, const struct command *cmd, struct store_answer *answer)
{
	return change(s, cmd, answer, trim);
}

static enum status close_stream(struct change *c)
{
	struct streams *streams = part_of(c->session, PART_STREAMS);
	const bool remember = c->store->version >= STATE_VERSION_3;
	uint32_t stream;

	if (!stream_of(c, &stream))
		return ST_OK;
	return stream_found(c, streams == NULL ? ST_NOT_FOUND
	                                       : streams_drop(streams, stream, remember));
}

enum status do_close(struct store *s, const struct command *cmd, struct store_answer *answer)
{
	return change(s, cmd, answer, close_stream);
}

/* Several questions may be asked in one log entry: their ids count on from the index. */
static uint64_t question_id(const struct change *c, const struct pending *p)
{
	struct question_view q;
	uint64_t id = c->store->index << QUESTION_BITS;

	while (pending_get(p, id, &q) == ST_OK)
		id++;
	return id;
}

static enum status ask(struct change *c)
{
	const struct command_fields *f = &c->cmd->fields;
	struct question_view q = {.revision = c->store->index,
	                          .question = f->texts[0].at,
	                          .question_len = f->texts[0].len,
	                          .token = f->texts[1].at,
	                          .token_len = f->texts[1].len};
	struct pending *p;
	enum status st;

	if (!stream_of(c, &q.stream))
		return ST_OK;
	c->answer->result = grow_limit(c, pending_cost(&q));
	if (c->answer->result != RESULT_OK)
		return ST_OK;
	st = part_make(c->session, PART_PENDING);
	if (st != ST_OK)
		return st;
	p = part_of(c->session, PART_PENDING);
	if (pending_count(p) >= PENDING_MAX) {
		c->answer->result = RESULT_QUESTIONS_LIMIT;
		return ST_OK;
	}
	q.id = question_id(c, p);
	st = pending_ask(p, &q);
	if (st == ST_LIMIT) {
		c->answer->result = RESULT_QUESTION_LIMIT;
		return ST_OK;
	}
	assert(st != ST_EXISTS);
	c->answer->detail = q.id;
	return st;
}

enum status do_ask(struct store *s, const struct command *cmd, struct store_answer *answer)
{
	return change(s, cmd, answer, ask);
}

static enum status answer_question(struct change *c)
{
	const struct command_fields *f = &c->cmd->fields;
	struct pending *p = part_of(c->session, PART_PENDING);
	enum status st = ST_NOT_FOUND;

	c->answer->result = grow_limit(c, f->texts[0].len);
	if (c->answer->result != RESULT_OK)
		return ST_OK;
	if (p != NULL)
		st = pending_answer(p, f->numbers[0], c->store->index, f->texts[0].at,
		                    f->texts[0].len);
	if (st == ST_NOT_FOUND)
		c->answer->result = RESULT_NO_QUESTION;
	else if (st == ST_EXISTS)
		c->answer->result = RESULT_ANSWERED;
	else if (st == ST_LIMIT)
		c->answer->result = RESULT_QUESTION_LIMIT;
	if (st == ST_OK && c->cmd->head.now_ms > c->session->active_ms)
		c->session->active_ms = c->cmd->head.now_ms;
	return st == ST_NOMEM ? st : ST_OK;
}

enum status do_answer(struct store *s, const struct command *cmd, struct store_answer *answer)
{
	return change(s, cmd, answer, answer_question);
}

static enum status dismiss(struct change *c)
{
	struct pending *p = part_of(c->session, PART_PENDING);

	if (p == NULL || pending_drop(p, c->cmd->fields.numbers[0]) == ST_NOT_FOUND)
		c->answer->result = RESULT_NO_QUESTION;
	return ST_OK;
}

enum status do_dismiss(struct store *s, const struct command *cmd, struct store_answer *answer)
{
	return change(s, cmd, answer, dismiss);
}
