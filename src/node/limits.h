/* The named limits of the node room, each with its reason. */
#ifndef NODE_LIMITS_H
#define NODE_LIMITS_H

enum {
	CONFIG_COOKIE_MAX = 256,       /* a cookie is an Erlang atom: at most 255 characters */
	CONFIG_PATH_MAX = 1024,        /* deeper data directories are mistakes */
	CONFIG_ADDRESS_MAX = 64,       /* an IPv6 address with a zone fits */
	CONFIG_WHERE_MAX = 160,        /* "long/path/vm.args:12:9" */
	CONFIG_KEYS_MAX = 48,          /* size of the origins; a static check compares the table */
	CONFIG_DIAGNOSTICS_MAX = 64,   /* a person reads the first few */
	CONFIG_FILE_MAX = 1024 * 1024, /* vm.args and sys.config are pages, not books */
	CONFIG_TEXT_MAX = 8192,        /* one written value: 16 long node names fit */
	CONFIG_ENVIRONMENT_MAX =
	    65536,               /* looked at for misspelt names; more is not an environment */
	VMARGS_WORDS_MAX = 4096, /* words in one vm.args */
	LOG_LINE_MAX = 4096,     /* PIPE_BUF: one write to a pipe is whole or not at all */
	LOG_FILES_MAX = 100,     /* rotated files kept */
	ALARMS_MAX = 32,         /* alarms shown by status; more of them tell no more */
};

#endif
