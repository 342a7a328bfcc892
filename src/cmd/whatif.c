#include "cmd/whatif.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/whatif.h"
#include "cmd/cli.h"
#include "cmd/explain.h"
#include "cmd/page.h"
#include "cmd/show.h"
#include "node/settings.h"

enum { TEXT_MAX = 1 << 20, NAME_MAX_WIDTH = 30, SPEC_MAX = 4096 };

struct asking {
	struct whatif_question q;
	struct whatif_cut cut;
	struct whatif_answer answer;
	bool live; /* the settings and members are those of a running node */
};

/* --- The question -------------------------------------------------------------------- */

static int64_t us_of(const json_t *settings, const char *key, int64_t otherwise)
{
	const json_t *v = json_object_get(settings, key);

	return json_is_number(v) ? (int64_t)(json_number_value(v) * 1000) : otherwise;
}

/* The running node's settings count, not those that its files have by now. */
static bool take_live(struct asking *a, const struct buf *json)
{
	json_t *all = json_loadb((const char *)json->base, json->len, 0, NULL);
	const json_t *s = json_object_get(all, "settings");
	struct cluster_config *c = &a->q.config;
	const json_t *m;
	size_t i;

	if (!json_is_object(s)) {
		json_decref(all);
		return false;
	}
	c->quorum_size = (unsigned)page_integer(s, "quorum_size");
	c->beat_interval_us = us_of(s, "heartbeat_ms", c->beat_interval_us);
	c->detection_us = us_of(s, "detection_ms", c->detection_us);
	c->lease_guard_us = us_of(s, "lease_guard_ms", c->lease_guard_us);
	c->promise_max_us = us_of(s, "promise_max_ms", c->promise_max_us);
	c->shutdown_delay_us = us_of(s, "shutdown_delay_ms", c->shutdown_delay_us);
	c->start_period_us = us_of(s, "start_period_ms", c->start_period_us);
	c->standby_after_us = us_of(s, "standby_after_ms", c->standby_after_us);
	c->force_shutdown = page_truth(s, "force_shutdown");
	a->q.election_us = us_of(s, "election_ms", a->q.election_us);
	json_array_foreach(json_object_get(all, "members"), i, m)
	{
		struct raft_voter *v = &a->q.members[a->q.n];

		if (a->q.n == MEMBERS_MAX)
			break;
		*v = (struct raft_voter){.id = ++a->q.n, .voter = page_truth(m, "voter")};
		(void)snprintf(v->name, sizeof v->name, "%s", page_text(m, "name"));
		if (page_truth(m, "leads"))
			a->q.leader_id = v->id;
	}
	json_decref(all);
	a->live = true;
	return a->q.n > 0;
}

static void take_files(struct asking *a, const struct node_config *v)
{
	for (size_t i = 0; i < v->n_expected; i++) {
		struct raft_voter *m = &a->q.members[a->q.n];

		*m = (struct raft_voter){.id = ++a->q.n, .voter = true};
		memcpy(m->name, v->expected[i], sizeof m->name);
	}
}

static bool node_answers(const struct cli *c)
{
	const struct control_request ping = {c->config.values.data_dir, "ping", NULL, 0, 2000};
	struct control_answer a;

	if (control_call(&ping, &a) != ST_OK)
		return false;
	buf_close(&a.out);
	buf_close(&a.err);
	return true;
}

static void gather(struct cli *c, struct asking *a)
{
	struct buf json;

	config_cluster(&c->config.values, &a->q.config);
	a->q.election_us = (int64_t)c->config.values.election_ms * 1000;
	if (node_answers(c) && explain_ask(c, NULL, &json) == CLI_OK) {
		(void)take_live(a, &json);
		buf_close(&json);
	}
	if (a->q.n == 0)
		take_files(a, &c->config.values);
}

/* --- The answer, as text ------------------------------------------------------------- */

static const char *name_of(const struct asking *a, size_t at)
{
	return a->q.members[at].name;
}

static const char *word_of(const struct whatif_node *n)
{
	return n->dead ? "dead" : cluster_state_name(n->now.state);
}

static void say_node(const struct page *p, const struct asking *a, size_t at)
{
	const struct whatif_node *n = &a->answer.nodes[at];
	const char *role = n->leads ? "leader" : a->q.members[at].voter ? "voter" : "standby";
	const char *word = word_of(n);
	char when[32] = "-";
	char sight[32];

	if (n->fenced_us >= 0 && !n->dead)
		(void)page_span_of((double)n->fenced_us / 1000, when, sizeof when);
	buf_printf(p->b, "   %-*.*s  %-8s  ", NAME_MAX_WIDTH, NAME_MAX_WIDTH, name_of(a, at), role);
	page_coloured(p, n->dead ? "31;1" : page_state_colour(word), word);
	(void)snprintf(sight, sizeof sight, "%u (%u needed)", n->now.reachable, n->now.needed);
	if (n->dead)
		buf_printf(p->b, "\n");
	else
		buf_printf(p->b, "%*s %-13s %10s\n", (int)(strlen(word) < 9 ? 9 - strlen(word) : 0),
		           "", sight, when);
}

static void say_why(const struct page *p, const struct asking *a, size_t at)
{
	const struct whatif_node *n = &a->answer.nodes[at];
	char head[NODE_NAME_MAX + 256];

	if (n->dead)
		return;
	(void)snprintf(head, sizeof head, "%s: %s", name_of(a, at), cause_text(n->now.cause)->rule);
	buf_u8(p->b, '\n');
	page_sentence(p, head, 0, 0);
	page_sentence(p, n->now.why, 2, 0);
	if (n->now.countdown_left_us >= 0 && a->q.config.force_shutdown)
		buf_printf(p->b,
		           "  It stops by itself %" PRId64 " s after that (FORCE_SHUTDOWN).\n",
		           a->q.config.shutdown_delay_us / 1000000);
}

static unsigned serving(const struct asking *a)
{
	unsigned n = 0;

	for (size_t i = 0; i < a->answer.n; i++) {
		const struct whatif_node *node = &a->answer.nodes[i];

		n += !node->dead &&
		     (node->now.state == CLUSTER_SERVING || node->now.state == CLUSTER_DEGRADED);
	}
	return n;
}

static void say_verdict(const struct page *p, const struct asking *a)
{
	const struct whatif_node *l;
	char when[32];

	if (a->answer.leader < 0) {
		page_coloured(p, "31;1", "Nobody would serve");
		buf_printf(p->b, ": no side has a majority.\n");
		return;
	}
	l = &a->answer.nodes[a->answer.leader];
	page_coloured(p, "32;1", "The cluster would serve on");
	buf_printf(p->b, ", on %u of %zu nodes.\n", serving(a), a->answer.n);
	buf_printf(p->b, "Leader: %s", name_of(a, (size_t)a->answer.leader));
	if (l->led_us >= 0)
		buf_printf(p->b, ", who takes over about %s after the cut\n",
		           page_span_of((double)l->led_us / 1000, when, sizeof when));
	else
		buf_printf(p->b, ", as before\n");
	if (l->now.reachable == l->now.needed)
		buf_printf(p->b, "One more voter lost there would stop it.\n");
	else
		buf_printf(p->b, "%u more voter%s could be lost there.\n",
		           l->now.reachable - l->now.needed,
		           l->now.reachable - l->now.needed == 1 ? "" : "s");
}

static void say_advice(const struct page *p, const struct asking *a)
{
	char head[NODE_NAME_MAX + 64];

	if (a->answer.stand_in[0] != '\0') {
		char span[32];

		buf_printf(
		    p->b, "\nAfter %s (standby_after) a standby takes over:\n",
		    page_span_of((double)a->q.config.standby_after_us / 1000, span, sizeof span));
		page_sentence(p, a->answer.stand_in, 2, 0);
	}
	for (size_t i = 0; i < a->answer.n; i++) {
		if (a->answer.remove[i][0] == '\0')
			continue;
		(void)snprintf(head, sizeof head, "\n`cluster leave %s` would be answered:\n",
		               name_of(a, i));
		buf_printf(p->b, "%s", head);
		page_sentence(p, a->answer.remove[i], 2, 0);
	}
}

static void say_basis(const struct page *p, const struct asking *a)
{
	page_sentence(p,
	              a->live ? "Played in virtual time with the node's own settings and the "
	                        "present members, all of them up and connected before."
	                      : "The node does not run: played with the settings of its files and "
	                        "the expected members.",
	              0, 0);
}

static void answer_text(const struct page *p, const struct asking *a)
{
	char when[32];

	say_verdict(p, a);
	buf_printf(p->b, "\n%s after the cut:\n",
	           page_span_of((double)a->answer.at_us / 1000, when, sizeof when));
	buf_printf(p->b, "   %-*s  %-8s  %-9s %-13s %10s\n", NAME_MAX_WIDTH, "Member", "Role",
	           "State", "In sight", "Fenced at");
	for (size_t i = 0; i < a->answer.n; i++)
		say_node(p, a, i);
	for (size_t i = 0; i < a->answer.n; i++)
		say_why(p, a, i);
	say_advice(p, a);
	buf_u8(p->b, '\n');
	say_basis(p, a);
}

/* --- The answer, as JSON ------------------------------------------------------------- */

static json_t *ms_of(int64_t us)
{
	return us < 0 ? json_null() : json_real((double)us / 1000.0);
}

static json_t *reaches(const struct asking *a, const struct whatif_node *n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < a->answer.n; i++) {
		if (n->reaches[i])
			(void)json_array_append_new(list, json_string(name_of(a, i)));
	}
	return list;
}

static json_t *node_json(const struct asking *a, size_t at)
{
	const struct whatif_node *n = &a->answer.nodes[at];

	if (n->dead)
		return json_pack("{s:s, s:b, s:s}", "name", name_of(a, at), "voter",
		                 a->q.members[at].voter, "state", "dead");
	return json_pack(
	    "{s:s, s:b, s:s, s:b, s:s, s:s, s:i, s:i, s:o, s:o, s:o, s:o, s:o}", "name",
	    name_of(a, at), "voter", a->q.members[at].voter, "state", word_of(n), "leads", n->leads,
	    "cause", cause_text(n->now.cause)->word, "why", n->now.why, "reachable",
	    (int)n->now.reachable, "needed", (int)n->now.needed, "reaches", reaches(a, n),
	    "fenced_after_ms", ms_of(n->fenced_us), "led_after_ms", ms_of(n->led_us),
	    "countdown_left_ms", ms_of(n->now.countdown_left_us), "leave",
	    a->answer.remove[at][0] == '\0' ? json_null() : json_string(a->answer.remove[at]));
}

static int print_json(const struct asking *a)
{
	json_t *nodes = json_array();
	const int leader = a->answer.leader;
	json_t *root;

	for (size_t i = 0; i < a->answer.n; i++)
		(void)json_array_append_new(nodes, node_json(a, i));
	root =
	    json_pack("{s:i, s:b, s:b, s:o, s:i, s:o, s:o}", "version", 1, "live", a->live,
	              "survives", leader >= 0, "leader",
	              leader < 0 ? json_null() : json_string(name_of(a, (size_t)leader)), "serving",
	              (int)serving(a), "standby",
	              a->answer.stand_in[0] == '\0' ? json_null() : json_string(a->answer.stand_in),
	              "nodes", nodes);
	if (root == NULL)
		return CLI_FAILED;
	(void)json_dumpf(root, stdout, JSON_COMPACT);
	(void)printf("\n");
	json_decref(root);
	return CLI_OK;
}

static int print_text(const struct asking *a)
{
	struct buf b;
	const struct page p = {NULL, &b, show_colour(stdout)};
	int code = CLI_OK;

	buf_init(&b, TEXT_MAX);
	answer_text(&p, a);
	if (buf_status(&b) == ST_OK)
		(void)fwrite(b.base, 1, b.len, stdout);
	else
		code = CLI_FAILED;
	buf_close(&b);
	return code;
}

static int ask(struct cli *c, struct asking *a, const char *spec, bool json)
{
	char why[WHATIF_TEXT_MAX] = "out of memory";

	gather(c, a);
	if (whatif_parse(&a->q, spec, &a->cut, why) != ST_OK) {
		(void)fprintf(stderr, "%s: %s\n", c->program, why);
		return CLI_USAGE;
	}
	if (whatif_run(&a->q, &a->cut, &a->answer, why) != ST_OK) {
		(void)fprintf(stderr, "%s: these settings cannot work: %s\n", c->program, why);
		return CLI_CONFIG;
	}
	return json ? print_json(a) : print_text(a);
}

int whatif_show(struct cli *c, int argc, char **argv)
{
	struct asking *a = calloc(1, sizeof *a);
	char spec[SPEC_MAX] = "";
	int code = cli_load(c, CLI_ASK);

	for (int i = 0; i < argc; i++) {
		const size_t len = strlen(spec);

		if (strncmp(argv[i], "--", 2) != 0)
			(void)snprintf(spec + len, sizeof spec - len, "%s ", argv[i]);
	}
	if (code == CLI_OK)
		code = a == NULL ? CLI_FAILED : ask(c, a, spec, cli_flag(argc, argv, "--json"));
	config_close(&c->config);
	free(a);
	return code;
}
