/* Starting and stopping a node: in the foreground, or detached. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cmd/cli.h"
#include "cmd/erlmcp.h"
#include "io/lockfile.h"
#include "node/log.h"
#include "node/node.h"

enum {
	UP_MS = 30000,   /* a node that does not answer by then did not come up */
	STOP_MS = 30000, /* handing leadership over and flushing takes a moment */
	ASK_MS = 5000,
	POLL_MS = 20,
	TAIL_MAX = 4096, /* of the log, shown when a start failed */
};

static void pause_ms(int ms)
{
	const struct timespec ts = {ms / 1000, (ms % 1000) * 1000000L};

	(void)nanosleep(&ts, NULL);
}

static void log_diagnostics(const struct config *config, struct log *log)
{
	static const enum log_level levels[] = {LOG_INFO, LOG_WARNING, LOG_ERROR};

	for (size_t i = 0; i < config->n_diagnostics; i++)
		log_line(log, levels[config->diagnostics[i].severity], "configuration: %s",
		         config->diagnostics[i].text);
}

/* Be the node. detached: the log goes to its file. */
static int be_node(struct cli *c, bool detached)
{
	const struct node_config *v = &c->config.values;
	const struct log_config how = {
	    .level = (enum log_level)v->log_level,
	    .json = v->log_format == LOG_FORMAT_JSON,
	    .node = v->node_name,
	    .dir = detached ? v->log_dir : NULL,
	    .file_bytes = v->log_file_bytes,
	    .files = v->log_files,
	};
	struct log *log;
	char why[512];
	int code;

	/* Whoever read our output may be gone; that stops no node. */
	(void)signal(SIGPIPE, SIG_IGN);
	if (log_open(&how, &log, why, sizeof why) != ST_OK) {
		(void)fprintf(stderr, "erlmcp: %s\n", why);
		return EXIT_START;
	}
	log_diagnostics(&c->config, log);
	code = node_main(v, log);
	log_close(log);
	return code;
}

int run_foreground(struct cli *c, int argc, char **argv)
{
	int code = cli_load(c, CLI_RUN);

	(void)argc;
	(void)argv;
	if (code == CLI_OK)
		code = be_node(c, false);
	config_close(&c->config);
	return code;
}

/* What a node says of itself. */
enum life { LIFE_SILENT, LIFE_LOADING, LIFE_UP };

static enum life ask_life(const struct cli *c, int timeout_ms)
{
	const struct control_request request = {c->config.values.data_dir, "ping", NULL, 0,
	                                        timeout_ms};
	struct control_answer a;

	if (control_call(&request, &a) != ST_OK)
		return LIFE_SILENT;
	buf_close(&a.out);
	buf_close(&a.err);
	return a.exit_code == 0 ? LIFE_UP : LIFE_LOADING;
}

static void log_path(const struct cli *c, const char *name, char *ret, size_t cap)
{
	(void)snprintf(ret, cap, "%s/%s", c->config.values.log_dir, name);
}

/* Leave the terminal. What is written to standard error from here on (a failed assertion, say)
 * goes to log/crash.log, made anew at each start. */
static bool detach(const struct cli *c)
{
	char path[CONFIG_PATH_MAX + 16];
	int null;
	int crash;

	if (setsid() < 0)
		return false;
	log_path(c, "crash.log", path, sizeof path);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	crash = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
	if (null < 0 || crash < 0)
		return false;
	return dup2(null, STDIN_FILENO) >= 0 && dup2(null, STDOUT_FILENO) >= 0 &&
	       dup2(crash, STDERR_FILENO) >= 0;
}

static void show_tail(const char *path, off_t from)
{
	char text[TAIL_MAX];
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat info;
	ssize_t n;

	if (fd < 0)
		return;
	if (fstat(fd, &info) == 0 && info.st_size - from > TAIL_MAX)
		from = info.st_size - TAIL_MAX;
	n = pread(fd, text, sizeof text, from);
	if (n > 0)
		(void)fwrite(text, 1, (size_t)n, stderr);
	close(fd);
}

static off_t size_of(const char *path)
{
	struct stat info;

	return stat(path, &info) == 0 ? info.st_size : 0;
}

/* Wait until the child is up or ends; while it says that it is loading, for as long as that takes.
 */
static int wait_up(const struct cli *c, pid_t child)
{
	const char *node = c->config.values.node_name;
	enum life life;
	int status = 0;

	for (int waited = 0; waited < UP_MS; waited += POLL_MS) {
		if (waitpid(child, &status, WNOHANG) == child) {
			if (WIFEXITED(status))
				(void)fprintf(stderr,
				              "erlmcp: node %s did not come up (exit code %d):\n",
				              node, WEXITSTATUS(status));
			else
				(void)fprintf(stderr,
				              "erlmcp: node %s did not come up (signal %d):\n",
				              node, WTERMSIG(status));
			return CLI_FAILED;
		}
		life = ask_life(c, 1000);
		if (life == LIFE_UP) {
			(void)printf("node %s is up (process %ld)\n", node, (long)child);
			return CLI_OK;
		}
		if (life == LIFE_LOADING)
			waited = 0;
		pause_ms(POLL_MS);
	}
	(void)fprintf(stderr, "erlmcp: node %s (process %ld) does not answer after %d s:\n", node,
	              (long)child, UP_MS / 1000);
	return CLI_FAILED;
}

static int launch(struct cli *c)
{
	char log[CONFIG_PATH_MAX + 16];
	char crash[CONFIG_PATH_MAX + 16];
	off_t from;
	pid_t child;
	int code;

	log_path(c, "erlmcp.log", log, sizeof log);
	log_path(c, "crash.log", crash, sizeof crash);
	if (mkdir(c->config.values.log_dir, 0750) != 0 && errno != EEXIST) {
		(void)fprintf(stderr, "erlmcp: the log directory %s cannot be made: %s\n",
		              c->config.values.log_dir, strerror(errno));
		return CLI_FAILED;
	}
	from = size_of(log);
	(void)fflush(NULL);
	child = fork();
	if (child < 0) {
		(void)fprintf(stderr, "erlmcp: no new process: %s\n", strerror(errno));
		return CLI_FAILED;
	}
	if (child == 0)
		exit(detach(c) ? be_node(c, true) : EXIT_START);
	code = wait_up(c, child);
	if (code != CLI_OK) {
		show_tail(log, from);
		show_tail(crash, 0);
	}
	return code;
}

int run_start(struct cli *c, int argc, char **argv)
{
	int code = cli_load(c, CLI_RUN);
	pid_t pid;

	(void)argc;
	(void)argv;
	if (code == CLI_OK) {
		cli_diagnostics(c, DIAGNOSTIC_WARNING);
		if (lockfile_holder(c->config.values.data_dir, &pid) == ST_OK) {
			(void)fprintf(
			    stderr,
			    "erlmcp: node %s is already running (process %ld, data directory "
			    "in use: %s)\n",
			    c->config.values.node_name, (long)pid, c->config.values.data_dir);
			code = CLI_FAILED;
		} else {
			code = launch(c);
		}
	}
	config_close(&c->config);
	return code;
}

static int stop_loaded(struct cli *c)
{
	const char *dir = c->config.values.data_dir;
	int code = cli_relay(c, "stop", NULL, 0, ASK_MS);

	if (code == CLI_OK && lockfile_wait(dir, STOP_MS) != ST_OK) {
		(void)fprintf(stderr, "erlmcp: node %s has not ended after %d s\n",
		              c->config.values.node_name, STOP_MS / 1000);
		code = CLI_FAILED;
	}
	return code;
}

int run_stop(struct cli *c, int argc, char **argv)
{
	int code = cli_load(c, CLI_ASK);

	(void)argc;
	(void)argv;
	if (code == CLI_OK)
		code = stop_loaded(c);
	config_close(&c->config);
	return code;
}

int run_restart(struct cli *c, int argc, char **argv)
{
	int code = cli_load(c, CLI_RUN);
	pid_t pid;

	(void)argc;
	(void)argv;
	if (code == CLI_OK && lockfile_holder(c->config.values.data_dir, &pid) == ST_OK)
		code = stop_loaded(c);
	if (code == CLI_OK)
		code = launch(c);
	config_close(&c->config);
	return code;
}
