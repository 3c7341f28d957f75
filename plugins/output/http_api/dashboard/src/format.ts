// Numbers, sizes and times as people read them: three significant digits, the unit apart, and a
// dash for what is not known.

export const NONE = "–";

export interface Figure {
  value: string;
  unit: string;
}

const nothing: Figure = { value: NONE, unit: "" };

function digits(x: number): string {
  const size = Math.abs(x);
  if (size >= 100) return x.toFixed(0);
  if (size >= 10) return x.toFixed(1).replace(/\.0$/, "");
  return x.toFixed(2).replace(/\.?0+$/, "");
}

function scaled(x: number | null | undefined, base: number, units: string[]): Figure {
  if (x === null || x === undefined || !Number.isFinite(x)) return nothing;
  let step = 0;
  let rest = x;
  while (Math.abs(rest) >= base * 0.9995 && step < units.length - 1) {
    rest /= base;
    step++;
  }
  return { value: step === 0 ? String(Math.round(rest)) : digits(rest), unit: units[step] };
}

/** Memory and disk: powers of 1024. */
export const bytes = (x: number | null | undefined) => scaled(x, 1024, ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]);
/** Network traffic: powers of 1000. */
export const rate = (x: number | null | undefined) => scaled(x, 1000, ["B/s", "kB/s", "MB/s", "GB/s", "TB/s"]);
/** Disk traffic: powers of 1024, as its files are measured. */
export const diskRate = (x: number | null | undefined) => scaled(x, 1024, ["B/s", "KiB/s", "MiB/s", "GiB/s", "TiB/s"]);
export const count = (x: number | null | undefined) => scaled(x, 1000, ["", "k", "M", "G"]);

export function percent(x: number | null | undefined): Figure {
  if (x === null || x === undefined || !Number.isFinite(x)) return nothing;
  return { value: x !== 0 && Math.abs(x) < 0.005 ? "0" : digits(x), unit: "%" };
}

export function plain(x: number | null | undefined): Figure {
  return x === null || x === undefined ? nothing : { value: digits(x), unit: "" };
}

export const join = (f: Figure) => (f.unit ? `${f.value} ${f.unit}` : f.value);

/** "3 d", "12 s": the largest unit, and the next while it tells something. */
export function duration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return NONE;
  const s = Math.max(0, seconds);
  if (s < 60) return `${Math.floor(s)} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 86400) {
    const minutes = Math.floor((s % 3600) / 60);
    return s < 6 * 3600 && minutes ? `${Math.floor(s / 3600)} h ${minutes} min` : `${Math.floor(s / 3600)} h`;
  }
  const hours = Math.floor((s % 86400) / 3600);
  return s < 3 * 86400 && hours ? `${Math.floor(s / 86400)} d ${hours} h` : `${Math.floor(s / 86400)} d`;
}

/** Milliseconds of an RFC 3339 time; NaN for null. */
export const ms = (time: string | null | undefined) => (time ? Date.parse(time) : NaN);
export const since = (time: string | null | undefined) => duration((Date.now() - ms(time)) / 1000);

const two = (x: number) => String(x).padStart(2, "0");

export function clock(at: number, fraction = false): string {
  const d = new Date(at);
  const text = `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
  return fraction ? `${text}.${String(d.getMilliseconds()).padStart(3, "0")}` : text;
}

export function day(at: number): string {
  const d = new Date(at);
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}`;
}

export const dateTime = (at: number) => (Number.isFinite(at) ? `${day(at)} ${clock(at)}` : NONE);

/** Of today the time alone. */
export const when = (time: string) => (day(ms(time)) === day(Date.now()) ? clock(ms(time)) : dateTime(ms(time)).slice(5));

/** The name of the viewer's zone, as axes say it. */
export const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "local time";

export const shortId = (id: string) => id.replace(/^sha256:/, "").slice(0, 12);
export const plural = (n: number, word: string) => `${n.toLocaleString("en")} ${word}${n === 1 ? "" : "s"}`;

const SECONDS: Record<string, number> = { s: 1, m: 60, min: 60, h: 3600, d: 86400, w: 604800 };

/** "now-1h" or an RFC 3339 time, in milliseconds. */
export function timeOf(text: string): number {
  const relative = /^now(?:-(\d+)(s|min|m|h|d|w))?$/.exec(text);
  if (relative) return Date.now() - (relative[1] ? Number(relative[1]) * SECONDS[relative[2]] * 1000 : 0);
  return /^\d+$/.test(text) ? Number(text) : Date.parse(text);
}
