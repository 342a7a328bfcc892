/* The identity on disk: data_dir/identity, replaced atomically and durably. */
#ifndef NODE_IDENTITY_FILE_H
#define NODE_IDENTITY_FILE_H

#include "base/status.h"
#include "cluster/identity.h"

/* Read it. ST_NOT_FOUND: there is none. ST_CORRUPT, ST_UNSUPPORTED, ST_IO with *fault. */
CHECKED enum status identity_load(const char *dir, struct identity *ret, struct fault *fault);

/* Write a new file, sync it, rename it over the old one, sync the directory. ST_IO, ST_NO_SPACE. */
CHECKED enum status identity_store(const char *dir, const struct identity *id);

#endif
