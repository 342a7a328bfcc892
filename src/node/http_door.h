/* The paths of the HTTP port: metrics and health. Documented in doc/reference/http.md. */
#ifndef NODE_HTTP_DOOR_H
#define NODE_HTTP_DOOR_H

#include <stdint.h>

struct http_request;
struct node;

/* Listen, when there is to be a port. What goes wrong is logged, and the node goes on: without
 * this door it serves as well, only unobserved. */
void node_open_http(struct node *n);

/* Answers a request while the node is loading: arg is its struct loading. */
void node_http_loading(void *arg, uint64_t connection, const struct http_request *request);

#endif
