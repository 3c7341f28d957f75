/* What changes did, as far as input.effects has judged them: a column of the list of changes. */
#ifndef TALLYD_HTTP_CHANGE_EFFECTS_H
#define TALLYD_HTTP_CHANGE_EFFECTS_H

#include "routes/table_page.h"

/* A cell for each change of the page: JSON, or NULL where there is no verdict.  0, or a problem. */
int change_effects_make(struct table_page *page);

#endif
