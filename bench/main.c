/* erlmcp-bench: loads one system and prints what it did as one line of JSON. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

static const char usage[] =
    "usage: erlmcp-bench [options] PROTOCOL ADDRESS PORT\n"
    "       erlmcp-bench --echo ADDRESS PORT\n"
    "       erlmcp-bench --probe DIRECTORY ADDRESS PORT\n"
    "PROTOCOL is erlmcp, redis or etcd.\n"
    "  --clients N      requests outstanding at a time, one a client (1)\n"
    "  --connections N  TCP connections they share; divides the clients (one each)\n"
    "  --reads N        per cent of requests that read (0)\n"
    "  --create         each request makes a new session or key\n"
    "  --retry          ask again what was refused, after 10 ms, until it is answered with OK\n"
    "  --trace FILE     write every answer's times there: struct traced in bench.h\n"
    "  --value N        bytes of a value (256)\n"
    "  --seconds S      measured, after --warm-up (5)\n"
    "  --warm-up S      (2)\n"
    "  --requests N     so many requests instead of --seconds\n"
    "  --wait N         redis: wait for so many replicas (1)\n"
    "  --cookie TEXT    erlmcp's\n"
    "  --prefix TEXT    of keys (bench)\n"
    "  --pid N          a server process whose CPU time counts; several times\n";

enum {
	OPT_CLIENTS = 256,
	OPT_CONNECTIONS,
	OPT_READS,
	OPT_CREATE,
	OPT_RETRY,
	OPT_TRACE,
	OPT_VALUE,
	OPT_SECONDS,
	OPT_WARM_UP,
	OPT_REQUESTS,
	OPT_WAIT,
	OPT_COOKIE,
	OPT_PREFIX,
	OPT_PID,
	OPT_PROBE,
	OPT_ECHO
};

static const struct option names[] = {
    {"clients", required_argument, NULL, OPT_CLIENTS},
    {"connections", required_argument, NULL, OPT_CONNECTIONS},
    {"reads", required_argument, NULL, OPT_READS},
    {"create", no_argument, NULL, OPT_CREATE},
    {"retry", no_argument, NULL, OPT_RETRY},
    {"trace", required_argument, NULL, OPT_TRACE},
    {"value", required_argument, NULL, OPT_VALUE},
    {"seconds", required_argument, NULL, OPT_SECONDS},
    {"warm-up", required_argument, NULL, OPT_WARM_UP},
    {"requests", required_argument, NULL, OPT_REQUESTS},
    {"wait", required_argument, NULL, OPT_WAIT},
    {"cookie", required_argument, NULL, OPT_COOKIE},
    {"prefix", required_argument, NULL, OPT_PREFIX},
    {"pid", required_argument, NULL, OPT_PID},
    {"probe", required_argument, NULL, OPT_PROBE},
    {"echo", no_argument, NULL, OPT_ECHO},
    {NULL, 0, NULL, 0},
};

static unsigned long number(const char *text, unsigned long max)
{
	char *end;
	const unsigned long n = strtoul(text, &end, 10);

	if (*text == '\0' || *end != '\0' || n > max)
		die("%s is not a number up to %lu", text, max);
	return n;
}

static void add_server(struct options *o, const char *text)
{
	if (o->n_servers == SERVERS_MAX)
		die("too many servers");
	o->servers[o->n_servers++] = (long)number(text, 1UL << 30);
}

static void take_option(struct options *o, int which, const char *text)
{
	switch (which) {
	case OPT_CLIENTS:
		o->clients = (unsigned)number(text, 1 << 20);
		break;
	case OPT_CONNECTIONS:
		o->connections = (unsigned)number(text, CONNECTIONS_MAX);
		break;
	case OPT_READS:
		o->reads = (unsigned)number(text, 100);
		break;
	case OPT_CREATE:
		o->create = true;
		break;
	case OPT_RETRY:
		o->retry = true;
		break;
	case OPT_TRACE:
		o->trace = text;
		break;
	case OPT_VALUE:
		o->value_bytes = (unsigned)number(text, VALUE_MAX);
		break;
	case OPT_SECONDS:
		o->seconds = strtod(text, NULL);
		break;
	case OPT_WARM_UP:
		o->warm_up_s = strtod(text, NULL);
		break;
	case OPT_REQUESTS:
		o->requests = number(text, 1UL << 40);
		break;
	case OPT_WAIT:
		o->wait_replicas = (unsigned)number(text, 16);
		break;
	case OPT_COOKIE:
		o->cookie = text;
		break;
	case OPT_PREFIX:
		o->prefix = text;
		break;
	case OPT_PID:
		add_server(o, text);
		break;
	default:
		(void)fputs(usage, stderr);
		exit(64);
	}
}

static void check(struct options *o)
{
	if (o->connections == 0)
		o->connections = o->clients;
	if (o->clients == 0 || o->connections > CONNECTIONS_MAX || o->clients % o->connections != 0)
		die("so many clients cannot share so many connections");
	if (o->clients > o->connections && !o->protocol->many)
		die("%s: a connection carries one client", o->protocol->name);
	if (o->protocol == &erlmcp_protocol && o->cookie == NULL)
		die("erlmcp needs --cookie");
	if (strlen(o->prefix) > 32)
		die("the prefix is too long");
}

static void take_target(struct options *o, char *const *words)
{
	static const struct protocol *const protocols[] = {&erlmcp_protocol, &redis_protocol,
	                                                   &etcd_protocol};
	size_t i;

	for (i = 0; i < sizeof protocols / sizeof protocols[0]; i++) {
		if (strcmp(words[0], protocols[i]->name) == 0)
			o->protocol = protocols[i];
	}
	if (o->protocol == NULL)
		die("no such protocol: %s", words[0]);
	o->host = words[1];
	o->port = (uint16_t)number(words[2], 65535);
}

static void print_times(const char *name, const struct histogram *h, double seconds)
{
	static const struct {
		const char *name;
		double share;
	} points[] = {{"p50_us", 0.5}, {"p99_us", 0.99}, {"p999_us", 0.999}};
	size_t i;

	printf(", \"%s\": {\"n\": %llu, \"per_s\": %.1f", name, (unsigned long long)h->n,
	       (double)h->n / seconds);
	for (i = 0; i < sizeof points / sizeof points[0]; i++)
		printf(", \"%s\": %.1f", points[i].name,
		       (double)histogram_percentile(h, points[i].share) / 1e3);
	printf(", \"max_us\": %.1f}", (double)h->max / 1e3);
}

/* Reasons are our own texts and the servers': no quotes in them. */
static void print_reasons(const struct load *l)
{
	unsigned i;

	printf(", \"reasons\": {");
	for (i = 0; i < REASONS_MAX && l->reasons[i].n > 0; i++)
		printf("%s\"%s\": %llu", i == 0 ? "" : ", ", l->reasons[i].text,
		       (unsigned long long)l->reasons[i].n);
	printf("}");
}

static void print(const struct load *l)
{
	const struct options *o = &l->options;
	const double seconds = (double)(l->end_ns - l->start_ns) / 1e9;
	const double done = (double)(l->reads.n + l->writes.n);
	const double cpu_s = l->after.cpu_s - l->before.cpu_s;

	printf("{\"system\": \"%s\", \"clients\": %u, \"connections\": %u, \"reads\": %u, "
	       "\"value_bytes\": %u, \"seconds\": %.3f, \"per_s\": %.1f, \"errors\": %llu",
	       o->protocol->name, o->clients, o->connections, o->reads, o->value_bytes, seconds,
	       done / seconds, (unsigned long long)l->errors);
	print_reasons(l);
	print_times("write", &l->writes, seconds);
	print_times("read", &l->reads, seconds);
	if (o->n_servers > 0 && done > 0)
		printf(", \"cpu_us\": %.2f, \"cores\": %.3f, \"rss\": %llu, \"rss_max\": %llu",
		       cpu_s * 1e6 / done, cpu_s / seconds, (unsigned long long)l->after.rss,
		       (unsigned long long)l->after.rss_max);
	printf(", \"client_cpu_us\": %.2f}\n", l->client_cpu_s * 1e6 / (done > 0 ? done : 1));
}

int main(int argc, char **argv)
{
	struct load *l = calloc(1, sizeof *l);
	const char *probe = NULL;
	bool echo = false;
	int which;

	if (l == NULL)
		die("out of memory");
	l->options = (struct options){.prefix = "bench",
	                              .clients = 1,
	                              .value_bytes = 256,
	                              .warm_up_s = 2,
	                              .seconds = 5,
	                              .wait_replicas = 1};
	while ((which = getopt_long(argc, argv, "", names, NULL)) != -1) {
		if (which == OPT_PROBE)
			probe = optarg;
		else if (which == OPT_ECHO)
			echo = true;
		else
			take_option(&l->options, which, optarg);
	}
	argv += optind;
	if ((echo || probe != NULL) && argc - optind == 2) {
		const uint16_t port = (uint16_t)number(argv[1], 65535);

		return echo ? echo_run(argv[0], port)
		            : probe_run(probe, argv[0], port, l->options.seconds);
	}
	if (argc - optind != 3) {
		(void)fputs(usage, stderr);
		return 64;
	}
	take_target(&l->options, argv);
	check(&l->options);
	(void)load_run(l);
	print(l);
	free(l);
	return 0;
}
