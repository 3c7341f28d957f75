/*
 * Numbers, sizes and times as the dashboard writes them: three significant digits, the unit behind,
 * and – for what is not known (NAN).  Pure.
 */
#ifndef TALLYD_CONSOLE_FIGURES_H
#define TALLYD_CONSOLE_FIGURES_H

#include <stddef.h>

enum { FIGURE_SIZE = 32 };
#define FIGURE_NONE "\xe2\x80\x93"

void figure_percent(double x, char ret[FIGURE_SIZE]);
void figure_bytes(double x, char ret[FIGURE_SIZE]); /* memory and disk: KiB */
void figure_rate(double x, char ret[FIGURE_SIZE]);  /* network: kB/s */
void figure_disk_rate(double x, char ret[FIGURE_SIZE]);
void figure_duration(double seconds, char ret[FIGURE_SIZE]); /* "3 d", "5 h 59 min" */

/* A line of eighths, one character for each value up to top; a blank for NAN. */
struct strbuf;
void figure_spark(struct strbuf *out, const float *values, size_t n, float top);

/* As people sort names: case does not matter, and 9 comes before 10. */
int figure_compare_names(const char *a, const char *b);

#endif
