"""A daemon that shows rows of a test's own making: whatever names, states, lines and times it wants."""

import json
import time

from daemon import Tallyd

SECTIONS = """
[input.replay]
file = {dir}/rows
interval = 100ms
[buffer.batch]
batch_timeout = 50ms
[output.sqlite]
path = {db}
[output.http_api]
listen = 127.0.0.1:{port}
store = sqlite
"""
INFO = ("time host container_id name image image_id state status health exit_code oom_killed restart_count created "
        "started_at finished_at command ports labels compose_project compose_service cpu_limit_cores mem_limit_bytes").split()


class Replayed(Tallyd):
    """start() it; then emit() rows, which stored() waits for."""

    def __init__(self, folder, extra="", **options):
        super().__init__(folder, SECTIONS + extra, **options)
        (self.dir / "rows").touch()
        self.n = 0

    def emit(self, table, rows):
        with open(self.dir / "rows", "a", encoding="utf-8") as file:
            file.write(json.dumps({"table": table, "rows": rows}) + "\n")
        self.n += len(rows)

    def stored(self):
        self.wait(lambda: self.metric("tallyd_rows_stored_total", output="output.sqlite") >= self.n,
                  "the rows are stored")

    def container(self, name, container_id, **cells):
        """A row of container_info; cells by their column."""
        row = {"time": time.time_ns(), "host": "alpha", "container_id": container_id, "name": name,
               "image": "nginx:1.25", "state": "running", "started_at": time.time_ns() - 3600 * 10**9, **cells}
        assert set(row) <= set(INFO)
        self.emit("container_info", [[row.get(column) for column in INFO]])

    def lines(self, name, container_id, messages, level=None, at=None):
        at = at or time.time_ns()
        self.emit("container_logs", [[at + n, "alpha", container_id, name, "stdout", message, level, n]
                                     for n, message in enumerate(messages)])
