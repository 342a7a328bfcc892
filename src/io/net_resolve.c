/* Names to addresses; see net_resolve.h.
 *
 * Each question has a thread of its own, because getaddrinfo() cannot be interrupted and takes
 * half a minute when no name server answers. On libuv's pool it would hold up what else is done
 * there, such as writes of the log, and the end of the loop, so a node that is told to stop while
 * its resolver is cut off. The question has two owners, the loop and the thread; the last one to
 * let go frees it, and the thread wakes the loop only while the loop still asks. */
#include "io/net_resolve.h"

#include <netdb.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "io/net_limits.h"

struct net_resolve {
	uv_async_t done;      /* wakes the loop; its memory is the loop's until it is closed */
	net_resolve_cb cb;    /* the loop's */
	void *arg;            /* of cb */
	pthread_mutex_t lock; /* over what follows */
	unsigned owners;      /* who has not let go yet */
	bool wanted;          /* done may be sent */
	bool found;           /* address is the answer */
	struct sockaddr_in address; /* the first one of the name */
	char host[];                /* the name */
};

bool net_resolve_numeric(const char *host, struct sockaddr_in *ret)
{
	struct sockaddr_in address; /* libuv empties its output before it looks at the name */

	if (uv_ip4_addr(host, 0, &address) != 0)
		return false;
	*ret = address;
	return true;
}

static void let_go(struct net_resolve *r)
{
	unsigned left;

	pthread_mutex_lock(&r->lock);
	left = --r->owners;
	pthread_mutex_unlock(&r->lock);
	if (left > 0)
		return;
	pthread_mutex_destroy(&r->lock);
	free(r);
}

static void loop_let_go(uv_handle_t *handle)
{
	let_go(handle->data);
}

static void *resolve(void *arg)
{
	struct net_resolve *r = arg;
	struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
	struct addrinfo *res = NULL;
	int failed = getaddrinfo(r->host, NULL, &hints, &res);

	pthread_mutex_lock(&r->lock);
	r->found = failed == 0 && res->ai_addrlen >= sizeof r->address;
	if (r->found)
		memcpy(&r->address, res->ai_addr, sizeof r->address);
	if (r->wanted)
		(void)uv_async_send(&r->done);
	pthread_mutex_unlock(&r->lock);
	if (failed == 0)
		freeaddrinfo(res);
	let_go(r);
	return NULL;
}

static void resolved(uv_async_t *handle)
{
	struct net_resolve *r = handle->data;
	struct sockaddr_in address;
	bool found;

	pthread_mutex_lock(&r->lock);
	r->wanted = false;
	found = r->found;
	address = r->address;
	pthread_mutex_unlock(&r->lock);
	uv_close((uv_handle_t *)handle, loop_let_go);
	r->cb(r->arg, found ? &address : NULL);
}

static bool thread_start(struct net_resolve *r)
{
	pthread_attr_t attributes;
	pthread_t thread;
	bool started;

	if (pthread_attr_init(&attributes) != 0)
		return false;
	started = pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED) == 0 &&
	          pthread_attr_setstacksize(&attributes, NET_RESOLVE_STACK) == 0 &&
	          pthread_create(&thread, &attributes, resolve, r) == 0;
	pthread_attr_destroy(&attributes);
	return started;
}

enum status net_resolve_start(struct uv_loop_s *loop, const char *host, net_resolve_cb cb,
                              void *arg, struct net_resolve **ret)
{
	size_t len = strlen(host) + 1;
	struct net_resolve *r = calloc(1, sizeof *r + len);

	if (r == NULL)
		return ST_NOMEM;
	r->cb = cb;
	r->arg = arg;
	r->owners = 2;
	r->wanted = true;
	memcpy(r->host, host, len);
	if (pthread_mutex_init(&r->lock, NULL) != 0)
		goto err_question;
	if (uv_async_init(loop, &r->done, resolved) != 0)
		goto err_lock;
	r->done.data = r;
	if (!thread_start(r)) {
		r->owners = 1;
		uv_close((uv_handle_t *)&r->done, loop_let_go);
		return ST_IO;
	}
	*ret = r;
	return ST_OK;
err_lock:
	pthread_mutex_destroy(&r->lock);
err_question:
	free(r);
	return ST_IO;
}

void net_resolve_cancel(struct net_resolve *r)
{
	pthread_mutex_lock(&r->lock);
	r->wanted = false;
	pthread_mutex_unlock(&r->lock);
	uv_close((uv_handle_t *)&r->done, loop_let_go);
}
