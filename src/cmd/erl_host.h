/* The functions that bin/erl offers to expressions besides the evaluator's pure ones. */
#ifndef CMD_ERL_HOST_H
#define CMD_ERL_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "eval/eval.h"

struct tool;

struct erl_host {
	const char *name; /* nonode@nohost when not distributed */
	const char *cookie;
	bool distributed; /* -name or -sname was given */
	uint16_t epmd_port;
	struct tool *tool; /* opened by erl_host_open() when distributed */
	bool halted;       /* halt() was called: nothing more is evaluated */
	bool stopping;     /* init:stop() was called: end after the expressions */
	int exit_code;     /* of halt or stop */
};

/* Fill in name, cookie, distributed and epmd_port before. */
CHECKED enum status erl_host_open(struct erl_host *h, char *why, size_t why_cap);
void erl_host_close(struct erl_host *h);

/* An eval_host's call. */
enum host_answer erl_host_call(void *arg, uint32_t call, const char *module, const char *function,
                               const struct term *const args[], size_t n_args, struct arena *arena,
                               const struct term **ret);

#endif
