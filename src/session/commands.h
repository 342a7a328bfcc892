/* What commands do to the store, once it is settled that they are new. */
#ifndef SESSION_COMMANDS_H
#define SESSION_COMMANDS_H

#include "session/command.h"
#include "session/state.h"

/* Fills answer, whose result is OK and whose id is the command's so far. ST_NOMEM is fatal. */
CHECKED enum status command_carry_out(struct store *s, const struct command *cmd,
                                      struct store_answer *answer);

#endif
