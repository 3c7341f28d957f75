/*
 * The trend of some points over time: how steep it is, and whether it is one.  Pure; any thread.
 * After Theil and Sen, and Kendall; docs/changes.md and docs/alerts.md say why.
 */
#ifndef TALLYD_PLUGINS_COMMON_TREND_H
#define TALLYD_PLUGINS_COMMON_TREND_H

#include <stdint.h>

enum { TREND_POINTS = 12 }; /* at most */

/* The median of the slopes between any two, which neither a spike nor a few points that are off can
 * tilt.  0: fewer than two. */
double trend_slope(const double *at, const double *values, uint32_t n);

/* Kendall's rank correlation of what is left when a line of slope `less` is taken away, in units of
 * its standard deviation; above 0: it rises. */
double trend_score(const double *at, const double *values, uint32_t n, double less);

#endif
