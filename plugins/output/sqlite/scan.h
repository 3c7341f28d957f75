/* Rows as they were written: filtered, ordered, page by page. */
#ifndef TALLYD_SQLITE_SCAN_H
#define TALLYD_SQLITE_SCAN_H

#include "answer.h"
#include "question.h"
#include "readers.h"

int scan_run(struct reader *reader, const struct question *question, struct answer *answer);

#endif
