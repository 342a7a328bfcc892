/* What a node runs with: one table of keys drives parsing, limits, help and printing.
 *
 * Sources, each stronger than the one before: built-in default, releases/<version>/sys.config,
 * releases/<version>/vm.args, the environment, the command line. Every source ends in the same
 * setter, which takes text; so a value means the same wherever it is written.
 *
 * Nothing here logs or exits: what is wrong or worth knowing is collected as diagnostics, each
 * naming the input, where it was set, the rule and the remedy.
 *
 * Reference: doc/reference/configuration.md (generated from the table). */
#ifndef NODE_CONFIG_H
#define NODE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/status.h"
#include "cluster/limits.h"
#include "node/limits.h"

enum config_reads { READS_CONFIRMED, READS_LEASE };
enum config_damaged { DAMAGED_REJOIN, DAMAGED_STOP };
enum config_log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

/* All effective values. Durations are in the unit that the field's name ends with. */
struct node_config {
	char node_name[NODE_NAME_MAX];          /* name@host */
	bool short_names;                       /* the host part has no dot: Erlang's -sname */
	char cookie[CONFIG_COOKIE_MAX];         /* the cluster's secret: never print it */
	char seeds[MEMBERS_MAX][NODE_NAME_MAX]; /* expected members as given, duplicates removed */
	size_t n_seeds;
	char expected[MEMBERS_MAX][NODE_NAME_MAX]; /* seeds and this node, sorted by name */
	size_t n_expected;
	uint32_t quorum_size; /* effective: 1 when neither seeds nor a quorum size were given */
	bool alone;           /* a cluster of its own: no fault tolerance */
	int64_t shutdown_delay_ms;
	bool force_shutdown;
	int64_t standby_after_ms; /* 0: never */
	uint32_t join;            /* enum join_wish */
	int64_t start_period_ms;
	char data_dir[CONFIG_PATH_MAX];
	char log_dir[CONFIG_PATH_MAX];
	uint32_t log_level;  /* enum log_level */
	uint32_t log_format; /* enum config_log_format */
	int64_t log_file_bytes;
	uint32_t log_files;
	uint32_t net_ticktime_s;
	char dist_interface[CONFIG_ADDRESS_MAX];   /* address to listen on; "" = all */
	uint32_t client_port;                      /* of the client channel; 0: none */
	char client_interface[CONFIG_ADDRESS_MAX]; /* address of the same; "" = all */
	uint32_t http_port;                        /* metrics and health; 0: none */
	char http_interface[CONFIG_ADDRESS_MAX];   /* address of the same; "" = all */
	bool metrics_network;                      /* /metrics tells the kernel's counters */
	uint32_t dist_listen_min;
	uint32_t dist_listen_max;
	uint32_t epmd_port;
	uint32_t heartbeat_ms;
	uint32_t detection_ms;
	uint32_t member_silence_ms;
	uint32_t election_ms; /* election timeout, lower bound */
	uint32_t
	    election_max_ms; /* largest base timeout that adapting may choose; libraft draws
	                        from [base, 2 * base), so no promise is longer than twice this */
	uint32_t lease_guard_ms;
	uint32_t request_timeout_ms;
	uint32_t reads;       /* enum config_reads */
	uint32_t damaged_log; /* enum config_damaged */
	uint32_t snapshot_threshold;
	uint32_t snapshot_trailing;
	int64_t audit_interval_ms;  /* 0: only when asked, and after a heal not either */
	int64_t scrub_interval_ms;  /* 0: never */
	uint32_t state_version_max; /* newest version of the state that this node takes */
	int64_t task_orphan_ms;     /* a silent owner has lost its tasks after so long */
};

enum config_type {
	CONFIG_BOOL,     /* bool */
	CONFIG_INT,      /* uint32_t within [min, max] */
	CONFIG_DURATION, /* int64_t in ms; written in seconds, or with a unit ms, s, m, h */
	CONFIG_SIZE,     /* int64_t in bytes; written plainly or with K, M, G (powers of 1024) */
	CONFIG_STRING,   /* char[max] */
	CONFIG_NODE,     /* char[NODE_NAME_MAX] */
	CONFIG_NODES,    /* seeds, n_seeds */
	CONFIG_ADDRESS,  /* char[CONFIG_ADDRESS_MAX]; {A,B,C,D} or dotted */
	CONFIG_ENUM,     /* uint32_t: index into choices */
};

enum config_source {
	SOURCE_DEFAULT,
	SOURCE_DERIVED, /* follows from other values or the machine */
	SOURCE_SYS_CONFIG,
	SOURCE_VM_ARGS,
	SOURCE_ENVIRONMENT,
	SOURCE_COMMAND_LINE,
};

struct config_key {
	const char *name; /* in sys.config {erlmcp,[{name,Value}]} and, with dashes, as --name */
	enum config_type type;
	size_t offset;              /* of the field in struct node_config */
	int64_t min;                /* INT: as stored; DURATION: ms; SIZE: bytes */
	int64_t max;                /* STRING: capacity */
	const char *const *choices; /* ENUM: NULL-terminated */
	const char *initial;        /* default in its written form; NULL: derived */
	const char *env;            /* environment variable, or NULL */
	const char *flag;           /* vm.args flag of its own ("-setcookie"), or NULL */
	const char *kernel;         /* parameter of Erlang's kernel application, or NULL */
	const char *unit;           /* of a plain number, for help; or NULL */
	const char *help;           /* one sentence */
	bool secret;                /* value is never shown */
	bool no_option;             /* not on the command line, where others can read it */
};

/* The table. Its order is the order of help and printing. */
extern const struct config_key config_keys[];
extern const size_t config_n_keys;

enum config_severity { DIAGNOSTIC_NOTE, DIAGNOSTIC_WARNING, DIAGNOSTIC_ERROR };

struct config_diagnostic {
	enum config_severity severity;
	char *text; /* one line; owned */
};

/* Where one key's value comes from. */
struct config_origin {
	enum config_source source;
	char where[CONFIG_WHERE_MAX]; /* "vm.args:12:9", "ERLMCP_QUORUM_SIZE", ... */
};

/* How config_load() asks the machine; tests give their own. */
struct config_host {
	void *arg;
	/* This machine's name, possibly without a domain. */
	enum status (*hostname)(void *arg, char *ret, size_t cap);
	/* True when host resolves to an address; first one as text. */
	bool (*resolve)(void *arg, const char *host, char *ret, size_t cap);
	/* True when the address belongs to an interface of this machine. */
	bool (*is_local)(void *arg, const char *address);
};

/* The real machine. */
extern const struct config_host config_host_system;

struct config_input {
	const char *root;         /* release root, or NULL: no release around the binary */
	const char *vm_args;      /* file named explicitly (must exist), or NULL */
	const char *sys_config;   /* file named explicitly (must exist), or NULL */
	char *const *environment; /* NAME=value..., NULL-terminated; or NULL */
	char *const *options;     /* --name VALUE or --name=VALUE */
	size_t n_options;
	bool create_cookie; /* make ~/.erlang.cookie when there is none */
	const struct config_host *host;
};

struct config {
	struct node_config values;
	struct config_origin origins[CONFIG_KEYS_MAX]; /* in the order of config_keys */
	struct config_diagnostic diagnostics[CONFIG_DIAGNOSTICS_MAX];
	size_t n_diagnostics;
	size_t n_dropped; /* diagnostics beyond the limit */
	size_t n_errors;
	bool bad_options; /* some error is about the command line */
};

/* Read all sources and check them against each other. ST_OK: values are usable, diagnostics
 * hold warnings and notes. ST_INVALID: diagnostics hold at least one error. ST_NOMEM.
 * Call config_close() in every case. */
CHECKED enum status config_load(const struct config_input *in, struct config *ret);
void config_close(struct config *c);

/* Effective values with their origin, one "key = value   (origin)" a line, or JSON. */
void config_print(const struct config *c, struct buf *b);
void config_print_json(const struct config *c, struct buf *b);

/* The table of keys for people, for machines, and for doc/reference/configuration.md. */
void config_help(struct buf *b);
void config_help_json(struct buf *b);
void config_help_markdown(struct buf *b);

/* The sentence about a quorum size that differs from the number of expected members (RB-008,
 * "False Positive"); false when they agree. For the log at start and for status. */
bool config_quorum_warning(const struct node_config *values, char *ret, size_t cap);

const char *config_source_name(enum config_source source);
const char *config_severity_name(enum config_severity severity);

/* True when s is a node name name@host; else *why names the rule. */
bool config_is_node_name(const char *s, const char **why);

#endif
