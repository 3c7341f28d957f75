"""Questions for the API, drawn at random: each endpoint that reads rows, with any of its parameters."""

from urllib.parse import quote

FIELDS = ("cpu_percent", "mem_used_bytes", "net_rx_bytes", "cpu_usage_ns", "pids", "mem_percent", "mem_anon_bytes", "throttled_ns")
STEPS = ("10s", "15s", "37s", "1min", "90s", "5min", "7min", "15min", "1h", "3h", "1d")
ZONES = ("Europe/Berlin", "Asia/Kathmandu", "America/New_York")
TABLES = ("container_stats", "container_stats_1min", "container_stats_5min", "container_stats_1h", "container_stats_1d",
          "container_logs", "container_logs_lines", "container_events", "alerts", "notes", "weather")
CHOICES = {
    "action": ("die", "start", "health_status"), "gone": ("yes", "no"), "health": ("healthy", "unhealthy"), "host": ("alpha", "beta", "nope"),
    "image": ("web:*", "*:1.25"), "kind": ("image", "mark", "oom", "restart"), "label": ("app=web", "env", "app=nope"),
    "level": ("error", "err", "info", "warning"), "name": ("web", "w*", "*b*", "nope"), "project": ("shop", "nope"),
    "service": ("shop/web", "db", "shop/*", "*b*"), "severity": ("warning", "critical"), "state": ("running", "exited"),
    "stream": ("stdout", "stderr")}
TEXTS = ("plain", "MiXed", "äö", "%", "_", "whale", "e", " ", "nope", "1", "12", "quote \"", "a", "[a-z]*")
PATTERNS = ("^plain [0-9]+$", "[02468]$", "(?i)MIXED|whale", "^$")
LISTED = ("limit", "total", "order", "format", "times")


class Questions:
    def __init__(self, random, base, days, containers):
        """base: the newest rows' time, in seconds; days: how far back questions reach; containers: ids and names."""
        self.random, self.base, self.days, self.containers = random, base, days, containers

    def time(self):
        at = self.base - self.random.choice((0, 0, 600, 3600, 86400, self.days * 86400)) * self.random.choice((1, 1, self.random.random()))
        grid = self.random.choice((.001, 1, 60, 3600))
        return f"{at // grid * grid:.3f}"

    def range(self):
        begin, end = sorted((self.time(), self.time()), key=float)
        return [f"from={begin}", f"to={float(end) + self.random.choice((.001, 1, 60)):.3f}"]

    def grid(self, past=False):
        """past: no point reaches to now, until when containers of a group count."""
        step = [f"step={self.random.choice(STEPS[:-2] if past else STEPS)}"]
        if past:
            return self.random.choice(([], step, step, [f"points={self.random.choice((150, 300))}"]))
        zone = [f"step={self.random.choice(('1h', '1d', '7d'))}", f"tz={self.random.choice(ZONES)}"]
        return self.random.choice(([], step, step, step, zone, [f"points={self.random.choice((1, 7, 50, 300))}"]))

    def some(self, choices, most=3):
        return self.random.sample(choices, self.random.randrange(1, most + 1))

    def sometimes(self, *parameters):
        return [p for p in parameters if self.random.random() < .3]

    def filters(self, *names):
        return [f"{name}={quote(value, safe='*')}" for name in self.sometimes(*names)
                for value in self.some(CHOICES[name], 1 if name == "gone" else 2)]

    def page(self, *names):
        values = {"limit": (1, 2, 3, 7, 20, 1000), "total": ("yes",), "order": ("asc", "desc"), "format": ("csv", "ndjson"), "times": ("s", "ms")}
        return [f"{name}={self.random.choice(values[name])}" for name in self.sometimes(*(names or LISTED))]

    def text(self):
        return self.sometimes(f"q={quote(self.random.choice(TEXTS))}", f"q={quote(self.random.choice(TEXTS))}",
                              f"regex={quote(self.random.choice(PATTERNS))}")

    def fields(self, most=4):
        return self.sometimes("fields=" + ",".join(self.some(FIELDS, most)))

    def draw(self):
        """A path with its query."""
        one = f"/api/v1/containers/{self.random.choice(self.containers)}"
        lines = (*self.text(), *self.filters("level", "stream"))
        of_lines = (*lines, *self.filters("host", "name", "project", "service", "label"))
        agg = self.sometimes(f"agg={self.random.choice(('avg', 'min', 'max', 'last', 'rate'))}")
        path, *parameters = self.random.choice((
            ("/api/v1/containers", *self.filters("host", "state", "health", "name", "image", "label", "project", "service", "gone"),
             *self.page("limit", "total", "times")),
            (one,),
            (one + "/stats", *self.range(), *self.grid(), *agg, *self.fields()),
            (one + "/logs", *self.range(), *self.page(), *lines),
            ("/api/v1/logs", *self.range(), *self.page(), *of_lines, *self.sometimes("before=2", "after=1")),
            ("/api/v1/logs/histogram", *self.range(), *self.grid(), *of_lines, *self.sometimes("by=level")),
            ("/api/v1/logs/count", *self.range(), *of_lines),
            ("/api/v1/events", *self.range(), *self.page(), *self.filters("action", "host", "name", "service", "image")),
            ("/api/v1/changes", *self.range(), *self.page(), *self.filters("service", "kind", "host", "project")),
            ("/api/v1/alerts", *self.page("limit", "total"), *self.filters("host", "service", "severity")),
            ("/api/v1/alerts/history", *self.range(), *self.page(), *self.filters("host", "service", "severity")),
            ("/api/v1/stats", *self.range(), *self.grid(past=True), *agg, *self.fields(3), *self.filters("host", "name", "project", "service", "label"),
             *self.sometimes(f"group_by={self.random.choice(('container', 'project', 'service', 'host', 'image'))}")),
            ("/api/v1/top", f"by={self.random.choice(FIELDS)}", *agg, *self.range(), *self.filters("host"), *self.page("limit")),
            (self.random.choice(("/api/v1/hosts", "/api/v1/summary", "/api/v1/stats/latest", "/api/v1/images")),),
            (f"/api/v1/tables/{self.random.choice(TABLES)}", *self.range(), *self.page()),
        ))
        return path + "?" + "&".join(parameters)
