// The charts of a container, or of a service over all its containers: what is asked for, what arrives
// after it, and how it is drawn.
import { useMemo, useRef, useState } from "preact/hooks";
import { get } from "./api";
import { Chart, chartsAsCsv, chartsAsPng, type ChartProps, type Line } from "./chart";
import type { Rates } from "./containers";
import { EffectPanel } from "./effect";
import { bytes, dateTime, diskRate, join, percent, plain, rate } from "./format";
import { type Mark, Marks } from "./marks";
import { Empty, save } from "./parts";
import { setQuery } from "./route";
import type { Column, Reading, SeriesMeta } from "./types";

export const POINTS = 300;
const FIELDS = ["cpu_percent", "mem_used_bytes", "net_rx_bytes", "net_tx_bytes", "blk_read_bytes", "blk_write_bytes", "throttled_ns", "pids"] as const;
const BANDS = "cpu_percent,mem_used_bytes";
const RATES = ["net_rx_bytes", "net_tx_bytes", "blk_read_bytes", "blk_write_bytes", "throttled_ns"] as const;
type Name = (typeof FIELDS)[number];
type Columns = Record<Name, Column>;
type Edge = Pick<Columns, "cpu_percent" | "mem_used_bytes">;

export interface History {
  meta: SeriesMeta;
  time: number[];
  columns: Columns;
  /** Of one container, what its mean hides. */
  low?: Edge;
  high?: Edge;
  /** Of several, the one that has most. */
  most?: Edge;
}

/** Of one container, or all of a service together; null: none, or not of all. */
export interface Limits {
  cores: number | null;
  bytes: number | null;
  pids: number | null;
}

// ---- History

type Answer = { meta: SeriesMeta; time: number[] } & Columns;
type Edges = { time: number[] } & Record<"cpu_percent.min" | "cpu_percent.max" | "mem_used_bytes.min" | "mem_used_bytes.max", Column>;

/** Of a point that is not over, a rate is that of a part of it over all of it: it would always fall at the end. */
function withoutRatesAtEnd(answer: { meta: SeriesMeta; time: number[]; columns: Columns }) {
  const last = answer.time.length - 1;
  if (last >= 0 && (answer.time[last] + answer.meta.step) * 1000 > Date.now()) for (const name of RATES) answer.columns[name][last] = null;
}

export async function historyOf(id: string, host: string | undefined, from: string, to: string, signal: AbortSignal): Promise<History> {
  const path = `/containers/${encodeURIComponent(id)}/stats`;
  const common = { host, from, to, points: POINTS, times: "s" };
  const [mean, edges] = await Promise.all([
    get<Answer>(path, { ...common, fields: FIELDS.join(",") }, signal),
    get<Edges>(path, { ...common, fields: BANDS, agg: "min,max" }, signal),
  ]);
  withoutRatesAtEnd({ ...mean, columns: mean });
  // A point may have come between the two answers.
  const same = edges.time.length === mean.time.length && edges.time[0] === mean.time[0];
  const none = mean.time.map(() => null);
  const edge = (which: "min" | "max") => ({ cpu_percent: same ? edges[`cpu_percent.${which}`] : none, mem_used_bytes: same ? edges[`mem_used_bytes.${which}`] : none });
  return { meta: mean.meta, time: mean.time, columns: mean, low: edge("min"), high: edge("max") };
}

interface Groups {
  meta: SeriesMeta;
  time: number[];
  series: ({ group: { service: string | null }; containers: number } & Record<string, Column>)[];
}

/** `several`: its containers run side by side, not one after the other. */
export async function serviceHistoryOf(service: string, host: string | undefined, from: string, to: string, several: boolean, signal: AbortSignal): Promise<History> {
  const answer = await get<Groups>("/stats", { service, host, from, to, points: POINTS, times: "s", group_by: "service", agg: several ? "sum,max" : "sum", fields: FIELDS.join(",") }, signal);
  const own = answer.series.find((series) => series.group.service === service);
  const none = answer.time.map(() => null);
  // With one aggregate a column has the name of its field.
  const columnOf = (name: Name, agg: string): Column => own?.[several ? `${name}.${agg}` : name] ?? none;
  const columns = Object.fromEntries(FIELDS.map((name) => [name, columnOf(name, "sum")])) as Columns;
  const history: History = { meta: answer.meta, time: answer.time, columns };
  withoutRatesAtEnd(history);
  if (several) history.most = { cpu_percent: columnOf("cpu_percent", "max"), mem_used_bytes: columnOf("mem_used_bytes", "max") };
  return history;
}

// ---- What arrives after it

export interface LivePoint {
  at: number;
  values: Record<Name, number | null>;
}

export const liveValues = (reading: Pick<Reading, "cpu_percent" | "mem_used_bytes" | "pids">, rates: Rates): LivePoint["values"] => ({
  cpu_percent: reading.cpu_percent,
  mem_used_bytes: reading.mem_used_bytes,
  pids: reading.pids,
  net_rx_bytes: rates.rx,
  net_tx_bytes: rates.tx,
  blk_read_bytes: rates.read,
  blk_write_bytes: rates.write,
  throttled_ns: rates.throttled,
});

/** The points of the history that are whole, then one for each reading that arrived. */
export function joined(past: History, live: LivePoint[]): History {
  let whole = past.time.length;
  while (whole > 0 && FIELDS.every((name) => past.columns[name][whole - 1] === null)) whole--;
  const until = whole ? past.time[whole - 1] + past.meta.step : -Infinity;
  // While a point is not over, it stays as it was answered: readings in it are not drawn beside it.
  const more = live.filter((row) => row.at >= until);
  if (more.length === 0) return past;
  const add = (column: Column, name: Name | null) => [...column.slice(0, whole), ...more.map((row) => (name ? row.values[name] : null))];
  const columns = Object.fromEntries(FIELDS.map((name) => [name, add(past.columns[name], name)])) as Columns;
  const edge = (column: Edge | undefined) => column && {
    cpu_percent: add(column.cpu_percent, "cpu_percent"),
    mem_used_bytes: add(column.mem_used_bytes, "mem_used_bytes"),
  };
  const most = past.most && { cpu_percent: add(past.most.cpu_percent, null), mem_used_bytes: add(past.most.mem_used_bytes, null) };
  return { meta: past.meta, time: [...past.time.slice(0, whole), ...more.map((row) => row.at)], columns, low: edge(past.low), high: edge(past.high), most };
}

// ---- How it is drawn

const bandOf = (low: Column | undefined, high: Column | undefined) => (low && high ? { low, high } : undefined);

function flat(time: number[], value: number | null | undefined): Column {
  return time.map(() => value ?? null);
}

function chartsOf(h: History, limits: Limits): Omit<ChartProps, "range" | "marks" | "zoom" | "back" | "time">[] {
  const { columns: c, low, high, most } = h;
  const cpu: Line[] = [{ name: "of one core", values: c.cpu_percent, band: bandOf(low?.cpu_percent, high?.cpu_percent) }];
  const mem: Line[] = [{ name: "used", values: c.mem_used_bytes, band: bandOf(low?.mem_used_bytes, high?.mem_used_bytes) }];
  const pids: Line[] = [{ name: "processes", values: c.pids }];
  if (most) {
    cpu.push({ name: "busiest container", values: most.cpu_percent });
    mem.push({ name: "largest container", values: most.mem_used_bytes });
  }
  if (limits.cores) cpu.push({ name: "limit", values: flat(h.time, limits.cores * 100), dashed: true });
  if (limits.bytes) mem.push({ name: "limit", values: flat(h.time, limits.bytes), dashed: true });
  if (limits.pids) pids.push({ name: "limit", values: flat(h.time, limits.pids), dashed: true });
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

interface ChartsProps {
  history: History;
  limits: Limits;
  /** Of files that are saved. */
  name: string;
  marks: Mark[];
  range: [number, number];
  /** The change that is looked at. */
  chosen: string | undefined;
}

export function Charts({ history: h, limits, name, marks, range, chosen }: ChartsProps) {
  const [table, setTable] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const charts = useMemo(() => chartsOf(h, limits), [h, limits.cores, limits.bytes, limits.pids]);
  const at = useMemo(() => marks.filter((mark) => mark.sign !== "♥"), [marks]);
  const shown = charts.filter((chart) => measured(chart.lines));
  const missing = charts.filter((chart) => !measured(chart.lines)).map((chart) => chart.title.toLowerCase());
  const zoom = (from: number, to: number) => {
    const least = Math.max(2, to - from);
    setQuery({ from: new Date(Math.round(from) * 1000).toISOString(), to: new Date(Math.round(from + least) * 1000).toISOString(), at: undefined });
  };
  return (
    <div class="charts" ref={box}>
      <div class="chartbar">
        <span class="dim">drag to zoom, double click to go back, shift and drag to move</span>
        <button onClick={() => setTable(!table)} aria-expanded={table}>table</button>
        <button onClick={() => save(`${name}.csv`, "text/csv", chartsAsCsv(h.time, charts))}>CSV</button>
        <button onClick={() => box.current && chartsAsPng([...box.current.querySelectorAll<HTMLElement>(".chart")], (picture) => save(`${name}.png`, "image/png", picture))}>PNG</button>
      </div>
      <Marks marks={marks} range={range} chosen={chosen} />
      {chosen && <EffectPanel id={chosen} of={marks.find((mark) => mark.change?.id === chosen)?.change} />}
      {shown.map((chart) => <Chart key={chart.id} {...chart} time={h.time} range={range} marks={at} zoom={zoom} back={goBack} />)}
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
