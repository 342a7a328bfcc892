/* The raft_io that libraft sees: passes disk work on, keeps the network and the clock here.
 *
 * libraft aborts the process when an I/O function fails, and its disk backend retries some
 * failed writes for ever. Here a failure is told to the owner instead (ops.fatal), and what
 * libraft asked for is simply never answered: a node that cannot trust its disk says nothing
 * more. The requests are cancelled when the owner closes, so that memory is accounted for. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consensus/inside.h"

/* An append on its way to the disk. */
struct shim_append {
	struct raft_io_append request; /* the disk's */
	struct raft_io_append *asked;  /* libraft's */
	raft_io_append_cb cb;
	struct consensus *c;
	struct queue link; /* in c->stuck after a failure */
};

/* A snapshot on its way to or from the disk. */
struct shim_put {
	struct raft_io_snapshot_put request;
	struct raft_io_snapshot_put *asked;
	raft_io_snapshot_put_cb cb;
	struct consensus *c;
};

struct shim_get {
	struct raft_io_snapshot_get request;
	struct raft_io_snapshot_get *asked;
	raft_io_snapshot_get_cb cb;
	struct consensus *c;
};

static struct consensus *of_io(struct raft_io *io)
{
	return CONTAINER_OF(io, struct consensus, io);
}

/* The disk's data pointer is libraft's struct raft, as its libuv backend expects. */
static struct consensus *of_disk(struct raft_io *disk)
{
	return CONTAINER_OF(disk->data, struct consensus, raft);
}

static int failed(struct consensus *c, const char *what)
{
	char why[sizeof c->why];

	snprintf(why, sizeof why, "%s: %s", what, c->disk->errmsg);
	inside_fatal(c, why);
	return 0;
}

static int shim_init_cb(struct raft_io *io, raft_id id, const char *address)
{
	struct consensus *c = of_io(io);
	int rv;

	c->disk->data = &c->raft;
	rv = c->disk->init(c->disk, id, address);
	if (rv != 0)
		memcpy(io->errmsg, c->disk->errmsg, sizeof io->errmsg);
	return rv;
}

static void disk_closed(struct raft_io *disk)
{
	struct consensus *c = of_disk(disk);

	c->io_closed_cb(&c->io);
}

static void shim_close(struct raft_io *io, raft_io_close_cb cb)
{
	struct consensus *c = of_io(io);
	struct queue *pos;
	struct queue *after;

	c->io_closed_cb = cb;
	chunks_close(c);
	runs_close(c);
	QUEUE_EACH (pos, after, &c->stuck) {
		struct shim_append *a = CONTAINER_OF(pos, struct shim_append, link);

		queue_remove(&a->link);
		a->cb(a->asked, RAFT_CANCELED);
		free(a);
	}
	c->disk->close(c->disk, disk_closed);
}

static void loaded_free(struct raft_snapshot *snapshot, struct raft_entry *entries, size_t n)
{
	void *batch = NULL;
	size_t i;

	for (i = 0; i < n; i++) {
		if (entries[i].batch != batch) {
			batch = entries[i].batch;
			raft_free(batch);
		}
	}
	raft_free(entries);
	if (snapshot == NULL)
		return;
	raft_configuration_close(&snapshot->configuration);
	for (i = 0; i < snapshot->n_bufs; i++)
		raft_free(snapshot->bufs[i].base);
	raft_free(snapshot->bufs);
	raft_free(snapshot);
}

static bool is_alone(const struct raft_configuration *conf, raft_id id)
{
	const struct raft_server *self = server_of(conf, id);

	return self != NULL && self->role == RAFT_VOTER && voters_of(conf) == 1;
}

/* True when the newest configuration in what was loaded has one voter: this node. */
static bool loaded_alone(const struct consensus *c, const struct loaded *l)
{
	struct raft_configuration conf;
	bool alone;
	size_t i = l->n;

	while (i > 0 && l->entries[i - 1].type != RAFT_CHANGE)
		i--;
	if (i == 0)
		return l->snapshot != NULL &&
		       is_alone(&l->snapshot->configuration, c->config.raft_id);
	raft_configuration_init(&conf);
	if (raft_configuration_decode(&l->entries[i - 1].buf, &conf) != 0)
		return false;
	alone = is_alone(&conf, c->config.raft_id);
	raft_configuration_close(&conf);
	return alone;
}

/* libraft lets an only voter lead at once, in the term in which it led before. What that
 * leadership had sent to learners and lost before its own disk had it would be contradicted by
 * other entries of the same index and term: so a new leadership gets a new term. */
static int renew_term(struct consensus *c, const struct loaded *l, raft_term *term, raft_id *vote)
{
	int rv;

	if (l->term == 0 || !loaded_alone(c, l))
		return 0;
	rv = c->disk->set_term(c->disk, l->term + 1);
	if (rv != 0)
		return rv;
	*term = l->term + 1;
	*vote = 0;
	return 0;
}

/* libraft asserts that what it loads makes sense; a damaged directory must not abort us.
 * The parameters are libraft's. NOLINTNEXTLINE(readability-function-size) */
static int shim_load(struct raft_io *io, raft_term *term, raft_id *vote,
                     struct raft_snapshot **snapshot, raft_index *start,
                     struct raft_entry *entries[], size_t *n)
{
	struct consensus *c = of_io(io);
	struct loaded loaded;
	const char *why;
	unsigned i;
	int rv;

	rv = c->disk->load(c->disk, term, vote, snapshot, start, entries, n);
	if (rv != 0)
		goto err;
	loaded.term = *term;
	loaded.vote = *vote;
	loaded.snapshot = *snapshot;
	loaded.start = *start;
	loaded.entries = *entries;
	loaded.n = *n;
	if (validate_loaded(&loaded, &why) != ST_OK) {
		snprintf(c->disk->errmsg, sizeof c->disk->errmsg, "impossible log: %s", why);
		rv = RAFT_CORRUPT;
		goto err_loaded;
	}
	if (*snapshot != NULL) {
		c->loaded_term = (*snapshot)->term;
		c->loaded_index = (*snapshot)->index;
	}
	rv = renew_term(c, &loaded, term, vote);
	if (rv != 0)
		goto err_loaded;
	/* Both metadata files exist from now on: a disk that fills up cannot keep this node
	 * from recording a vote later. The vote itself does not change. */
	for (i = 0; i < 2; i++) {
		rv = c->disk->set_vote(c->disk, *vote);
		if (rv != 0)
			goto err_loaded;
	}
	c->loaded_vote = *vote;
	c->loaded_vote_term = *term;
	return 0;
err_loaded:
	loaded_free(*snapshot, *entries, *n);
	*snapshot = NULL;
	*entries = NULL;
	*n = 0;
err:
	memcpy(io->errmsg, c->disk->errmsg, sizeof io->errmsg);
	return rv;
}

static void disk_tick(struct raft_io *disk)
{
	(void)disk; /* consensus_tick() comes exactly when libraft wants it */
}

static void disk_recv(struct raft_io *disk, struct raft_message *message)
{
	(void)disk;
	(void)message;
	assert(0); /* the disk backend has no network */
}

static int shim_start(struct raft_io *io, unsigned msecs, raft_io_tick_cb tick_cb,
                      raft_io_recv_cb recv_cb)
{
	struct consensus *c = of_io(io);
	int rv;

	(void)msecs;
	c->tick_cb = tick_cb;
	c->recv_cb = recv_cb;
	rv = c->disk->start(c->disk, DISK_TICK_MS, disk_tick, disk_recv);
	if (rv != 0)
		memcpy(io->errmsg, c->disk->errmsg, sizeof io->errmsg);
	io->capacity = c->disk->capacity;
	return rv;
}

static int shim_bootstrap(struct raft_io *io, const struct raft_configuration *conf)
{
	struct consensus *c = of_io(io);

	return c->disk->bootstrap(c->disk, conf);
}

static int shim_set_term(struct raft_io *io, raft_term term)
{
	struct consensus *c = of_io(io);

	if (c->failed)
		return 0;
	return c->disk->set_term(c->disk, term) == 0 ? 0 : failed(c, "cannot store the term");
}

static int shim_set_vote(struct raft_io *io, raft_id id)
{
	struct consensus *c = of_io(io);

	if (c->failed)
		return 0;
	return c->disk->set_vote(c->disk, id) == 0 ? 0 : failed(c, "cannot store the vote");
}

static void append_done(struct raft_io_append *request, int status)
{
	struct shim_append *a = CONTAINER_OF(request, struct shim_append, request);
	struct consensus *c = a->c;

	if (status != 0 && !c->closing) {
		failed(c, "cannot write the log");
		queue_push(&c->stuck, &a->link);
		return;
	}
	inside_enter(c);
	a->cb(a->asked, status);
	free(a);
	inside_leave(c);
}

/* libraft leaves the eight bytes of a barrier as it found them in memory: neither the disk nor
 * a peer shall see what was there before. */
static void clear_barriers(const struct raft_entry entries[], unsigned n)
{
	unsigned i;

	for (i = 0; i < n; i++) {
		if (entries[i].type == RAFT_BARRIER)
			memset(entries[i].buf.base, 0, entries[i].buf.len);
	}
}

static int shim_append(struct raft_io *io, struct raft_io_append *request,
                       const struct raft_entry entries[], unsigned n, raft_io_append_cb cb)
{
	struct consensus *c = of_io(io);
	struct shim_append *a = calloc(1, sizeof *a);

	if (a == NULL)
		return RAFT_NOMEM;
	a->asked = request;
	a->cb = cb;
	a->c = c;
	queue_init(&a->link);
	clear_barriers(entries, n);
	if (c->failed) {
		queue_push(&c->stuck, &a->link);
		return 0;
	}
	if (c->disk->append(c->disk, &a->request, entries, n, append_done) != 0) {
		failed(c, "cannot write the log");
		queue_push(&c->stuck, &a->link);
	}
	return 0;
}

static int shim_truncate(struct raft_io *io, raft_index index)
{
	struct consensus *c = of_io(io);

	if (c->failed)
		return 0;
	return c->disk->truncate(c->disk, index) == 0 ? 0 : failed(c, "cannot cut the log");
}

/* A snapshot that failed is never reported: libraft would abort. Its memory goes with the
 * process that has to stop. */
static void put_done(struct raft_io_snapshot_put *request, int status)
{
	struct shim_put *p = CONTAINER_OF(request, struct shim_put, request);
	struct consensus *c = p->c;

	if (status != 0 && !c->closing) {
		failed(c, "cannot store a snapshot");
		return;
	}
	inside_enter(c);
	p->cb(p->asked, c->closing ? RAFT_CANCELED : status);
	free(p);
	inside_leave(c);
}

static int shim_snapshot_put(struct raft_io *io, unsigned trailing,
                             struct raft_io_snapshot_put *request,
                             const struct raft_snapshot *snapshot, raft_io_snapshot_put_cb cb)
{
	struct consensus *c = of_io(io);
	struct shim_put *p;
	int rv;

	if (picture_is_begun(c))
		return picture_put(c, trailing, request, snapshot, cb);
	p = calloc(1, sizeof *p);
	if (p == NULL)
		return RAFT_NOMEM;
	p->asked = request;
	p->cb = cb;
	p->c = c;
	rv = c->disk->snapshot_put(c->disk, trailing, &p->request, snapshot, put_done);
	if (rv != 0) {
		free(p);
		failed(c, "cannot store a snapshot");
	}
	return rv;
}

static void get_done(struct raft_io_snapshot_get *request, struct raft_snapshot *snapshot,
                     int status)
{
	struct shim_get *g = CONTAINER_OF(request, struct shim_get, request);
	struct consensus *c = g->c;

	if (status != 0) {
		/* libraft would release a configuration that it never filled in. */
		if (!c->closing)
			failed(c, "cannot read a snapshot");
		return;
	}
	inside_enter(c);
	g->cb(g->asked, snapshot, status);
	free(g);
	inside_leave(c);
}

static int shim_snapshot_get(struct raft_io *io, struct raft_io_snapshot_get *request,
                             raft_io_snapshot_get_cb cb)
{
	struct consensus *c = of_io(io);
	struct shim_get *g = calloc(1, sizeof *g);
	int rv;

	if (g == NULL)
		return RAFT_NOMEM;
	g->asked = request;
	g->cb = cb;
	g->c = c;
	rv = c->disk->snapshot_get(c->disk, &g->request, get_done);
	if (rv != 0) {
		free(g);
		failed(c, "cannot read a snapshot");
	}
	return rv;
}

static raft_time shim_time(struct raft_io *io)
{
	return (raft_time)inside_now_ms(of_io(io));
}

static int shim_random(struct raft_io *io, int min, int max)
{
	return (int)prng_range(&of_io(io)->prng, min, max);
}

void shim_init(struct consensus *c)
{
	struct raft_io *io = &c->io;

	memset(io, 0, sizeof *io);
	io->version = 2;
	io->init = shim_init_cb;
	io->close = shim_close;
	io->load = shim_load;
	io->start = shim_start;
	io->bootstrap = shim_bootstrap;
	io->set_term = shim_set_term;
	io->set_vote = shim_set_vote;
	io->append = shim_append;
	io->truncate = shim_truncate;
	io->snapshot_put = shim_snapshot_put;
	io->snapshot_get = shim_snapshot_get;
	io->send = shim_send;
	io->time = shim_time;
	io->random = shim_random;
	queue_init(&c->stuck);
}
