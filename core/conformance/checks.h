/* The checks, in the order in which they are done.  Each runs in a child of its own. */
#ifndef TALLYD_CORE_CONFORMANCE_CHECKS_H
#define TALLYD_CORE_CONFORMANCE_CHECKS_H

#include "conformance/subject.h"

void check_declaration(struct subject *subject);
void check_create(struct subject *subject);
void check_config_values(struct subject *subject);
void check_interrupt(struct subject *subject);
void check_life_cycle(struct subject *subject);
void check_failed_start(struct subject *subject);
void check_rows(struct subject *subject);
void check_refused_rows(struct subject *subject);
void check_waiting_rows(struct subject *subject);
void check_reconfigure(struct subject *subject);
void check_writing(struct subject *subject);
void check_writing_again(struct subject *subject);
void check_buffer(struct subject *subject);
void check_durable(struct subject *subject);
void check_store(struct subject *subject);
void check_threads(struct subject *subject);

#endif
