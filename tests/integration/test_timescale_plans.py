"""What the API asks goes by the indexes that there are, and there are no others: seen in the plans that
the server chose, with auto_explain, over half a day of twenty containers.
"""

import re

import pytest

from pg import Postgres

SECTIONS = """
[input.docker_stats]
endpoint = unix:///nowhere/docker.sock
[input.docker_status]
endpoint = unix:///nowhere/docker.sock
[input.docker_images]
endpoint = unix:///nowhere/docker.sock
[input.docker_logs]
endpoint = unix:///nowhere/docker.sock
enabled = yes
[buffer.batch]
[output.timescale]
conninfo = %s
maintenance = no
[alert.busy]
when = max(cpu_percent over 1min) > 90
[output.http_api]
listen = 127.0.0.1:{port}
store = timescale
cache = off
"""
CONTAINERS, HOURS = 20, 12
# Cut by time and large; a question about a part of them reads no other part.  What costs next to
# nothing is a day with hardly a row.
LARGE = re.compile(r"Seq Scan on (?:container_(?:stats|logs|events)_rows|_hyper)\w* \w+  "
                   r"\(cost=[\d.]+\.\.(\d+)")
CHEAP = 40


@pytest.fixture(scope="module")
def server():
    postgres = Postgres(session_preload_libraries="auto_explain",
                        **{"auto_explain.log_min_duration": "0"}).start()
    yield postgres
    postgres.leave()


def fill(server, table, every):
    """A row of each container every so many seconds; each tag that tells things apart is its number."""
    columns = server.sql("select name, type, role from tally.columns where \"table\" = "
                         f"'{table}' order by position")
    tags = [name for name, _, role in columns if role == "tag"]
    values = {"int": "t * 10 + c", "real": "c + t % 7", "bool": "true", "json": "'{}'",
              "text": "'text ' || t", "time": "to_timestamp(t)"}
    tag = {"container_id": "lpad(c::text, 64, '0')", "name": "'n' || c"}
    expressions = ", ".join(tag.get(name, "'testhost'") for name in tags)
    server.sql(f"insert into tally.{table}_series select c, sha256(c::text::bytea), {expressions} "
               f"from generate_series(1, {CONTAINERS}) c")
    fields = [(name, kind) for name, kind, role in columns if role != "tag"]
    if server.sql(f"select from pg_partitioned_table where partrelid = 'tally.{table}_rows'::regclass"):
        server.sql(f"select tally.make_partitions('{table}_rows', now() - interval '{HOURS} hours', now())")
    server.sql(f"""
        insert into tally.{table}_rows (_series, {", ".join(name for name, _ in fields)})
        select c, {", ".join(values[kind] for _, kind in fields)}
        from generate_series(extract(epoch from now())::bigint - {HOURS * 3600},
            extract(epoch from now())::bigint - 60, {every}) t, generate_series(1, {CONTAINERS}) c;
        analyze""")


@pytest.fixture(scope="module")
def plans(server, tmp_path_factory):
    """(the daemon, ask): ask gives the plans of what an API call made the server do."""
    from daemon import Tallyd  # pylint: disable=import-outside-toplevel
    daemon = Tallyd(tmp_path_factory.mktemp("tallyd"), SECTIONS % server.conninfo())
    assert daemon.call("db", "migrate").returncode == 0
    for table, every in (("container_stats", 60), ("container_logs", 60), ("container_events", 600)):
        fill(server, table, every)
    server.sql("insert into tally.container_info_rows (_key, time, host, container_id, name, state) "
               "select sha256(c::text::bytea), now(), 'testhost', lpad(c::text, 64, '0'), 'n' || c, "
               f"'running' from generate_series(1, {CONTAINERS}) c")
    daemon.start()
    daemon.wait(lambda: daemon.get("/api/v1/containers").status == 200, "the store answers")

    def ask(path):
        before = len(server.log)
        answer = daemon.json(path)
        return answer, server.log[before:]

    yield ask
    daemon.stop()


ONE = f"{7:064}"
QUESTIONS = {
    "/api/v1/containers?limit=1000": "container_stats",
    "/api/v1/stats/latest": "container_stats",
    f"/api/v1/containers/{ONE}/stats?from=now-1h": "container_stats",
    f"/api/v1/containers/{ONE}/stats?from=now-24h&points=300": "container_stats",
    f"/api/v1/stats?ids={ONE}&from=now-2h&step=30s": "container_stats",
    "/api/v1/top?by=cpu": "container_stats",
    f"/api/v1/logs?container={ONE}&limit=50": "container_logs",
    "/api/v1/logs?limit=50": "container_logs",
    f"/api/v1/events?container={ONE}&limit=50": "container_events",
    f"/api/v1/tables/container_stats?container_id={ONE}&order=desc&limit=10": "container_stats",
}


@pytest.mark.parametrize("path", QUESTIONS)
def test_a_question_goes_by_an_index(plans, path):
    answer, told = plans(path)
    assert answer
    used = re.findall(r'Index (?:Only )?Scan (?:Backward )?using "?(\w+)', told)
    used += re.findall(r'Bitmap Index Scan on "?(\w+)', told)
    assert any(QUESTIONS[path] in name for name in used), told[-6000:]
    assert all(int(cost) < CHEAP for cost in LARGE.findall(told)), told[-6000:]


def test_rows_are_read_without_their_tags_if_nobody_asks_for_them(plans):
    _, told = plans(f"/api/v1/stats?ids={ONE}&from=now-3h&step=30s")
    assert 'from tally."container_stats_rows" r where' in told, told[-6000:]
    assert "r join" not in told


def test_there_is_no_index_but_the_keys_and_one_on_each_tag(server, plans):
    """A key is there to keep rows apart; the rows' key is the one that questions go by, too."""
    assert plans
    others = server.sql("select c.relname, a.attname from pg_index i join pg_class c on c.oid = i.indrelid "
                        "join pg_attribute a on a.attrelid = c.oid and a.attnum = i.indkey[0] "
                        "where c.relnamespace = 'tally'::regnamespace and i.indnatts = 1 and not exists "
                        "(select from pg_constraint k where k.conindid = i.indexrelid)")
    tags = server.sql("select t.name || '_series', c.name from tally.tables t join tally.columns c on "
                      "c.\"table\" = t.name where t.kind <> 'state' and c.role = 'tag' and c.type = "
                      "'text'")
    assert sorted(others) == sorted(tags) != []


@pytest.fixture(scope="module")
def many(server, plans):
    """Twenty thousand series, of a hundred hosts."""
    columns = [name for name, in server.sql(
        "select name from tally.columns where \"table\" = 'container_stats' and role = 'tag' order by position")]
    tag = {"container_id": "lpad(c::text, 64, '0')", "name": "'n' || c", "host": "'host' || c % 100"}
    server.sql(f"""
        insert into tally.container_stats_series select c, sha256(c::text::bytea),
            {", ".join(tag.get(name, "'x'") for name in columns)}
        from generate_series({CONTAINERS + 1}, 20000) c;
        analyze tally.container_stats_series""")
    return plans


@pytest.mark.parametrize("tag, value", [("container_id", ONE), ("name", "n7"), ("host", "host7")])
def test_among_many_series_those_with_a_tag_are_found_by_its_index(many, tag, value):
    for path in (f"/api/v1/tables/container_stats?{tag}={value}&limit=10",
                 f"/api/v1/tables/container_stats?{tag}={value},{value}x&limit=10"):
        _, told = many(path)
        assert f"container_stats_series_{tag}_idx" in told, told[-6000:]


KEPT = ["/api/v1/stats/latest", f"/api/v1/containers/{ONE}/stats?from=now-1h", f"/api/v1/logs?container={ONE}&limit=50"]
KEPT_LONG = [f"/api/v1/events?container={ONE}&limit=50", "/api/v1/events?limit=50", "/api/v1/changes?limit=50",
             "/api/v1/alerts/history?limit=50"]


@pytest.mark.parametrize("path", KEPT)
def test_a_plan_is_kept_and_leaves_out_partitions_when_it_begins(plans, path):
    _, told = plans(path)
    assert "Subplans Removed" in told, told[-6000:]
    # As its rows lie, until there are enough: what is sorted first is read first, all of it.
    assert not re.search(r"Limit .*\n\s+->  Sort .*\n.*\n\s+->  Append", told), told[-6000:]


LONG = ["container_events", "container_changes", "alerts"]


@pytest.fixture(scope="module")
def year(server, plans):
    """400 days of what is kept long, by default options, a row of each container a day."""
    for table in LONG:
        server.sql(f"select tally.make_partitions('{table}_rows', now() - interval '399 days', now())")
        tags = [name for name, in server.sql(f"select name from tally.columns where \"table\" = '{table}' and "
                                             "role = 'tag' order by position")]
        name = {"container_id": "lpad(c::text, 64, '0')", "name": "'n' || c", "service": "'s' || c",
                "subject": "'s' || c"}
        server.sql(f"insert into tally.{table}_series select c, sha256(c::text::bytea), "
                   f"{', '.join(name.get(tag, chr(39) + 'testhost' + chr(39)) for tag in tags)} "
                   f"from generate_series(1, {CONTAINERS}) c on conflict do nothing")
        server.sql(f"insert into tally.{table}_rows (_series, time) select c, now() - d * interval '1 day' - c * "
                   f"interval '1 s' from generate_series(1, {CONTAINERS}) c, generate_series(1, 398) d; analyze")
    server.sql("select pg_terminate_backend(pid, 30000) from pg_stat_activity where application_name = 'tallyd reader'")
    return plans


def test_400_days_of_what_is_kept_long_are_few_partitions(server, year):
    assert year
    for table in LONG:
        parts, = server.sql(f"select count(*), max(upper - lower) from tally.partitions_of('{table}_rows')")
        assert int(parts[0]) <= 16 and parts[1] == "30 days", table
    most, = server.sql("select max(n) from (select count(*) as n from pg_inherits group by inhparent) p")
    assert int(most[0]) <= 40


@pytest.mark.parametrize("path", KEPT + KEPT_LONG)
def test_over_400_days_plans_are_kept(year, path):
    answer, told = year(path)
    assert answer and "Subplans Removed" in told, told[-6000:]


MANY = ["/api/v1/stats/latest", f"/api/v1/containers/{ONE}/stats?from=now-1h", f"/api/v1/stats?ids={ONE}&from=now-2h&step=30s",
        "/api/v1/logs?q=text&limit=5", "/api/v1/logs?limit=20"]


def test_only_what_asks_a_table_of_many_partitions_is_planned_each_time(server, year):
    for table in ("container_stats", "container_logs"):
        server.sql(f"select tally.make_partitions('{table}_rows', now() - interval '50 days', now())")
    server.sql("select pg_terminate_backend(pid, 30000) from pg_stat_activity where application_name = 'tallyd reader'")
    for path in 2 * MANY:
        _, told = year(path)
        assert "Index Scan" in told and "Subplans Removed" not in told, told[-6000:]
    for path in KEPT_LONG:
        _, told = year(path)
        assert "Subplans Removed" in told, told[-6000:]
