"""What containers of a Kubernetes node use, by real cgroups, without an engine."""

import json
import os

import pytest

from cgroups import Cgroups, Unified, pod_slice
from daemon import STORED
from kubelet import Node

SECTION = """
[input.cgroup_stats]
interval = 300ms
scan_interval = 100ms
host_root = {root}
paths = {paths}
{options}
"""
BUSY, IDLE = "while :; do :; done", "exec sleep 1000000"


@pytest.fixture
def cgroups():
    made = Cgroups()
    yield made
    made.remove()


@pytest.fixture
def node(tmp_path):
    made = Node(tmp_path / "host")
    (made.root / "proc").symlink_to("/proc")
    return made


def sections(node, cgroups, options=""):
    names = ("{id}", "crio-{id}", "crio-{id}.scope", "cri-containerd-{id}.scope")
    paths = ", ".join(f"/{cgroups.name}/kube*/**/{name}" for name in names)
    text = SECTION.replace("{root}", str(node.root)).replace("{paths}", paths)
    return text.replace("{options}", options) + STORED


def scope_of(container):
    """Its cgroup with systemd's driver and containerd."""
    return f"{pod_slice(container.uid)}/cri-containerd-{container.id}.scope"


def newest(daemon, container, *columns):
    found = daemon.sql(f"select {', '.join(columns)} from container_stats where container_id = ? "
                       "order by time desc limit 1", container.id)
    return found[0] if found else None


def info(daemon, container, *columns):
    return daemon.sql(f"select {', '.join(columns)} from container_info where container_id = ?",
                      container.id)


def test_a_busy_container_has_its_counters_and_its_pods_name(node, cgroups, tallyd):
    web = node.container("shop", "web-7d9c8f6b5d-x2x4z", "nginx")
    quiet = node.container("shop", "db-0", "postgres")
    cgroups.run(scope_of(web), BUSY, memory=64 << 20, cores=0.75)
    cgroups.run(f"kubepods/burstable/pod{quiet.uid}/{quiet.id}", IDLE)
    # A pod's sandbox has a cgroup and no log.
    cgroups.run(f"{pod_slice(web.uid)}/cri-containerd-{'ab' * 32}.scope", IDLE)
    daemon = tallyd(sections(node, cgroups)).start()
    daemon.wait(lambda: newest(daemon, web, "cpu_percent")[0] > 10, "it uses processor time")
    daemon.wait(lambda: newest(daemon, quiet, "cpu_percent")[0] < 10, "the other uses none")
    assert daemon.sql("select distinct host, name from container_stats order by name") == [
        ("testhost", "shop_db-0_postgres"), ("testhost", "shop_web-7d9c8f6b5d-x2x4z_nginx")]
    usage, limit, pids, rx, cores = newest(daemon, web, "mem_usage_bytes", "mem_limit_bytes", "pids",
                                           "net_rx_bytes", "cpu_online")
    assert 0 < usage < limit == 64 << 20 and pids == 1 and rx is None
    assert cores is None or 1 <= cores <= os.cpu_count()
    # The percent is the counter's growth over the time between samples, as docker_stats has it.
    (t2, u2, percent), (t1, u1, _) = daemon.sql(
        "select time, cpu_usage_ns, cpu_percent from container_stats where container_id = ? "
        "order by time desc limit 2", web.id)
    assert percent == pytest.approx((u2 - u1) * 100 / (t2 - t1), rel=1e-6)
    daemon.wait(lambda: info(daemon, web, "name"), "it is in the list of containers")
    name, service, state, labels, memory, cores, image, gone = info(
        daemon, web, "name", "service", "state", "labels", "mem_limit_bytes", "cpu_limit_cores", "image", "gone_at")[0]
    assert (name, service, state) == ("shop_web-7d9c8f6b5d-x2x4z_nginx", "shop/web/nginx", "running")
    assert json.loads(labels) == {
        "io.kubernetes.pod.namespace": "shop", "io.kubernetes.pod.name": "web-7d9c8f6b5d-x2x4z",
        "io.kubernetes.pod.uid": web.uid, "io.kubernetes.container.name": "nginx"}
    assert memory == 64 << 20 and cores == 0.75 and image is None and gone is None
    assert info(daemon, quiet, "mem_limit_bytes", "cpu_limit_cores") == [(None, None)]
    assert daemon.metric("tallyd_cgroup_stats_containers") == 2
    assert daemon.metric("tallyd_cgroup_stats_nameless") == 1
    listed = daemon.get("/api/v1/containers").json["data"]
    assert {c["name"] for c in listed} == {"shop_db-0_postgres", "shop_web-7d9c8f6b5d-x2x4z_nginx"}


def test_a_hierarchy_of_v2_is_walked_and_read(node, tallyd, tmp_path):
    with Unified(tmp_path / "v2") as cgroups:
        web, quiet = (node.container("shop", f"web-{i}", "nginx") for i in range(2))
        cgroups.run(scope_of(web), BUSY)
        process = cgroups.run(scope_of(quiet), IDLE)
        daemon = tallyd(sections(node, cgroups))
        daemon.binary = Unified.alone(daemon.binary, tmp_path / "alone")
        daemon.start()
        daemon.wait(lambda: newest(daemon, web, "cpu_percent")[0] > 10, "it uses processor time")
        daemon.wait(lambda: newest(daemon, quiet, "cpu_percent")[0] < 10, "the other uses none")
        assert newest(daemon, web, "name", "mem_limit_bytes") == ("shop_web-0_nginx", None)
        cgroups.end(scope_of(quiet), process)
        daemon.wait(lambda: info(daemon, quiet, "state") == [("removed",)], "it is gone")
        assert " warning " not in daemon.log
        daemon.stop()


def test_containers_come_and_go_and_what_ends_while_nobody_looks_is_seen(node, cgroups, tallyd):
    kept, ended, late = (node.container("shop", f"web-{i}", "nginx") for i in range(3))
    cgroups.run(scope_of(kept), IDLE)
    process = cgroups.run(scope_of(ended), IDLE)
    daemon = tallyd(sections(node, cgroups)).start()
    daemon.wait(lambda: info(daemon, ended, "gone_at") == [(None,)], "it is known")
    cgroups.end(scope_of(ended), process)
    daemon.wait(lambda: info(daemon, ended, "state", "gone_at is null") == [("removed", 0)], "it is gone")
    process = cgroups.run(scope_of(late), IDLE)
    daemon.wait(lambda: info(daemon, late, "gone_at") == [(None,)], "the next is there")
    daemon.kill9()
    cgroups.end(scope_of(late), process)
    daemon.start()
    daemon.wait(lambda: info(daemon, late, "state", "name") == [("removed", "shop_web-2_nginx")],
                "that it ended meanwhile is known")
    assert info(daemon, kept, "state", "gone_at") == [("running", None)]
    daemon.wait(lambda: newest(daemon, kept, "cpu_percent")[0] is not None, "the other is read on")
    assert daemon.metric("tallyd_gather_errors_total") == 0
    assert " warning " not in daemon.log


def descriptors(daemon, cgroups):
    folder = f"/proc/{daemon.process.pid}/fd"
    paths = [os.readlink(f"{folder}/{fd}") for fd in os.listdir(folder)]
    return [path for path in paths if cgroups.name in path]


def test_storms_of_cgroups_do_no_harm(node, cgroups, tallyd):
    web = node.container("shop", "web-0", "nginx")
    cgroups.run(scope_of(web), IDLE)
    daemon = tallyd(sections(node, cgroups, "max_containers = 5")).start()
    daemon.wait(lambda: newest(daemon, web, "pids") == (1,), "it is read")
    for turn in range(30):
        crowd = [node.container("shop", f"job-{turn}-{i}", "sh") for i in range(8)]
        for container in crowd:
            cgroups.make(scope_of(container))
        if turn == 0:
            daemon.wait(lambda: daemon.metric("tallyd_cgroup_stats_not_read") == 4, "five are read")
        for container in crowd:
            cgroups.end(scope_of(container), None)
            container.remove()
    daemon.wait(lambda: len(descriptors(daemon, cgroups)) <= 14, "the others are let go")
    assert daemon.log.count("containers are not read: max_containers is 5") >= 1
    assert daemon.metric("tallyd_gather_errors_total") == 0


def test_without_the_kubelets_links_containers_have_an_id_and_a_pods_uid(node, cgroups, tallyd):
    web = node.container("shop", "web-0", "nginx")
    cgroups.run(f"kubepods/burstable/pod{web.uid}/crio-{web.id}", IDLE)
    daemon = tallyd(sections(node, cgroups, "links = /none")).start()
    daemon.wait(lambda: newest(daemon, web, "pids", "name") == (1, None), "it is read without a name")
    daemon.wait(lambda: info(daemon, web, "name", "service") == [(None, None)], "it is in the list")
    labels, = info(daemon, web, "labels")[0]
    assert json.loads(labels) == {"io.kubernetes.pod.uid": web.uid}
    listed = daemon.get("/api/v1/containers")
    assert listed.status == 200 and [c["container_id"] for c in listed.json["data"]] == [web.id]


def test_what_is_wrong_with_a_path_is_said(node, cgroups, tallyd):
    daemon = tallyd(sections(node, cgroups).replace("{id}.scope", "x.scope"))
    done = daemon.call("check")
    assert done.returncode != 0 and "has no {id} in its last name" in done.stdout + done.stderr
