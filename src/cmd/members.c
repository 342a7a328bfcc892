#include "cmd/members.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cmd/cli.h"

enum {
	ORDER_MS = 15000,    /* the leader answers within 10 s or is given up */
	WAIT_S = 120,        /* for the end of a change: a newcomer has to catch up */
	POLL_MS = 200,       /* as fast as a person reads */
	GRACE_POLLS = 5,     /* the change may not have come here yet */
	WORDS_MAX = 18,      /* an order and as many nodes as a cluster can have */
	NAME_LIST_MAX = 4096 /* names separated by commas */
};

static void pause_ms(long ms)
{
	const struct timespec span = {ms / 1000, (ms % 1000) * 1000000L};

	(void)nanosleep(&span, NULL);
}

/* The change under way as this host's node sees it: "" for none; NULL: it does not answer. The
 * caller's buffer holds it. */
static const char *change_now(struct cli *c, char *ret, size_t cap)
{
	const struct control_request request = {c->config.values.data_dir, "cluster-status", NULL,
	                                        0, 5000};
	struct control_answer a;
	const char *change;
	json_t *status;

	if (control_call(&request, &a) != ST_OK)
		return NULL;
	status = json_loadb((const char *)a.out.base, a.out.len, 0, NULL);
	change = json_string_value(json_object_get(status, "change"));
	(void)snprintf(ret, cap, "%s", change == NULL ? "" : change);
	json_decref(status);
	buf_close(&a.out);
	buf_close(&a.err);
	return ret;
}

/* Follow the change to its end; each new step is a line. */
static int await_end(struct cli *c)
{
	char last[1024] = "";
	char now[1024];
	int idle = 0;

	for (int polls = 0; polls < WAIT_S * 1000 / POLL_MS; polls++) {
		if (change_now(c, now, sizeof now) == NULL) {
			(void)printf("this host's node does not answer any more: it stopped\n");
			return CLI_OK;
		}
		if (now[0] != '\0' && strcmp(now, last) != 0) {
			(void)printf("%s\n", now);
			(void)fflush(stdout);
			memcpy(last, now, sizeof last);
		}
		if (now[0] == '\0' && (last[0] != '\0' || idle++ == GRACE_POLLS)) {
			(void)printf("done\n");
			return CLI_OK;
		}
		pause_ms(POLL_MS);
	}
	(void)fprintf(
	    stderr,
	    "erlmcp-admin: not done after %d s, it goes on: see `cluster status`, or end it "
	    "with `cluster cancel`\n",
	    WAIT_S);
	return CLI_FAILED;
}

/* found --members a,b: one word for each. Cuts the list up. */
static size_t split(char *list, const char *words[], size_t n)
{
	char *rest = list;
	char *word;

	while (n < WORDS_MAX && (word = strsep(&rest, ",")) != NULL) {
		if (word[0] != '\0')
			words[n++] = word;
	}
	return n;
}

/* As the API names it: transfer-leader is transfer_leader. */
static const char *function_of(char *name)
{
	for (char *dash = strchr(name, '-'); dash != NULL; dash = strchr(dash, '-'))
		*dash = '_';
	return name;
}

static bool is_instant(const char *function)
{
	return strcmp(function, "transfer_leader") == 0 || strcmp(function, "cancel") == 0 ||
	       strcmp(function, "found") == 0;
}

int members_order(struct cli *c, int argc, char **argv)
{
	const char *words[WORDS_MAX];
	char list[NAME_LIST_MAX];
	size_t n = 0;
	int code = cli_load(c, CLI_ASK);

	words[n++] = function_of(argv[0]);
	for (int i = 1; i < argc && n < WORDS_MAX; i++) {
		if (strncmp(argv[i], "--", 2) == 0)
			continue;
		(void)snprintf(list, sizeof list, "%s", argv[i]);
		if (strcmp(words[0], "found") == 0)
			n = split(list, words, n);
		else
			words[n++] = argv[i];
	}
	if (cli_flag(argc, argv, "--standby") && n < WORDS_MAX)
		words[n++] = "standby";
	if (code == CLI_OK)
		code = cli_relay(c, "order", words, n, ORDER_MS);
	if (code == CLI_OK && !is_instant(words[0]) && !cli_flag(argc, argv, "--no-wait"))
		code = await_end(c);
	config_close(&c->config);
	return code;
}
