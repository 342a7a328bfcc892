/* A cable for the lab: carries Ethernet frames between the network namespaces of the hosts, and
 * spoils them on request, each direction of each pair for itself.
 *
 *   host 1 eth0 (TAP) ──┐                    ┌── eth0 (TAP) host 2
 *                       ├── wire: 1>2 1>3 .. ┤
 *   host 3 eth0 (TAP) ──┘   2>1 2>3 3>1 3>2  └── eth0 (TAP) observer
 *
 * The kernel's netem is not available everywhere and draws its own dice; here all decisions come
 * from a seed: what happens to the n-th frame of a direction depends on the seed and on n alone.
 *
 * Usage: wire SEED NETNS_FILE... Port n is the n-th file (from 1); its device is eth0, and frames
 * for it carry the address 02:00:0a:4d:00:n. Commands come on standard input, each is answered
 * by one line; the end of the input ends the program, and the devices with it:
 *   cut FROM TO                    frames vanish, also those under way
 *   join FROM TO                   and pass again
 *   shape FROM TO LOSS DELAY JITTER DUPLICATE REORDER
 *                                  probabilities in millionths, times in microseconds; the delay
 *                                  of a frame is DELAY plus 0..JITTER. Frames stay in order but
 *                                  for those that REORDER picks: later ones overtake them
 *   rate FROM TO KBIT QUEUE        the direction carries KBIT thousand bits a second; frames wait
 *                                  in a queue of QUEUE bytes, what does not fit is lost. KBIT 0:
 *                                  as much as comes
 *   count FROM TO                  passed, lost, cut, duplicated, reordered; bytes that passed
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/prng.h"

enum {
	PORTS_MAX = 16,        /* hosts and the observer */
	FRAME_MAX = 2048,      /* MTU 1500 and headers; no offloads on these devices */
	WAITING_MAX = 32768,   /* frames under way: 20 ms of a saturated link, many times over */
	BURST_MAX = 64,        /* frames read from one port before the others get their turn */
	COMMAND_MAX = 256,     /* one command */
	MILLION = 1000000,     /* probabilities are millionths */
	REORDER_MIN_US = 2000, /* a reordered frame is held back at least this long */
	NS_PER_US = 1000,
};

/* One direction between two ports. */
struct direction {
	bool cut;              /* frames vanish */
	uint32_t loss;         /* probabilities in millionths */
	uint32_t duplicate;    /* ... of a second copy */
	uint32_t reorder;      /* ... of being overtaken */
	int64_t delay_us;      /* fixed part of the delay */
	int64_t jitter_us;     /* random part: 0..jitter */
	int64_t last_due_ns;   /* keeps frames in order */
	int64_t kbit;          /* thousand bits a second; 0: no bound */
	int64_t queue_max;     /* bytes that wait for the line */
	int64_t line_free_ns;  /* when the line has sent what waits for it */
	struct prng dice;      /* from the seed and the two ports */
	uint64_t n_passed;     /* handed to the receiver */
	uint64_t n_lost;       /* by loss, or a receiver that takes none */
	uint64_t n_cut;        /* by a cut */
	uint64_t n_duplicated; /* second copies */
	uint64_t n_reordered;  /* held back */
	uint64_t n_bytes;      /* of the frames that passed */
};

struct frame {
	int64_t due_ns;    /* when it arrives */
	uint64_t sequence; /* keeps frames of one instant in order */
	int from;
	int to;
	size_t len;
	uint8_t bytes[];
};

struct wire {
	int ports[PORTS_MAX]; /* TAP descriptors */
	int n_ports;
	int timer; /* next frame due */
	int epoll;
	uint64_t sequence; /* of the next frame */
	struct direction directions[PORTS_MAX][PORTS_MAX];
	struct frame *waiting[WAITING_MAX]; /* a heap: the next one due is first */
	size_t n_waiting;
	char line[COMMAND_MAX]; /* command that is not complete yet */
	size_t line_len;
};

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static bool is_before(const struct frame *a, const struct frame *b)
{
	return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->sequence < b->sequence;
}

/* Takes the frame. */
static void heap_push(struct wire *w, struct frame *f)
{
	size_t at = w->n_waiting++;

	assert(at < WAITING_MAX);
	while (at > 0 && is_before(f, w->waiting[(at - 1) / 2])) {
		w->waiting[at] = w->waiting[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	w->waiting[at] = f;
}

static struct frame *heap_pop(struct wire *w)
{
	struct frame *first = w->waiting[0];
	struct frame *last = w->waiting[--w->n_waiting];
	size_t at = 0;

	for (;;) {
		size_t child = 2 * at + 1;

		if (child >= w->n_waiting)
			break;
		if (child + 1 < w->n_waiting && is_before(w->waiting[child + 1], w->waiting[child]))
			child++;
		if (!is_before(w->waiting[child], last))
			break;
		w->waiting[at] = w->waiting[child];
		at = child;
	}
	w->waiting[at] = last;
	return first;
}

static void arrive(struct wire *w, const struct frame *f)
{
	struct direction *d = &w->directions[f->from][f->to];

	if (d->cut) {
		d->n_cut++;
	} else if (write(w->ports[f->to], f->bytes, f->len) == (ssize_t)f->len) {
		d->n_passed++;
		d->n_bytes += f->len;
	} else {
		d->n_lost++;
	}
}

static void deliver_due(struct wire *w)
{
	int64_t now = now_ns();

	while (w->n_waiting > 0 && w->waiting[0]->due_ns <= now) {
		struct frame *f = heap_pop(w);

		arrive(w, f);
		free(f);
	}
}

static void set_timer(const struct wire *w)
{
	struct itimerspec when = {0};

	if (w->n_waiting > 0) {
		int64_t due = w->waiting[0]->due_ns;

		when.it_value.tv_sec = due / 1000000000;
		when.it_value.tv_nsec = due % 1000000000;
	}
	(void)timerfd_settime(w->timer, TFD_TIMER_ABSTIME, &when, NULL);
}

static bool happens(struct direction *d, uint32_t millionths)
{
	return prng_range(&d->dice, 1, MILLION) <= millionths;
}

/* A byte takes 8 bits; at one thousand bits a second each takes a million nanoseconds. */
static int64_t line_ns(const struct direction *d, int64_t bytes)
{
	return bytes * 8 * MILLION / d->kbit;
}

/* When the line has sent a frame that enters now; -1: the queue before it is full. */
static int64_t sent_at(struct direction *d, size_t len)
{
	int64_t now = now_ns();

	if (d->kbit == 0)
		return now;
	if (d->line_free_ns < now)
		d->line_free_ns = now;
	if (d->line_free_ns - now > line_ns(d, d->queue_max))
		return -1;
	d->line_free_ns += line_ns(d, (int64_t)len);
	return d->line_free_ns;
}

/* When a frame that the line has sent arrives. */
static int64_t due_at(struct direction *d, int64_t sent_ns)
{
	int64_t due = sent_ns + d->delay_us * NS_PER_US;

	due += prng_range(&d->dice, 0, d->jitter_us) * NS_PER_US;
	if (happens(d, d->reorder)) {
		d->n_reordered++;
		return due + (REORDER_MIN_US + d->jitter_us) * NS_PER_US;
	}
	if (due < d->last_due_ns)
		due = d->last_due_ns;
	d->last_due_ns = due;
	return due;
}

static void enter(struct wire *w, int from, int to, const uint8_t *bytes, size_t len)
{
	struct direction *d = &w->directions[from][to];
	struct frame *f;
	int64_t sent_ns;

	if (d->cut) {
		d->n_cut++;
		return;
	}
	if (happens(d, d->loss) || w->n_waiting == WAITING_MAX) {
		d->n_lost++;
		return;
	}
	sent_ns = sent_at(d, len);
	f = sent_ns < 0 ? NULL : malloc(sizeof *f + len);
	if (f == NULL) {
		d->n_lost++;
		return;
	}
	f->due_ns = due_at(d, sent_ns);
	f->sequence = w->sequence++;
	f->from = from;
	f->to = to;
	f->len = len;
	memcpy(f->bytes, bytes, len);
	heap_push(w, f);
}

static void enter_copies(struct wire *w, int from, int to, const uint8_t *bytes, size_t len)
{
	struct direction *d = &w->directions[from][to];

	enter(w, from, to, bytes, len);
	if (!d->cut && happens(d, d->duplicate)) {
		d->n_duplicated++;
		enter(w, from, to, bytes, len);
	}
}

/* Port that a frame is for: its last address byte; 0 for a group address, -1 for a stranger's. */
static int port_of(const struct wire *w, const uint8_t *frame)
{
	static const uint8_t prefix[] = {0x02, 0x00, 0x0a, 0x4d, 0x00};

	if (frame[0] & 1)
		return 0;
	if (memcmp(frame, prefix, sizeof prefix) != 0 || frame[5] < 1 || frame[5] > w->n_ports)
		return -1;
	return frame[5];
}

static void switch_frame(struct wire *w, int from, const uint8_t *frame, size_t len)
{
	int port = port_of(w, frame);

	for (int to = 0; to < w->n_ports; to++) {
		if (to != from && (port == 0 || port == to + 1))
			enter_copies(w, from, to, frame, len);
	}
}

static void read_port(struct wire *w, int from)
{
	uint8_t frame[FRAME_MAX];

	for (int i = 0; i < BURST_MAX; i++) {
		ssize_t n = read(w->ports[from], frame, sizeof frame);

		if (n < 14) /* nothing (more), or shorter than an Ethernet header */
			return;
		switch_frame(w, from, frame, (size_t)n);
	}
}

static void shape(struct direction *d, const long long v[5])
{
	d->loss = (uint32_t)v[0];
	d->delay_us = v[1];
	d->jitter_us = v[2];
	d->duplicate = (uint32_t)v[3];
	d->reorder = (uint32_t)v[4];
}

/* One command; the text of the answer goes to standard output. */
static void command(struct wire *w, const char *line)
{
	char verb[16];
	long long v[5] = {0};
	int from, to;
	int n = sscanf(line, "%15s %d %d %lld %lld %lld %lld %lld", verb, &from, &to, &v[0], &v[1],
	               &v[2], &v[3], &v[4]);
	struct direction *d;

	if (n < 3 || from < 1 || to < 1 || from > w->n_ports || to > w->n_ports) {
		printf("error: no such command or port: %s\n", line);
		return;
	}
	d = &w->directions[from - 1][to - 1];
	if (strcmp(verb, "cut") == 0) {
		d->cut = true;
	} else if (strcmp(verb, "join") == 0) {
		d->cut = false;
	} else if (strcmp(verb, "shape") == 0 && n == 8) {
		shape(d, v);
	} else if (strcmp(verb, "rate") == 0 && n == 5 && v[0] >= 0 && v[1] >= 0) {
		d->kbit = v[0];
		d->queue_max = v[1];
	} else if (strcmp(verb, "count") == 0) {
		printf("ok %llu %llu %llu %llu %llu %llu\n", (unsigned long long)d->n_passed,
		       (unsigned long long)d->n_lost, (unsigned long long)d->n_cut,
		       (unsigned long long)d->n_duplicated, (unsigned long long)d->n_reordered,
		       (unsigned long long)d->n_bytes);
		return;
	} else {
		printf("error: no such command: %s\n", line);
		return;
	}
	printf("ok\n");
}

/* Read commands; false at the end of the input. */
static bool read_commands(struct wire *w)
{
	char bytes[4096];
	ssize_t n = read(STDIN_FILENO, bytes, sizeof bytes);

	if (n <= 0)
		return n < 0 && errno == EINTR;
	for (ssize_t i = 0; i < n; i++) {
		if (bytes[i] != '\n') {
			if (w->line_len + 1 < sizeof w->line)
				w->line[w->line_len++] = bytes[i];
			continue;
		}
		w->line[w->line_len] = '\0';
		w->line_len = 0;
		command(w, w->line);
	}
	fflush(stdout);
	return true;
}

static void watch(const struct wire *w, int fd, int tag)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.u32 = (uint32_t)tag};

	if (epoll_ctl(w->epoll, EPOLL_CTL_ADD, fd, &ev) != 0) {
		perror("wire: epoll_ctl");
		exit(1);
	}
}

enum { TAG_COMMANDS = PORTS_MAX, TAG_TIMER };

static void run(struct wire *w)
{
	struct epoll_event events[PORTS_MAX + 2];

	for (;;) {
		int n = epoll_wait(w->epoll, events, PORTS_MAX + 2, -1);

		for (int i = 0; i < n; i++) {
			uint32_t tag = events[i].data.u32;

			if (tag == TAG_COMMANDS && !read_commands(w))
				return;
			if (tag < PORTS_MAX)
				read_port(w, (int)tag);
		}
		deliver_due(w);
		set_timer(w);
	}
}

/* The device eth0 in a network namespace; exits with the reason when it cannot be had. */
static int open_port(const char *netns)
{
	struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI, .ifr_name = "eth0"};
	int ns = open(netns, O_RDONLY | O_CLOEXEC);
	int fd;

	if (ns < 0 || setns(ns, CLONE_NEWNET) != 0) {
		fprintf(stderr, "wire: %s: %s\n", netns, strerror(errno));
		exit(1);
	}
	close(ns);
	fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &request) != 0) {
		fprintf(stderr, "wire: /dev/net/tun: %s\n", strerror(errno));
		exit(1);
	}
	return fd;
}

static void seed_directions(struct wire *w, uint64_t seed)
{
	for (uint64_t from = 0; from < PORTS_MAX; from++) {
		for (uint64_t to = 0; to < PORTS_MAX; to++)
			w->directions[from][to].dice.state = seed << 8 | from << 4 | to;
	}
}

int main(int argc, char **argv)
{
	struct wire *w = calloc(1, sizeof *w);

	if (w == NULL || argc < 3 || argc - 2 > PORTS_MAX) {
		fprintf(stderr, "usage: %s SEED NETNS_FILE... (at most %d)\n", argv[0], PORTS_MAX);
		return 64;
	}
	seed_directions(w, strtoull(argv[1], NULL, 10));
	w->epoll = epoll_create1(EPOLL_CLOEXEC);
	w->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	for (int i = 2; i < argc; i++) {
		w->ports[w->n_ports] = open_port(argv[i]);
		watch(w, w->ports[w->n_ports], w->n_ports);
		w->n_ports++;
	}
	watch(w, STDIN_FILENO, TAG_COMMANDS);
	watch(w, w->timer, TAG_TIMER);
	printf("ready\n");
	fflush(stdout);
	run(w);
	return 0;
}
