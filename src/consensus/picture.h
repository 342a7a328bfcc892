/* Pictures of the state on their way to the disk and between members; inside this room.
 *
 * libraft keeps a snapshot's manifest only (session/image.h); the chunks are kept by the chunk
 * disk and fetched by members from each other:
 *
 *   taking    machine_snapshot() begins an image; shim_snapshot_put() hands it over to
 *             picture_put(); chunks are encoded and stored a few at a time while commands go
 *             on; when all are durable the manifest goes to libraft's disk
 *   fetching  an install message carries a manifest: it is held back, chunks that are not here
 *             are asked for, checked and stored; when all are durable the message is given to
 *             libraft, which persists the manifest and asks for the state, ready by then */
#ifndef CONSENSUS_PICTURE_H
#define CONSENSUS_PICTURE_H

#include <raft.h>

#include "consensus/chunk_disk.h"
#include "consensus/consensus.h"
#include "consensus/limits.h"
#include "consensus/wire_chunk.h"
#include "session/image.h"

struct consensus;
struct wire;

enum picture_state {
	PICTURE_IDLE,
	PICTURE_BEGUN,   /* the image is begun, libraft has not handed it over yet */
	PICTURE_TAKING,  /* chunks are being stored */
	PICTURE_SYNCING, /* all stored, made durable */
	PICTURE_PUTTING, /* the manifest goes to libraft's disk */
	PICTURE_FAILED,  /* it did not get there: libraft hears of it when it closes */
};

/* A chunk that the disk had no space for. */
struct stuck_chunk {
	unsigned chunk; /* which */
	uint8_t *bytes; /* owned */
	size_t len;     /* of bytes */
};

/* The picture being taken of this node's own state. */
struct picture {
	enum picture_state state;
	struct image *image; /* being taken; owned */
	bool encoded;        /* nothing left to encode */
	unsigned storing;    /* chunks on their way to the disk */
	struct stuck_chunk stuck[PICTURE_STORES_MAX];
	unsigned n_stuck;                   /* of these */
	int64_t retry_ms;                   /* when to try again */
	int64_t pace_us;                    /* when the next chunk may be encoded */
	unsigned reached;                   /* chunks before this one are encoded */
	unsigned trailing;                  /* as libraft asked */
	struct raft_io_snapshot_put *asked; /* libraft's request */
	raft_io_snapshot_put_cb cb;
	const struct raft_snapshot *snapshot; /* libraft's, without content */
	struct raft_snapshot put;             /* the same with the manifest */
	struct raft_buffer buf;               /* the manifest's bytes; owned while putting */
	struct manifest *last;                /* of the newest whole picture here; owned or NULL */
	struct manifest *before;              /* of the one before: members may be fetching it */
	uint64_t applied_bytes;               /* of commands since the newest */
	uint64_t all_bytes;                   /* of commands since this process started */
	int64_t wanted_ms;                    /* when a member last asked for a chunk; 0: never */
	bool damaged;                         /* a chunk on the disk is: encode all anew, soon */
	int64_t begun_us;                     /* the one being taken */
	struct consensus_picture taking;      /* its figures so far */
	struct consensus_picture taken;       /* those of the newest that is complete */
	struct raft_barrier nudge;            /* an entry for libraft to take a snapshot after */
};

enum chunk_place { CHUNK_MISSING, CHUNK_COMING, CHUNK_DONE };

/* A chunk on its way here: asked for piece by piece, or read from our own disk; then checked
 * and built into the state; then stored. */
enum part_state { PART_FREE, PART_READING, PART_ASKING, PART_STORING, PART_STUCK };

struct fetch_part {
	enum part_state state;
	unsigned chunk;   /* which */
	uint8_t *bytes;   /* ASKING, STUCK: owned */
	uint64_t got;     /* ASKING: bytes that came */
	int64_t asked_ms; /* ASKING, STUCK: when it was last asked for or tried */
};

/* The picture being fetched from the leader. */
struct fetch {
	bool active;
	bool syncing;        /* all chunks are stored, being made durable */
	bool durable;        /* the message can be handed in */
	bool installing;     /* libraft gets or has it */
	uint64_t generation; /* tells answers to this one from those to earlier ones */
	raft_id from;        /* the leader */
	char name[NODE_NAME_MAX];
	uint8_t *message; /* the install message; owned */
	size_t message_len;
	struct manifest *manifest;   /* owned */
	struct image_loader *loader; /* owned */
	unsigned next;               /* first chunk that was not begun */
	unsigned done;               /* chunks built in and stored */
	uint64_t bytes_all;          /* of all chunks */
	uint64_t bytes_done;         /* of those done */
	uint64_t bytes_fetched;      /* that came over the network */
	int64_t begun_ms;
	int64_t progress_ms; /* when something last came or was stored */
	int64_t patience_ms; /* after so long without it, what was asked for is lost */
	struct fetch_part parts[FETCH_PARTS];
};

/* Who asked the chunk disk: the lowest byte of a tag. */
enum chunk_asker { ASKER_PICTURE = 1, ASKER_FETCH = 2, ASKER_PIECES = 3 };
#define ASKER_BITS 8

/* chunks.c: the chunk disk's answers to whom they belong. */
void chunks_listen(struct consensus *c);
void chunks_close(struct consensus *c);

/* picture.c */
/* machine_snapshot(): RAFT_BUSY when it is not the time for one. */
int picture_begin(struct consensus *c);
/* True when the snapshot that libraft wants stored is the picture just begun. */
bool picture_is_begun(const struct consensus *c);
/* Commands were applied: when they are many bytes, have libraft ask for a picture early. */
void picture_note_applied(struct consensus *c, size_t bytes);
/* A chunk on the disk is damaged: take a new picture, whole, as soon as can be. */
void picture_renew(struct consensus *c);
int picture_put(struct consensus *c, unsigned trailing, struct raft_io_snapshot_put *request,
                const struct raft_snapshot *snapshot, raft_io_snapshot_put_cb cb);
void picture_step(struct consensus *c);
/* When picture_step() is wanted; INT64_MAX: not by time. */
int64_t picture_due_ms(const struct consensus *c);
void picture_stored(struct consensus *c, uint64_t tag, enum status st, uint8_t *bytes, size_t len);
void picture_synced(struct consensus *c, enum status st);
/* A whole picture is here by other means: loaded or installed. Takes m over. */
void picture_adopt(struct consensus *c, struct manifest *m);
/* Remove the chunks that neither picture nor fetch needs. */
void picture_keep(struct consensus *c);
/* Load a state from the chunk disk, while starting. */
enum status picture_load(struct consensus *c, const uint8_t *bytes, size_t len);
void picture_close(struct consensus *c);
/* What a manifest calls a chunk. */
struct chunk_name chunk_name_of(const struct manifest *m, unsigned chunk);

/* fetch.c */
/* An install message with a manifest came: fetch what is missing. Borrows bytes. */
enum status fetch_begin(struct consensus *c, raft_id from, const char *from_name,
                        const uint8_t *bytes, size_t len, const struct wire *w);
void fetch_step(struct consensus *c);
int64_t fetch_due_ms(const struct consensus *c);
void fetch_stored(struct consensus *c, uint64_t tag, enum status st, uint8_t *bytes, size_t len);
void fetch_synced(struct consensus *c, uint64_t tag, enum status st);
void fetch_read(struct consensus *c, uint64_t tag, enum status st, const uint8_t *bytes,
                size_t len);
enum status fetch_piece(struct consensus *c, raft_id from, const struct chunk_piece *piece);
/* machine_restore(): the state that was fetched takes the store's place. */
enum status fetch_restore(struct consensus *c, const uint8_t *bytes, size_t len);
void fetch_end(struct consensus *c);

/* pieces.c: chunks for other members. */
enum status pieces_want(struct consensus *c, raft_id from, const char *from_name,
                        const struct chunk_want *want);
/* A member says that a chunk which it got from here is damaged: look, and take a new picture
 * when it is. */
enum status pieces_bad(struct consensus *c, const struct chunk_name *name);
void pieces_read(struct consensus *c, uint64_t tag, enum status st, const uint8_t *bytes,
                 size_t len);
void pieces_close(struct consensus *c);

#endif
