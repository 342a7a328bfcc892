/* CPU time and memory of the servers, from /proc. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"

static void add(long pid, struct usage *u)
{
	unsigned long user = 0;
	unsigned long system = 0;
	long pages = 0;
	char path[64];
	char text[1024];
	const char *after;
	uint64_t rss;
	FILE *file;
	size_t n;

	(void)snprintf(path, sizeof path, "/proc/%ld/stat", pid);
	file = fopen(path, "r");
	if (file == NULL)
		die("no process %ld", pid);
	n = fread(text, 1, sizeof text - 1, file);
	(void)fclose(file);
	text[n] = '\0';
	/* The name is in parentheses and may hold anything; state follows it. */
	after = strrchr(text, ')');
	if (after == NULL || sscanf(after + 1,
	                            " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %*d %*d "
	                            "%*d %*d %*d %*d %*u %*u %ld",
	                            &user, &system, &pages) != 3)
		die("%s cannot be read", path);
	rss = (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
	u->cpu_s += (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
	u->rss += rss;
	if (rss > u->rss_max)
		u->rss_max = rss;
}

void usage_read(const struct options *o, struct usage *ret)
{
	unsigned i;

	memset(ret, 0, sizeof *ret);
	for (i = 0; i < o->n_servers; i++)
		add(o->servers[i], ret);
}
