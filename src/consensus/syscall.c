/* libraft's system calls for asynchronous I/O, counted on their way.
 *
 * libc has no functions for io_setup(), io_submit(), io_getevents() and io_destroy(), so libraft
 * makes them with syscall(). That function of this program is ours, for all libraries in
 * it, as the dynamic linker looks into the program first. It is libc's in all respects, arguments,
 * result and errno, and tells contexts.c what it sees of the four; an io_destroy() that can wait is
 * left to the thread there. A libraft that makes them otherwise is served as if this file did not
 * exist.
 *
 * The contexts are the process's, like the system calls: they are the one thing here that belongs
 * to no structure, since syscall() has no argument to pass one. Reasons and
 * alternatives: doc/decisions/0010-contexts.md. */
#include <assert.h>
#include <dlfcn.h>
#include <errno.h>
#include <linux/aio_abi.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "consensus/contexts.h"

enum { ARGUMENTS = 6 }; /* that a system call takes at most */

typedef long call(long number, ...);

long counted_syscall(long number, ...) __asm__("syscall");

/* libc's. dlsym() gives the same each time, so it does not matter who asks first. */
static call *libc_syscall(void)
{
	static _Atomic(call *) found;
	call *f = atomic_load_explicit(&found, memory_order_acquire);
	const int error = errno;
	void *symbol;

	if (f != NULL)
		return f;
	symbol = dlsym(RTLD_NEXT, "syscall");
	assert(symbol != NULL);
	memcpy(&f, &symbol, sizeof f);
	atomic_store_explicit(&found, f, memory_order_release);
	errno = error;
	return f;
}

static void destroy(unsigned long id)
{
	(void)libc_syscall()(SYS_io_destroy, id);
}

struct contexts *contexts_own(void)
{
	static struct contexts own = {.lock = PTHREAD_MUTEX_INITIALIZER,
	                              .wake = PTHREAD_COND_INITIALIZER,
	                              .destroy = destroy};

	return &own;
}

static long setup(call *real, const long a[ARGUMENTS])
{
	const long rv = real(SYS_io_setup, a[0], a[1]);
	const aio_context_t *ctx;

	memcpy(&ctx, &a[1], sizeof ctx);
	if (rv == 0)
		contexts_made(contexts_own(), *ctx);
	return rv;
}

/* Counted before: another thread may fetch the completion before the call returns. */
static long submit(call *real, const long a[ARGUMENTS])
{
	const unsigned long id = (unsigned long)a[0];
	const long asked = a[1] > 0 ? a[1] : 0;
	long rv;

	contexts_submitted(contexts_own(), id, asked);
	rv = real(SYS_io_submit, a[0], a[1], a[2]);
	contexts_fetched(contexts_own(), id, rv > 0 ? asked - rv : asked);
	return rv;
}

static long fetch(call *real, const long a[ARGUMENTS])
{
	const long rv = real(SYS_io_getevents, a[0], a[1], a[2], a[3], a[4]);

	if (rv > 0)
		contexts_fetched(contexts_own(), (unsigned long)a[0], rv);
	return rv;
}

/* As libc's, all six are taken from where they would be; a sanitizer would see the caller's stack.
 */
__attribute__((no_sanitize("address"))) long counted_syscall(long number, ...)
{
	call *real = libc_syscall();
	long a[ARGUMENTS];
	va_list rest;

	va_start(rest, number);
	for (int i = 0; i < ARGUMENTS; i++)
		a[i] = va_arg(rest, long);
	va_end(rest);
	switch (number) {
	case SYS_io_setup:
		return setup(real, a);
	case SYS_io_submit:
		return submit(real, a);
	case SYS_io_getevents:
		return fetch(real, a);
	case SYS_io_destroy:
		if (contexts_doom(contexts_own(), (unsigned long)a[0]))
			return 0;
		break;
	default:
		break;
	}
	return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
