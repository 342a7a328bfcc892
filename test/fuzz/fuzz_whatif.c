/* The words of a cut: whatever they are, they are understood or refused with a reason. */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "cluster/whatif.h"

enum { SPEC_MAX = 4096, NODES = 4 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct whatif_question q = {.n = NODES};
	struct whatif_cut cut;
	char text[SPEC_MAX];
	char why[WHATIF_TEXT_MAX] = "";

	if (size >= sizeof text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	for (size_t i = 0; i < NODES; i++)
		(void)snprintf(q.members[i].name, sizeof q.members[i].name, "erlmcp@host-%zu.lan",
		               i);
	if (whatif_parse(&q, text, &cut, why) != ST_OK)
		assert(why[0] != '\0');
	else
		for (size_t i = 0; i < NODES; i++)
			assert(!cut.blocked[i][i]);
	return 0;
}
