#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "io/http_server.h"
#include "testing.h"

enum {
	COST_US = 900, /* of one request, by the clock of this test */
	FLOOD = 400,   /* requests in one piece */
	TURNS_MAX = 100000,
};

static const char get[] = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";

/* A server whose requests take time on a clock that nothing else moves. */
struct scene {
	uv_loop_t loop;
	uv_timer_t pulse;
	struct http_server *server;
	struct sockaddr_in address;
	int64_t now_us;
	unsigned answered;
	unsigned answered_before; /* at the last turn of the pulse */
	unsigned most;            /* between two turns of the pulse */
	bool closed;
};

static int64_t now_us(void *arg)
{
	return ((struct scene *)arg)->now_us;
}

static void on_request(void *arg, uint64_t connection, const struct http_request *request)
{
	const struct http_answer yes = {200, "text/plain", NULL, "yes\n", 4, 0};
	struct scene *s = arg;

	assert_int_equal(request->head.verb, VERB_GET);
	s->now_us += COST_US;
	s->answered++;
	http_server_answer(s->server, connection, &yes);
}

static void on_pulse(uv_timer_t *timer)
{
	struct scene *s = timer->data;
	const unsigned n = s->answered - s->answered_before;

	s->most = n > s->most ? n : s->most;
	s->answered_before = s->answered;
}

/* A port that is free now. */
static void find_port(struct sockaddr_in *address)
{
	socklen_t len = sizeof *address;
	const int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	address->sin_family = AF_INET;
	address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (const struct sockaddr *)address, sizeof *address), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)address, &len), 0);
	close(fd);
}

static void scene_open(struct scene *s)
{
	const struct http_server_ops ops = {s, on_request, now_us};

	memset(s, 0, sizeof *s);
	assert_int_equal(uv_loop_init(&s->loop), 0);
	assert_int_equal(uv_timer_init(&s->loop, &s->pulse), 0);
	s->pulse.data = s;
	assert_int_equal(uv_timer_start(&s->pulse, on_pulse, 1, 1), 0);
	find_port(&s->address);
	assert_int_equal(http_server_open(&s->loop, &s->address, &ops, &s->server), ST_OK);
}

static void on_closed(void *arg)
{
	((struct scene *)arg)->closed = true;
}

static void scene_close(struct scene *s)
{
	http_server_close(s->server, on_closed, s);
	uv_close((uv_handle_t *)&s->pulse, NULL);
	assert_int_equal(uv_run(&s->loop, UV_RUN_DEFAULT), 0);
	assert_true(s->closed);
	http_server_free(s->server);
	assert_int_equal(uv_loop_close(&s->loop), 0);
}

/* From this address of this host. */
static int connected_from(const struct scene *s, in_addr_t address)
{
	const struct sockaddr_in from = {.sin_family = AF_INET,
	                                 .sin_addr = {.s_addr = htonl(address)}};
	const int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&from, sizeof from), 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)&s->address, sizeof s->address), 0);
	return fd;
}

static int connected(const struct scene *s)
{
	return connected_from(s, INADDR_LOOPBACK);
}

static void send_times(int fd, unsigned times)
{
	while (times-- > 0)
		assert_int_equal(send(fd, get, sizeof get - 1, MSG_NOSIGNAL), sizeof get - 1);
}

/* How many answers are here by now. */
static int answers(int fd)
{
	static char bytes[1 << 18];
	const ssize_t n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT | MSG_PEEK);
	int count = 0;

	for (ssize_t i = 0; i + 12 < n; i++)
		count += memcmp(bytes + i, "HTTP/1.1 200", 12) == 0;
	return count;
}

static void turn_until_asked(struct scene *s, unsigned wanted)
{
	for (unsigned i = 0; i < TURNS_MAX && s->answered < wanted; i++)
		uv_run(&s->loop, UV_RUN_ONCE);
	assert_true(s->answered >= wanted);
}

static void turn_until_answered(struct scene *s, int fd, int wanted)
{
	for (unsigned i = 0; i < TURNS_MAX && answers(fd) < wanted; i++)
		uv_run(&s->loop, UV_RUN_ONCE);
	assert_int_equal(answers(fd), wanted);
}

TEST(however_many_requests_come_at_once_the_loop_gets_its_turns)
{
	const unsigned slice = HTTP_SLICE_US / COST_US + 1;
	struct scene s;
	int fd;

	scene_open(&s);
	fd = connected(&s);
	send_times(fd, FLOOD);
	turn_until_answered(&s, fd, FLOOD);
	assert_in_range(s.most, 1, slice);
	close(fd);
	scene_close(&s);
}

TEST(who_asks_once_does_not_wait_for_those_who_ask_thousands_of_times)
{
	struct scene s;
	int flood[4];
	int fd;

	scene_open(&s);
	for (unsigned i = 0; i < 4; i++) {
		flood[i] = connected(&s);
		send_times(flood[i], FLOOD);
	}
	turn_until_asked(&s, 8);
	fd = connected(&s);
	send_times(fd, 1);
	turn_until_answered(&s, fd, 1);
	assert_in_range(s.answered, 8, FLOOD);
	for (unsigned i = 0; i < 4; i++)
		close(flood[i]);
	close(fd);
	scene_close(&s);
}

TEST(what_was_asked_before_the_end_of_the_stream_is_answered)
{
	struct scene s;
	int fd;

	scene_open(&s);
	fd = connected(&s);
	send_times(fd, 10);
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	turn_until_answered(&s, fd, 10);
	close(fd);
	scene_close(&s);
}

static uint64_t places(const struct scene *s)
{
	struct http_server_counts counts;

	http_server_counts(s->server, &counts);
	return counts.connections;
}

/* All places are taken by peers that each sent this so many times; one more comes and asks. */
static void crowd_in(const char *sent, unsigned times)
{
	struct http_server_counts counts;
	int crowd[HTTP_CONNECTIONS_MAX];
	struct scene s;
	int fd;

	scene_open(&s);
	for (unsigned i = 0; i < HTTP_CONNECTIONS_MAX; i++) {
		crowd[i] = connected(&s);
		uv_run(&s.loop, UV_RUN_ONCE);
	}
	for (unsigned i = 0; i < HTTP_CONNECTIONS_MAX; i++) {
		for (unsigned k = 0; k < times; k++)
			assert_int_equal(send(crowd[i], sent, strlen(sent), MSG_NOSIGNAL),
			                 strlen(sent));
	}
	/* What they sent is read before the next one is let in. */
	for (unsigned i = 0; i < HTTP_CONNECTIONS_MAX; i++)
		uv_run(&s.loop, UV_RUN_NOWAIT);
	fd = connected(&s);
	send_times(fd, 1);
	turn_until_answered(&s, fd, 1);
	http_server_counts(s.server, &counts);
	assert_int_equal(counts.connections, HTTP_CONNECTIONS_MAX);
	assert_int_equal(counts.displaced, 1);
	assert_int_equal(counts.refused, 0);
	for (unsigned i = 0; i < HTTP_CONNECTIONS_MAX; i++)
		close(crowd[i]);
	close(fd);
	scene_close(&s);
}

TEST(peers_that_only_stay_connected_make_room)
{
	crowd_in(get, 0);
}

TEST(heads_that_never_end_make_room_for_whole_ones)
{
	crowd_in("G", 1);
}

TEST(bodies_that_never_come_make_room)
{
	crowd_in("GET /a HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n", 1);
}

TEST(the_last_answers_of_refused_peers_make_room)
{
	crowd_in("nonsense\r\n\r\n", 1);
}

TEST(peers_that_are_all_being_served_make_room_for_one_more)
{
	crowd_in(get, 16);
}

/* Read what there is; false: the server has closed it. */
static bool is_open(int fd)
{
	char bytes[4096];
	ssize_t n;

	do
		n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
	while (n > 0);
	return n < 0 && errno == EAGAIN;
}

TEST(the_oldest_of_the_address_with_most_places_makes_room_and_not_the_oldest_of_all)
{
	int crowd[HTTP_CONNECTIONS_MAX];
	struct scene s;
	int fd;

	scene_open(&s);
	for (unsigned i = 0; i < HTTP_CONNECTIONS_MAX; i++) {
		crowd[i] = connected_from(&s, INADDR_LOOPBACK + (i < 2));
		while (places(&s) <= i)
			uv_run(&s.loop, UV_RUN_ONCE);
		s.now_us++;
	}
	for (unsigned i = 0; i < HTTP_CONNECTIONS_MAX; i++)
		send_times(crowd[i], 16);
	for (unsigned i = 0; i < HTTP_CONNECTIONS_MAX; i++)
		uv_run(&s.loop, UV_RUN_NOWAIT);
	fd = connected(&s);
	send_times(fd, 1);
	turn_until_answered(&s, fd, 1);
	for (unsigned i = 0; i < HTTP_CONNECTIONS_MAX; i++) {
		assert_int_equal(is_open(crowd[i]), i != 2);
		close(crowd[i]);
	}
	close(fd);
	scene_close(&s);
}

TEST(whoever_reads_to_the_end_does_not_wait_for_it)
{
	static const char last[] = "GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
	char bytes[1024];
	struct scene s;
	ssize_t n = -1;
	int fd;

	scene_open(&s);
	fd = connected(&s);
	assert_int_equal(send(fd, last, sizeof last - 1, MSG_NOSIGNAL), sizeof last - 1);
	/* The clock of this server stands still: no time limit ends the connection. */
	for (unsigned i = 0; i < TURNS_MAX && n != 0; i++) {
		uv_run(&s.loop, UV_RUN_ONCE);
		n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
	}
	assert_int_equal(n, 0);
	assert_int_equal(s.answered, 1);
	close(fd);
	scene_close(&s);
}

TEST(a_second_server_on_another_loop_answers_on_the_same_port)
{
	struct scene s;
	struct scene other = {0};
	const struct http_server_ops ops = {&other, on_request, now_us};
	struct http_server_counts counts;
	int first;
	int second;

	scene_open(&s);
	assert_int_equal(uv_loop_init(&other.loop), 0);
	assert_int_equal(http_server_share(s.server, &other.loop, &ops, &other.server), ST_OK);
	first = connected(&s);
	send_times(first, 1);
	turn_until_answered(&other, first, 1);
	assert_int_equal(s.answered, 0);
	/* It takes nobody new: the next one waits for the first server. */
	http_server_leave(other.server);
	second = connected(&s);
	send_times(second, 1);
	send_times(first, 1);
	turn_until_answered(&other, first, 2);
	turn_until_answered(&s, second, 1);
	http_server_counts(other.server, &counts);
	assert_int_equal(counts.connections, 1);
	http_server_close(other.server, on_closed, &other);
	assert_int_equal(uv_run(&other.loop, UV_RUN_DEFAULT), 0);
	assert_true(other.closed);
	http_server_free(other.server);
	assert_int_equal(uv_loop_close(&other.loop), 0);
	close(first);
	close(second);
	scene_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(however_many_requests_come_at_once_the_loop_gets_its_turns),
	    cmocka_unit_test(who_asks_once_does_not_wait_for_those_who_ask_thousands_of_times),
	    cmocka_unit_test(what_was_asked_before_the_end_of_the_stream_is_answered),
	    cmocka_unit_test(peers_that_only_stay_connected_make_room),
	    cmocka_unit_test(heads_that_never_end_make_room_for_whole_ones),
	    cmocka_unit_test(bodies_that_never_come_make_room),
	    cmocka_unit_test(the_last_answers_of_refused_peers_make_room),
	    cmocka_unit_test(peers_that_are_all_being_served_make_room_for_one_more),
	    cmocka_unit_test(
	        the_oldest_of_the_address_with_most_places_makes_room_and_not_the_oldest_of_all),
	    cmocka_unit_test(whoever_reads_to_the_end_does_not_wait_for_it),
	    cmocka_unit_test(a_second_server_on_another_loop_answers_on_the_same_port),
	};

	return RUN_TESTS(tests);
}
