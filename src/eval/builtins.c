#include "eval/builtins.h"

#include <string.h>

static const struct {
	const char *module;
	const struct builtin *functions;
} tables[] = {
    {"erlang", builtins_guards},     {"erlang", builtins_erlang},
    {"erlang", builtins_convert},    {"erlang", builtins_help},
    {"lists", builtins_lists},       {"lists", builtins_lists_make},
    {"lists", builtins_lists_order}, {"lists", builtins_lists_split},
    {"maps", builtins_maps},         {"string", builtins_string},
    {"string", builtins_string_old}, {"proplists", builtins_proplists},
    {"binary", builtins_binary},     {"unicode", builtins_unicode},
    {"math", builtins_math},         {"io", builtins_io},
    {"io_lib", builtins_io_lib},     {"ordsets", builtins_ordsets},
};

const struct builtin *builtin_find(const char *module, const char *function, size_t arity)
{
	for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
		if (strcmp(tables[i].module, module) != 0)
			continue;
		for (const struct builtin *b = tables[i].functions; b->name != NULL; b++) {
			if (b->arity == arity && strcmp(b->name, function) == 0)
				return b;
		}
	}
	return NULL;
}

bool builtin_in_guards(const char *function, size_t arity)
{
	for (const struct builtin *b = builtins_guards; b->name != NULL; b++) {
		if (b->arity == arity && strcmp(b->name, function) == 0)
			return true;
	}
	return false;
}
