/* Beats: the one message that flows all the time, written and paced here. */
#ifndef CLUSTER_BEATS_H
#define CLUSTER_BEATS_H

#include <stdint.h>

struct cluster;
struct member;

/* The head that starts each of our messages is in c->scratch; the caller adds the body, then
 * message_send(). */
void message_begin(struct cluster *c, unsigned type);
void message_send(struct cluster *c, const struct member *m);

/* Send every beat that is due: by the clock, because it was asked for, or for a new round. */
void beats_send(struct cluster *c);

/* Make a beat due to every linked member now. */
void beats_hurry(struct cluster *c);

/* When the next beat is due. */
int64_t beats_deadline_us(const struct cluster *c);

#endif
