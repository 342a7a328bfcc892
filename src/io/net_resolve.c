/* Names to addresses; see net_resolve.h. */
#include "io/net_resolve.h"

#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

struct net_resolve {
	uv_getaddrinfo_t req;
	net_resolve_cb cb; /* NULL: cancelled */
	void *arg;
};

bool net_resolve_numeric(const char *host, struct sockaddr_in *ret)
{
	struct sockaddr_in address; /* libuv empties its output before it looks at the name */

	if (uv_ip4_addr(host, 0, &address) != 0)
		return false;
	*ret = address;
	return true;
}

static void resolved(uv_getaddrinfo_t *req, int status, struct addrinfo *res)
{
	struct net_resolve *r = req->data;
	struct sockaddr_in address;
	bool found = status == 0 && res != NULL && res->ai_addrlen >= sizeof address;

	if (found)
		memcpy(&address, res->ai_addr, sizeof address);
	uv_freeaddrinfo(res);
	if (r->cb != NULL)
		r->cb(r->arg, found ? &address : NULL);
	free(r);
}

enum status net_resolve_start(struct uv_loop_s *loop, const char *host, net_resolve_cb cb,
                              void *arg, struct net_resolve **ret)
{
	struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
	struct net_resolve *r = calloc(1, sizeof *r);

	if (r == NULL)
		return ST_NOMEM;
	r->req.data = r;
	r->cb = cb;
	r->arg = arg;
	if (uv_getaddrinfo(loop, &r->req, resolved, host, NULL, &hints) != 0) {
		free(r);
		return ST_IO;
	}
	*ret = r;
	return ST_OK;
}

void net_resolve_cancel(struct net_resolve *r)
{
	r->cb = NULL;
	/* When it is already running, its callback comes with the answer and frees it. */
	(void)uv_cancel((uv_req_t *)&r->req);
}
