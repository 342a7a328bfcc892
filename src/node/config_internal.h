/* What the files of the configuration share, and nobody else needs. */
#ifndef NODE_CONFIG_INTERNAL_H
#define NODE_CONFIG_INTERNAL_H

#include "node/config.h"

/* Add a diagnostic; beyond CONFIG_DIAGNOSTICS_MAX it is only counted. */
void config_say(struct config *c, enum config_severity severity, const char *fmt, ...) PRINTF(3, 4);

/* Format into ret; text that does not fit is cut off: for names of places and for messages. */
void config_put(char *ret, size_t cap, const char *fmt, ...) PRINTF(3, 4);

/* Index of the key with this name, with dashes for underscores or not; -1: none. */
int config_find(const char *name, size_t len);

/* Parse text into the key's field. On failure *why names the rule and the remedy. */
CHECKED enum status config_parse(const struct config_key *key, const char *text,
                                 struct node_config *values, char *why, size_t why_cap);

/* Append the field's written form, secrets included. */
void config_format(const struct config_key *key, const struct node_config *values, struct buf *b);

/* Set key number k from a source; a bad value becomes an error, and the old value stays. A
 * source weaker than the present one changes nothing. */
void config_set(struct config *c, size_t k, enum config_source source, const char *where,
                const char *text);

/* The sources, each into c. Only ST_NOMEM is a failure; the rest is diagnostics. */
CHECKED enum status config_from_sys_config(const struct config_input *in, struct config *c);
CHECKED enum status config_from_vm_args(const struct config_input *in, struct config *c);
void config_from_environment(const struct config_input *in, struct config *c);
void config_from_options(const struct config_input *in, struct config *c);

/* Find the cookie file's content, or make it. */
void config_find_cookie(const struct config_input *in, struct config *c);

/* Value of an environment variable in in->environment, or NULL. */
const char *config_getenv(const struct config_input *in, const char *name);

/* Read a whole text file into b. ST_NOT_FOUND, ST_LIMIT, ST_NOMEM, or ST_IO with errno set. */
CHECKED enum status config_read_file(const char *path, struct buf *b);

/* Nearest of the candidates that get(i) gives, or NULL when none is near enough to be meant. */
const char *config_nearest(const char *word, const char *(*get)(size_t i), size_t n);

/* Nearest key name, environment variable, kernel parameter. */
const char *config_nearest_key(const char *word);
const char *config_nearest_env(const char *word);
const char *config_nearest_kernel(const char *word);

#endif
