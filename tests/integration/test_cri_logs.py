"""Log files of a Kubernetes node: every line once, whatever the kubelet and the daemon do meanwhile."""

from collections import Counter

import pytest

from daemon import STORED
from kubelet import Node

SECTION = """
[input.cri_logs]
host_root = {root}
scan_interval = 100ms
{options}
"""


@pytest.fixture
def node(tmp_path):
    return Node(tmp_path / "host")


def sections(node, options=""):
    return SECTION.format(root=node.root, options=options) + STORED


def messages(daemon, container):
    return [text for text, in daemon.sql(
        "select message from container_logs where container_id = ? order by time, sequence",
        container.id)]


def test_a_containers_lines_have_its_pods_name(node, tallyd):
    web = node.container("shop", "web-7d9c8f6b5d-x2x4z", "nginx")
    web.write("opened")
    web.write("refused", stream="stderr")
    web.write("x" * 40000, parts=3)
    daemon = tallyd(sections(node)).start()
    daemon.wait(lambda: len(messages(daemon, web)) == 3, "its lines are stored")
    assert daemon.sql("select distinct host, name from container_logs") == [
        ("testhost", "shop_web-7d9c8f6b5d-x2x4z_nginx")]
    assert daemon.sql("select stream, length(message) from container_logs order by time") == [
        ("stdout", 6), ("stderr", 7), ("stdout", 40000)]
    daemon.wait(lambda: daemon.sql("select distinct service from log_patterns") ==
                [("shop/web/nginx",)], "its lines are of its workload")
    # A restart is another container, and what is gone is let go.
    old, before = web.id, web.link
    web.restart()
    web.write("opened again")
    daemon.wait(lambda: messages(daemon, web) == ["opened again"], "the next is followed")
    before.unlink()
    daemon.wait(lambda: daemon.metric("tallyd_cri_logs_containers") == 1, "the last is let go")
    assert web.id != old


def test_each_line_is_stored_once_over_rotations_and_kills(node, tallyd):
    writers = [node.container("shop", f"db-{i}", "postgres") for i in range(3)]
    written = {writer.id: [] for writer in writers}

    def line(writer, text, **how):
        writer.write(text, **how)
        written[writer.id].append(text)

    daemon = tallyd(sections(node)).start()
    for turn in range(12):
        for writer in writers:
            for i in range(40):
                line(writer, f"{turn}.{i} {'y' * (i % 7) * 3000}", parts=1 + i % 3,
                     stream="stderr" if i % 5 == 0 else "stdout")
            # What is written between rename and reopen goes to the renamed file.
            writer.rotate(lambda w=writer, t=turn: line(w, f"{t} while it is rotated"))
        if turn % 4 == 1:
            daemon.kill9()
            daemon.start()
        daemon.wait(lambda: all(len(messages(daemon, w)) >= len(written[w.id]) for w in writers),
                    "all is read before the next rotation")
    for writer in writers:
        assert Counter(messages(daemon, writer)) == Counter(written[writer.id])
        assert messages(daemon, writer) == written[writer.id]
    assert daemon.metric("tallyd_cri_logs_garbage_total") == 0


def test_over_one_rotation_without_a_daemon_nothing_is_lost_and_over_two_it_is_counted(node, tallyd):
    web = node.container("shop", "web-0", "nginx")
    web.write("first")
    daemon = tallyd(sections(node)).start()
    daemon.wait(lambda: messages(daemon, web) == ["first"], "it is read")
    daemon.stop()
    web.write("second")
    web.rotate()
    web.write("third")
    daemon.start()
    daemon.wait(lambda: messages(daemon, web) == ["first", "second", "third"], "both files are read")
    assert daemon.metric("tallyd_cri_logs_gaps_total") == 0
    daemon.stop()
    web.write("lost")
    web.rotate()
    web.write("fourth")
    web.rotate()
    web.write("fifth")
    daemon.start()
    daemon.wait(lambda: messages(daemon, web)[3:] == ["fourth", "fifth"], "what is not compressed is read")
    assert daemon.metric("tallyd_cri_logs_gaps_total") == 1


def test_a_kill_makes_no_pattern_younger(node, tallyd):
    web = node.container("shop", "web-0", "nginx")
    web.write("opened order 1 for u-1")
    daemon = tallyd(sections(node)).start()
    daemon.wait(lambda: len(messages(daemon, web)) == 1, "its line is stored")
    daemon.kill9()
    web.write("opened order 2 for u-2")
    daemon.start()
    times = "select min(time), max(time) from container_logs"
    daemon.wait(lambda: daemon.sql("select first_seen, last_seen from log_patterns") ==
                daemon.sql(times), "its pattern began with the first")
    assert daemon.sql("select example from log_patterns") == [("opened order 1 for u-1",)]


def test_what_was_compressed_unread_is_counted(node, tallyd):
    web = node.container("shop", "web-0", "nginx")
    web.write("first")
    daemon = tallyd(sections(node)).start()
    daemon.wait(lambda: messages(daemon, web) == ["first"], "it is read")
    daemon.stop()
    for text in ("second", "third", "fourth"):
        web.rotate()
        web.write(text)
    daemon.start()
    daemon.wait(lambda: messages(daemon, web) == ["first", "third", "fourth"],
                "what is not compressed is read")
    assert daemon.metric("tallyd_cri_logs_gaps_total") == 1


def test_hostile_names_and_contents_harm_nothing(node, tallyd, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("2026-01-02T03:04:05.000000006Z stdout F do not show this\n")
    web = node.container("shop", "web-0", "nginx")
    evil = node.container("shop", "evil-0", "evil")
    # Its file is a link to another.
    evil.path.unlink()
    evil.path.symlink_to(secret)
    # Links that lead elsewhere, names that are not names.
    ident = "ab" * 32
    (node.links / f"a_b_c-{ident}.log").symlink_to(secret)
    (node.links / f"a_b_d-{ident}.log").symlink_to("/var/log/pods/../../../secret")
    (node.links / "new\nline; drop table").symlink_to("/var/log/pods/a_b_c/d/0.log")
    folder = node.pods / "a_b_00"
    folder.symlink_to(evil.folder.parent)
    (node.links / f"b_a_evil-{ident}.log").symlink_to("/var/log/pods/a_b_00/evil/0.log")
    web.file.write(b"\x00\xff not a record\n" + b"z" * 2000000 + b"\n")
    web.write("a \x1b[31m red\x00 line")
    daemon = tallyd(sections(node)).start()
    daemon.wait(lambda: messages(daemon, web) == ["a \x1b[31m red\ufffd line"], "the line is read")
    daemon.wait(lambda: "it is a link" in daemon.log, "the link is named")
    assert daemon.metric("tallyd_cri_logs_foreign_links") == 4
    assert daemon.sql("select count(*) from container_logs") == [(1,)]
    assert "do not show" not in daemon.log


def test_what_is_left_out_and_what_is_too_much(node, tallyd):
    for namespace in ("kube-system", "shop", "team"):
        for i in range(2):
            node.container(namespace, f"web-{i}", "nginx").write(namespace)
    daemon = tallyd(sections(node, "exclude = label=io.kubernetes.pod.namespace=kube-system\n"
                                   "max_containers = 3")).start()
    daemon.wait(lambda: daemon.sql("select count(*) from container_logs") == [(3,)], "three are read")
    assert daemon.sql("select count(*) from container_logs where message = 'kube-system'") == [(0,)]
    assert daemon.metric("tallyd_cri_logs_not_followed") == 1
    assert "1 containers are not followed: max_containers is 3" in daemon.log
