// One container: its charts with one crosshair, what happened to it, facts, and its log beside.
import type { ComponentChildren } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { get, getAll, Problem, useAsked, useWatched } from "../api";
import { Chart, type ChartMark, chartsAsCsv, chartsAsPng, type ChartProps, crosshair, type Line } from "../chart";
import { changes, containers, keyOf, type Row } from "../containers";
import { bytes, clock, dateTime, diskRate, duration, join, ms, NONE, percent, plain, rate, shortId, since, timeOf } from "../format";
import { focusSearch, useKeys } from "../keys";
import { follow } from "../live";
import { LogView } from "../logview";
import { Empty, Failed, save, Shown, Sign, Skeleton } from "../parts";
import { linkTo, rangeOf, setQuery, useRoute } from "../route";
import { ratesOf } from "../containers";
import { noteOf, upOf } from "../table";
import type { Column, Container, Event, Reading, SeriesMeta } from "../types";
import { useTitle } from "../virtual";
import { addField, aroundOf, lineTime, LogTools, NoLines, searchOf } from "./logs";

const POINTS = 300;
const FIELDS = ["cpu_percent", "mem_used_bytes", "net_rx_bytes", "net_tx_bytes", "blk_read_bytes", "blk_write_bytes", "throttled_ns", "pids"] as const;
const BANDS = "cpu_percent,mem_used_bytes";
const RATES = ["net_rx_bytes", "net_tx_bytes", "blk_read_bytes", "blk_write_bytes", "throttled_ns"] as const;
type Name = (typeof FIELDS)[number];
type Columns = Record<Name, Column>;

interface History {
  meta: SeriesMeta;
  time: number[];
  columns: Columns;
  low: Pick<Columns, "cpu_percent" | "mem_used_bytes">;
  high: Pick<Columns, "cpu_percent" | "mem_used_bytes">;
}

type Answer = { meta: SeriesMeta; time: number[] } & Columns;
type Edges = { time: number[] } & Record<"cpu_percent.min" | "cpu_percent.max" | "mem_used_bytes.min" | "mem_used_bytes.max", Column>;

// ---- History and what arrives after it

async function history(id: string, host: string | undefined, from: string, to: string, signal: AbortSignal): Promise<History> {
  const path = `/containers/${encodeURIComponent(id)}/stats`;
  const common = { host, from, to, points: POINTS, times: "s" };
  const [mean, edges] = await Promise.all([
    get<Answer>(path, { ...common, fields: FIELDS.join(",") }, signal),
    get<Edges>(path, { ...common, fields: BANDS, agg: "min,max" }, signal),
  ]);
  // Of a point that is not over, a rate is that of a part of it over all of it: it would always fall at the end.
  const last = mean.time.length - 1;
  if (last >= 0 && (mean.time[last] + mean.meta.step) * 1000 > Date.now()) for (const name of RATES) mean[name][last] = null;
  // A point may have come between the two answers.
  const same = edges.time.length === mean.time.length && edges.time[0] === mean.time[0];
  const none = mean.time.map(() => null);
  const edge = (which: "min" | "max") => ({ cpu_percent: same ? edges[`cpu_percent.${which}`] : none, mem_used_bytes: same ? edges[`mem_used_bytes.${which}`] : none });
  return { meta: mean.meta, time: mean.time, columns: mean, low: edge("min"), high: edge("max") };
}

interface Live {
  last: Reading | null;
  rows: { at: number; values: Record<Name, number | null> }[];
}

function valuesOf(old: Reading, now: Reading): Record<Name, number | null> {
  const seconds = (ms(now.time) - ms(old.time)) / 1000;
  const { rx, tx, read, write } = ratesOf(old, now);
  const throttled = old.throttled_ns !== null && now.throttled_ns !== null && now.throttled_ns >= old.throttled_ns ? (now.throttled_ns - old.throttled_ns) / seconds : null;
  return { cpu_percent: now.cpu_percent, mem_used_bytes: now.mem_used_bytes, net_rx_bytes: rx, net_tx_bytes: tx, blk_read_bytes: read, blk_write_bytes: write, throttled_ns: throttled, pids: now.pids };
}

/** Readings that arrived since the page was opened; as many as a range of charts can use. */
function useLive(id: string | undefined, on: boolean) {
  const live = useRef<Live>({ last: null, rows: [] });
  const [version, again] = useState(0);
  useEffect(() => {
    live.current = { last: null, rows: [] };
    if (!id || !on) return;
    const take = (row: Reading) => {
      if (row.container_id !== id) return;
      const { last, rows } = live.current;
      if (last && ms(row.time) <= ms(last.time)) return;
      if (last) rows.push({ at: ms(row.time) / 1000, values: valuesOf(last, row) });
      live.current.last = row;
      if (rows.length > 2000) rows.splice(0, 1000);
      again((n) => n + 1);
    };
    return follow("stats", { row: (row) => take(row as Reading) });
  }, [id, on]);
  return { rows: live.current.rows, version };
}

/** The points of the history that are whole, then one for each reading that arrived. */
function joined(past: History, live: Live["rows"]): History {
  let whole = past.time.length;
  while (whole > 0 && FIELDS.every((name) => past.columns[name][whole - 1] === null)) whole--;
  const until = whole ? past.time[whole - 1] + past.meta.step : -Infinity;
  // While a point is not over, it stays as it was answered: readings in it are not drawn beside it.
  const more = live.filter((row) => row.at >= until);
  if (more.length === 0) return past;
  const add = (column: Column, name: Name) => [...column.slice(0, whole), ...more.map((row) => row.values[name])];
  const columns = Object.fromEntries(FIELDS.map((name) => [name, add(past.columns[name], name)])) as Columns;
  const band = (column: { cpu_percent: Column; mem_used_bytes: Column }) => ({
    cpu_percent: add(column.cpu_percent, "cpu_percent"),
    mem_used_bytes: add(column.mem_used_bytes, "mem_used_bytes"),
  });
  return { meta: past.meta, time: [...past.time.slice(0, whole), ...more.map((row) => row.at)], columns, low: band(past.low), high: band(past.high) };
}

// ---- Marks

interface Mark extends ChartMark {
  sign: string;
  text: string;
}

function markOf(event: Event): Mark | null {
  const at = ms(event.time) / 1000;
  switch (event.action) {
    case "oom":
      return { at, sign: "✖", kind: "act", text: "out of memory" };
    case "die":
      return { at, sign: "✖", kind: event.exit_code ? "act" : "plain", text: `ended with ${event.exit_code ?? "?"}` };
    case "start":
    case "restart":
      return { at, sign: "●", kind: "plain", text: `${event.action}ed` };
    case "health_status":
      return { at, sign: "♥", kind: event.health === "unhealthy" ? "act" : "plain", text: event.health ?? "health" };
    case "create":
      return { at, sign: "◆", kind: "plain", text: `made from ${event.image ?? "an image"}` };
    case "pause":
    case "unpause":
    case "destroy":
      return { at, sign: "◆", kind: "plain", text: `${event.action}ed` };
    default:
      return null;
  }
}

const imageName = (info: Container) => `${info.image ?? "an image"} ${info.image_id ? `(${shortId(info.image_id)})` : ""}`.trim();

/** Where a container of the service was made from another image than the one made before it. */
function deploysOf(service: Container[]): Mark[] {
  const made = service.filter((one) => one.created && one.image_id).sort((a, b) => ms(a.created) - ms(b.created));
  const marks: Mark[] = [];
  made.forEach((now, i) => {
    const old = made[i - 1];
    if (old && old.image_id !== now.image_id)
      marks.push({ at: ms(now.created) / 1000, sign: "▲", kind: "look", text: `image changed: ${imageName(old)} → ${imageName(now)}` });
  });
  return marks;
}

/** The container of the service that ran before this one, if it is gone. */
function beforeOf(info: Container, service: Container[]): Container | undefined {
  return service.filter((one) => one.gone_at && ms(one.created) < ms(info.created)).sort((a, b) => ms(b.created) - ms(a.created))[0];
}

function Marks({ marks, range }: { marks: Mark[]; range: [number, number] }) {
  const pointed = useWatched(crosshair);
  const inside = marks.filter((mark) => mark.at >= range[0] && mark.at <= range[1]);
  const groups: Mark[][] = [];
  for (const mark of inside) {
    const last = groups[groups.length - 1];
    if (last && (mark.at - last[0].at) / (range[1] - range[0]) < 0.012) last.push(mark);
    else groups.push([mark]);
  }
  return (
    <div class="marks" role="group" aria-label="What happened">
      {groups.map((group) => {
        const worst = group.find((mark) => mark.kind === "act") ?? group[0];
        const left = (group[0].at - range[0]) / (range[1] - range[0]);
        const near = pointed !== null && Math.abs(pointed - group[0].at) / (range[1] - range[0]) < 0.008;
        const text = group.map((mark) => `${clock(mark.at * 1000)} ${mark.text}`).join("\n");
        return (
          <button key={group[0].at} class={`${worst.kind} ${near ? "near" : ""} ${left > 0.5 ? "late" : ""}`} style={{ left: `${left * 100}%` }} title={text} data-text={text} aria-label={text.replaceAll("\n", ", ")}
            onClick={() => setQuery({ at: new Date(group[0].at * 1000).toISOString(), line: undefined }, true)}>
            {worst.sign}
          </button>
        );
      })}
    </div>
  );
}

// ---- Charts

function flat(time: number[], value: number | null | undefined): Column {
  return time.map(() => value ?? null);
}

function chartsOf(h: History, info: Container | undefined): Omit<ChartProps, "range" | "marks" | "zoom" | "back" | "time">[] {
  const { columns: c, low, high } = h;
  const cores = info?.cpu_limit_cores;
  const cpu: Line[] = [{ name: "of one core", values: c.cpu_percent, band: { low: low.cpu_percent, high: high.cpu_percent } }];
  if (cores) cpu.push({ name: "limit", values: flat(h.time, cores * 100), dashed: true });
  const mem: Line[] = [{ name: "used", values: c.mem_used_bytes, band: { low: low.mem_used_bytes, high: high.mem_used_bytes } }];
  if (info?.mem_limit_bytes) mem.push({ name: "limit", values: flat(h.time, info.mem_limit_bytes), dashed: true });
  const pids: Line[] = [{ name: "processes", values: c.pids }];
  if (info?.pids_limit) pids.push({ name: "limit", values: flat(h.time, info.pids_limit), dashed: true });
  return [
    { id: "cpu", title: "CPU", lines: cpu, figure: percent },
    { id: "mem", title: "Memory", lines: mem, figure: bytes },
    { id: "net", title: "Network", lines: [{ name: "received", values: c.net_rx_bytes }, { name: "sent", values: c.net_tx_bytes }], figure: rate },
    { id: "disk", title: "Disk", lines: [{ name: "read", values: c.blk_read_bytes }, { name: "written", values: c.blk_write_bytes }], figure: diskRate },
    { id: "throttled", title: "Throttled", lines: [{ name: "of the time, all cores", values: c.throttled_ns.map((x) => (x === null ? null : x / 1e7)) }], figure: percent },
    { id: "pids", title: "Processes", lines: pids, figure: plain },
  ];
}

const measured = (lines: Line[]) => lines.some((line) => !line.dashed && line.values.some((x) => x !== null));

function Charts({ history: h, info, marks, range }: { history: History; info: Container | undefined; marks: Mark[]; range: [number, number] }) {
  const [table, setTable] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const charts = useMemo(() => chartsOf(h, info), [h, info?.mem_limit_bytes, info?.cpu_limit_cores]);
  const at = useMemo(() => marks.filter((mark) => mark.sign !== "♥"), [marks]);
  const shown = charts.filter((chart) => measured(chart.lines));
  const missing = charts.filter((chart) => !measured(chart.lines)).map((chart) => chart.title.toLowerCase());
  const zoom = (from: number, to: number) => {
    const least = Math.max(2, to - from);
    setQuery({ from: new Date(Math.round(from) * 1000).toISOString(), to: new Date(Math.round(from + least) * 1000).toISOString(), at: undefined });
  };
  const back = goBack;
  const name = info?.name ?? "container";
  return (
    <div class="charts" ref={box}>
      <div class="chartbar">
        <span class="dim">drag to zoom, double click to go back, shift and drag to move</span>
        <button onClick={() => setTable(!table)} aria-expanded={table}>table</button>
        <button onClick={() => save(`${name}.csv`, "text/csv", chartsAsCsv(h.time, charts))}>CSV</button>
        <button onClick={() => box.current && chartsAsPng([...box.current.querySelectorAll<HTMLElement>(".chart")], (picture) => save(`${name}.png`, "image/png", picture))}>PNG</button>
      </div>
      <Marks marks={marks} range={range} />
      {shown.map((chart) => <Chart key={chart.id} {...chart} time={h.time} range={range} marks={at} zoom={zoom} back={back} />)}
      {shown.length === 0 && (
        <Empty title="No readings in this range">
          <p>Here would be what it used. Readings come from <code>conf.d/docker_stats.conf</code>, while the container runs. <button onClick={() => setQuery({ from: "now-30d", to: undefined })}>Look at the last 30 days</button></p>
        </Empty>
      )}
      {shown.length > 0 && missing.length > 0 && <p class="dim">Not measured here: {missing.join(", ")}.</p>}
      {table && <Values time={h.time} charts={shown} />}
    </div>
  );
}

const goBack = () => window.history.back();

function Values({ time, charts }: { time: number[]; charts: { title: string; lines: Line[]; figure: ChartProps["figure"] }[] }) {
  const lines = charts.flatMap((chart) => chart.lines.map((line) => ({ title: `${chart.title}, ${line.name}`, values: line.values, figure: chart.figure })));
  const rows = time.map((at, i) => ({ at, i })).filter(({ i }) => lines.some((line) => line.values[i] !== null)).reverse();
  return (
    <div class="scroll values" tabIndex={0} role="region" aria-label="The values of the charts">
      <table class="grid">
        <thead><tr><th scope="col">time</th>{lines.map((line) => <th key={line.title} scope="col" class="r">{line.title}</th>)}</tr></thead>
        <tbody>
          {rows.map(({ at, i }) => (
            <tr key={at}><th scope="row">{dateTime(at * 1000)}</th>{lines.map((line) => <td key={line.title} class="r">{join(line.figure(line.values[i]))}</td>)}</tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

// ---- Facts

function portText(port: Record<string, unknown>): string {
  const inside = port.PrivatePort ?? port.private_port ?? port.container_port;
  const outside = port.PublicPort ?? port.public_port ?? port.host_port;
  const type = port.Type ?? port.type ?? port.protocol ?? "tcp";
  const ip = port.IP ?? port.ip ?? port.host_ip ?? "";
  return outside ? `${ip ? `${ip}:` : ""}${outside} → ${inside}/${type}` : `${inside}/${type}`;
}

function Facts({ info, row, before }: { info: Container; row: Row | undefined; before: Container | undefined }) {
  const labels = Object.entries(info.labels ?? {});
  const facts: [string, ComponentChildren][] = [
    ["image", <>{info.image ?? NONE} {info.image_id && <code class="dim">{shortId(info.image_id)}</code>}</>],
    ["created", `${dateTime(ms(info.created))}${info.created ? `, ${since(info.created)} ago` : ""}`],
    [info.state === "running" ? "started" : "ended", info.state === "running" ? `${dateTime(ms(info.started_at))}, ${duration(row ? upOf(row) : null)} ago` : dateTime(ms(info.finished_at))],
    ["restarts", info.restart_count ?? NONE],
    ["exit code", info.exit_code === null ? NONE : `${info.exit_code}${info.oom_killed ? ", out of memory" : ""}`],
    ["limits", `${info.cpu_limit_cores === null ? "no CPU limit" : `${info.cpu_limit_cores} cores`}, ${info.mem_limit_bytes === null ? "no memory limit" : join(bytes(info.mem_limit_bytes))}`],
    ["command", <code class="long" tabIndex={0}>{info.command ?? NONE}</code>],
    ["ports", info.ports?.length ? info.ports.map(portText).join(", ") : NONE],
    ["project", info.compose_project ? `${info.compose_project} / ${info.compose_service ?? ""}` : NONE],
    ...(before ? [["before it", <a href={linkTo("container", before.name, { host: before.host, id: before.container_id })}>{imageName(before)}, removed {dateTime(ms(before.gone_at))}</a>] as [string, ComponentChildren]] : []),
    ["host", info.host],
    ["id", <code>{shortId(info.container_id)}</code>],
  ];
  return (
    <section class="facts" aria-label="Facts">
      <dl>{facts.map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}</dl>
      {info.health_output && info.health !== "healthy" && <p class="output"><b>health check said:</b> <code>{info.health_output}</code></p>}
      {labels.length > 0 && (
        <details>
          <summary>{labels.length} labels</summary>
          <dl>{labels.map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}</dl>
        </details>
      )}
    </section>
  );
}

// ---- The page

export function ContainerPage() {
  const here = useRoute();
  const { query } = here;
  const name = here.part;
  const id = query.id || name;
  const host = query.host || undefined;
  const range = rangeOf(here);
  useWatched(changes);
  const list = containers.value;
  const asked = useAsked(`container ${host} ${id}`, (signal) => get<Container>(`/containers/${encodeURIComponent(id)}`, { host }, signal), 10_000);
  const row = asked.data ? list.rows.get(keyOf(asked.data.host, asked.data.container_id)) : undefined;
  const info = row?.info ?? asked.data;
  const span = (timeOf(range.to) - timeOf(range.from)) / 1000;
  const past = useAsked(`stats ${host} ${id} ${range.from} ${range.to}`, (signal) => history(id, host, range.from, range.to, signal), range.live ? Math.max(30_000, (span / POINTS) * 1000) : 0);
  const events = useAsked(`events ${host} ${id} ${range.from} ${range.to} ${info?.state} ${info?.restart_count} ${info?.health}`, (signal) =>
    getAll<Event>(`/containers/${encodeURIComponent(id)}/events`, { host, from: range.from, to: range.to, limit: 1000 }, 2000, signal).then(({ rows }) => rows));
  const service = useAsked(`service ${info?.host} ${info?.service} ${info?.container_id}`, async (signal) =>
    info?.service ? (await getAll<Container>("/containers", { service: info.service, host: info.host, gone: "yes", limit: 1000 }, 1000, signal)).rows : []);
  const live = useLive(info?.container_id, range.live);
  const marks = useMemo(() => {
    const own = (events.data ?? []).map(markOf).filter((mark): mark is Mark => mark !== null);
    return [...own, ...deploysOf(service.data ?? [])].sort((a, b) => a.at - b.at);
  }, [events.data, service.data]);
  const shown = useMemo(() => past.data && joined(past.data, live.rows), [past.data, live.version]);
  useTitle(name);
  useKeys({ "/": focusSearch, Escape: () => (location.hash = linkTo("containers")), u: () => (location.hash = linkTo("containers")) });

  const edges = useMemo<[number, number]>(() => [timeOf(range.from) / 1000, timeOf(range.to) / 1000], [range.from, range.to, past.data, live.version]);
  const { params, stream, regex, searched } = useMemo(() => searchOf(query), [JSON.stringify(query)]);
  const options = {
    path: "/logs",
    params: { ...params, container: info?.container_id, host: info?.host },
    stream: range.live ? { ...stream, container: info?.container_id, host: info?.host } : null,
    from: range.from,
    to: range.to,
    at: query.line ? lineTime(query.line) : query.at ? timeOf(query.at) : NaN,
    regex,
    around: aroundOf(query),
  };
  if (asked.error && !asked.data) return <main class="page" id="main"><NotThere error={asked.error} name={name} again={asked.again} /></main>;
  return (
    <main class="page one" id="main" tabIndex={-1}>
      <div class="tools">
        <a class="up" href={linkTo("containers")} aria-label="all containers">‹</a>
        <h1>{info?.name ?? name}</h1>
        {info && <Head info={info} />}
      </div>
      <div class="columns">
        <div class="left">
          <Shown asked={{ ...past, data: shown }} what="Its history">{(h) => <Charts history={h} info={info} marks={marks} range={edges} />}</Shown>
        </div>
        <div class="right">
          {info ? <Facts info={info} row={row} before={beforeOf(info, service.data ?? [])} /> : <Skeleton rows={6} />}
          <section class="beside" aria-label="Its log">
            <div class="tools small"><h2>Log</h2><LogTools query={query} several={false} /><a href={linkTo("logs", "", { container: info?.container_id ?? "" })}>open</a>{info?.service && <a href={linkTo("logs", "", { service: info.service })} title="with the containers that it replaced, and its others">of the service</a>}</div>
            {info && <LogView options={options} searched={searched} wrap={query.wrap === "yes"} names={false} line={query.line} pointed onField={addField(query)} empty={<NoLines query={query} />} />}
          </section>
        </div>
      </div>
    </main>
  );
}

function Head({ info }: { info: Container }) {
  const note = noteOf({ ...info, health: null });
  const well = info.state === "running";
  return (
    <p class="headline">
      <Sign kind={well ? "ok" : info.exit_code ? "act" : "look"}>{info.gone_at ? "removed" : (info.state ?? "unknown")}</Sign>
      {info.health && info.health !== "none" && <Sign kind={info.health === "unhealthy" ? "act" : "ok"}>{info.health}</Sign>}
      {note && <Sign kind="look">{note}</Sign>}
      <span class="dim">{info.image}</span>
    </p>
  );
}

function NotThere({ error, name, again }: { error: Problem; name: string; again: number }) {
  if (error.status !== 404) return <Failed error={error} what={name} again={again} />;
  return (
    <Empty title={`There is no container ${name}`}>
      <p>{error.message}. It may have been removed longer ago than its history is kept.</p>
      <p><a href={linkTo("containers", "", { show: "gone" })}>All containers, with removed ones</a></p>
    </Empty>
  );
}
