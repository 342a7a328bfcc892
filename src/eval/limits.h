/* Bounds of the evaluator that are not in struct eval_limits: those of its text and tables. */
#ifndef EVAL_LIMITS_H
#define EVAL_LIMITS_H

enum {
	/* One program: an operator types it, or a script passes it as one argument. */
	EVAL_TEXT_MAX = 1024 * 1024,
	/* Bytes of the parsed program: a node takes some 30 times its text. */
	EVAL_AST_MAX = 64 * 1024 * 1024,
	/* Nesting of brackets in the text: each level costs a few C frames while parsing. */
	EVAL_NESTING_MAX = 300,
	/* Different variables of one program: looking one up is a walk. */
	EVAL_NAMES_MAX = 256,
	/* What io:format and friends may write in one run: an operator reads it. */
	EVAL_OUTPUT_MAX = 1024 * 1024,
	/* A field of io:format, a pad of string:pad: wider is a mistake. */
	EVAL_FIELD_MAX = 100000,
	/* Bits of one binary: 16 MiB. */
	EVAL_BITS_MAX = 128 * 1024 * 1024,
	/* Bytes that answers of the host may take in one evaluation. */
	EVAL_ANSWERS_MAX = 64 * 1024 * 1024,
	/* The default limits. Steps and memory: either is used up in well under a tenth of a second
	 * on a slow core, and so long the node's loop stands still at worst. Depth: some 400 bytes
	 * of C stack each in a release build, 800 with sanitizers, of the 8 MiB of a main thread.
	 */
	EVAL_STEPS = 2 * 1000 * 1000,
	EVAL_MEMORY = 32 * 1024 * 1024,
	EVAL_DEPTH = 5000,
	EVAL_CALLS = 1000,
};

#endif
