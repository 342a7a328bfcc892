/* What the handlers of sessions, handles and tasks share: arguments in, commands and queries
 * through the core, answers and refusals out.
 *
 * Options are a map, every key optional. Names and keys are text (atom, binary or string) and
 * come back as binaries; values are any terms, kept in external term format.
 *
 * Whatever returns a bool here has ended the call when it returns false. */
#ifndef NODE_API_STATE_H
#define NODE_API_STATE_H

#include "node/api.h"
#include "session/command.h"
#include "session/store.h"

/* The i-th argument as an id, kept with the call; and that id. */
bool state_take_id(struct api_call *call, unsigned i);
struct session_id state_id(const struct api_call *call);
/* A new, random one, kept with the call. */
struct session_id state_new_id(struct api_call *call);
const struct term *state_id_term(struct arena *a, const struct session_id *id);

/* The i-th argument as options; NULL: the function has no such argument. */
bool state_take_options(struct api_call *call, unsigned i, const struct term **ret);

/* request_id of the options, which makes retries safe, into a zeroed head. */
bool state_take_request(struct api_call *call, const struct term *options,
                        struct command_head *head);
/* request_id, epoch and principal of the options: what every command may have. */
bool state_take_head(struct api_call *call, const struct term *options, struct command_head *ret);

/* One option; *ret is untouched when it is not there. */
bool state_take_number(struct api_call *call, const struct term *options, const char *name,
                       uint64_t *ret);
bool state_take_text(struct api_call *call, const struct term *options, const char *name,
                     struct bytes_view *ret);
/* Any term, as external term format; too long: refused as this limit. */
bool state_take_value(struct api_call *call, const struct term *options, const char *name,
                      enum store_result limit, struct bytes_view *ret);

/* The same of a term. */
bool state_number(struct api_call *call, const struct term *t, uint64_t *ret);
bool state_text(struct api_call *call, const struct term *t, struct bytes_view *ret);
bool state_value(struct api_call *call, const struct term *t, enum store_result limit,
                 struct bytes_view *ret);

/* Replicate a command, already stamped. Takes the buffer. wrote makes the reply when it took
 * effect; NULL: ok. */
void state_write(struct api_call *call, const struct command_head *head, struct buf *command,
                 api_wrote wrote);
/* The same for types from APPEND on: stamps and encodes it. */
void state_write_fields(struct api_call *call, struct command_head *head, enum command_type type,
                        const struct command_fields *f, api_wrote wrote);

/* Replies of writes: {ok, Revision}, {ok, Epoch}, {ok, Detail}, {ok, Id}. */
const struct term *state_wrote_revision(struct api_call *call, const struct store_answer *answer);
const struct term *state_wrote_epoch(struct api_call *call, const struct store_answer *answer);
const struct term *state_wrote_detail(struct api_call *call, const struct store_answer *answer);
const struct term *state_wrote_id(struct api_call *call, const struct store_answer *answer);

/* Ask the state, confirmed; query makes the reply, NULL: out of memory. */
void state_read(struct api_call *call, api_query query);

/* Terms for replies. */
const struct term *state_ok(struct arena *a, const struct term *value);
const struct term *state_error(struct arena *a, const char *name);
const struct term *state_number_term(struct arena *a, uint64_t v);
const struct term *state_bytes_term(struct arena *a, const struct bytes_view *bytes);
/* What was stored as a term; another client's bytes show as a binary, nothing as undefined. */
const struct term *state_value_term(struct arena *a, const struct bytes_view *bytes);

/* A map that is being made: field by field. */
enum { STATE_FIELDS = 16 };
struct state_map {
	struct arena *arena;
	const struct term *keys[STATE_FIELDS];
	const struct term *values[STATE_FIELDS];
	size_t n;
};
void state_field(struct state_map *m, const char *name, const struct term *value);
const struct term *state_map(const struct state_map *m);

#endif
