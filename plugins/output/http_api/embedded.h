/* Files of this folder that are served as they stand; embed.cmake makes them part of the plugin. */
#ifndef TALLYD_HTTP_EMBEDDED_H
#define TALLYD_HTTP_EMBEDDED_H

#include <stddef.h>

extern const unsigned char openapi_json[], docs_html[];
extern const size_t openapi_json_size, docs_html_size;

/* The dashboard. */
extern const unsigned char index_html[], dashboard_js[], dashboard_css[], icon_svg[];
extern const size_t index_html_size, dashboard_js_size, dashboard_css_size, icon_svg_size;

#endif
