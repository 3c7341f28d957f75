/*
 * What fires in an Alertmanager: told again every `resend`, since Alertmanager forgets what it has
 * not heard of for five minutes, and everything when it restarts.  Kept over a restart of the
 * daemon in a file of the state directory.  A thread of its own.
 */
#ifndef TALLYD_NOTIFY_ALERTMANAGER_H
#define TALLYD_NOTIFY_ALERTMANAGER_H

#include "message.h"

struct alertmanager;

enum { ALERTMANAGER_MAX = 10000 }; /* alerts that fire at once */

struct alertmanager *alertmanager_create(struct tally_ctx *ctx, const struct notify_config *config);
void alertmanager_destroy(struct alertmanager *manager);

/* 0, or what tally_fail() returned. */
int alertmanager_start(struct alertmanager *manager);
void alertmanager_stop(struct alertmanager *manager);

/* The receiver has taken this row. */
void alertmanager_note(struct alertmanager *manager, const struct tally_batch *batch, uint32_t row);
/* After the last of a write: keeps what changed. */
void alertmanager_keep(struct alertmanager *manager);

#endif
