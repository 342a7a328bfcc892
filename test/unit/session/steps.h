/* Commands of version 2 to a store, one function each, for tests that tell a story. */
#ifndef SESSION_STEPS_H
#define SESSION_STEPS_H

#include "session/command.h"
#include "session/store.h"

/* Number of the last command: setting it back repeats commands. */
extern uint64_t steps_seq;

struct session_id id_of(unsigned number);
struct command_head head_at(int64_t now_ms);
struct store *founded(uint32_t version);

/* Apply what is in command and empty it. */
struct store_answer apply(struct store *s, struct buf *command);

struct store_answer create_head(struct store *s, const struct command_head *h, unsigned number,
                                const struct session_attrs *a);
struct store_answer create(struct store *s, unsigned number, const struct session_attrs *a);
struct command_key key_of(const char *text);
struct store_answer put_head(struct store *s, const struct command_head *h, unsigned number,
                             const struct command_key *key);
struct store_answer put(struct store *s, unsigned number, const struct command_key *key);
struct store_answer unset(struct store *s, unsigned number, const struct command_key *key);
struct store_answer claim(struct store *s, const struct command_head *h, unsigned number,
                          uint64_t owner);
struct store_answer upgrade(struct store *s, uint32_t version);
struct store_answer mark(struct store *s);

#endif
