#include "cmd/page.h"

#include <stdio.h>
#include <string.h>

const char *page_text(const json_t *j, const char *key)
{
	const char *s = json_string_value(json_object_get(j, key));

	return s == NULL ? "" : s;
}

long long page_integer(const json_t *j, const char *key)
{
	return (long long)json_integer_value(json_object_get(j, key));
}

bool page_truth(const json_t *j, const char *key)
{
	return json_is_true(json_object_get(j, key));
}

const char *page_span_of(double ms, char *ret, size_t cap)
{
	if (ms < 10)
		(void)snprintf(ret, cap, "%.1f ms", ms);
	else if (ms < 1000)
		(void)snprintf(ret, cap, "%.0f ms", ms);
	else if (ms < 60000)
		(void)snprintf(ret, cap, "%.1f s", ms / 1000);
	else if (ms < 3600000)
		(void)snprintf(ret, cap, "%.0f min", ms / 60000);
	else if (ms < 172800000)
		(void)snprintf(ret, cap, "%.1f h", ms / 3600000);
	else
		(void)snprintf(ret, cap, "%.1f d", ms / 86400000);
	return ret;
}

const char *page_span(const json_t *j, const char *key, char *ret, size_t cap)
{
	const json_t *v = json_object_get(j, key);

	if (json_is_number(v))
		return page_span_of(json_number_value(v), ret, cap);
	(void)snprintf(ret, cap, "-");
	return ret;
}

void page_coloured(const struct page *p, const char *code, const char *s)
{
	if (p->colour)
		buf_printf(p->b, "\x1b[%sm%s\x1b[0m", code, s);
	else
		buf_printf(p->b, "%s", s);
}

void page_sentence(const struct page *p, const char *s, int indent, int used)
{
	while (*s != '\0') {
		const size_t room = (size_t)(PAGE_WIDTH - indent - used);
		size_t len = strlen(s);

		if (len > room) {
			len = room;
			while (len > 0 && s[len] != ' ')
				len--;
			if (len == 0)
				len = strcspn(s, " ");
		}
		buf_printf(p->b, "%*s%.*s\n", used > 0 ? 1 : indent, "", (int)len, s);
		used = 0;
		for (s += len; *s == ' '; s++)
			;
	}
}

const char *page_state_colour(const char *state)
{
	static const struct {
		const char *state;
		const char *code;
	} colours[] = {
	    {"serving", "32;1"}, {"degraded", "33;1"}, {"fenced", "31;1"}, {"stopped", "31;1"}};

	for (size_t i = 0; i < sizeof colours / sizeof colours[0]; i++) {
		if (strcmp(state, colours[i].state) == 0)
			return colours[i].code;
	}
	return "36;1";
}
