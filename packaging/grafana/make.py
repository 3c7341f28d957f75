#!/usr/bin/python3
"""Writes the dashboards beside it: containers.json (PostgreSQL), prometheus.json and tallyd.json (Prometheus).

A panel is one line here and sixty in the JSON, so this is what is edited; `make.py --check` says whether the
files are what it writes.  Grafana imports them as they are.
"""

import json
import sys
from pathlib import Path

HERE = Path(__file__).parent

# By the range in ms: up to 6 hours, 2 days, 60 days.  A long one needs no more points than a screen has.
LEVEL = """select case when ${__to} - ${__from} <= 21600000 then '_1min'
            when ${__to} - ${__from} <= 172800000 then '_5min'
            when ${__to} - ${__from} <= 5184000000 then '_1h' else '_1d' end"""
CONTAINERS = "host in (${host:sqlstring}) and name in (${name:sqlstring})"


def mean(column):
    return f"sum({column}_sum) / nullif(sum({column}_count), 0)"


def rate(column):
    return f"sum({column}_increase) / nullif(sum({column}_span), 0)"


def history(*values):
    """A series per container; several values get their names as prefixes."""
    parts = []
    for expression, label in values:
        metric = "host || '/' || name" + (f" || ' {label}'" if label else "")
        parts.append(f"""select time, {metric} as metric, {expression} as value
from container_stats${{level:raw}}
where $__timeFilter(time) and {CONTAINERS}
group by time, host, name""")
    return "\nunion all\n".join(parts) + "\norder by 1, 2"


def running(condition):
    return f"select count(*) as value from container_info where {CONTAINERS} and gone_at is null and {condition}"


LOG_FILTER = f"$__timeFilter(time) and {CONTAINERS}"

# (title, kind, unit, width, height, queries, description)
CONTAINER_PANELS = [
    ("Running", "stat", "short", 4, 4, running("state = 'running'"), ""),
    ("Unhealthy", "bad", "short", 4, 4, running("health = 'unhealthy'"), "by their health checks"),
    ("Restarting or dead", "bad", "short", 4, 4, running("state in ('restarting', 'dead')"), ""),
    ("Killed for memory", "bad", "short", 4, 4,
     f"select count(*) as value from container_events where {LOG_FILTER} and action = 'oom'", "in this range"),
    ("Error lines", "bad", "short", 4, 4,
     f"select count(*) as value from container_logs where {LOG_FILTER} and level in ('error', 'critical')",
     "in this range"),
    ("Newest reading", "age", "s", 4, 4,
     f"select extract(epoch from now() - max(time)) as value from container_stats where {CONTAINERS} "
     "and time > now() - interval '1 day'", "its age; no value: none for a day"),
    ("CPU", "lines", "percent", 12, 8, history((mean("cpu_percent"), "")), "of one core, as docker stats"),
    ("Memory", "lines", "bytes", 12, 8, history((mean("mem_used_bytes"), "")), "usage less inactive page cache"),
    ("Memory of its limit", "lines", "percent", 12, 8, history((mean("mem_percent"), "")),
     "of the machine's memory where there is no limit"),
    ("Throttled", "lines", "percentunit", 12, 8, history((rate("throttled_ns") + " / 1e9", "")),
     "share of the time for which the CPU limit held it back"),
    ("Network", "lines", "Bps", 12, 8, history((rate("net_rx_bytes"), "in"), (rate("net_tx_bytes"), "out")), ""),
    ("Disk", "lines", "Bps", 12, 8, history((rate("blk_read_bytes"), "read"), (rate("blk_write_bytes"), "written")),
     "block devices"),
    ("Lines by level", "bars", "short", 24, 6,
     f"select time, coalesce(level, 'none') as metric, sum(lines_sum) as value\nfrom container_logs_lines${{level:raw}}\n"
     f"where {LOG_FILTER}\ngroup by 1, 2\norder by 1", ""),
    ("Log", "logs", "short", 24, 10,
     f"select time, message, coalesce(level, 'unknown') as level, host, name, stream\nfrom container_logs\n"
     f"where {LOG_FILTER} and message ilike '%' || ${{text:sqlstring}} || '%'\norder by time desc\nlimit 1000",
     "the newest 1000"),
    ("Events", "table", "short", 12, 9,
     f"select time, host, name, action, exit_code, health, image\nfrom container_events\nwhere {LOG_FILTER}\n"
     "order by time desc\nlimit 500", ""),
    ("Images that changed", "table", "short", 12, 9,
     "select time, host, reference, change, left(image_id, 19) as image, left(previous_image_id, 19) as before\n"
     "from image_versions\nwhere $__timeFilter(time) and host in (${host:sqlstring})\norder by time desc\nlimit 500",
     "which image a reference points to, since when"),
]

PICK = '{host=~"$host", name=~"$name"}'
PROMETHEUS_PANELS = [
    ("CPU", "lines", "percentunit", 12, 8, f"sum by (host, name) (rate(container_cpu_usage_seconds_total{PICK}[$__rate_interval]))",
     "cores"),
    ("Memory", "lines", "bytes", 12, 8, f"container_memory_working_set_bytes{PICK}", ""),
    ("Memory of its limit", "lines", "percentunit", 12, 8,
     f"container_memory_working_set_bytes{PICK} / container_spec_memory_limit_bytes{PICK}", "only where there is a limit"),
    ("Throttled", "lines", "percentunit", 12, 8, f"rate(container_cpu_cfs_throttled_seconds_total{PICK}[$__rate_interval])", ""),
    ("Network received", "lines", "Bps", 12, 8,
     f"sum by (host, name) (rate(container_network_receive_bytes_total{PICK}[$__rate_interval]))", ""),
    ("Network sent", "lines", "Bps", 12, 8,
     f"sum by (host, name) (rate(container_network_transmit_bytes_total{PICK}[$__rate_interval]))", ""),
    ("Restarts within the hour", "lines", "short", 12, 8, f"changes(container_start_time_seconds{PICK}[1h])", ""),
    ("Age of the newest reading", "lines", "s", 12, 8, f"time() - container_last_seen{PICK}", ""),
]
SELF = '{instance=~"$instance"}'
TALLYD_PANELS = [
    ("Ready to be asked", "stat", "short", 6, 4, f"sum(up{SELF})", "instances that Prometheus reaches"),
    ("Rows dropped", "bad", "short", 6, 4, f"sum(increase(tallyd_rows_dropped_total{SELF}[$__range]))", "in this range"),
    ("Inputs that wait", "bad", "short", 6, 4, f"sum(tallyd_input_blocked{SELF})", "for a buffer that accepts no rows"),
    ("Failed writes", "bad", "short", 6, 4, f"sum(increase(tallyd_write_errors_total{SELF}[$__range]))", "in this range"),
    ("Rows collected", "lines", "rowsps", 12, 8, f"sum by (instance, input) (rate(tallyd_rows_collected_total{SELF}[$__rate_interval]))", ""),
    ("Rows stored", "lines", "rowsps", 12, 8, f"sum by (instance, output) (rate(tallyd_rows_stored_total{SELF}[$__rate_interval]))", ""),
    ("Rows waiting", "lines", "short", 12, 8, f"sum by (instance, output) (tallyd_rows_waiting{SELF})", ""),
    ("Rows dropped, by reason", "lines", "rowsps", 12, 8,
     f"sum by (instance, reason) (rate(tallyd_rows_dropped_total{SELF}[$__rate_interval])) > 0", ""),
    ("Buffers, of their capacity", "lines", "percentunit", 12, 8,
     f"tallyd_buffer_bytes{SELF} / tallyd_buffer_capacity_bytes{SELF}", ""),
    ("Gathers skipped", "lines", "short", 12, 8,
     f"sum by (instance, input) (rate(tallyd_gathers_skipped_total{SELF}[$__rate_interval]))", "per second"),
    ("CPU of tallyd", "lines", "percentunit", 12, 8, f"rate(process_cpu_seconds_total{SELF}[$__rate_interval])", "cores"),
    ("Memory of tallyd", "lines", "bytes", 12, 8, f"process_resident_memory_bytes{SELF}", ""),
]

TYPES = {"lines": "timeseries", "bars": "timeseries", "stat": "stat", "bad": "stat", "age": "stat", "logs": "logs",
         "table": "table"}
STEPS = {"bad": [("green", None), ("red", 1)], "age": [("green", None), ("orange", 60), ("red", 300)]}


def defaults(kind, unit):
    found = {"unit": unit}
    if kind in STEPS:
        found["thresholds"] = {"mode": "absolute",
                               "steps": [{"color": color, "value": value} for color, value in STEPS[kind]]}
    if TYPES[kind] == "timeseries":
        found["custom"] = {"drawStyle": "bars" if kind == "bars" else "line", "lineWidth": 1, "showPoints": "never",
                           "spanNulls": False, "stacking": {"mode": "normal" if kind == "bars" else "none"},
                           "fillOpacity": 60 if kind == "bars" else 0}
        found["min"] = 0
    return found


def options(kind):
    if TYPES[kind] == "timeseries":
        return {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi", "sort": "desc"}}
    if kind == "logs":
        return {"showTime": True, "wrapLogMessage": True, "sortOrder": "Descending", "enableLogDetails": True}
    if kind == "table":
        return {"showHeader": True}
    return {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "value" if kind == "stat" else "background_solid",
            "graphMode": "none"}


def target(kind, query, source):
    found = {"refId": "A", "datasource": source}
    if source["type"] == "prometheus":
        return {**found, "expr": query, "range": TYPES[kind] == "timeseries", "instant": TYPES[kind] != "timeseries"}
    return {**found, "editorMode": "code", "rawQuery": True, "rawSql": query,
            "format": "time_series" if TYPES[kind] == "timeseries" else "table"}


def panels(described, source):
    x = y = row = 0
    for number, (title, kind, unit, width, height, query, description) in enumerate(described, 1):
        if x + width > 24:
            x, y, row = 0, y + row, 0
        yield {"id": number, "title": title, "description": description, "type": TYPES[kind], "datasource": source,
               "gridPos": {"x": x, "y": y, "w": width, "h": height}, "targets": [target(kind, query, source)],
               "fieldConfig": {"defaults": defaults(kind, unit), "overrides": []}, "options": options(kind)}
        x, row = x + width, max(row, height)


def variable(name, query, source, **more):
    many = {"multi": True, "includeAll": True, "current": {"text": ["All"], "value": ["$__all"]}}
    return {"type": "query", "name": name, "datasource": source, "query": query, "refresh": 2, "sort": 1,
            **({} if more.get("hide") else many), **more}


def dashboard(uid, title, kind, described, variables):
    source = {"type": kind, "uid": "${datasource}"}
    pick = {"type": "datasource", "name": "datasource", "label": "Data source", "query": kind}
    return {"uid": uid, "title": title, "tags": ["tallyd"], "schemaVersion": 39, "version": 1, "editable": True,
            "refresh": "30s", "timezone": "browser", "time": {"from": "now-1h", "to": "now"}, "graphTooltip": 1,
            "templating": {"list": [pick, *variables(source)]}, "panels": list(panels(described, source))}


def container_variables(source):
    return [variable("host", "select distinct host from container_info order by 1", source, label="Host"),
            variable("name", "select distinct name from container_info where host in (${host:sqlstring}) order by 1",
                     source, label="Container"),
            {"type": "textbox", "name": "text", "label": "Log contains", "query": ""},
            variable("level", LEVEL, source, hide=2)]


def labels(source):
    return [variable("host", "label_values(container_last_seen, host)", source, label="Host", allValue=".*"),
            variable("name", 'label_values(container_last_seen{host=~"$host"}, name)', source, label="Container",
                     allValue=".*")]


def instances(source):
    return [variable("instance", "label_values(tallyd_rows_collected_total, instance)", source, label="Instance",
                     allValue=".*")]


DASHBOARDS = {
    "containers.json": dashboard("tallyd-containers", "Containers", "grafana-postgresql-datasource", CONTAINER_PANELS,
                                 container_variables),
    "prometheus.json": dashboard("tallyd-prometheus", "Containers (Prometheus)", "prometheus", PROMETHEUS_PANELS, labels),
    "tallyd.json": dashboard("tallyd-daemon", "tallyd", "prometheus", TALLYD_PANELS, instances),
}


def main():
    stale = []
    for name, content in DASHBOARDS.items():
        text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
        path = HERE / name
        if "--check" in sys.argv:
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                stale.append(name)
        else:
            path.write_text(text, encoding="utf-8")
    if stale:
        sys.exit(f"{', '.join(stale)}: not what make.py writes; run it")


if __name__ == "__main__":
    main()
