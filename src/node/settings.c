#include "node/settings.h"

#include <string.h>

#include "cluster/cluster.h"
#include "node/config.h"

void config_cluster(const struct node_config *from, struct cluster_config *ret)
{
	*ret = (struct cluster_config){
	    .n_expected = from->n_expected,
	    .quorum_size = from->quorum_size,
	    .beat_interval_us = (int64_t)from->heartbeat_ms * 1000,
	    .detection_us = (int64_t)from->detection_ms * 1000,
	    .shutdown_delay_us = from->shutdown_delay_ms * 1000,
	    .force_shutdown = from->force_shutdown,
	    .start_period_us = from->start_period_ms * 1000,
	    .lease_guard_us = (int64_t)from->lease_guard_ms * 1000,
	    /* libraft draws a timeout from [base, 2 * base). */
	    .promise_max_us = (int64_t)from->election_max_ms * 2000,
	    .standby_after_us = from->standby_after_ms * 1000,
	    .join = (enum join_wish)from->join,
	    .state_takes = from->state_version_max,
	};
	memcpy(ret->self, from->node_name, sizeof ret->self);
	memcpy(ret->expected, from->expected, sizeof ret->expected);
}
