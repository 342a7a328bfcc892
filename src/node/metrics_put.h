/* The metrics with labels of their own: one function each, for the table. */
#ifndef NODE_METRICS_PUT_H
#define NODE_METRICS_PUT_H

struct exposition;
struct metrics_view;

void put_node_network_receive_errors(struct exposition *x, const struct metrics_view *v);
void put_runbook_target(struct exposition *x, const struct metrics_view *v);
void put_runbook_value(struct exposition *x, const struct metrics_view *v);
void put_partition_recoveries(struct exposition *x, const struct metrics_view *v);
void put_node_state(struct exposition *x, const struct metrics_view *v);
void put_state_changes(struct exposition *x, const struct metrics_view *v);
void put_shutdown_countdowns(struct exposition *x, const struct metrics_view *v);
void put_alarm_active(struct exposition *x, const struct metrics_view *v);
void put_alarms(struct exposition *x, const struct metrics_view *v);
void put_limit_in_use(struct exposition *x, const struct metrics_view *v);
void put_limit(struct exposition *x, const struct metrics_view *v);
void put_limit_refusals(struct exposition *x, const struct metrics_view *v);
void put_operation_seconds(struct exposition *x, const struct metrics_view *v);
void put_operations(struct exposition *x, const struct metrics_view *v);
void put_http_requests(struct exposition *x, const struct metrics_view *v);
void put_build_info(struct exposition *x, const struct metrics_view *v);
void put_cluster_info(struct exposition *x, const struct metrics_view *v);

#endif
