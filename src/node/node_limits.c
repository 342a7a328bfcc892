#include "node/node_limits.h"

#include <assert.h>
#include <math.h>

#include "node/node_internal.h"
#include "node/requests.h"
#include "session/limits.h"
#include "session/store.h"

/* Limits of single things: how much of them is used differs from one to the next. */
static const struct {
	const char *name;
	double limit;
	enum store_result refusal;
} single_limits[] = {
    {"session_bytes", SESSION_BYTES_MAX, RESULT_SESSION_LIMIT},
    {"value_bytes", SESSION_VALUE_MAX, RESULT_VALUE_LIMIT},
    {"key_bytes", SESSION_KEY_MAX, RESULT_KEY_LIMIT},
    {"info_bytes", SESSION_INFO_MAX, RESULT_INFO_LIMIT},
    {"session_streams", STREAMS_MAX, RESULT_STREAMS_LIMIT},
    {"stream_events", EVENTS_MAX, RESULT_EVENTS_LIMIT},
    {"event_bytes", EVENT_BYTES_MAX, RESULT_EVENT_LIMIT},
    {"session_questions", PENDING_MAX, RESULT_QUESTIONS_LIMIT},
    {"question_bytes", PENDING_BYTES_MAX, RESULT_QUESTION_LIMIT},
    {"handle_bytes", HANDLE_VALUE_MAX, RESULT_HANDLE_LIMIT},
    {"task_bytes", TASK_BYTES_MAX, RESULT_TASK_LIMIT},
};

/* A list being filled. */
struct limits {
	struct metrics_limit *list;
	size_t n;
};

static void put(struct limits *l, const char *name, double in_use, double limit, uint64_t refusals)
{
	assert(l->n < METRICS_LIMITS_MAX);
	l->list[l->n++] = (struct metrics_limit){name, in_use, limit, (double)refusals};
}

/* Refused behind the log, as every member did, and before it, here. */
static uint64_t refused(const struct node *n, enum store_result how)
{
	return store_answered(core_store(n->core), how) + n->metrics.too_large[how];
}

static void put_state(const struct node *n, struct limits *l)
{
	const struct store *store = core_store(n->core);
	struct store_usage u;

	store_usage(store, &u);
	put(l, "sessions", (double)u.sessions, (double)u.sessions_max,
	    refused(n, RESULT_SESSIONS_LIMIT));
	put(l, "state_bytes", (double)store_bytes(store), (double)u.bytes_max,
	    refused(n, RESULT_STORE_LIMIT));
	put(l, "handles", (double)u.handles, (double)u.sessions_max, 0);
	put(l, "tasks", (double)u.tasks, (double)u.sessions_max, 0);
	/* The answer does not tell which of the two it was. */
	put(l, "handles_or_tasks", NAN, (double)u.sessions_max, refused(n, RESULT_OBJECTS_LIMIT));
	for (size_t i = 0; i < sizeof single_limits / sizeof single_limits[0]; i++)
		put(l, single_limits[i].name, NAN, single_limits[i].limit,
		    refused(n, single_limits[i].refusal));
}

size_t node_limits(struct node *n, struct metrics_limit ret[METRICS_LIMITS_MAX])
{
	struct http_server_counts http = {0};
	struct limits l = {.list = ret};

	if (n->http != NULL)
		http_server_counts(n->http, &http);
	put_state(n, &l);
	put(&l, "requests", (double)core_pending(n->core), REQUESTS_MAX, core_refused(n->core));
	put(&l, "client_connections", n->clients == NULL ? 0 : (double)clients_count(n->clients),
	    CLIENTS_MAX, 0);
	put(&l, "http_connections", (double)http.connections, HTTP_CONNECTIONS_MAX,
	    http.displaced + http.refused);
	put(&l, "waiting_evaluations", (double)n->jobs.n_waiting, JOBS_WAITING_MAX,
	    n->jobs.refused);
	return l.n;
}
