// The lines of a log as one list, oldest first: pages of what is stored at both ends, and lines that
// arrive, each once and in order.  Holds at most LINES_MAX; the oldest go first.
import { get, type Page, type Params, Problem } from "./api";
import { follow } from "./live";
import { type Fields, fieldsOf } from "./logtext";
import type { LogLine } from "./types";

export const LINES_MAX = 100_000;
const PAGE = 500;
const FIRST_PAGE = 1000;
const PAGE_AROUND = 100; // each line of it asks for those around it
const SEARCH_ON = 60; // a search goes on by itself until there is a page to look at

export interface Line {
  row: LogLine;
  key: string;
  order: string;
  at: number;
  fields: Fields | null | undefined;
  open: boolean;
  height: number;
  layout: number;
}

/** Times have as many decimals as they need: with nine, they sort as text. */
function orderOf(row: LogLine): string {
  const [seconds, fraction = ""] = row.time.replace("Z", "").split(".");
  return `${seconds}.${fraction.padEnd(9, "0")}`;
}

export const keyOfLine = (row: LogLine) => `${row.time}~${row.container_id.slice(0, 12)}~${row.sequence}`;

export function lineOf(row: LogLine): Line {
  return { row, key: keyOfLine(row), order: orderOf(row), at: Date.parse(row.time), fields: undefined, open: false, height: 0, layout: -1 };
}

export function fieldsOfLine(line: Line): Fields | null {
  if (line.fields === undefined) line.fields = fieldsOf(line.row.message);
  return line.fields;
}

export interface FeedOptions {
  path: string;
  params: Params;
  /** Parameters of the stream; null: no lines arrive. */
  stream: Params | null;
  from: string;
  to: string;
  /** Where to begin, in ms; NaN: at the end. */
  at: number;
  /** A regular expression, which the stream does not know: applied here to what arrives. */
  regex?: string;
  /** The pattern that lines are of, which the stream does not know, either. */
  pattern?: string;
  /** So many lines around each that is found, of those that are stored. */
  around?: number;
}

interface LogPage extends Page<LogLine> {
  complete?: boolean;
  searched_from?: string;
}

export class Feed {
  lines: Line[] = [];
  error: Problem | null = null;
  loading = true;
  loadingOlder = false;
  /** All lines of the range that are older are here. */
  complete = false;
  /** Lines that arrived since the feed began. */
  arrived = 0;
  missed = 0;
  /** Some may have been missed, and nobody knows how many. */
  unsure = false;
  /** A search that is not over: up to when it has looked; else empty. */
  searchedFrom = "";
  /** How many lines were put before the others, ever; who scrolls keeps his place by it. */
  prepended = 0;
  /** How many of the oldest were let go, ever. */
  dropped = 0;
  private readonly keys = new Map<string, Line>();
  private older: string | null = null;
  private newer: string | null = null;
  private waiting: LogLine[] = [];
  private endStream: (() => void) | null = null;
  private readonly abort = new AbortController();
  private frame = 0;
  private retry = 0;

  constructor(
    private readonly options: FeedOptions,
    private readonly tell: () => void,
  ) {
    void this.begin();
  }

  close() {
    this.abort.abort();
    this.endStream?.();
    clearTimeout(this.frame);
    clearTimeout(this.retry);
  }

  private ask(more: Params) {
    const { path, params, around } = this.options;
    const near = around ? { before: around, after: around, limit: PAGE_AROUND } : {};
    return get<LogPage>(path, { ...params, ...more, ...near }, this.abort.signal);
  }

  private failed(error: unknown, again: () => void) {
    if (this.abort.signal.aborted) return;
    this.error = error instanceof Problem ? error : new Problem(-1, String(error));
    this.loading = this.loadingOlder = false;
    if (this.error.status >= 500 || this.error.status === 0) this.retry = setTimeout(again, Math.max(2000, this.error.retryAfter * 1000));
    this.tell();
  }

  private readonly begin = async () => {
    const { from, to, at } = this.options;
    try {
      if (Number.isFinite(at)) await this.beginAt(at);
      else this.joinStream(await this.newest({ from, to, limit: FIRST_PAGE }));
      this.error = null;
      this.loading = false;
      this.flush();
      if (this.searchedFrom && this.lines.length < SEARCH_ON) void this.loadOlder();
    } catch (error) {
      this.failed(error, this.begin);
    }
  };

  /** The stream goes on exactly where the list of the newest lines ends. */
  private joinStream(position: string | null | undefined) {
    const { stream } = this.options;
    if (stream && !this.endStream && !this.abort.signal.aborted) this.openStream(stream, position);
  }

  private async newest(more: Params): Promise<string | null | undefined> {
    const page = await this.page({ ...more, order: "desc" });
    this.take(page.data.reverse());
    return page.position;
  }

  /** Between the last page and now there may be lines, so the newest are asked for once more. */
  private async joinFromPages() {
    const { from, to, stream } = this.options;
    if (this.newer || !stream) return;
    const page = await this.ask({ from, to, order: "desc", limit: PAGE });
    this.take(page.data.reverse());
    this.joinStream(page.position);
  }

  private async page(more: Params): Promise<LogPage> {
    const page = await this.ask(more);
    this.older = page.next_cursor;
    this.complete = page.next_cursor === null;
    this.searchedFrom = page.complete === false ? (page.searched_from ?? "") : "";
    return page;
  }

  private async beginAt(at: number) {
    const { from, to } = this.options;
    const [before, after] = await Promise.all([
      this.ask({ from: from.startsWith("now") ? undefined : from, to: new Date(at).toISOString(), order: "desc", limit: PAGE }),
      this.ask({ from: new Date(at).toISOString(), to, order: "asc", limit: PAGE }),
    ]);
    this.older = before.next_cursor;
    this.complete = before.next_cursor === null;
    this.newer = after.next_cursor;
    this.take([...before.data.reverse(), ...after.data]);
    await this.joinFromPages();
  }

  private openStream(params: Params, position: string | null | undefined) {
    const { regex, pattern } = this.options;
    let wanted: RegExp | null = null;
    try {
      if (regex) wanted = new RegExp(regex.replace(/^\(\?i\)/, ""), regex.startsWith("(?i)") ? "i" : "");
    } catch {
      return; // written in a way that browsers do not know: then only what is stored is shown
    }
    const arrived = (row: LogLine) => {
      if ((wanted && !wanted.test(row.message)) || (pattern && row.pattern !== pattern)) return;
      this.waiting.push(row);
      if (!this.loading && !this.frame) this.frame = setTimeout(this.flush, 50);
    };
    const missed = (rows: number) => {
      this.missed += rows;
      this.unsure ||= rows === 0;
      this.tell();
    };
    this.endStream = follow("logs", { row: (row) => arrived(row as LogLine), missed, params, position });
  }

  private readonly flush = () => {
    this.frame = 0;
    const rows = this.waiting;
    this.waiting = [];
    this.arrived += this.take(rows);
    this.tell();
  };

  /** What was there as another line's context may be found itself. */
  private has(line: Line): boolean {
    const known = this.keys.get(line.key);
    if (known?.row.context && !line.row.context) known.row = line.row;
    return known !== undefined;
  }

  /** Puts rows where they belong, nearly always at the end; returns how many were new. */
  private take(rows: LogLine[]): number {
    let added = 0;
    for (const row of rows) {
      const line = lineOf(row);
      if (this.has(line)) continue;
      this.keys.set(line.key, line);
      let i = this.lines.length;
      while (i > 0 && this.lines[i - 1].order > line.order) i--;
      if (i === this.lines.length) this.lines.push(line);
      else this.lines.splice(i, 0, line);
      added++;
    }
    this.trim();
    return added;
  }

  private trim() {
    const over = this.lines.length - LINES_MAX;
    if (over <= 0) return;
    const gone = this.lines.splice(0, over + LINES_MAX / 20);
    for (const line of gone) this.keys.delete(line.key);
    this.dropped += gone.length;
    this.older = null;
    this.complete = true;
  }

  get hasNewer() {
    return this.newer !== null;
  }

  async loadOlder() {
    if (this.complete || this.loadingOlder || this.loading || this.lines.length >= LINES_MAX) return;
    this.loadingOlder = true;
    try {
      const { from, to, at } = this.options;
      const started = Number.isFinite(at);
      const page = await this.page({
        from: started && from.startsWith("now") ? undefined : from,
        to: started ? new Date(at).toISOString() : to,
        order: "desc",
        limit: PAGE,
        cursor: this.older ?? undefined,
      });
      const lines = page.data.reverse().map(lineOf).filter((line) => !this.has(line));
      for (const line of lines) this.keys.set(line.key, line);
      this.lines = [...lines, ...this.lines];
      // What is around the newest of these may stand behind the oldest of those.
      if (this.options.around) this.lines.sort((a, b) => (a.order < b.order ? -1 : Number(a.order > b.order)));
      this.prepended += lines.length;
      this.error = null;
    } catch (error) {
      this.failed(error, () => void this.loadOlder());
    }
    this.loadingOlder = false;
    if (this.abort.signal.aborted) return;
    this.tell();
    if (this.searchedFrom && !this.error && this.lines.length < SEARCH_ON) void this.loadOlder();
  }

  async loadNewer() {
    if (this.newer === null || this.loadingOlder || this.loading) return;
    this.loadingOlder = true;
    try {
      const { to, at } = this.options;
      const page = await this.ask({ from: new Date(at).toISOString(), to, order: "asc", limit: PAGE, cursor: this.newer });
      this.newer = page.next_cursor;
      this.take(page.data);
      await this.joinFromPages();
      this.error = null;
    } catch (error) {
      this.failed(error, () => void this.loadNewer());
    }
    this.loadingOlder = false;
    if (!this.abort.signal.aborted) this.tell();
  }
}

/** The first line that is not before a time. */
export function lineAt(lines: Line[], at: number): number {
  let low = 0;
  let high = lines.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (lines[middle].at < at) low = middle + 1;
    else high = middle;
  }
  return low;
}

export function asText(lines: Line[]): string {
  return lines.map(({ row }) => `${row.time} ${row.name ?? row.container_id.slice(0, 12)} ${row.stream ?? ""} ${row.message}\n`).join("");
}
