// The table of all containers: live, sorted, grouped, filtered; only rows that are seen are in the
// document, and each is laid out for itself (.rows), so that what changes in one moves no other.  Boxes
// that are no table's have lost its roles, so these are said.
import { memo } from "preact/compat";
import { useCallback, useEffect, useMemo, useRef } from "preact/hooks";
import { get, useAsked, useWatched, type Page } from "../api";
import { containers, keyOf, listNow, type Row, showGone, trendOver, turnOf } from "../containers";
import { bytes, diskRate, duration, percent, rate } from "../format";
import { useRowKeys } from "../keys";
import { SortHead, useOrder } from "../order";
import { Bar, CopyButton, Empty, Failed, Num, Sign, Skeleton, Spark, useEvery } from "../parts";
import { goTo, linkTo, rangeOf, setQuery, useRoute } from "../route";
import { asTsv, compare, cpuLimitOf, FIELDS, fieldOf, type Group, GROUPINGS, groupsOf, limitOf, matches, noteOf, shareOf, totalOf, upOf, wordsOf } from "../table";
import type { Version } from "../types";
import { sliceOf, useTitle, useView } from "../virtual";

const ROW = 32;
const AROUND = 4; // rows that are drawn beyond what is seen

type Item = { group: Group; folded: boolean } | { row: Row };

// ---- Cells

function State({ row }: { row: Row }) {
  const { state } = row.info;
  if (row.info.gone_at) return <Sign kind="off">removed</Sign>;
  if (state === "running") return <Sign kind="ok">running</Sign>;
  if (state === "restarting" || state === "paused") return <Sign kind="look">{state}</Sign>;
  if (state === "dead" || (state === "exited" && row.info.exit_code)) return <Sign kind="act">{state}</Sign>;
  return <Sign kind="off">{state ?? "–"}</Sign>;
}

function Health({ health }: { health: string | null }) {
  if (!health || health === "none") return <span class="none">–</span>;
  return <Sign kind={health === "unhealthy" ? "act" : health === "healthy" ? "ok" : "look"}>{health}</Sign>;
}

function Cpu({ row, ofLimit, top }: { row: Row; ofLimit: boolean; top?: number }) {
  const cpu = row.stats?.cpu_percent;
  const cores = cpuLimitOf(row);
  const shown = ofLimit && cores && typeof cpu === "number" ? cpu / cores : ofLimit ? null : cpu;
  return (
    <>
      <Num of={percent(shown)} />
      <Spark of={row.trend?.cpu} top={top} />
    </>
  );
}

function Mem({ row, top }: { row: Row; top?: number }) {
  const share = shareOf(row);
  return (
    <>
      <Num of={bytes(row.stats?.mem_used_bytes)} />
      <span class="of">
        {" / "}
        <Num of={bytes(limitOf(row))} />
      </span>
      {share !== null ? <Bar share={share} /> : <Spark of={row.trend?.mem} top={top} />}
    </>
  );
}

interface RowProps {
  row: Row;
  version: number;
  minute: number;
  here: boolean;
  ofLimit: boolean;
  top?: number;
  memTop?: number;
  indent: boolean;
  outdated: string | undefined;
  index: number;
}

const Line = memo(
  ({ row, here, ofLimit, top, memTop, indent, outdated, index }: RowProps) => {
    const { info } = row;
    const note = noteOf(info);
    const urgent = info.health === "unhealthy" || (info.exit_code ?? 0) > 0 || info.oom_killed;
    return (
      <tr role="row" class={`${here ? "here" : ""} ${info.state === "running" ? "" : "quiet"}`} aria-rowindex={index} data-key={row.key}>
        <td role="cell" class={indent ? "c-name in" : "c-name"}>
          <a href={linkTo("container", info.name, { host: info.host, id: info.container_id })} title={info.name}>
            {info.name}
          </a>
        </td>
        <td role="cell" class="c-state"><State row={row} /></td>
        <td role="cell" class="c-health" title={info.health_output ?? undefined}><Health health={info.health} /></td>
        <td role="cell" class="c-cpu r"><Cpu row={row} ofLimit={ofLimit} top={top} /></td>
        <td role="cell" class="c-mem r"><Mem row={row} top={memTop} /></td>
        <td role="cell" class="c-net r two"><Num of={rate(row.rates.rx)} /><Num of={rate(row.rates.tx)} /></td>
        <td role="cell" class="c-disk r two"><Num of={diskRate(row.rates.read)} /><Num of={diskRate(row.rates.write)} /></td>
        <td role="cell" class="c-up r">{duration(upOf(row))}</td>
        <td role="cell" class="c-image" title={info.image ?? undefined}>
          {info.image ?? "–"}
          {outdated && <span class="sign look" title={`its tag has meant another image since ${outdated}`}> ⤒ outdated</span>}
        </td>
        <td role="cell" class="c-project">{info.compose_project ?? <span class="none">–</span>}</td>
        <td role="cell" class="c-host">{info.host}</td>
        <td role="cell" class="c-note" title={note}>{note && <Sign kind={urgent ? "act" : "look"}>{note}</Sign>}</td>
      </tr>
    );
  },
  (a, b) =>
    a.row === b.row && a.version === b.version && a.minute === b.minute && a.here === b.here && a.ofLimit === b.ofLimit &&
    a.top === b.top && a.memTop === b.memTop && a.indent === b.indent && a.outdated === b.outdated && a.index === b.index,
);

interface GroupProps {
  group: Group;
  /** Counts up when it is its turn to be drawn. */
  turn: number;
  by: string;
  folded: boolean;
  fold: (name: string) => void;
  here: boolean;
  index: number;
}

const GroupLine = memo(({ group, by, folded, fold, here, index }: GroupProps) => {
  const sick = group.rows.filter((row) => row.info.health === "unhealthy").length;
  const off = group.rows.filter((row) => row.info.state !== "running").length;
  const { rows } = group;
  const services = [...new Set(rows.map((row) => row.info.service).filter(Boolean))];
  return (
    <tr role="row" class={`group ${here ? "here" : ""}`} aria-rowindex={index}>
      <th role="rowheader" scope="rowgroup" class="c-name">
        <button class="fold" aria-expanded={!folded} onClick={() => fold(group.name)}>
          <span aria-hidden="true">{folded ? "▸" : "▾"}</span> {group.title} <small>{rows.length}</small>
        </button>
        {by === "service" && group.name && <a class="side" href={linkTo("service", group.name)} aria-label={`the service ${group.name}`}>charts</a>}
        {group.name && services.length > 0 && services.length < 20 && <a class="side" href={linkTo("logs", "", { service: services.join() })} aria-label={`logs of ${group.title}`}>logs</a>}
      </th>
      <td role="cell" class="c-state">{off ? <span class="dim">{off} not running</span> : null}</td>
      <td role="cell" class="c-health">{sick ? <Sign kind="act">{sick} unhealthy</Sign> : null}</td>
      <td role="cell" class="c-cpu r"><Num of={percent(totalOf(rows, (row) => row.stats?.cpu_percent))} /><Spark of={undefined} /></td>
      <td role="cell" class="c-mem r"><Num of={bytes(totalOf(rows, (row) => row.stats?.mem_used_bytes))} /><span class="of" /><span class="limit blank" /></td>
      <td role="cell" class="c-net r two"><Num of={rate(totalOf(rows, (row) => row.rates.rx))} /><Num of={rate(totalOf(rows, (row) => row.rates.tx))} /></td>
      <td role="cell" class="c-disk r two"><Num of={diskRate(totalOf(rows, (row) => row.rates.read))} /><Num of={diskRate(totalOf(rows, (row) => row.rates.write))} /></td>
      <td role="cell" class="c-up" /><td role="cell" class="c-image" /><td role="cell" class="c-project" /><td role="cell" class="c-host" /><td role="cell" class="c-note" />
    </tr>
  );
}, (a, b) =>
  a.turn === b.turn && a.group.name === b.group.name && a.group.rows.length === b.group.rows.length && a.by === b.by && a.folded === b.folded && a.here === b.here && a.index === b.index);

const classOf = (id: string, numeric: boolean) => `c-${id} ${numeric ? "r" : ""}`;

// ---- The page

const stateFilters: [string, string][] = [
  ["", "existing"],
  ["running", "running"],
  ["stopped", "not running"],
  ["gone", "with removed ones"],
];

function chosen(rows: Iterable<Row>, query: Record<string, string>): Row[] {
  const words = wordsOf(query.q ?? "");
  const found: Row[] = [];
  for (const row of rows) {
    if (query.host && row.info.host !== query.host) continue;
    if (query.show === "running" && row.info.state !== "running") continue;
    if (query.show === "stopped" && row.info.state === "running") continue;
    if (matches(row, words)) found.push(row);
  }
  return found;
}

function itemsOf(groups: Group[], folded: Set<string>): Item[] {
  if (groups.length === 1 && !groups[0].title) return groups[0].rows.map((row) => ({ row }));
  return groups.flatMap((group) => {
    const shut = folded.has(group.name);
    return [{ group, folded: shut }, ...(shut ? [] : group.rows.map((row) => ({ row })))];
  });
}

const highest = (rows: Row[], of: "cpu" | "mem") => {
  let most = 0;
  for (const row of rows) for (const x of row.trend?.[of] ?? []) if (x !== null && x > most) most = x;
  return most || undefined;
};

function useOutdated(): Map<string, string> {
  const asked = useAsked("outdated", () => get<Page<Version>>("/images/versions", { outdated: "yes", limit: 1000 }), 60_000);
  return useMemo(() => {
    const found = new Map<string, string>();
    for (const version of asked.data?.data ?? [])
      for (const one of version.containers) if (one.outdated) found.set(keyOf(version.host, one.container_id), one.outdated_since ?? "some time");
    return found;
  }, [asked.data]);
}

function rowsBy(sort: string): (a: Row, b: Row) => number {
  const field = fieldOf(sort.replace("-", ""));
  return (a, b) => compare(a, b, field, sort.startsWith("-"));
}

export function Containers() {
  const { query } = useRoute();
  const list = useWatched(containers);
  const range = rangeOf({ page: "", part: "", query });
  const sort = query.sort || "name";
  const by = query.group || "project";
  const held = useRef(false);
  const box = useRef<HTMLDivElement>(null);
  const view = useView(box, (ROW * AROUND) / 2);
  const minute = useEvery(10_000);
  const outdated = useOutdated();
  useTitle("Containers");
  useEffect(() => showGone(query.show === "gone"), [query.show]);
  useEffect(() => trendOver(range.from, range.to), [range.from, range.to]);

  // Scrolling alone changes nothing of this.
  const found = useMemo(() => chosen(list.rows.values(), query), [list.round, list.rows, query.q, query.host, query.show]);
  const rows = useOrder(found, sort, rowsBy, held);
  const folded = new Set((query.fold ?? "").split("|").filter((name, _, all) => name || all.length > 1));
  const items = useMemo(() => {
    const grouped = groupsOf(rows, by);
    return itemsOf(by === "project" && grouped.length === 1 && !grouped[0].name ? [{ name: "", title: "", rows }] : grouped, folded);
  }, [rows, by, query.fold]);
  const hosts = useMemo(() => new Set(rows.map((row) => row.info.host)), [rows]);
  const [first, end] = sliceOf(view, items.length, ROW, AROUND);
  const own = query.scale === "own";
  const top = useMemo(() => (own ? undefined : highest(rows, "cpu")), [rows, own]);
  const memTop = useMemo(() => (own ? undefined : highest(rows, "mem")), [rows, own]);

  const fold = (name: string) => {
    if (folded.has(name)) folded.delete(name);
    else folded.add(name);
    setQuery({ fold: folded.size ? `${[...folded].join("|")}|` : undefined }, true);
  };
  const folder = useRef(fold);
  folder.current = fold;
  const latestFold = useCallback((name: string) => folder.current(name), []);
  const at = useRowKeys(box, items.length, ROW, (i) => {
    const item = items[i];
    if ("row" in item) goTo(linkTo("container", item.row.info.name, { host: item.row.info.host, id: item.row.info.container_id }));
    else fold(item.group.name);
  });

  return (
    <main class="page containers" id="main" tabIndex={-1}>
      <Tools query={query} by={by} rows={rows} />
      {list.error && list.loaded && <p class="banner look" role="status">{`The list cannot be refreshed: ${list.error.message}`}</p>}
      {!list.loaded && list.error ? (
        <Failed error={list.error} what="The list of containers" again={Date.now() + 10_000} />
      ) : !list.loaded ? (
        <Skeleton rows={12} />
      ) : rows.length === 0 ? (
        <Nothing any={list.rows.size > 0} />
      ) : (
        <div class="scroll" ref={box} tabIndex={0} role="region" aria-label="Containers" onPointerEnter={() => (held.current = true)} onPointerLeave={() => (held.current = false)}>
          <table role="table" class={`grid rows ${by === "project" ? "no-project" : ""} ${hosts.size < 2 || by === "host" ? "no-host" : ""}`} aria-rowcount={items.length + 1}>
            <SortHead fields={FIELDS} sort={sort} classOf={classOf} />
            <tbody role="rowgroup">
              {first > 0 && <tr class="gap" aria-hidden="true" style={{ height: `${first * ROW}px` }}><td colSpan={FIELDS.length} /></tr>}
              {items.slice(first, end).map((item, i) =>
                "row" in item ? (
                  <Line key={item.row.key} row={item.row} version={item.row.drawn} minute={minute} here={first + i === at} ofLimit={query.cpu === "limit"}
                    top={top} memTop={memTop} indent={items.length > rows.length || folded.size > 0} outdated={outdated.get(item.row.key)} index={first + i + 2} />
                ) : (
                  <GroupLine key={`group ${item.group.name}`} group={item.group} turn={turnOf(list, first + i)} by={by} folded={item.folded} fold={latestFold} here={first + i === at} index={first + i + 2} />
                ),
              )}
              {end < items.length && <tr class="gap" aria-hidden="true" style={{ height: `${(items.length - end) * ROW}px` }}><td colSpan={FIELDS.length} /></tr>}
            </tbody>
          </table>
        </div>
      )}
    </main>
  );
}

function Tools({ query, by, rows }: { query: Record<string, string>; by: string; rows: Row[] }) {
  return (
    <div class="tools">
      <h1>Containers</h1>
      <label class="grow">
        <span class="hidden">Filter</span>
        <input type="search" placeholder="filter: name, image, state:exited, label:tier=web …" value={query.q ?? ""}
          onInput={(event) => setQuery({ q: event.currentTarget.value }, true)} />
      </label>
      <label>
        show{" "}
        <select value={query.show ?? ""} onChange={(event) => setQuery({ show: event.currentTarget.value })}>
          {stateFilters.map(([value, title]) => <option key={value} value={value}>{title}</option>)}
        </select>
      </label>
      <label>
        group{" "}
        <select value={by} onChange={(event) => setQuery({ group: event.currentTarget.value, fold: undefined })}>
          {GROUPINGS.map((name) => <option key={name} value={name}>{name}</option>)}
          <option value="none">none</option>
        </select>
      </label>
      <label>
        cpu{" "}
        <select value={query.cpu ?? ""} onChange={(event) => setQuery({ cpu: event.currentTarget.value })}>
          <option value="">of one core</option>
          <option value="limit">of the limit</option>
        </select>
      </label>
      <label>
        scale{" "}
        <select value={query.scale ?? ""} onChange={(event) => setQuery({ scale: event.currentTarget.value })}>
          <option value="">the same</option>
          <option value="own">each its own</option>
        </select>
      </label>
      <CopyButton text={() => asTsv(rows)} />
    </div>
  );
}

function Nothing({ any }: { any: boolean }) {
  return any ? (
    <Empty title="No container matches">
      <p><button onClick={() => setQuery({ q: undefined, show: undefined, host: undefined })}>Show all</button></p>
    </Empty>
  ) : (
    <Empty title="No containers yet">
      <p>Here would be every container that tallyd watches. It needs <code>conf.d/docker_status.conf</code> and <code>conf.d/docker_stats.conf</code> with <code>enabled = yes</code>, and an engine that answers at their <code>endpoint</code>.</p>
      <p><a href={linkTo("pipeline")}>The pipeline</a> says whether inputs run. <button onClick={listNow}>Look again</button></p>
    </Empty>
  );
}
