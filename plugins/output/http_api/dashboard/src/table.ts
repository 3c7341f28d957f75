// The rows of the containers' table: chosen, grouped, sorted, and as text.
import { bytes, diskRate, duration, join, ms, NONE, percent, rate } from "./format";
import type { Row } from "./containers";
import { compareTexts, compareValues } from "./order";
import type { Container } from "./types";

export interface Field {
  id: string;
  title: string;
  hint: string;
  numeric: boolean;
  value: (row: Row) => number | string | null;
  text: (row: Row) => string;
  /** What a screen reader says in place of a sign. */
  spoken?: string;
}

export const limitOf = (row: Row) => row.info.mem_limit_bytes;
export const shareOf = (row: Row) => {
  const limit = limitOf(row);
  return row.stats && limit && row.stats.mem_used_bytes !== null ? row.stats.mem_used_bytes / limit : null;
};
export const cpuLimitOf = (row: Row) => row.info.cpu_limit_cores;

const startedAt = (info: Container) => (info.state === "running" || info.state === "paused" ? ms(info.started_at) : NaN);
export const upOf = (row: Row) => {
  const since = startedAt(row.info);
  return Number.isFinite(since) ? (Date.now() - since) / 1000 : null;
};

export const sum = (a: number | null, b: number | null) => (a === null && b === null ? null : (a ?? 0) + (b ?? 0));

/** What is wrong with it, in words; empty: nothing. */
export function noteOf(info: Container): string {
  const parts: string[] = [];
  if (info.health === "unhealthy") parts.push("unhealthy");
  const ended = info.state === "exited" || info.state === "dead" || info.state === "restarting";
  if (info.oom_killed && ended) parts.push(`exit ${info.exit_code ?? "?"} (out of memory)`);
  else if (ended && info.exit_code) parts.push(`exit ${info.exit_code}`);
  else if (info.oom_killed) parts.push("was out of memory");
  if (info.restart_count) parts.push(`${info.restart_count} restart${info.restart_count === 1 ? "" : "s"}`);
  return parts.join(", ");
}

export const FIELDS: Field[] = [
  { id: "name", title: "name", hint: "", numeric: false, value: (r) => r.info.name, text: (r) => r.info.name },
  { id: "state", title: "state", hint: "", numeric: false, value: (r) => r.info.state, text: (r) => r.info.state ?? NONE },
  { id: "health", title: "health", hint: "of the container's own health check", numeric: false, value: (r) => r.info.health, text: (r) => r.info.health ?? NONE },
  { id: "cpu", title: "cpu", hint: "per cent of one core", numeric: true, value: (r) => r.stats?.cpu_percent ?? null, text: (r) => join(percent(r.stats?.cpu_percent)) },
  { id: "mem", title: "mem / limit", hint: "memory used, and what it may use at most", numeric: true, value: (r) => r.stats?.mem_used_bytes ?? null, text: (r) => `${join(bytes(r.stats?.mem_used_bytes))} / ${join(bytes(limitOf(r)))}` },
  { id: "net", title: "net ↓ ↑", hint: "received and sent per second", numeric: true, value: (r) => sum(r.rates.rx, r.rates.tx), text: (r) => `${join(rate(r.rates.rx))} ${join(rate(r.rates.tx))}` },
  { id: "disk", title: "disk r w", hint: "read and written per second", numeric: true, value: (r) => sum(r.rates.read, r.rates.write), text: (r) => `${join(diskRate(r.rates.read))} ${join(diskRate(r.rates.write))}` },
  { id: "up", title: "up", hint: "time since it started", numeric: true, value: upOf, text: (r) => duration(upOf(r)) },
  { id: "image", title: "image", hint: "", numeric: false, value: (r) => r.info.image, text: (r) => r.info.image ?? NONE },
  { id: "project", title: "project", hint: "of compose", numeric: false, value: (r) => r.info.compose_project, text: (r) => r.info.compose_project ?? NONE },
  { id: "host", title: "host", hint: "", numeric: false, value: (r) => r.info.host, text: (r) => r.info.host },
  { id: "note", title: "⚠", hint: "what to look at", spoken: "what to look at", numeric: false, value: (r) => noteOf(r.info) || null, text: (r) => noteOf(r.info) },
];

export const fieldOf = (id: string) => FIELDS.find((field) => field.id === id) ?? FIELDS[0];

export function compare(a: Row, b: Row, field: Field, down: boolean): number {
  return compareValues(field.value(a), field.value(b), down) || compareTexts(a.info.name, b.info.name) || (a.key < b.key ? -1 : 1);
}

/** Words that all must be somewhere in it; "state:exited" and the like look at one column. */
export function matches(row: Row, words: string[]): boolean {
  const { info } = row;
  return words.every((word) => {
    const [column, rest] = word.split(/:(.*)/s);
    const field = rest ? FIELDS.find((one) => one.id === column) : undefined;
    if (field) return field.text(row).toLowerCase().includes(rest);
    if (column === "label" && rest)
      return Object.entries(info.labels ?? {}).some(([key, value]) => `${key}=${value}`.toLowerCase().includes(rest));
    return [info.name, info.image, info.state, info.health, info.compose_project, info.host, info.container_id, noteOf(info)].some(
      (text) => text?.toLowerCase().includes(word),
    );
  });
}

export const wordsOf = (text: string) => text.toLowerCase().split(/\s+/).filter(Boolean);

export interface Group {
  name: string;
  title: string;
  rows: Row[];
}

const GROUPS: Record<string, (row: Row) => string> = {
  project: (row) => row.info.compose_project ?? "",
  service: (row) => row.info.service ?? "",
  host: (row) => row.info.host,
  image: (row) => row.info.image ?? "",
  state: (row) => row.info.state ?? "",
};
export const GROUPINGS = Object.keys(GROUPS);

/** In the order of names; rows without one come last. */
export function groupsOf(rows: Row[], by: string): Group[] {
  const of = GROUPS[by];
  if (!of) return [{ name: "", title: "", rows }];
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const name = of(row);
    const list = groups.get(name);
    if (list) list.push(row);
    else groups.set(name, [row]);
  }
  return [...groups]
    .map(([name, list]) => ({ name, title: name || (by === "project" ? "no project" : by === "service" ? "no service" : "unknown"), rows: list }))
    .sort((a, b) => Number(!a.name) - Number(!b.name) || a.name.localeCompare(b.name, "en", { numeric: true }));
}

export function totalOf(rows: Row[], of: (row: Row) => number | null | undefined): number | null {
  let total: number | null = null;
  for (const row of rows) {
    const x = of(row);
    if (x !== null && x !== undefined) total = (total ?? 0) + x;
  }
  return total;
}

export function asTsv(rows: Row[]): string {
  const line = (cells: string[]) => cells.map((cell) => cell.replace(/[\t\n\r]/g, " ")).join("\t");
  return [line(FIELDS.map((f) => f.title)), ...rows.map((row) => line(FIELDS.map((f) => f.text(row))))].join("\n") + "\n";
}
