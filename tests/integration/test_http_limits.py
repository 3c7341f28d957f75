"""Too many clients, slow ones, too large requests, and many at once: what is too much is refused or cut off
and counted, and others notice nothing.
"""

import http.client
import json
import socket
import threading
import time
from collections import Counter

import pytest

from replayed import SECTIONS

ROWS = 3000
LARGE = f"/api/v1/tables/notes?limit={ROWS}"  # more than the kernel takes off our hands


@pytest.fixture
def daemon(tallyd):
    def make(options=""):
        made = tallyd(SECTIONS + options)
        (made.dir / "rows").touch()
        return made.start()

    return make


def emit(daemon, count, text="x"):
    with open(daemon.dir / "rows", "a", encoding="utf-8") as file:
        for first in range(0, count, 100):
            rows = [[time.time_ns() - n, "ann", n, text] for n in range(first, first + 100)]
            file.write(json.dumps({"table": "notes", "rows": rows}) + "\n")


def connect(daemon, address="127.0.0.1", room=None):
    """From that address; room: for what comes and is not read yet."""
    client = socket.socket()
    if room:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
    client.settimeout(60)
    client.bind((address, 0))
    client.connect(("127.0.0.1", daemon.port))
    return client


def ask(client, target="/healthz", headers=""):
    """What comes first; nothing: it was closed."""
    try:
        client.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n".encode())
        return client.recv(65536)
    except ConnectionError:
        return b""


def status(answer):
    return answer.split(b" ", 2)[1].decode() if answer else None


def refused(daemon, reason):
    return daemon.metric("tallyd_http_api_refused_total", reason=reason)


def whole(client):
    """All that still comes until it is closed."""
    answer = b""
    try:
        while part := client.recv(65536):
            answer += part
    except ConnectionError:
        pass
    return answer


def refusal(client):
    """What one too many is told, before its connection is closed."""
    answer = ask(client, "/metrics") + whole(client)
    if answer:
        assert b"application/problem+json" in answer and b"Retry-After: " in answer, answer
        assert b"max_connections" in answer, answer
    return status(answer)


def test_connections_are_limited_per_address_and_in_all(daemon):
    d = daemon("max_connections = 20\nmax_connections_per_address = 8\nclient_timeout = 10min\n")
    for key in ("127.0.0.2", "127.0.0.3"):  # one that start() asked from has gone by then
        first = connect(d, key)
        assert status(ask(first)) == "200"
        clients = [first] + [connect(d, key) for _ in range(7)]
        assert [status(ask(client)) for client in clients] == ["200"] * 8
        too_many = [connect(d, key) for _ in range(3)]
        assert [refusal(client) for client in too_many] == ["503"] * 3
        if key == "127.0.0.2":
            held = clients
    assert refused(d, "connections_per_address") == 6
    assert refused(d, "connections") == 0

    rest = [connect(d, f"127.0.0.{n}") for n in (4, 5, 6, 7)]
    assert [status(ask(client)) for client in rest] == ["200"] * 4
    assert refusal(connect(d, "127.0.0.8")) == "503"  # though it is the first from there
    assert [status(ask(client)) for client in held + clients + rest] == ["200"] * 20
    for client in held:
        client.close()
    d.wait(lambda: status(ask(connect(d, "127.0.0.8"), "/metrics")) == "200", "there is room again")
    assert refused(d, "connections") >= 1
    assert refused(d, "connections_per_address") == 6
    d.says("connections (max_connections")


@pytest.mark.parametrize("limit", [
    "max_connections = 20\nmax_connections_per_address = 20\n",
    "max_connections = 64\nmax_connections_per_address = 5\n"])
def test_healthz_is_reachable_however_many_connections_are_open(daemon, limit):
    d = daemon(limit + "client_timeout = 10min\n")
    idle = [connect(d) for _ in range(300)]  # of which most are closed again
    for client in idle[::7]:
        try:
            client.sendall(b"GET /healthz HTTP/1.1\r\nX: ")
        except ConnectionError:
            pass
    for address in ("127.0.0.1", "127.0.0.2"):
        for method in ("GET", "HEAD"):
            client = connect(d, address)
            client.sendall(f"{method} /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            answer = whole(client) if address == "127.0.0.1" or "20" in limit else ask(client)
            assert status(answer) == "200", (address, answer)
    for target in ("/metrics", "/api/v1/containers", "/", "/nope"):
        answer = ask(connect(d), target)
        assert status(answer) == ("404" if target == "/nope" else "503"), (target, answer)
    for client in idle:
        client.close()
    d.wait(lambda: d.get("/metrics").status == 200, "there is room again")
    reason = "connections" if "= 20" in limit else "connections_per_address"
    allowed = 20 if "= 20" in limit else 5
    # Those beyond, and the four above; the probes of /healthz were served.
    d.wait(lambda: refused(d, reason) >= 300 - allowed + 4, "all who were too many are counted")


def go_on(step, client):
    """Slowly, until it is disconnected."""
    def run():
        try:
            while step(client):
                time.sleep(0.2)  # it is slow
        except OSError:
            pass

    threading.Thread(target=run, daemon=True).start()
    return client


def dribble(client):
    client.sendall(b"x")
    return True


def is_open(client):
    """Seen from outside, since to see its end it would have to read all that came before."""
    port = f":{client.getsockname()[1]:04X}"
    with open("/proc/net/tcp", encoding="ascii") as file:
        lines = [line.split() for line in file]
    return any(line[1].endswith(port) and line[3] == "01" for line in lines)


def test_slow_clients_are_hung_up_on_and_others_notice_nothing(daemon):
    d = daemon("client_timeout = 3s\ncache = off\n")
    emit(d, ROWS, "x" * 4096)
    d.wait(lambda: d.metric("tallyd_rows_stored_total", table="notes") == ROWS, "all is stored", 60)

    def begin(target=LARGE):
        client = connect(d, room=4096)
        assert status(ask(client, target)) == "200"
        return client

    heads = [connect(d) for _ in range(2)]
    for client in heads:
        client.sendall(b"GET /healthz HTTP/1.1\r\nX: ")
    slow = [heads[0], go_on(dribble, heads[1]), begin(), begin(), begin(),
            go_on(lambda client: client.recv(1), begin()),
            go_on(lambda client: client.recv(65536), begin())]
    idle = begin("/healthz")
    answers = Counter()

    def all_are_gone():
        answers[d.get("/healthz").status, d.get("/api/v1/tables/notes?limit=1").status] += 1
        return not any(is_open(client) for client in slow + [idle])

    d.wait(all_are_gone, "all are disconnected", 90)
    assert list(answers) == [(200, 200)]
    assert refused(d, "slow") == len(slow)  # without the idle one, which was only asked to leave
    d.says("slow clients (client_timeout)")


def test_too_large_requests_are_refused_and_closed(daemon):
    d = daemon()
    for expected, target, headers in (("414", "/healthz?" + "a" * 8192, ""),
                                      ("414", "/healthz?" + "a" * 100000, ""),
                                      ("431", "/healthz", "X: " + "a" * 8192 + "\r\n"),
                                      ("431", "/healthz", "X: " + "a" * 100000 + "\r\n"),
                                      ("431", "/healthz", "X: y\r\n" * 1000),
                                      ("431", "/healthz", "X: y\r\n" * 5000)):
        client, answer = connect(d), b""
        try:
            answer = ask(client, target, headers)
            while part := client.recv(65536):
                answer += part
        except ConnectionError:
            pass
        assert status(answer) == expected, (target[:20], headers[:20], answer)
        head, _, body = answer.partition(b"\r\n\r\n")
        assert b"application/problem+json" in head, answer
        assert json.loads(body)["status"] == int(expected), answer
    # A target beyond a connection's memory is refused by libmicrohttpd before we hear of it.
    assert refused(d, "malformed") == 5
    assert d.get("/healthz").status == 200


def test_what_is_no_http_gets_a_problem_document_too(daemon):
    d = daemon()
    for expected, request in (("505", "GET /healthz HTTP/3.7\r\nHost: localhost\r\n\r\n"),
                              ("400", "GET /healthz HTTP/1.1\r\n\r\n")):
        client = connect(d)
        client.sendall(request.encode())
        answer = whole(client)
        head, _, body = answer.partition(b"\r\n\r\n")
        assert status(answer) == expected, (request, answer)
        assert b"application/problem+json" in head and b"<html" not in answer, answer
        assert json.loads(body)["status"] == int(expected), answer
    assert d.get("/healthz").status == 200


def test_under_load_each_answer_is_counted_once(daemon):
    """The same sum as for rows: what clients got is what was counted, whatever came in between."""
    d = daemon("cache_ttl_stats = 100ms\ncache_ttl_containers = 100ms\n")
    targets = ["/api/v1/containers", "/api/v1/tables/notes?limit=50", "/api/v1/stats/latest",
               "/api/v1/containers?nope=1", "/api/v1/containers/nope", "/api/v1/hosts", "/healthz"]
    got, lock = Counter(), threading.Lock()
    emit(d, 100)
    d.wait(lambda: d.metric("tallyd_rows_stored_total") == 100, "the first rows are stored")
    before = {key: value for key, value in d.metrics().items() if "http_api_requests_total" in key[0]}

    def load(seed):
        client, seen = http.client.HTTPConnection("127.0.0.1", d.port, timeout=60), Counter()
        for n in range(200):
            client.request("GET", targets[(seed + n) % len(targets)])
            answer = client.getresponse()
            answer.read()
            seen[answer.status, answer.headers["X-Cache"]] += 1
        client.close()
        with lock:
            got.update(seen)

    clients = [threading.Thread(target=load, args=(seed,)) for seed in range(8)]
    for client in clients:
        client.start()
    for _ in range(20):
        emit(d, 100)
    for client in clients:
        client.join()
    emitted = 21 * 100
    d.wait(lambda: d.metric("tallyd_rows_stored_total") == emitted, "all rows are stored", 60)
    assert not d.imbalances()
    metrics = d.metrics()

    def counted(name, text):
        return sum(value - before.get((n, labels), 0) for (n, labels), value in metrics.items()
                   if n == "tallyd_http_api_" + name and text in labels and 'endpoint="metrics"' not in labels)

    assert sum(got.values()) == 8 * 200
    for code in "245":
        answers = sum(n for (s, _), n in got.items() if str(s)[0] == code)
        assert counted("requests_total", f'status="{code}xx"') == answers, (code, got)
    for result in ("hit", "miss", "stale"):
        answers = sum(n for (_, cache), n in got.items() if cache == result)
        assert counted("cache_requests_total", f'result="{result}"') == answers, (result, got)
    assert d.metric("tallyd_http_api_requests_in_flight") == 0
