// Services, over all their containers: what stays when those are replaced.
import { memo } from "preact/compat";
import { useMemo, useRef } from "preact/hooks";
import { useWatched } from "../api";
import { type Change, kindOf, summaryOf } from "../change";
import { containers, listNow, turnOf } from "../containers";
import { bytes, clock, count, dateTime, ms, NONE, percent, rate, since } from "../format";
import { useRowKeys } from "../keys";
import { compareTexts, compareValues, SortHead, useOrder } from "../order";
import { CopyButton, Empty, Failed, Num, Sign, Skeleton, Spark, useEvery } from "../parts";
import { goTo, linkTo, rangeOf, setQuery, useRoute } from "../route";
import { type Counted, type History, type Service, useCounts, useHistory, useServices } from "../services";
import { sum } from "../table";
import type { Column } from "../types";
import { sliceOf, useTitle, useView } from "../virtual";

const ROW = 32;
const AROUND = 4;

/** What is not of the containers themselves. */
interface Known {
  counts: Map<string, Counted>;
  changed: Map<string, Change>;
}

interface Field {
  id: string;
  title: string;
  hint: string;
  numeric: boolean;
  value: (service: Service, of: Known) => number | string | null;
}

const FIELDS: Field[] = [
  { id: "name", title: "service", hint: "of compose or swarm, by label, or the container's name", numeric: false, value: (s) => s.name },
  { id: "state", title: "running", hint: "containers that run, of all that are there", numeric: true, value: (s) => s.running },
  { id: "cpu", title: "cpu", hint: "of all its containers, per cent of one core", numeric: true, value: (s) => s.cpu },
  { id: "mem", title: "memory", hint: "of all its containers", numeric: true, value: (s) => s.mem },
  { id: "net", title: "net ↓ ↑", hint: "received and sent per second", numeric: true, value: (s) => sum(s.rx, s.tx) },
  { id: "errors", title: "errors", hint: "error lines in this range", numeric: true, value: (s, { counts }) => counts.get(s.name)?.errors ?? null },
  { id: "warnings", title: "warnings", hint: "warning lines in this range", numeric: true, value: (s, { counts }) => counts.get(s.name)?.warnings ?? null },
  { id: "image", title: "image", hint: "with the version that it names", numeric: false, value: (s) => s.images || null },
  { id: "changed", title: "last change", hint: "in this range", numeric: true, value: (s, { changed }) => ms(changed.get(s.name)?.time) || null },
  { id: "host", title: "host", hint: "", numeric: false, value: (s) => s.hosts || null },
];

function compare(a: Service, b: Service, field: Field, down: boolean, of: Known): number {
  return compareValues(field.value(a, of), field.value(b, of), down) || compareTexts(a.name, b.name);
}

function asTsv(services: Service[], known: Known): string {
  const line = (cells: (string | number | null)[]) => cells.map((cell) => String(cell ?? "")).join("\t");
  return [line(FIELDS.map((field) => field.title)), ...services.map((one) => line(FIELDS.map((field) => field.value(one, known))))].join("\n") + "\n";
}

// ---- Rows

export function Running({ all, running, sick, restarting, failed }: { all: number; running: number; sick: number; restarting: number; failed: boolean }) {
  if (sick) return <Sign kind="act">{running === 1 ? "unhealthy" : `${sick} of ${running} unhealthy`}</Sign>;
  if (restarting) return <Sign kind="look">{all === 1 ? "restarting" : `${restarting} of ${all} restarting`}</Sign>;
  if (all === 0) return <Sign kind="off">removed</Sign>;
  if (running === all) return <Sign kind="ok">{running} running</Sign>;
  return <Sign kind={running === 0 && failed ? "act" : running ? "look" : "off"}>{running} of {all} running</Sign>;
}

function Lines({ of, kind }: { of: number | undefined; kind: "look" | "act" }) {
  if (of === undefined) return <span class="none">{NONE}</span>;
  return of ? <span class={`sign ${kind}`}><Num of={count(of)} /></span> : <span class="dim">0</span>;
}

interface RowProps {
  /** Counts up when it is its turn to be drawn. */
  turn: number;
  name: string;
  all: number;
  running: number;
  sick: number;
  restarting: number;
  failed: boolean;
  cpu: number | null;
  mem: number | null;
  rx: number | null;
  tx: number | null;
  trendCpu: Column | undefined;
  trendMem: Column | undefined;
  top: number | undefined;
  memTop: number | undefined;
  counted: Counted | undefined;
  images: string;
  hosts: string;
  changed: Change | undefined;
  minute: number;
  here: boolean;
  index: number;
}

const ServiceRow = memo((one: RowProps) => (
  <tr role="row" class={`${one.here ? "here" : ""} ${one.running ? "" : "quiet"}`} aria-rowindex={one.index}>
    <th role="rowheader" scope="row" class="c-name"><a href={linkTo("service", one.name)} title={one.name}>{one.name}</a></th>
    <td role="cell" class="c-running"><Running {...one} /></td>
    <td role="cell" class="c-cpu r"><Num of={percent(one.cpu)} /><Spark of={one.trendCpu} top={one.top} /></td>
    <td role="cell" class="c-memory r"><Num of={bytes(one.mem)} /><Spark of={one.trendMem} top={one.memTop} /></td>
    <td role="cell" class="c-net r two"><Num of={rate(one.rx)} /><Num of={rate(one.tx)} /></td>
    <td role="cell" class="c-lines r"><Lines of={one.counted?.errors} kind="act" /></td>
    <td role="cell" class="c-lines r"><Lines of={one.counted?.warnings} kind="look" /></td>
    <td role="cell" class="c-image" title={one.images}>{one.images || <span class="none">{NONE}</span>}</td>
    <td role="cell" class="c-changed"><Changed of={one.changed} name={one.name} /></td>
    <td role="cell" class="c-host" title={one.hosts}>{one.hosts}</td>
  </tr>
), (a, b) => NAMES.every((name) => a[name] === b[name]));

/** All but what is another with each reading: that waits for the row's turn. */
const NAMES: (keyof RowProps)[] = ["turn", "name", "all", "running", "sick", "restarting", "failed", "trendCpu", "trendMem", "top", "memTop", "counted", "images", "hosts", "changed", "minute", "here", "index"];

function Changed({ of, name }: { of: Change | undefined; name: string }) {
  if (!of) return <span class="none">{NONE}</span>;
  const { title, urgency } = kindOf(of);
  const ago = Date.now() - ms(of.time) < 86_400_000 ? `${since(of.time)} ago` : dateTime(ms(of.time)).slice(5, 16);
  return <a href={linkTo("service", name, { change: of.id })} title={`${clock(ms(of.time))} ${summaryOf(of)}`}><span class={`sign ${urgency}`}>{title}</span> <small>{ago}</small></a>;
}

const CLASSES: Record<string, string> = { state: "c-running", mem: "c-memory r", errors: "c-lines r", warnings: "c-lines r", cpu: "c-cpu r", net: "c-net r" };
const classOf = (id: string) => CLASSES[id] ?? `c-${id}`;

// ---- The page

function chosen(all: Service[], query: Record<string, string>): Service[] {
  const words = (query.q ?? "").toLowerCase().split(/\s+/).filter(Boolean);
  const sick = (one: Service) => one.sick || one.restarting || one.failed || one.running < one.rows.length;
  return all.filter((one) => (query.show !== "sick" || sick(one)) && words.every((word) => [one.name, one.images, one.hosts].some((text) => text.toLowerCase().includes(word))));
}

function Nothing({ any }: { any: boolean }) {
  return any ? (
    <Empty title="No service matches"><p><button onClick={() => setQuery({ q: undefined, show: undefined, host: undefined })}>Show all</button></p></Empty>
  ) : (
    <Empty title="No services yet">
      <p>Here would be each service with all its containers, those that it had before included. Containers are found by <code>conf.d/docker_status.conf</code>, what they use by <code>conf.d/docker_stats.conf</code>. <button onClick={listNow}>Look again</button></p>
    </Empty>
  );
}

interface TableProps {
  services: Service[];
  sort: string;
  query: Record<string, string>;
  past: History | undefined;
}

const highest = (past: History | undefined, of: "cpu" | "mem") => {
  let most = 0;
  for (const trend of past?.trends.values() ?? []) for (const x of trend[of]) if (x !== null && x > most) most = x;
  return most || undefined;
};

function Table({ services, sort, query, past }: TableProps) {
  const range = rangeOf({ page: "", part: "", query });
  const held = useRef(false);
  const box = useRef<HTMLDivElement>(null);
  const view = useView(box, (ROW * AROUND) / 2);
  const minute = useEvery(10_000);
  const known = useRef<Known>({ counts: new Map(), changed: new Map() });
  const by = (text: string) => {
    const field = FIELDS.find((one) => one.id === text.replace("-", "")) ?? FIELDS[0];
    return (a: Service, b: Service) => compare(a, b, field, text.startsWith("-"), known.current);
  };
  const rows = useOrder(services, sort, by, held);
  const [first, end] = sliceOf(view, rows.length, ROW, AROUND);
  const byLines = sort.includes("errors") || sort.includes("warnings");
  const counts = useCounts((byLines ? rows : rows.slice(first, end)).map((one) => one.name), query.host || undefined, range.from, range.to);
  known.current = { counts, changed: past?.changed ?? new Map() };
  const at = useRowKeys(box, rows.length, ROW, (i) => goTo(linkTo("service", rows[i].name)));
  const hosts = useMemo(() => new Set(services.map((one) => one.hosts)).size, [services]);
  const [top, memTop] = useMemo(() => [highest(past, "cpu"), highest(past, "mem")], [past]);
  return (
    <div class="scroll" ref={box} tabIndex={0} role="region" aria-label="Services" onPointerEnter={() => (held.current = true)} onPointerLeave={() => (held.current = false)}>
      <table role="table" class={`grid rows ${hosts < 2 ? "no-host" : ""}`} aria-rowcount={rows.length + 1}>
        <SortHead fields={FIELDS} sort={sort} classOf={classOf} />
        <tbody role="rowgroup">
          {first > 0 && <tr class="gap" aria-hidden="true" style={{ height: `${first * ROW}px` }}><td colSpan={FIELDS.length} /></tr>}
          {rows.slice(first, end).map((one, i) => (
            <ServiceRow key={one.name} turn={turnOf(containers.value, first + i)} name={one.name} all={one.rows.length} running={one.running} sick={one.sick} restarting={one.restarting} failed={one.failed} cpu={one.cpu} mem={one.mem} rx={one.rx} tx={one.tx}
              trendCpu={past?.trends.get(one.name)?.cpu} trendMem={past?.trends.get(one.name)?.mem} top={top} memTop={memTop} counted={counts.get(one.name)} images={one.images} hosts={one.hosts}
              changed={past?.changed.get(one.name)} minute={minute} here={first + i === at} index={first + i + 2} />
          ))}
          {end < rows.length && <tr class="gap" aria-hidden="true" style={{ height: `${(rows.length - end) * ROW}px` }}><td colSpan={FIELDS.length} /></tr>}
        </tbody>
      </table>
    </div>
  );
}

export function Services() {
  const { query } = useRoute();
  const list = useWatched(containers);
  const range = rangeOf({ page: "", part: "", query });
  const past = useHistory(query.host || undefined, range.from, range.to);
  // Those of which no container is left are known from readings in the range.
  const gone = query.show === "past" ? [...(past.data?.trends.keys() ?? [])] : [];
  const all = useServices(list.rows, list.round, query.host || undefined, gone);
  const rows = useMemo(() => chosen(all, query), [all, query.q, query.show]);
  useTitle("Services");
  return (
    <main class="page services" id="main" tabIndex={-1}>
      <div class="tools">
        <h1>Services</h1>
        <label class="grow">
          <span class="hidden">Filter</span>
          <input type="search" placeholder="filter: service, image, host" value={query.q ?? ""} onInput={(event) => setQuery({ q: event.currentTarget.value }, true)} />
        </label>
        <label>
          show{" "}
          <select value={query.show ?? ""} onChange={(event) => setQuery({ show: event.currentTarget.value })}>
            <option value="">existing</option>
            <option value="sick">not all well</option>
            <option value="past">with past ones</option>
          </select>
        </label>
        <CopyButton text={() => asTsv(rows, { counts: new Map(), changed: past.data?.changed ?? new Map() })} />
      </div>
      {past.error && <p class="banner look" role="status">{`The past is missing here: ${past.error.message}`}</p>}
      {list.error && list.loaded && <p class="banner look" role="status">{`The list cannot be refreshed: ${list.error.message}`}</p>}
      {!list.loaded && list.error ? (
        <Failed error={list.error} what="The list of services" again={Date.now() + 10_000} />
      ) : !list.loaded ? (
        <Skeleton rows={12} />
      ) : rows.length === 0 ? (
        <Nothing any={all.length > 0} />
      ) : (
        <Table services={rows} sort={query.sort || "name"} query={query} past={past.data} />
      )}
    </main>
  );
}
