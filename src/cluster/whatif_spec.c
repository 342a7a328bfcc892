/* The words of a cut: "a,b|c", "a>b", "-c". */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cluster/whatif.h"

enum { NOBODY = -1, EVERYBODY_ELSE = -2, NO_SIDE = -1 };

struct spec {
	const struct whatif_question *q;
	struct whatif_cut *cut;
	char *why;
	bool ok;
};

static void complain(struct spec *s, const char *fmt, ...) PRINTF(2, 3);

/* Only the first complaint counts. */
static void complain(struct spec *s, const char *fmt, ...)
{
	va_list args;

	if (!s->ok)
		return;
	s->ok = false;
	va_start(args, fmt);
	(void)vsnprintf(s->why, WHATIF_TEXT_MAX, fmt, args);
	va_end(args);
}

static void name_members(struct spec *s)
{
	size_t len = strlen(s->why);

	for (size_t i = 0; i < s->q->n && len < WHATIF_TEXT_MAX; i++) {
		(void)snprintf(s->why + len, WHATIF_TEXT_MAX - len, "%s%.100s",
		               i == 0 ? "; members are: " : ", ", s->q->members[i].name);
		len = strlen(s->why);
	}
}

static void refuse(struct spec *s, const char *what, const char *word, size_t len)
{
	if (!s->ok)
		return;
	complain(s, "\"%.*s\" %s", (int)(len < NODE_NAME_MAX ? len : NODE_NAME_MAX), word, what);
	name_members(s);
}

/* How well a word fits a name: 4 all of it, 3 what is before or behind the @, 2 the first part of
 * a domain name behind it, 1 the beginning of that, 0 not. */
static int fits(const char *name, const char *word, size_t len)
{
	const char *host = strchr(name, '@');

	if (strlen(name) == len && strncmp(name, word, len) == 0)
		return 4;
	if (host == NULL)
		return 0;
	if ((size_t)(host - name) == len && strncmp(name, word, len) == 0)
		return 3;
	if (strncmp(host + 1, word, len) != 0)
		return 0;
	return host[1 + len] == '\0' ? 3 : host[1 + len] == '.' ? 2 : 1;
}

/* The place of the member that is meant; NOBODY: complained. */
static int find(struct spec *s, const char *word, size_t len)
{
	int best = 0;
	int at = NOBODY;
	bool twice = false;

	if (len == 1 && word[0] == '*')
		return EVERYBODY_ELSE;
	for (size_t i = 0; i < s->q->n && len > 0; i++) {
		const int fit = fits(s->q->members[i].name, word, len);

		if (fit == 0 || fit < best)
			continue;
		twice = fit == best;
		best = fit;
		at = (int)i;
	}
	if (at != NOBODY && !twice)
		return at;
	if (len == 0)
		complain(s, "a name is missing");
	else
		refuse(s, twice ? "fits several members" : "is no member", word, len);
	return NOBODY;
}

static void kill(struct spec *s, const char *word, size_t len)
{
	const int at = find(s, word, len);

	if (at >= 0)
		s->cut->dead[at] = true;
	else if (at == EVERYBODY_ELSE)
		complain(s, "name the members that die");
}

/* "a>b" */
static void block(struct spec *s, const char *word, size_t len)
{
	const char *arrow = memchr(word, '>', len);
	const int from = find(s, word, (size_t)(arrow - word));
	const int to = find(s, arrow + 1, len - (size_t)(arrow + 1 - word));

	if (from == NOBODY || to == NOBODY)
		return;
	for (int i = 0; i < (int)s->q->n; i++) {
		for (int j = 0; j < (int)s->q->n; j++) {
			if (i != j && (from == i || (from == EVERYBODY_ELSE && i != to)) &&
			    (to == j || (to == EVERYBODY_ELSE && j != from)))
				s->cut->blocked[i][j] = true;
		}
	}
}

static void split(struct spec *s, const int side[MEMBERS_MAX])
{
	for (size_t i = 0; i < s->q->n; i++) {
		if (side[i] == NO_SIDE && !s->cut->dead[i]) {
			complain(
			    s,
			    "%.100s is on no side: name it too, or end the last side with \"*\" "
			    "for all others",
			    s->q->members[i].name);
			return;
		}
		for (size_t j = 0; j < s->q->n; j++)
			s->cut->blocked[i][j] |=
			    side[i] != side[j] && side[i] != NO_SIDE && side[j] != NO_SIDE;
	}
}

/* "a,b|c": word by word. */
static void sides(struct spec *s, const char *text, size_t len)
{
	int side[MEMBERS_MAX];
	int rest = NO_SIDE;
	int now = 0;

	memset(side, 0xff, sizeof side);
	for (size_t at = 0; at <= len && s->ok;) {
		size_t n = 0;
		int who;

		while (at + n < len && text[at + n] != ',' && text[at + n] != '|')
			n++;
		if (n > 0 && text[at] == '-') {
			kill(s, text + at + 1, n - 1);
		} else {
			who = find(s, text + at, n);
			if (who == EVERYBODY_ELSE)
				rest = now;
			else if (who >= 0 && side[who] != NO_SIDE && side[who] != now)
				complain(s, "%.100s is on two sides", s->q->members[who].name);
			else if (who >= 0)
				side[who] = now;
		}
		now += at + n < len && text[at + n] == '|';
		at += n + 1;
	}
	for (size_t i = 0; i < s->q->n && rest != NO_SIDE; i++)
		side[i] = side[i] == NO_SIDE ? rest : side[i];
	if (s->ok)
		split(s, side);
}

/* "a>b,-c" */
static void list(struct spec *s, const char *text, size_t len)
{
	for (size_t at = 0; at <= len && s->ok;) {
		size_t n = 0;

		while (at + n < len && text[at + n] != ',')
			n++;
		if (n > 0 && text[at] == '-')
			kill(s, text + at + 1, n - 1);
		else if (memchr(text + at, '>', n) != NULL)
			block(s, text + at, n);
		else
			complain(
			    s, "\"%.*s\": say a,b|c for two sides, a>b for one way, -c for a death",
			    (int)(len < 200 ? len : 200), text);
		at += n + 1;
	}
}

enum status whatif_parse(const struct whatif_question *q, const char *text, struct whatif_cut *ret,
                         char why[WHATIF_TEXT_MAX])
{
	struct whatif_cut cut = {{false}, {{false}}};
	struct spec s = {.q = q, .cut = &cut, .why = why, .ok = true};
	size_t clauses = 0;

	while (s.ok) {
		size_t n;

		text += strspn(text, " ;\t\n");
		n = strcspn(text, " ;\t\n");
		if (n == 0)
			break;
		if (memchr(text, '|', n) != NULL)
			sides(&s, text, n);
		else
			list(&s, text, n);
		clauses++;
		text += n;
	}
	if (clauses == 0)
		complain(&s, "say a,b|c for two sides, a>b for one way, -c for a death");
	if (!s.ok)
		return ST_INVALID;
	*ret = cut;
	return ST_OK;
}
