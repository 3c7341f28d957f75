/* What /readyz says of clocks that are wrong, from the metrics of this daemon's stores. */
#ifndef TALLYD_HTTP_HEALTH_CLOCK_H
#define TALLYD_HTTP_HEALTH_CLOCK_H

#include "routes/endpoint.h"

/* Adds the member "clock": "ok", or what is wrong.  No reason not to be ready: the store answers.
 */
int health_clock(struct context *context);

#endif
