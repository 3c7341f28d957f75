/*
 * One value of one declared option: its text checked and stored where the option's offset says.
 * options.c goes through a section with it; a plugin's declaration is checked with it.
 */
#ifndef TALLYD_CORE_OPTION_VALUE_H
#define TALLYD_CORE_OPTION_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <tallyd/plugin.h>

#include "base/arena.h"
#include "base/error.h"

/*
 * Puts text into base, strings and lists copied into the arena.  text NULL: zero, false, NULL.
 * References are only checked for their form and left NULL.  -EINVAL with what is wrong, as it
 * continues "interval: "; a secret's value is never in it.
 */
int option_value_set(const struct tally_option *option, const char *text, void *base,
		     struct arena *arena, struct error *error);

/* People who come from other formats write "10s": what is then wrong is the quotes, which are
 * hardly seen where the message quotes the value as well.  The hint goes to the end of such a
 * message. */
bool option_value_is_quoted(const char *text); /* NULL: no */
extern const char option_value_unquote[];

/* Bytes the value takes in its struct; 0: no such type. */
size_t option_value_size(uint32_t type);

/* Is `accepts` itself well-formed? */
int option_value_check_accepts(const struct tally_option *option, struct error *error);

#endif
