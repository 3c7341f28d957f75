"""A Docker Engine that misbehaves on demand, where a real one cannot be made to.

It answers like 20.10 with one running container, `steady`.  Set `mode` at any time:
    good       well-formed answers
    garbage    bodies that are no JSON
    short      JSON documents that end in the middle, in well-formed HTTP
    cut        the connection ends in the middle of the body
    huge       an endless body of white space (up to HUGE_BYTES)
    silent     connections are taken, nothing is ever answered
    broken     500 with a message
"""

import json
import os
import socketserver
import threading
import time
from http.server import BaseHTTPRequestHandler

ID = "5ead" * 16
HUGE_BYTES = 1 << 30
STARTED = "2026-01-01T00:00:00.000000000Z"
VERSION = {"Version": "20.10.24", "ApiVersion": "1.41", "MinAPIVersion": "1.12"}
LISTED = {"Id": ID, "Names": ["/steady"], "Image": "busybox:test", "ImageID": "sha256:" + "1" * 64,
          "Command": "sleep 1", "Created": 1767225600, "Ports": [], "Labels": {"a": "b"},
          "State": "running", "Status": "Up 1 second", "HostConfig": {"NetworkMode": "none"},
          "NetworkSettings": {"Networks": {}}, "Mounts": []}
INSPECTED = {"Id": ID, "Created": STARTED, "Path": "sleep", "Args": ["1"], "Name": "/steady",
             "State": {"Status": "running", "Running": True, "Paused": False, "Restarting": False,
                       "OOMKilled": False, "Dead": False, "Pid": 1, "ExitCode": 0, "Error": "",
                       "StartedAt": STARTED, "FinishedAt": "0001-01-01T00:00:00Z"},
             "Image": "sha256:" + "1" * 64, "RestartCount": 0, "Driver": "overlay2",
             "HostConfig": {"NetworkMode": "none", "Memory": 0, "NanoCpus": 0,
                            "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0}},
             "Config": {"Image": "busybox:test", "Labels": {"a": "b"}, "Env": ["SECRET=x"],
                        "Cmd": ["sleep", "1"], "Tty": False},
             "NetworkSettings": {"Ports": {}, "Networks": {}}}


def cpu(total):
    return {"cpu_usage": {"total_usage": total, "usage_in_usermode": total,
                          "usage_in_kernelmode": 0},
            "system_cpu_usage": 10 * total, "online_cpus": 2,
            "throttling_data": {"periods": 0, "throttled_periods": 0, "throttled_time": 0}}


def stats():
    now = time.time_ns()
    read = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now // 10**9)) + f".{now % 10**9:09d}Z"
    return {"read": read, "preread": "0001-01-01T00:00:00Z", "id": ID, "name": "/steady",
            "pids_stats": {"current": 1}, "cpu_stats": cpu(now // 2), "precpu_stats": cpu(0),
            "memory_stats": {"usage": 2 << 20, "limit": 1 << 30,
                             "stats": {"total_inactive_file": 1 << 20, "rss": 4096}},
            "blkio_stats": {"io_service_bytes_recursive": [], "io_serviced_recursive": []}}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        getattr(self, "be_" + self.server.mode)(self.path.partition("?")[0])

    def send_bytes(self, status, body, length=None):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Api-Version", "1.41")
        self.send_header("Content-Length", str(length or len(body)))
        self.end_headers()
        self.wfile.write(body)

    def answer(self, path):
        routes = {"/_ping": b"OK", "/version": self.server.version, "/containers/json": [LISTED],
                  f"/containers/{ID}/json": INSPECTED}
        for end, answer in routes.items():
            if path.endswith(end):
                return answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        if path.endswith("/stats"):
            return json.dumps(stats()).encode() + b"\n"
        return None

    def be_good(self, path):
        if path.endswith("/events"):
            return self.stream_events()
        body = self.answer(path)
        if body is None:
            return self.send_bytes(404, b'{"message":"page not found"}')
        return self.send_bytes(200, body)

    def stream_events(self):
        """Open and quiet, until the mode changes or the server ends."""
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while self.server.mode == "good" and not self.server.over.wait(0.1):
            pass
        self.close_connection = True

    def be_garbage(self, _):
        self.send_bytes(200, b"\x00\xff<html>no engine lives here</html>")

    def be_short(self, path):
        body = self.answer(path) or b'[{"a":'
        self.send_bytes(200, body[:len(body) // 2])

    def be_cut(self, path):
        body = self.answer(path) or b"[]"
        self.send_bytes(200, body[:len(body) // 2], length=len(body) + 1000)
        self.close_connection = True

    def be_huge(self, _):
        self.send_bytes(200, b"[", length=HUGE_BYTES)
        for _ in range(HUGE_BYTES >> 16):
            self.wfile.write(b" " * (1 << 16))

    def be_silent(self, _):
        self.server.silenced.set()
        while self.server.mode == "silent" and not self.server.over.wait(0.05):
            pass
        self.close_connection = True

    def be_broken(self, _):
        self.send_bytes(500, b'{"message":"the storage driver is on fire"}')

    def address_string(self):
        return "-"

    def log_message(self, *_):
        pass


class FakeEngine(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, path):
        super().__init__(str(path), Handler)
        self.path = str(path)
        self.mode = "good"
        self.version = dict(VERSION)
        self.over = threading.Event()
        self.silenced = threading.Event()
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def endpoint(self):
        return f"unix://{self.path}"

    def handle_error(self, request, client_address):
        pass  # the daemon hung up: as expected

    def close(self):
        self.over.set()
        self.shutdown()
        self.server_close()
        os.unlink(self.path)
