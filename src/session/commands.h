/* What commands do to the store, once it is settled that they are new. */
#ifndef SESSION_COMMANDS_H
#define SESSION_COMMANDS_H

#include "session/command.h"
#include "session/state.h"

/* Fills answer, whose result is OK and whose id is the command's so far. ST_NOMEM is fatal. */
CHECKED enum status command_carry_out(struct store *s, const struct command *cmd,
                                      struct store_answer *answer);

typedef enum status (*command_cb)(struct store *s, const struct command *cmd,
                                  struct store_answer *answer);

/* The command's session if its guards hold; else NULL and answer says why. */
struct session *command_session(const struct store *s, const struct command *cmd,
                                struct store_answer *answer);

/* Streams and questions of a session: commands_parts.c. */
CHECKED enum status do_append(struct store *s, const struct command *cmd,
                              struct store_answer *answer);
CHECKED enum status do_trim(struct store *s, const struct command *cmd,
                            struct store_answer *answer);
CHECKED enum status do_close(struct store *s, const struct command *cmd,
                             struct store_answer *answer);
CHECKED enum status do_ask(struct store *s, const struct command *cmd, struct store_answer *answer);
CHECKED enum status do_answer(struct store *s, const struct command *cmd,
                              struct store_answer *answer);
CHECKED enum status do_dismiss(struct store *s, const struct command *cmd,
                               struct store_answer *answer);

/* Handles and tasks: commands_objects.c. */
CHECKED enum status do_handle_create(struct store *s, const struct command *cmd,
                                     struct store_answer *answer);
CHECKED enum status do_handle_put(struct store *s, const struct command *cmd,
                                  struct store_answer *answer);
CHECKED enum status do_handle_delete(struct store *s, const struct command *cmd,
                                     struct store_answer *answer);
CHECKED enum status do_task_create(struct store *s, const struct command *cmd,
                                   struct store_answer *answer);
CHECKED enum status do_task_update(struct store *s, const struct command *cmd,
                                   struct store_answer *answer);
CHECKED enum status do_task_cancel(struct store *s, const struct command *cmd,
                                   struct store_answer *answer);
CHECKED enum status do_task_claim(struct store *s, const struct command *cmd,
                                  struct store_answer *answer);
CHECKED enum status do_task_delete(struct store *s, const struct command *cmd,
                                   struct store_answer *answer);

#endif
