/* The machine as the configuration asks it. */
#include <ifaddrs.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "node/config.h"

static enum status system_hostname(void *arg, char *ret, size_t cap)
{
	char name[NODE_NAME_MAX];

	(void)arg;
	if (gethostname(name, sizeof name) != 0)
		return ST_IO;
	name[sizeof name - 1] = '\0';
	if (name[0] == '\0' || strlen(name) >= cap)
		return ST_LIMIT;
	memcpy(ret, name, strlen(name) + 1);
	return ST_OK;
}

static bool address_text(const struct sockaddr *sa, char *ret, size_t cap)
{
	if (sa == NULL)
		return false;
	if (sa->sa_family == AF_INET)
		return inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)sa)->sin_addr,
		                 ret, (socklen_t)cap) != NULL;
	if (sa->sa_family == AF_INET6)
		return inet_ntop(AF_INET6,
		                 &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, ret,
		                 (socklen_t)cap) != NULL;
	return false;
}

static bool system_resolve(void *arg, const char *host, char *ret, size_t cap)
{
	const struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
	struct addrinfo *found;
	bool ok;

	(void)arg;
	if (getaddrinfo(host, NULL, &hints, &found) != 0)
		return false;
	ok = address_text(found->ai_addr, ret, cap);
	freeaddrinfo(found);
	return ok;
}

static bool system_is_local(void *arg, const char *address)
{
	struct ifaddrs *all;
	bool local = strncmp(address, "127.", 4) == 0;

	(void)arg;
	if (local || getifaddrs(&all) != 0)
		return local;
	for (const struct ifaddrs *i = all; i != NULL && !local; i = i->ifa_next) {
		char text[CONFIG_ADDRESS_MAX];

		local = address_text(i->ifa_addr, text, sizeof text) && strcmp(text, address) == 0;
	}
	freeifaddrs(all);
	return local;
}

const struct config_host config_host_system = {
    .hostname = system_hostname,
    .resolve = system_resolve,
    .is_local = system_is_local,
};
