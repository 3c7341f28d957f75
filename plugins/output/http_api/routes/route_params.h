/*
 * The parameters of all routes, each described once.  route_table.c lists them by route; where two
 * routes mean something else by one name there are two specifications.
 */
#ifndef TALLYD_HTTP_ROUTE_PARAMS_H
#define TALLYD_HTTP_ROUTE_PARAMS_H

#include "message/arguments.h"

/* In the path. */
extern const struct param_spec param_container_id, param_image_id, param_table_name;

/* Ranges of time, and the grid of series. */
extern const struct param_spec param_from, param_to, param_step, param_tz, param_points;
extern const struct param_spec param_group_agg, param_group_by, param_stats_host;
extern const struct param_spec param_fields, param_agg, param_series_format;
extern const struct param_spec param_times, param_ints;

/* Lists. */
extern const struct param_spec param_sort, param_shown, param_total;
extern const struct param_spec param_limit, param_cursor, param_order, param_table_order;
extern const struct param_spec param_format, param_csv_safe, param_gone;

/* What a list is narrowed down by. */
extern const struct param_spec param_host, param_image_host, param_hosts, param_containers;
extern const struct param_spec param_name, param_state, param_health, param_image, param_label;
extern const struct param_spec param_project, param_q, param_regex;
extern const struct param_spec param_change_service, param_kind, param_change_id;
extern const struct param_spec param_effect_window;
extern const struct param_spec param_alert_state, param_alert_name, param_severity;
extern const struct param_spec param_alert_service, param_alert_container;
extern const struct param_spec param_service, param_log_project, param_log_label, param_before,
	param_after;
extern const struct param_spec param_by_level, param_stream, param_level, param_action;
extern const struct param_spec param_references, param_dangling;
extern const struct param_spec param_reference, param_outdated, param_outdated_images;

extern const struct param_spec param_top_agg;
extern const struct param_spec param_ids, param_by, param_span, param_top_limit;
extern const struct param_spec param_last_event_id, param_last_event_ids, param_topics;
extern const struct param_spec param_tail, param_since, param_stream_fields;
extern const struct param_spec param_pattern, param_new_since;

#endif
