/* Compares what was read of both sides of a change, and writes the answer. */
#ifndef TALLYD_HTTP_EFFECT_WRITE_H
#define TALLYD_HTTP_EFFECT_WRITE_H

#include "routes/effect.h"

/* Any metric that is worse makes the change worse. */
void effect_write(const struct effect *effect);

#endif
