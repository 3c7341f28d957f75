// What outlives containers: services, made of the containers that are there, with what the store
// says of each over the page's range.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { get, getAll, useAsked } from "./api";
import type { Change } from "./change";
import type { Row, Trend } from "./containers";
import { totalOf } from "./table";
import type { Column, Container, SeriesMeta } from "./types";

export interface Service {
  key: string;
  name: string;
  rows: Row[];
  running: number;
  sick: number;
  restarting: number;
  failed: boolean;
  cpu: number | null;
  mem: number | null;
  rx: number | null;
  tx: number | null;
  images: string;
  hosts: string;
}

export const serviceOf = (info: Container) => info.service || info.name;

const VERSION = "org.opencontainers.image.version";

/** With the version that it says it is of. */
export function imageOf(info: Container): string {
  const version = info.labels?.[VERSION];
  const image = info.image ?? "";
  return version && !image.includes(version) ? `${image} (${version})` : image;
}

const distinct = (all: (string | null)[]) => [...new Set(all.filter(Boolean))].sort().join(", ");

export function makeService(name: string, rows: Row[]): Service {
  const running = rows.filter((row) => row.info.state === "running" && !row.info.gone_at);
  return {
    key: name,
    name,
    rows,
    running: running.length,
    sick: running.filter((row) => row.info.health === "unhealthy").length,
    restarting: rows.filter((row) => row.info.state === "restarting").length,
    failed: rows.some((row) => row.info.state === "exited" && !!row.info.exit_code),
    cpu: totalOf(rows, (row) => row.stats?.cpu_percent),
    mem: totalOf(rows, (row) => row.stats?.mem_used_bytes),
    rx: totalOf(rows, (row) => row.rates.rx),
    tx: totalOf(rows, (row) => row.rates.tx),
    images: distinct((running.length ? running : rows).map((row) => imageOf(row.info))),
    hosts: distinct(rows.map((row) => row.info.host)),
  };
}

/** Of the containers that are there; and those that only the store knows any more. */
function servicesOf(rows: Iterable<Row>, host: string | undefined, past: string[]): Service[] {
  const found = new Map<string, Row[]>(past.map((name) => [name, []]));
  for (const row of rows) {
    if ((host && row.info.host !== host) || row.info.gone_at) continue;
    const name = serviceOf(row.info);
    const list = found.get(name);
    if (list) list.push(row);
    else found.set(name, [row]);
  }
  return [...found].map(([name, list]) => makeService(name, list));
}

// ---- What the store says

const POINTS = 30;
const CHANGES_MOST = 2000;

interface Groups {
  meta: SeriesMeta;
  time: number[];
  series: { group: { service: string | null }; cpu_percent: Column; mem_used_bytes: Column }[];
}

export interface History {
  trends: Map<string, Trend>;
  /** The newest change of each. */
  changed: Map<string, Change>;
}

async function historyOf(host: string | undefined, from: string, to: string, signal: AbortSignal): Promise<History> {
  const [stats, list] = await Promise.all([
    get<Groups>("/stats", { host, from, to, points: POINTS, group_by: "service", fields: "cpu_percent,mem_used_bytes", times: "s" }, signal),
    getAll<Change>("/changes", { host, from, to, limit: 500 }, CHANGES_MOST, signal),
  ]);
  const byService = new Map<string, Change[]>();
  for (const change of list.rows) if (change.service) byService.set(change.service, [...(byService.get(change.service) ?? []), change]);
  const trends = new Map<string, Trend>();
  for (const { group, cpu_percent, mem_used_bytes } of stats.series)
    if (group.service) trends.set(group.service, { cpu: cpu_percent, mem: mem_used_bytes });
  return { trends, changed: new Map([...byService].map(([name, all]) => [name, all[0]])) };
}

export function useHistory(host: string | undefined, from: string, to: string) {
  return useAsked(`services ${host} ${from} ${to}`, (signal) => historyOf(host, from, to, signal), to === "now" ? 30_000 : 0);
}

// ---- Lines by level, of those that are seen

const COUNTED_EVERY = 20_000;
const AT_ONCE = 3;

export interface Counted {
  errors: number;
  warnings: number;
  total: number;
}

type Answer = { data: { total: number; levels: Record<string, number> } };

async function countOf(service: string, host: string | undefined, from: string, to: string, signal: AbortSignal): Promise<Counted> {
  const { total, levels } = (await get<Answer>("/logs/count", { service, host, from, to }, signal)).data;
  return { total, errors: (levels.error ?? 0) + (levels.critical ?? 0), warnings: levels.warning ?? 0 };
}

/** Lines of each service in the range; counted for `names`, a few at a time. */
export function useCounts(names: string[], host: string | undefined, from: string, to: string): Map<string, Counted> {
  const range = `${host} ${from} ${to}`;
  const counts = useRef({ range, of: new Map<string, Counted>() });
  const [, again] = useState(0);
  if (counts.current.range !== range) counts.current = { range, of: new Map() };
  const wanted = names.join("\n");
  useEffect(() => {
    const abort = new AbortController();
    const { of } = counts.current;
    let timer = 0;
    const go = async () => {
      const left = [...names].sort((a, b) => Number(of.has(a)) - Number(of.has(b)));
      const one = async () => {
        for (let name = left.shift(); name !== undefined && !abort.signal.aborted; name = left.shift()) {
          const counted = await countOf(name, host, from, to, abort.signal).catch(() => null);
          if (counted) of.set(name, counted);
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, one));
      if (abort.signal.aborted) return;
      again((n) => n + 1);
      timer = to === "now" ? setTimeout(go, COUNTED_EVERY) : 0;
    };
    timer = setTimeout(go, 100); // who scrolls passes many
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [wanted, range]);
  return counts.current.of;
}

export const useServices = (rows: Map<string, Row>, round: number, host: string | undefined, past: string[]) =>
  useMemo(() => servicesOf(rows.values(), host, past), [rows, round, host, past.join("\n")]);
