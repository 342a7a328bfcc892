/* What the cluster room needs of the configuration. */
#ifndef NODE_SETTINGS_H
#define NODE_SETTINGS_H

struct cluster_config;
struct node_config;

/* All but lost_disk, which only a node's own directory knows. */
void config_cluster(const struct node_config *from, struct cluster_config *ret);

#endif
