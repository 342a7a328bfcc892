/* EPMD as a program of its own: serves until it is told to end. */
#ifndef IO_EPMD_ALONE_H
#define IO_EPMD_ALONE_H

#include <stdint.h>

#include "base/status.h"

/* Serve the port until SIGTERM, SIGINT or a KILL request. ST_EXISTS: somebody else serves it. */
CHECKED enum status epmd_alone(uint16_t port);

#endif
