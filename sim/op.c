#include "sim/op.h"

#include <assert.h>

/* Where in a command the operation's own value stands. */
enum { NO_TEXT = COMMAND_TEXTS };

static const struct {
	const char *name;
	bool reads;
	enum command_type type; /* of a command that is made of numbers and texts */
	unsigned text;          /* which of these the operation's value is */
} kinds[OP_KINDS] = {
    [OP_CREATE] = {.name = "create"},
    [OP_PUT] = {.name = "put"},
    [OP_READ] = {.name = "get", .reads = true},
    [OP_DELETE] = {.name = "delete"},
    [OP_COUNT] = {.name = "count", .reads = true},
    [OP_OPEN] = {.name = "open"},
    [OP_USE] = {.name = "use", .reads = true},
    [OP_CLAIM] = {.name = "claim"},
    [OP_END] = {.name = "end"},
    [OP_APPEND] = {"append", false, COMMAND_APPEND, 0},
    [OP_TRIM] = {"trim", false, COMMAND_TRIM, NO_TEXT},
    [OP_REPLAY] = {.name = "replay", .reads = true},
    [OP_ASK] = {"question", false, COMMAND_ASK, 0},
    [OP_ANSWER] = {"answer", false, COMMAND_ANSWER, 0},
    [OP_DISMISS] = {"dismiss", false, COMMAND_DISMISS, NO_TEXT},
    [OP_QUESTION] = {.name = "answered?", .reads = true},
    [OP_MINT] = {"mint", false, COMMAND_HANDLE_CREATE, 1},
    [OP_SET] = {"set", false, COMMAND_HANDLE_PUT, 0},
    [OP_SHOW] = {.name = "show", .reads = true},
    [OP_DROP] = {"drop", false, COMMAND_HANDLE_DELETE, NO_TEXT},
    [OP_TASK] = {"task", false, COMMAND_TASK_CREATE, 2},
    [OP_STEP] = {"step", false, COMMAND_TASK_UPDATE, 0},
    [OP_FINISH] = {"finish", false, COMMAND_TASK_UPDATE, 1},
    [OP_CANCEL] = {"cancel", false, COMMAND_TASK_CANCEL, NO_TEXT},
    [OP_TAKE] = {"take", false, COMMAND_TASK_CLAIM, NO_TEXT},
    [OP_POLL] = {.name = "poll", .reads = true},
    [OP_FORGET] = {"forget", false, COMMAND_TASK_DELETE, NO_TEXT},
};

const char *op_name(enum op_kind kind)
{
	return kinds[kind].name;
}

bool op_reads(enum op_kind kind)
{
	return kinds[kind].reads;
}

static void encode_fields(struct buf *b, const struct command_head *head, const struct op *op,
                          const struct session_id *id)
{
	struct command_fields f = {.numbers = {op->numbers[0], op->numbers[1], op->numbers[2]}};

	if (kinds[op->kind].text < COMMAND_TEXTS)
		f.texts[kinds[op->kind].text] =
		    (struct bytes_view){(const uint8_t *)&op->id, sizeof op->id};
	command2_fields(b, head, kinds[op->kind].type, id, &f);
}

void op_encode(struct buf *b, const struct command_head *head, const struct op *op,
               const struct session_id *id)
{
	const struct session_attrs attrs = {.info = (const uint8_t *)"{}",
	                                    .info_len = 2,
	                                    .owner = op->numbers[0],
	                                    .ttl_ms = op->numbers[1]};

	assert(!op_reads(op->kind));
	switch (op->kind) {
	case OP_CREATE:
		command_create(b, head, id, attrs.info, attrs.info_len);
		break;
	case OP_PUT:
		command_put(b, head, id, (const uint8_t *)"v", 1, (const uint8_t *)&op->id,
		            sizeof op->id);
		break;
	case OP_DELETE:
		command_delete(b, head, id);
		break;
	case OP_OPEN:
		command2_create(b, head, id, &attrs);
		break;
	case OP_CLAIM:
		command2_claim(b, head, id, op->numbers[0]);
		break;
	case OP_END:
		command2_delete(b, head, id);
		break;
	default:
		encode_fields(b, head, op, id);
		break;
	}
}
