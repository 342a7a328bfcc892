#include "node/metrics_put.h"

#include <math.h>
#include <stdio.h>

#include "node/exposition.h"
#include "node/metrics_runbook.h"
#include "node/metrics_view.h"

void put_node_network_receive_errors(struct exposition *x, const struct metrics_view *v)
{
	for (size_t i = 0; i < v->n_devices; i++)
		exposition_one(x, "device", v->devices[i].name, v->devices[i].receive_errors);
}

void put_runbook_target(struct exposition *x, const struct metrics_view *v)
{
	struct runbook_metric all[RUNBOOK_METRICS];

	runbook_metrics(v->recorded, all);
	for (unsigned i = 0; i < RUNBOOK_METRICS; i++)
		exposition_one(x, "metric", all[i].word, all[i].target);
}

void put_runbook_value(struct exposition *x, const struct metrics_view *v)
{
	struct runbook_metric all[RUNBOOK_METRICS];

	runbook_metrics(v->recorded, all);
	for (unsigned i = 0; i < RUNBOOK_METRICS; i++)
		exposition_one(x, "metric", all[i].word, all[i].value);
}

void put_partition_recoveries(struct exposition *x, const struct metrics_view *v)
{
	exposition_one(x, "kind", "automatic", (double)v->recorded->automatic);
	exposition_one(x, "kind", "manual", (double)v->recorded->by_hand);
}

void put_node_state(struct exposition *x, const struct metrics_view *v)
{
	for (unsigned i = 0; i < CLUSTER_STATES; i++)
		exposition_one(x, "state", cluster_state_name((enum cluster_state)i),
		               v->state == i ? 1 : 0);
}

void put_state_changes(struct exposition *x, const struct metrics_view *v)
{
	for (unsigned i = 0; i < CLUSTER_STATES; i++)
		exposition_one(x, "state", cluster_state_name((enum cluster_state)i),
		               (double)v->recorded->state_changes[i]);
}

void put_shutdown_countdowns(struct exposition *x, const struct metrics_view *v)
{
	static const char *const words[] = {[COUNTDOWN_BEGUN] = "begun",
	                                    [COUNTDOWN_ABORTED] = "aborted",
	                                    [COUNTDOWN_OVER] = "over"};

	for (unsigned i = 0; i < METRIC_COUNTDOWNS; i++)
		exposition_one(x, "outcome", words[i], (double)v->recorded->countdowns[i]);
}

void put_alarm_active(struct exposition *x, const struct metrics_view *v)
{
	for (unsigned i = 0; i < METRIC_ALARMS; i++)
		exposition_one(x, "alarm", metric_alarm_word((enum metric_alarm)i),
		               v->alarms_active[i] > 0 ? 1 : 0);
}

void put_alarms(struct exposition *x, const struct metrics_view *v)
{
	for (unsigned i = 0; i < METRIC_ALARMS; i++)
		exposition_one(x, "alarm", metric_alarm_word((enum metric_alarm)i),
		               (double)v->recorded->alarms[i]);
}

void put_limit_in_use(struct exposition *x, const struct metrics_view *v)
{
	for (size_t i = 0; i < v->n_limits; i++) {
		if (!isnan(v->limits[i].in_use))
			exposition_one(x, "limit", v->limits[i].name, v->limits[i].in_use);
	}
}

void put_limit(struct exposition *x, const struct metrics_view *v)
{
	for (size_t i = 0; i < v->n_limits; i++)
		exposition_one(x, "limit", v->limits[i].name, v->limits[i].limit);
}

void put_limit_refusals(struct exposition *x, const struct metrics_view *v)
{
	for (size_t i = 0; i < v->n_limits; i++)
		exposition_one(x, "limit", v->limits[i].name, v->limits[i].refusals);
}

static const char *const doors[] = {[DOOR_CLIENT] = "client", [DOOR_API] = "api"};

void put_operation_seconds(struct exposition *x, const struct metrics_view *v)
{
	static const char *const words[] = {
#define OPERATION_WORD(name, word) word,
	    METRIC_OPERATION_MAP(OPERATION_WORD)
#undef OPERATION_WORD
	};

	for (unsigned d = 0; d < METRIC_DOORS; d++) {
		for (unsigned o = 0; o < METRIC_OPERATIONS; o++) {
			const struct exposition_label labels[] = {{"door", doors[d]},
			                                          {"operation", words[o]}};

			exposition_histogram(x, labels, 2, &v->recorded->operations[d][o]);
		}
	}
}

void put_operations(struct exposition *x, const struct metrics_view *v)
{
	static const char *const words[] = {
#define OUTCOME_WORD(name, word) word,
	    METRIC_OUTCOME_MAP(OUTCOME_WORD)
#undef OUTCOME_WORD
	};

	for (unsigned d = 0; d < METRIC_DOORS; d++) {
		for (unsigned o = 0; o < METRIC_OUTCOMES; o++) {
			const struct exposition_label labels[] = {{"door", doors[d]},
			                                          {"outcome", words[o]}};

			exposition_put(x, labels, 2, (double)v->recorded->outcomes[d][o]);
		}
	}
}

void put_http_requests(struct exposition *x, const struct metrics_view *v)
{
	for (unsigned i = 0; i < METRIC_HTTP_CODES; i++) {
		char code[16] = "other";

		if (metric_http_codes[i] != 0)
			(void)snprintf(code, sizeof code, "%u", metric_http_codes[i]);
		exposition_one(x, "code", code, (double)v->recorded->http[i]);
	}
}

void put_build_info(struct exposition *x, const struct metrics_view *v)
{
	static const struct exposition_label labels[] = {{"version", ERLMCP_VERSION},
#ifdef __clang__
	                                                 {"compiler", __VERSION__}
#else
	                                                 {"compiler", "GCC " __VERSION__}
#endif
	};

	(void)v;
	exposition_put(x, labels, 2, 1);
}

void put_cluster_info(struct exposition *x, const struct metrics_view *v)
{
	const struct exposition_label labels[] = {{"node", v->node}, {"cluster_id", v->cluster_id}};

	exposition_put(x, labels, 2, 1);
}
