"""What clients cost that only hold on: 2,000 idle keep-alive connections, then 1,000 streams that
follow events, each of a daemon on SQLite; and how fast an answer is beside them.
"""

import http.client
import resource
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
from daemon import Tallyd  # noqa: E402

SECTIONS = """
[input.docker_status]
endpoint = unix://{dir}/none.sock
[buffer.batch]
[output.sqlite]
path = {db}
[output.http_api]
listen = 127.0.0.1:{port}
store = sqlite
max_connections = 4000
max_connections_per_address = 4000
max_streams = 1000
"""
ASKED = 200


def connection(port, target):
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    client.request("GET", target)
    return client, client.getresponse()


def answers(port):
    """Seconds of the median and the slowest of some answers."""
    client, took = http.client.HTTPConnection("127.0.0.1", port, timeout=30), []
    for _ in range(ASKED):
        start = time.perf_counter()
        client.request("GET", "/api/v1/version")
        assert client.getresponse().read()
        took.append(time.perf_counter() - start)
    took.sort()
    return took[ASKED // 2], took[-1]


def show(daemon, what, before, n):
    median, worst = answers(daemon.port)
    each = f"{(daemon.rss - before) / n / 1024:6.2f} KiB each" if n else ""
    print(f"{what:28} RSS {daemon.rss / 2**20:6.1f} MiB {each:16} "
          f"an answer {median * 1e6:5.0f} µs, at most {worst * 1e6:6.0f} µs", flush=True)


def hold(what, target, n, begun):
    """n clients that ask a daemon of their own for target and read until begun says so."""
    clients = []
    with tempfile.TemporaryDirectory() as folder:
        daemon = Tallyd(folder, SECTIONS).start("/api/v1/containers")
        try:
            answers(daemon.port)
            before = daemon.rss
            show(daemon, "nobody", before, 0)
            for _ in range(n):
                client, answer = connection(daemon.port, target)
                assert answer.status == 200 and begun(answer)
                clients.append((client, answer))
            show(daemon, f"{n} {what}", before, n)
        finally:
            daemon.stop()


def main():
    resource.setrlimit(resource.RLIMIT_NOFILE, (8192, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    hold("idle connections", "/api/v1/version", 2000, lambda answer: answer.read())
    hold("streams", "/api/v1/stream/events", 1000,
         lambda answer: answer.readline() == b"retry: 2000\n")


main()
