/*
 * A command line as a shell would split it, without the shell: words between blanks, '…' as it is,
 * "…" with \" and \\, and \ before anything else.  No variables, no globs.  Pure; any thread.
 */
#ifndef TALLYD_EXEC_WORDS_H
#define TALLYD_EXEC_WORDS_H

/* NULL-terminated, in one piece of memory: free() it.  -EINVAL: a quote that does not end, or no
 * word at all; -ENOMEM. */
int exec_words_split(const char *text, char ***ret);

#endif
