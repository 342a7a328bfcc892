/* A backup of the state while it is in use: session/archive.h in a file.
 *
 * A read is confirmed first, so that the backup holds everything that was acknowledged before it
 * was asked for; a node that is cut off writes what it has, and says so. Then an image is taken
 * (it costs memory only for what changes meanwhile), encoded a little in each turn of the loop, and
 * written by a worker thread: nobody waits for it. The file gets its name when all of it is
 * durable, and replaces none. */
#ifndef NODE_BACKUP_H
#define NODE_BACKUP_H

struct api_call;
struct node;

/* erlmcp_backup:create(File): {ok, Text} | {error, {Reason, Text}}. */
void api_backup(struct node *node, struct api_call *call);

#endif
