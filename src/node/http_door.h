/* The paths of the HTTP port: metrics and health. Documented in doc/reference/http.md. */
#ifndef NODE_HTTP_DOOR_H
#define NODE_HTTP_DOOR_H

struct node;

/* Listen, when there is to be a port. What goes wrong is logged, and the node goes on: without
 * this door it serves as well, only unobserved. */
void node_open_http(struct node *n);

#endif
