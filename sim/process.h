/* The life of one process on a simulated machine: start, turns of its loop, death. */
#ifndef SIM_PROCESS_H
#define SIM_PROCESS_H

#include "sim/world.h"

/* Fill in a node's name, configuration, clock and empty disk. */
void process_init(struct world *w, unsigned at);
void process_free(struct node *node);

/* Its ERLMCP_SEED_NODES name everybody from the next start on: so it finds a member. */
void process_know_everybody(struct node *node);

/* Start it at once, or later; nothing when it runs. */
void process_start(struct node *node);
void process_start_in(struct node *node, int64_t us);

/* Something for its next turn. Copies bytes. */
void process_input(struct node *node, enum input_type type, unsigned from, uint64_t epoch,
                   const uint8_t *bytes, size_t len);
bool process_has_input(const struct node *node);

/* A turn of its loop. */
void process_turn(struct node *node);

/* See that its loop turns soon, or no later than then. */
void process_wake(struct node *node);
void process_wake_at(struct node *node, int64_t world_us);

/* It dies here and now; told: its kernel says goodbye to the peers; torn: the machine lost
 * power in the middle of its writes. */
void process_kill(struct node *node, bool told, bool torn);

/* It stops as after SIGTERM. */
void process_stop(struct node *node);
void process_close(struct node *node);

void process_pause(struct node *node);
/* As a suspended machine: its timers stand still, its clocks do not. */
void process_suspend(struct node *node);
void process_resume(struct node *node);

/* Something leaves the process or reaches its disk. False: it is dead. */
bool process_effect(struct node *node);

/* World's time as the process sees it within a turn. */
int64_t process_now(const struct node *node);

#endif
