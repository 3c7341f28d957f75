// The fleet: a card for each machine.
import { get, type Page, useAsked, useWatched } from "../api";
import { changes, containers } from "../containers";
import { bytes, duration, ms, percent, plural } from "../format";
import { Empty, Num, Shown, Sign } from "../parts";
import { linkTo } from "../route";
import { shareOf } from "../table";
import type { Host } from "../types";
import { useTitle } from "../virtual";

const SILENT_AFTER = 60;

function Card({ host }: { host: Host }) {
  useWatched(changes);
  const rows = [...containers.value.rows.values()].filter((row) => row.info.host === host.host);
  const age = host.newest_stats ? (Date.now() - ms(host.newest_stats)) / 1000 : null;
  const sick = rows.filter((row) => row.info.health === "unhealthy").length;
  const restarting = rows.filter((row) => row.info.state === "restarting").length;
  const tight = rows.filter((row) => (shareOf(row) ?? 0) >= 0.95);
  const busiest = [...rows].sort((a, b) => (b.stats?.cpu_percent ?? -1) - (a.stats?.cpu_percent ?? -1)).slice(0, 3).filter((row) => row.stats?.cpu_percent != null);
  return (
    <section class="card" aria-label={host.host}>
      <h2><a href={linkTo("containers", "", { host: host.host })}>{host.host}</a></h2>
      {age === null ? <Sign kind="look">no reading yet</Sign> : age > SILENT_AFTER ? <Sign kind="act">silent for {duration(age)}</Sign> : <span class="dim">read {duration(age)} ago</span>}
      <dl>
        <div><dt>containers</dt><dd>{host.running} running of {host.containers}</dd></div>
        <div><dt>CPU</dt><dd><Num of={percent(host.cpu_percent)} /> <small>of one core</small></dd></div>
        <div><dt>memory</dt><dd><Num of={bytes(host.mem_used_bytes)} /></dd></div>
        <div><dt>to look at</dt><dd>
          {sick > 0 && <Sign kind="act">{sick} unhealthy </Sign>}
          {restarting > 0 && <Sign kind="look">{restarting} restarting </Sign>}
          {tight.length > 0 && <Sign kind="look">{plural(tight.length, "container")} at the memory limit</Sign>}
          {!sick && !restarting && !tight.length && <span class="none">nothing</span>}
        </dd></div>
        <div><dt>busiest</dt><dd>{busiest.map((row) => <span key={row.key} class="change"><a href={linkTo("container", row.info.name, { host: host.host, id: row.info.container_id })}>{row.info.name}</a> <Num of={percent(row.stats?.cpu_percent)} /></span>)}</dd></div>
      </dl>
    </section>
  );
}

export function Hosts() {
  useTitle("Hosts");
  const asked = useAsked("hosts page", (signal) => get<Page<Host>>("/hosts", {}, signal), 10_000);
  return (
    <main class="page" id="main" tabIndex={-1}>
      <div class="tools"><h1>Hosts</h1></div>
      <Shown asked={asked} what="The list of hosts">
        {({ data }) => data.length ? <div class="cards">{data.map((host) => <Card key={host.host} host={host} />)}</div>
          : <Empty title="No hosts yet"><p>Here would be each machine whose containers are stored here. Each runs tallyd with inputs and an output to this store: <code>docs/operations.md</code> shows how.</p></Empty>}
      </Shown>
    </main>
  );
}
