/* epmd: Erlang's port mapper, served alone or asked; see dist/epmd.h for the protocol.
 *
 *     epmd -names                 the nodes of this host and their ports
 *     epmd [-port N] [-daemon]    serve it
 *     epmd -kill                  end a server without nodes
 *     epmd -stop NAME             take back a name that nobody holds
 * The port is that of -port, else of ERL_EPMD_PORT, else 4369, as with Erlang's own. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "dist/epmd.h"
#include "io/epmd_alone.h"

enum { EPMD_PORT = 4369 };

struct options {
	uint16_t port;
	bool daemon;
	enum epmd_type ask; /* 0: serve */
	const char *name;   /* to stop */
};

static int usage(void)
{
	fprintf(stderr, "usage: epmd [-port N] [-daemon]\n"
	                "       epmd [-port N] -names | -kill | -stop NAME\n");
	return 1;
}

static bool port_parse(const char *text, uint16_t *ret)
{
	char *end;
	unsigned long port = strtoul(text, &end, 10);

	if (*text == '\0' || *end != '\0' || port == 0 || port > UINT16_MAX)
		return false;
	*ret = (uint16_t)port;
	return true;
}

/* Options without an argument; ask 0: taken for the sake of old command lines. */
static const struct {
	const char *word;
	enum epmd_type ask;
} words[] = {
    {"-names", EPMD_NAMES}, {"-kill", EPMD_KILL},          {"-d", 0},
    {"-debug", 0},          {"-relaxed_command_check", 0},
};

/* One option at argv[0]; how many words it took, 0 for none of ours. */
static int option_parse(struct options *o, int argc, char **argv)
{
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		if (strcmp(argv[0], words[i].word) == 0) {
			o->ask = words[i].ask != 0 ? words[i].ask : o->ask;
			return 1;
		}
	}
	if (strcmp(argv[0], "-daemon") == 0) {
		o->daemon = true;
		return 1;
	}
	if (argc < 2)
		return 0;
	if (strcmp(argv[0], "-port") == 0)
		return port_parse(argv[1], &o->port) ? 2 : 0;
	if (strcmp(argv[0], "-stop") == 0) {
		o->ask = EPMD_STOP;
		o->name = argv[1];
		return 2;
	}
	/* We listen on all addresses. */
	return strcmp(argv[0], "-address") == 0 ? 2 : 0;
}

static bool options_parse(struct options *o, int argc, char **argv)
{
	const char *port = getenv("ERL_EPMD_PORT");
	int i = 1;

	memset(o, 0, sizeof *o);
	o->port = EPMD_PORT;
	if (port != NULL && !port_parse(port, &o->port))
		return false;
	while (i < argc) {
		int n = option_parse(o, argc - i, argv + i);

		if (n == 0)
			return false;
		i += n;
	}
	return o->name == NULL || strlen(o->name) < EPMD_NAME_MAX;
}

/* Ask the local EPMD and read to the end of the connection. */
static bool ask(const struct options *o, struct buf *answer)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(o->port)};
	struct timeval patience = {.tv_sec = 5};
	struct epmd_request request = {.type = o->ask};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct buf out;
	uint8_t chunk[4096];
	ssize_t n = -1;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (o->name != NULL)
		snprintf(request.node.name, sizeof request.node.name, "%s", o->name);
	buf_init(&out, EPMD_REQUEST_MAX);
	epmd_request_encode(&out, &request);
	if (fd >= 0 && buf_status(&out) == ST_OK &&
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0 &&
	    connect(fd, (const struct sockaddr *)&address, sizeof address) == 0 &&
	    send(fd, out.base, out.len, MSG_NOSIGNAL) == (ssize_t)out.len) {
		while ((n = recv(fd, chunk, sizeof chunk, 0)) > 0)
			buf_bytes(answer, chunk, (size_t)n);
	}
	buf_close(&out);
	if (fd >= 0)
		close(fd);
	return n == 0 && buf_status(answer) == ST_OK;
}

static int show_names(const struct options *o, const struct buf *answer)
{
	if (answer->len < 4) {
		printf("epmd: no answer from local epmd\n");
		return 1;
	}
	printf("epmd: up and running on port %u with data:\n", o->port);
	fwrite(answer->base + 4, 1, answer->len - 4, stdout);
	return 0;
}

static int show_kill(const struct buf *answer)
{
	if (answer->len == 2 && memcmp(answer->base, "OK", 2) == 0) {
		printf("Killed\n");
		return 0;
	}
	printf("Killing not allowed - living nodes in database.\n");
	return 1;
}

static int show_stop(const struct buf *answer)
{
	if (answer->len > 0)
		printf("%.*s\n", (int)answer->len, (const char *)answer->base);
	else
		printf("Stopping a live node's name is not allowed.\n");
	return answer->len == 7 && memcmp(answer->base, "STOPPED", 7) == 0 ? 0 : 1;
}

static int client(const struct options *o)
{
	struct buf answer;
	int code = 1;

	buf_init(&answer, EPMD_ANSWER_MAX);
	if (!ask(o, &answer))
		fprintf(stderr, "epmd: Cannot connect to local epmd\n");
	else if (o->ask == EPMD_NAMES)
		code = show_names(o, &answer);
	else if (o->ask == EPMD_KILL)
		code = show_kill(&answer);
	else
		code = show_stop(&answer);
	buf_close(&answer);
	return code;
}

static int server(const struct options *o)
{
	enum status st;

	if (o->daemon && daemon(0, 0) != 0)
		return 1;
	st = epmd_alone(o->port);
	if (st == ST_OK)
		return 0;
	fprintf(stderr, "epmd: port %u: %s\n", o->port,
	        st == ST_EXISTS ? "in use; another epmd serves it" : status_text(st));
	return 1;
}

int main(int argc, char **argv)
{
	struct options o;

	if (!options_parse(&o, argc, argv))
		return usage();
	return o.ask != 0 ? client(&o) : server(&o);
}
