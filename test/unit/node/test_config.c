#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/config.h"
#include "reference.h"
#include "testing.h"

/* A machine with the name host1, which resolves to its only address, 10.0.0.1. */
static enum status fake_hostname(void *arg, char *ret, size_t cap)
{
	(void)arg;
	(void)snprintf(ret, cap, "host1");
	return ST_OK;
}

static bool fake_resolve(void *arg, const char *host, char *ret, size_t cap)
{
	(void)arg;
	(void)snprintf(ret, cap, "10.0.0.1");
	return strncmp(host, "host1", 5) == 0;
}

static bool fake_is_local(void *arg, const char *address)
{
	(void)arg;
	return strcmp(address, "10.0.0.1") == 0;
}

static const struct config_host machine = {NULL, fake_hostname, fake_resolve, fake_is_local};

/* One load: files written to a directory of its own, and everything the keys may come from. */
struct scene {
	char dir[64];
	const char *vm_args;
	const char *sys_config;
	char *environment[12];
	char *options[8];
	struct config c;
	char text[16384]; /* diagnostics, one a line */
};

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static enum status load_with(struct scene *s, bool create_cookie)
{
	char vm_args[128];
	char sys_config[128];
	char home[128];
	struct config_input in = {.host = &machine, .create_cookie = create_cookie};
	char *environment[16] = {home};
	enum status st;

	(void)snprintf(s->dir, sizeof s->dir, "/tmp/erlmcp-config-XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	(void)snprintf(home, sizeof home, "HOME=%s", s->dir);
	(void)snprintf(vm_args, sizeof vm_args, "%s/vm.args", s->dir);
	(void)snprintf(sys_config, sizeof sys_config, "%s/sys.config", s->dir);
	if (s->vm_args != NULL) {
		write_file(vm_args, s->vm_args);
		in.vm_args = vm_args;
	}
	if (s->sys_config != NULL) {
		write_file(sys_config, s->sys_config);
		in.sys_config = sys_config;
	}
	memcpy(environment + 1, s->environment, sizeof s->environment);
	in.environment = environment;
	in.options = s->options;
	while (s->options[in.n_options] != NULL)
		in.n_options++;
	st = config_load(&in, &s->c);
	s->text[0] = '\0';
	for (size_t i = 0; i < s->c.n_diagnostics; i++) {
		strcat(s->text, config_severity_name(s->c.diagnostics[i].severity));
		strcat(s->text, ": ");
		strcat(s->text, s->c.diagnostics[i].text);
		strcat(s->text, "\n");
	}
	(void)unlink(vm_args);
	(void)unlink(sys_config);
	return st;
}

static enum status load(struct scene *s)
{
	return load_with(s, false);
}

static void done(struct scene *s)
{
	char cookie[128];

	(void)snprintf(cookie, sizeof cookie, "%s/.erlang.cookie", s->dir);
	(void)unlink(cookie);
	assert_int_equal(rmdir(s->dir), 0);
	config_close(&s->c);
}

static void assert_says(const struct scene *s, const char *words)
{
	const bool found = strstr(s->text, words) != NULL;

	if (!found) {
		(void)fputs("expected: ", stderr);
		(void)fputs(words, stderr);
		(void)fputs("\nfound:\n", stderr);
		(void)fputs(s->text, stderr);
	}
	assert_true(found);
}

static const char *where(const struct scene *s, const char *name)
{
	for (size_t i = 0; i < config_n_keys; i++) {
		if (strcmp(config_keys[i].name, name) == 0)
			return s->c.origins[i].where;
	}
	fail();
	return "";
}

static char *word(const char *text)
{
	static char words[16][256];
	static size_t next;
	char *slot = words[next++ % 16];

	(void)snprintf(slot, sizeof words[0], "%s", text);
	return slot;
}

TEST(each_source_is_stronger_than_the_one_before)
{
	struct scene s = {
	    .sys_config = "[{erlmcp,[{heartbeat_ms,11},{detection_ms,110},{election_ms,210},"
	                  "{log_level,error}]}].\n",
	    .vm_args = "-erlmcp detection_ms 120 election_ms 220 log_level warning\n",
	    .environment = {word("ERLMCP_ELECTION_MS=230"), word("ERLMCP_LOG_LEVEL=notice")},
	    .options = {word("--log-level"), word("debug")},
	};

	assert_int_equal(load(&s), ST_OK);
	assert_int_equal(s.c.values.member_silence_ms, 750);
	assert_int_equal(s.c.values.heartbeat_ms, 11);
	assert_int_equal(s.c.values.detection_ms, 120);
	assert_int_equal(s.c.values.election_ms, 230);
	assert_int_equal(s.c.values.log_level, 0);
	assert_string_equal(where(&s, "member_silence_ms"), "");
	assert_non_null(strstr(where(&s, "heartbeat_ms"), "sys.config {erlmcp,[{heartbeat_ms,..."));
	assert_non_null(strstr(where(&s, "detection_ms"), "vm.args:1:22"));
	assert_string_equal(where(&s, "election_ms"), "environment ERLMCP_ELECTION_MS");
	assert_string_equal(where(&s, "log_level"), "command line --log-level");
	done(&s);
}

TEST(sys_config_takes_erlang_values_of_every_kind)
{
	struct scene s = {
	    .sys_config = "%% a comment\n"
	                  "[{erlmcp,[{seed_nodes,['erlmcp@b',erlmcp@a]},{force_shutdown,true},\n"
	                  "          {data_dir,\"/var/lib/x\"},{log_format,<<\"json\">>},\n"
	                  "          {dist_interface,{10,0,0,1}}]},\n"
	                  " {kernel,[{net_ticktime,15},{logger_level,info}]},\n"
	                  " {sasl,[]}].\n",
	};

	assert_int_equal(load(&s), ST_OK);
	assert_int_equal(s.c.values.n_seeds, 2);
	assert_string_equal(s.c.values.seeds[0], "erlmcp@b");
	assert_true(s.c.values.force_shutdown);
	assert_string_equal(s.c.values.data_dir, "/var/lib/x");
	assert_int_equal(s.c.values.log_format, LOG_FORMAT_JSON);
	assert_string_equal(s.c.values.dist_interface, "10.0.0.1");
	assert_int_equal(s.c.values.net_ticktime_s, 15);
	assert_says(&s, "note: ");
	assert_says(&s, "settings of sasl are not used");
	done(&s);
}

TEST(a_syntax_error_in_sys_config_has_line_and_column)
{
	struct scene s = {.sys_config = "[{erlmcp,[\n  {quorum_size 3}\n]}].\n"};

	assert_int_equal(load(&s), ST_INVALID);
	assert_says(&s, "sys.config:2:");
	done(&s);
}

TEST(sys_config_of_another_shape_is_explained)
{
	struct scene s = {.sys_config = "{erlmcp,[]}.\n"};
	struct scene pair = {.sys_config = "[{erlmcp,[quorum_size]}].\n"};
	struct scene key = {.sys_config = "[{erlmcp,[{quorum_sise,3}]}].\n"};

	assert_int_equal(load(&s), ST_INVALID);
	assert_says(&s, "must hold one list that ends with a dot");
	done(&s);
	assert_int_equal(load(&pair), ST_INVALID);
	assert_says(&pair, "is no {key,Value} pair");
	done(&pair);
	assert_int_equal(load(&key), ST_OK);
	assert_says(&key, "warning: ");
	assert_says(&key, "was quorum_size meant?");
	done(&key);
}

TEST(a_node_without_seeds_and_quorum_is_a_cluster_of_its_own_and_says_so)
{
	struct scene s = {.vm_args = ""};

	assert_int_equal(load(&s), ST_OK);
	assert_true(s.c.values.alone);
	assert_int_equal(s.c.values.quorum_size, 1);
	assert_int_equal(s.c.values.n_expected, 1);
	assert_string_equal(s.c.values.node_name, "erlmcp@host1");
	assert_true(s.c.values.short_names);
	assert_string_equal(s.c.values.expected[0], "erlmcp@host1");
	assert_says(&s, "note: neither seed_nodes nor quorum_size is set");
	done(&s);
}

TEST(seeds_may_hold_blanks_duplicates_and_the_node_itself)
{
	struct scene s = {
	    .environment = {word("ERLMCP_NODE_NAME=erlmcp@b.example.com"),
	                    word("ERLMCP_SEED_NODES= erlmcp@c.example.com,erlmcp@b.example.com ,, "
	                         "erlmcp@c.example.com, erlmcp@a.example.com,")},
	};

	assert_int_equal(load(&s), ST_OK);
	assert_int_equal(s.c.values.n_seeds, 3);
	assert_int_equal(s.c.values.n_expected, 3);
	assert_string_equal(s.c.values.expected[0], "erlmcp@a.example.com");
	assert_string_equal(s.c.values.expected[2], "erlmcp@c.example.com");
	assert_false(s.c.values.short_names);
	assert_false(s.c.values.alone);
	assert_int_equal(s.c.values.quorum_size, 3);
	assert_null(strstr(s.text, "warning"));
	done(&s);
}

TEST(a_quorum_size_that_differs_from_the_members_is_loudly_explained)
{
	struct scene s = {
	    .environment = {word("ERLMCP_SEED_NODES=erlmcp@a,erlmcp@b,erlmcp@c"),
	                    word("ERLMCP_NODE_NAME=erlmcp@a"), word("ERLMCP_QUORUM_SIZE=6")},
	};
	struct scene few = {.environment = {word("ERLMCP_QUORUM_SIZE=3")}};

	assert_int_equal(load(&s), ST_OK);
	assert_says(&s,
	            "warning: ERLMCP_QUORUM_SIZE is 6, but 3 members are expected: this node can "
	            "never see as many as that needs and will not serve");
	done(&s);
	assert_int_equal(load(&few), ST_OK);
	assert_false(few.c.values.alone);
	assert_says(&few, "warning: ERLMCP_QUORUM_SIZE is 3, but 1 member is expected");
	done(&few);
}

TEST(bad_values_name_input_place_rule_and_remedy)
{
	struct scene s = {
	    .vm_args = "\n  -kernel net_ticktime soon\n",
	    .environment = {word("ERLMCP_QUORUM_SIZE=seventeen"), word("SHUTDOWN_DELAY=-1"),
	                    word("FORCE_SHUTDOWN=maybe"), word("ERLMCP_SEED_NODES=host2"),
	                    word("ERLMCP_LOG_LEVEL=loud")},
	};

	assert_int_equal(load(&s), ST_INVALID);
	assert_says(&s,
	            "error: quorum_size = \"seventeen\" (environment ERLMCP_QUORUM_SIZE): must be "
	            "a whole number of nodes from 1 to 16; correct it, or remove it for the "
	            "default 3");
	assert_says(&s, "vm.args:2:24): must be a whole number of seconds from 1 to 3600");
	assert_says(&s, "shutdown_delay = \"-1\" (environment SHUTDOWN_DELAY): must be a number of "
	                "seconds from 0 to 86400");
	assert_says(&s, "force_shutdown = \"maybe\" (environment FORCE_SHUTDOWN): must be true or "
	                "false");
	assert_says(&s, "holds \"host2\", which must be a node name such as");
	assert_says(&s, "must be one of debug, info, notice, warning, error");
	done(&s);
}

TEST(nonsense_in_vm_args_is_named_with_line_and_column)
{
	static const struct {
		const char *text;
		const char *words;
	} cases[] = {
	    {"hello world\n", "vm.args:1:1: a value stands where a flag was expected"},
	    {"-name a@b.c\nhello world\n",
	     "vm.args:2:1: \"hello\" is one value too many for -name"},
	    {"+P 100\nhello\n", "vm.args:2:1: \"hello\" stands where a flag was expected"},
	    {"-name\n", "vm.args:1:1: -name has no value"},
	    {"-kernel net_ticktime\n", "vm.args:1:9: -kernel net_ticktime has no value"},
	    {"-kernel\n", "vm.args:1:1: -kernel needs a parameter and a value"},
	    {"-setcookie \"abc\n", "vm.args:1:12: a quote is opened here and never closed"},
	    {"-name no@body@here\n", "vm.args:1:7): must be a node name"},
	    {"-sname a@b.c\n", "vm.args:1:8: -sname a@b.c: a short name's host part has no dot"},
	    {"-env X\n", "vm.args:1:1: -env needs a name and a value"},
	    {"-kernel inet_dist_use_interface {1,2,3}\n", "must be an IPv4 address"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct scene s = {.vm_args = cases[i].text};

		assert_int_equal(load(&s), ST_INVALID);
		assert_says(&s, cases[i].words);
		done(&s);
	}
}

TEST(unknown_words_come_with_the_nearest_known_one)
{
	struct scene s = {
	    .vm_args = "-nmae a@b.c\n-kernel net_tiktime 60\n-erlmcp quorumsize 3\n-xyzzy\n",
	    .environment = {word("ERLMCP_SEED_NODE=a@b"), word("ERLMCP_FORCE_SHUTDOWN=true"),
	                    word("ERLMCP_SERVICE_HOST=10.0.0.9"), word("ERLMCP_ROOT=/opt/erlmcp")},
	};

	assert_int_equal(load(&s), ST_OK);
	assert_says(&s, "vm.args:1:1: flag -nmae is not known; was -name meant?");
	assert_says(&s, "vm.args:2:9: -kernel net_tiktime is not known; was net_ticktime meant?");
	assert_says(&s, "-erlmcp quorumsize is not known; was quorum_size meant?");
	assert_says(&s, "flag -xyzzy is not known and not used");
	assert_says(&s, "variable ERLMCP_SEED_NODE is not known; was ERLMCP_SEED_NODES meant?");
	assert_says(&s, "ERLMCP_FORCE_SHUTDOWN is not known; was FORCE_SHUTDOWN meant?");
	assert_null(strstr(s.text, "SERVICE_HOST"));
	assert_null(strstr(s.text, "ERLMCP_ROOT"));
	done(&s);
}

/* RB-010's tuning, as printed there. */
TEST(the_runbooks_vm_args_is_accepted_and_its_traps_explained)
{
	struct scene s = {
	    .vm_args = "# vm.args - distribution settings\n"
	               "## Heartbeat\n"
	               "-kernel net_ticktime 60\n"
	               "\n"
	               "## Connection setup\n"
	               "-kernel inet_dist_use_interface {172,28,0,1}\n"
	               "-kernel inet_dist_listen_min 9100\n"
	               "-kernel inet_dist_listen_max 9105\n"
	               "\n"
	               "## Monitoring\n"
	               "-kernel net_setup intensely\n",
	};

	assert_int_equal(load(&s), ST_OK);
	assert_string_equal(s.c.values.dist_interface, "10.0.0.1");
	assert_says(&s, "vm.args:11:9: -kernel net_setup intensely: Erlang has no kernel parameter "
	                "net_setup. Meant is close watching of the other nodes");
	assert_says(&s, "warning: dist_interface 172.28.0.1 (inet_dist_use_interface) is not an "
	                "address of this machine");
	assert_says(&s, "Using 10.0.0.1 instead. Remedy: set it to this node's own address");
	done(&s);
}

TEST(names_are_completed_as_erlang_does)
{
	struct scene s = {.vm_args = "-sname erlmcp\n"};
	struct scene full = {.environment = {word("ERLMCP_NODE_NAME=erlmcp@10.0.0.1")}};
	struct scene bare = {.environment = {word("ERLMCP_NODE_NAME=other")}};

	assert_int_equal(load(&s), ST_OK);
	assert_string_equal(s.c.values.node_name, "erlmcp@host1");
	done(&s);
	assert_int_equal(load(&full), ST_OK);
	assert_false(full.c.values.short_names);
	done(&full);
	assert_int_equal(load(&bare), ST_OK);
	assert_string_equal(bare.c.values.node_name, "other@host1");
	done(&bare);
}

TEST(the_cookie_file_is_made_once_and_never_shown)
{
	struct scene s = {.vm_args = ""};
	char path[128];
	struct stat info;
	struct buf b;

	assert_int_equal(load_with(&s, true), ST_OK);
	assert_int_equal(strlen(s.c.values.cookie), 20);
	(void)snprintf(path, sizeof path, "%s/.erlang.cookie", s.dir);
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 0777, 0400);
	buf_init(&b, 1 << 20);
	config_print(&s.c, &b);
	config_print_json(&s.c, &b);
	assert_null(strstr(buf_text(&b), s.c.values.cookie));
	assert_non_null(strstr(buf_text(&b), "(set)"));
	assert_null(strstr(s.text, s.c.values.cookie));
	buf_close(&b);
	done(&s);
}

TEST(a_bad_cookie_is_refused_without_being_shown)
{
	static char variable[400] = "ERLANG_COOKIE=";
	struct scene s = {.environment = {variable}};
	struct scene option = {.options = {word("--cookie"), word("secret")}};

	memset(variable + strlen(variable), 'x', 300);
	assert_int_equal(load(&s), ST_INVALID);
	assert_says(&s,
	            "error: cookie (environment ERLANG_COOKIE): must be shorter than 256 bytes");
	assert_null(strstr(s.text, "xxx"));
	done(&s);
	assert_int_equal(load(&option), ST_INVALID);
	assert_true(option.c.bad_options);
	assert_says(&option, "does not belong on the command line");
	assert_null(strstr(option.text, "= \"secret\""));
	done(&option);
}

TEST(keys_that_contradict_each_other_are_named_with_the_remedy)
{
	struct scene s = {
	    .options = {word("--dist-listen-min=9200"), word("--heartbeat-ms=200"),
	                word("--election-max-ms=100")},
	};

	assert_int_equal(load(&s), ST_INVALID);
	assert_says(&s, "dist_listen_min is above dist_listen_max");
	assert_says(&s, "heartbeat_ms is more than a fifth of election_ms");
	assert_says(&s, "election_ms is above election_max_ms");
	done(&s);
}

TEST(an_empty_variable_is_as_good_as_none)
{
	struct scene s = {.environment = {word("ERLMCP_QUORUM_SIZE="), word("ERLMCP_SEED_NODES=")}};

	assert_int_equal(load(&s), ST_OK);
	assert_true(s.c.values.alone);
	done(&s);
}

TEST(durations_and_sizes_have_units)
{
	struct scene s = {.options = {word("--shutdown-delay=250ms"), word("--start-period=2m"),
	                              word("--log-file-size=2M")}};
	struct buf b;

	assert_int_equal(load(&s), ST_OK);
	assert_int_equal(s.c.values.shutdown_delay_ms, 250);
	assert_int_equal(s.c.values.start_period_ms, 120000);
	assert_int_equal(s.c.values.log_file_bytes, 2 * 1024 * 1024);
	buf_init(&b, 1 << 20);
	config_print(&s.c, &b);
	assert_non_null(strstr(buf_text(&b), "shutdown_delay      = 250ms"));
	assert_non_null(strstr(buf_text(&b), "log_file_size       = 2M"));
	buf_close(&b);
	done(&s);
}

TEST(every_key_has_help_and_a_place_to_set_it)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	config_help(&b);
	for (size_t i = 0; i < config_n_keys; i++) {
		assert_true(strlen(config_keys[i].help) > 20);
		assert_non_null(strstr(buf_text(&b), config_keys[i].name));
		assert_non_null(config_keys[i].env);
	}
	buf_close(&b);
}

TEST(the_reference_in_doc_is_what_the_table_says)
{
	assert_reference("CONFIG_REFERENCE", config_help_markdown,
	                 "erlmcp config --help --markdown");
}

TEST(more_diagnostics_than_the_limit_are_counted)
{
	static char text[(CONFIG_DIAGNOSTICS_MAX + 10) * 8 + 1];
	struct scene s = {.vm_args = text};

	for (size_t i = 0; i < CONFIG_DIAGNOSTICS_MAX + 10; i++)
		memcpy(text + i * 8, "-nonono\n", 8);
	assert_int_equal(load(&s), ST_OK);
	assert_int_equal(s.c.n_diagnostics, CONFIG_DIAGNOSTICS_MAX);
	assert_true(s.c.n_dropped >= 10);
	done(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_source_is_stronger_than_the_one_before),
	    cmocka_unit_test(sys_config_takes_erlang_values_of_every_kind),
	    cmocka_unit_test(a_syntax_error_in_sys_config_has_line_and_column),
	    cmocka_unit_test(sys_config_of_another_shape_is_explained),
	    cmocka_unit_test(a_node_without_seeds_and_quorum_is_a_cluster_of_its_own_and_says_so),
	    cmocka_unit_test(seeds_may_hold_blanks_duplicates_and_the_node_itself),
	    cmocka_unit_test(a_quorum_size_that_differs_from_the_members_is_loudly_explained),
	    cmocka_unit_test(bad_values_name_input_place_rule_and_remedy),
	    cmocka_unit_test(nonsense_in_vm_args_is_named_with_line_and_column),
	    cmocka_unit_test(unknown_words_come_with_the_nearest_known_one),
	    cmocka_unit_test(the_runbooks_vm_args_is_accepted_and_its_traps_explained),
	    cmocka_unit_test(names_are_completed_as_erlang_does),
	    cmocka_unit_test(the_cookie_file_is_made_once_and_never_shown),
	    cmocka_unit_test(a_bad_cookie_is_refused_without_being_shown),
	    cmocka_unit_test(keys_that_contradict_each_other_are_named_with_the_remedy),
	    cmocka_unit_test(an_empty_variable_is_as_good_as_none),
	    cmocka_unit_test(durations_and_sizes_have_units),
	    cmocka_unit_test(every_key_has_help_and_a_place_to_set_it),
	    cmocka_unit_test(the_reference_in_doc_is_what_the_table_says),
	    cmocka_unit_test(more_diagnostics_than_the_limit_are_counted),
	};

	return RUN_TESTS(tests);
}
