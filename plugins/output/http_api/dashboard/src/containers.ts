// What runs: the list of containers, asked for now and then and after each event, with the newest
// readings as they arrive.  One for the whole page; parts of it watch `containers`.
import { get, getAll, Problem, Watched } from "./api";
import { follow } from "./live";
import { ms } from "./format";
import type { Column, Container, Event, Reading, SeriesMeta } from "./types";

export const ROWS_MAX = 5000;
const LIST_EVERY = 10_000;
const TRENDS_EVERY = 30_000;
const TRENDS_AT_ONCE = 100; // as many as /stats takes
const TREND_POINTS = 30;

export interface Rates {
  rx: number | null;
  tx: number | null;
  read: number | null;
  write: number | null;
  throttled: number | null;
}

export interface Trend {
  cpu: Column;
  mem: Column;
}

export interface Row {
  key: string;
  info: Container;
  stats: Reading | null;
  rates: Rates;
  trend: Trend | null;
  /** Counts up whenever something of the row changes, so that only such rows are drawn again. */
  version: number;
  /** The version that is to be seen. */
  drawn: number;
}

export interface List {
  rows: Map<string, Row>;
  loaded: boolean;
  error: Problem | null;
  version: number;
  /** Counts what `version` counts, but for the later turns of the same change. */
  round: number;
}

export const containers = new Watched<List>({ rows: new Map(), loaded: false, error: null, version: 0, round: 0 });

/** Counts changes, for who does not look at single rows. */
export const changes = new Watched(0);

/** The time of the newest reading that was seen, in ms; NaN: none yet. */
export const newest = new Watched(NaN);

const UNKNOWN: Rates = { rx: null, tx: null, read: null, write: null, throttled: null };
export const keyOf = (host: string | undefined, id: string | undefined) => `${host}/${id}`;

// ---- Drawing a few times a second, whatever arrives

const DRAW_EVERY = 400;
// All readings come at once, and a table whose every cell changes takes a browser longer than a frame
// lasts: so each row takes its turn, one frame after the other.
const TURNS = 8;
let pending = false;
let drawn = -DRAW_EVERY;

/** Of what is made of many rows: changes once in all turns, for each i in another. */
export const turnOf = (list: List, i: number) => Math.floor((list.version + i) / TURNS);

function tell(change: Partial<List> = {}) {
  Object.assign(containers.value, change);
  if (pending) return;
  pending = true;
  const turn = (n: number) => {
    let i = 0;
    for (const row of containers.value.rows.values()) if (i++ % TURNS === n) row.drawn = row.version;
    const { version, round } = containers.value;
    containers.set({ ...containers.value, version: version + 1, round: n ? round : round + 1 });
    if (n === 0) changes.set(round + 1);
    if (n + 1 < TURNS) requestAnimationFrame(() => turn(n + 1));
    else pending = false;
  };
  const draw = () => {
    drawn = performance.now();
    turn(0);
  };
  const wait = drawn + DRAW_EVERY - performance.now();
  if (document.hidden) setTimeout(draw, 1000);
  else if (wait > 0) setTimeout(() => requestAnimationFrame(draw), wait);
  else requestAnimationFrame(draw);
}

// ---- Readings

function growth(old: number | null, now: number | null, seconds: number): number | null {
  if (old === null || now === null || now < old || seconds <= 0) return null;
  return (now - old) / seconds;
}

export function ratesOf(old: Reading, now: Reading): Rates {
  const seconds = (ms(now.time) - ms(old.time)) / 1000;
  return {
    rx: growth(old.net_rx_bytes, now.net_rx_bytes, seconds),
    tx: growth(old.net_tx_bytes, now.net_tx_bytes, seconds),
    read: growth(old.blk_read_bytes, now.blk_read_bytes, seconds),
    write: growth(old.blk_write_bytes, now.blk_write_bytes, seconds),
    throttled: growth(old.throttled_ns, now.throttled_ns, seconds),
  };
}

function take(row: Row, reading: Reading) {
  const old = row.stats;
  if (old && ms(reading.time) <= ms(old.time)) return;
  if (old) row.rates = ratesOf(old, reading);
  row.stats = reading;
  row.version++;
  if (!(ms(reading.time) <= newest.value)) newest.set(ms(reading.time));
}

function arrived(reading: Reading) {
  const row = containers.value.rows.get(keyOf(reading.host, reading.container_id));
  if (!row || (row.info.state !== "running" && row.info.state !== "paused")) return;
  take(row, reading);
  tell();
}

// ---- The list

let gone = false;
let listing: AbortController | null = null;
let listTimer = 0;

function merge(list: Container[]) {
  const rows = new Map<string, Row>();
  for (const info of list) {
    const key = keyOf(info.host, info.container_id);
    const old = containers.value.rows.get(key);
    const row: Row = old ?? { key, info, stats: null, rates: UNKNOWN, trend: null, version: 0, drawn: 0 };
    row.info = info;
    row.version++;
    if (!info.stats) {
      row.stats = null;
      row.rates = UNKNOWN;
    } else take(row, info.stats);
    rows.set(key, row);
  }
  tell({ rows, loaded: true, error: null });
}

/** Returns where a stream goes on from it; null: it was not answered. */
async function list(): Promise<string | null> {
  clearTimeout(listTimer);
  listing?.abort();
  const mine = (listing = new AbortController());
  let position: string | null = null;
  try {
    const all = await getAll<Container>("/containers", { limit: 1000, gone: gone ? "yes" : undefined }, ROWS_MAX, mine.signal);
    merge(all.rows);
    position = all.position;
  } catch (error) {
    if (mine.signal.aborted) return null;
    tell({ error: error instanceof Problem ? error : new Problem(-1, String(error)) });
  }
  if (listing === mine) listTimer = setTimeout(list, LIST_EVERY);
  return position;
}

/** Soon, and once for all that happens meanwhile; the store learns of it a little later. */
function listSoon() {
  clearTimeout(listTimer);
  listTimer = setTimeout(list, 400);
}

export function showGone(wanted: boolean) {
  if (wanted === gone) return;
  gone = wanted;
  if (stop) void list();
}

export const listNow = () => void list();

// What an event says is shown at once; the list that is asked for then says the rest.
const STATES: Record<string, string> = {
  start: "running",
  unpause: "running",
  pause: "paused",
  die: "exited",
  restart: "running",
};

function happened(event: Event) {
  const row = containers.value.rows.get(keyOf(event.host, event.container_id));
  const state = STATES[event.action];
  if (row && state && ms(event.time) > ms(row.info.time)) {
    row.info = { ...row.info, state, exit_code: event.action === "die" ? event.exit_code : null };
    if (event.action === "start") row.info.started_at = event.time;
    if (state === "exited") {
      row.stats = null;
      row.rates = UNKNOWN;
    }
    row.version++;
    tell();
  }
  if (!event.action.startsWith("exec_")) listSoon();
}

// ---- Trends over the page's range

let trendRange = { from: "now-1h", to: "now" };
let trendTimer = 0;
let trending: AbortController | null = null;

interface Series {
  meta: SeriesMeta;
  series: { host: string; container_id: string; cpu_percent: Column; mem_used_bytes: Column; net_rx_bytes: Column; net_tx_bytes: Column; blk_read_bytes: Column; blk_write_bytes: Column }[];
}

function lastOf(column: Column): number | null {
  for (let i = column.length - 1; i >= Math.max(0, column.length - 2); i--) if (column[i] !== null) return column[i];
  return null;
}

function takeTrends(answer: Series) {
  for (const series of answer.series) {
    const row = containers.value.rows.get(keyOf(series.host, series.container_id));
    if (!row) continue;
    row.trend = { cpu: series.cpu_percent, mem: series.mem_used_bytes };
    if (row.rates === UNKNOWN && row.stats)
      row.rates = {
        rx: lastOf(series.net_rx_bytes),
        tx: lastOf(series.net_tx_bytes),
        read: lastOf(series.blk_read_bytes),
        write: lastOf(series.blk_write_bytes),
        throttled: null,
      };
    row.version++;
  }
  tell();
}

async function trends() {
  clearTimeout(trendTimer);
  trending?.abort();
  const mine = (trending = new AbortController());
  const hosts = new Map<string, string[]>();
  for (const row of containers.value.rows.values())
    if (row.stats) hosts.set(row.info.host, [...(hosts.get(row.info.host) ?? []), row.info.container_id]);
  try {
    for (const [host, ids] of hosts)
      for (let i = 0; i < ids.length; i += TRENDS_AT_ONCE)
        takeTrends(
          await get<Series>(
            "/stats",
            {
              ...trendRange,
              host,
              ids: ids.slice(i, i + TRENDS_AT_ONCE).join(","),
              points: TREND_POINTS,
              fields: "cpu_percent,mem_used_bytes,net_rx_bytes,net_tx_bytes,blk_read_bytes,blk_write_bytes",
            },
            mine.signal,
          ),
        );
  } catch {
    // A sparkline that is missing says enough; the list tells of errors.
  }
  if (trending === mine && stop) trendTimer = setTimeout(trends, TRENDS_EVERY);
}

export function trendOver(from: string, to: string) {
  if (from === trendRange.from && to === trendRange.to) return;
  trendRange = { from, to };
  if (stop && containers.value.loaded) void trends();
}

// ---- From the first sign-in to the last sign-out

let stop: (() => void) | null = null;

export function startContainers() {
  if (stop) return;
  let ends: (() => void)[] = [];
  let stopped = false;
  // What happens from the list on; without one, from now on.
  const begin = (position: string | null) => {
    if (stopped) return;
    ends = [
      follow("containers", { row: (row) => happened(row as Event), position }),
      follow("stats", { row: (row) => arrived(row as Reading) }),
    ];
  };
  stop = () => {
    stopped = true;
    for (const end of ends) end();
    listing?.abort();
    trending?.abort();
    clearTimeout(listTimer);
    clearTimeout(trendTimer);
    stop = null;
  };
  void list().then((position) => {
    begin(position);
    return trends();
  });
}

export const stopContainers = () => stop?.();
