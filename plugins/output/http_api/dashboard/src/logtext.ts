// What a line of a log holds: colours of a terminal, fields of JSON and logfmt, what was searched.

export interface Piece {
  text: string;
  style: string;
}

const SGR = /\u001b\[([0-9;:]*)m/g;
// Other control sequences mean nothing in a list of lines.
const OTHERS = /\u001b(?:\[[0-9;?]*[A-Za-ln-z]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[()][A-Za-z0-9]|[=>78cDEHMNOZ])|[\u0000-\u0008\u000b-\u001a\u001c-\u001f\u007f]/g;

interface Pen {
  fore: number;
  bold: boolean;
  dim: boolean;
  under: boolean;
  italic: boolean;
}

/** The six steps of the cube, and the greys, as the nearest of the sixteen that the theme knows. */
function nearest(n: number): number {
  if (n < 16) return n;
  if (n >= 232) return n < 238 ? 8 : n < 247 ? 7 : 15;
  const c = n - 16;
  const [r, g, b] = [Math.floor(c / 36), Math.floor(c / 6) % 6, c % 6];
  const most = Math.max(r, g, b);
  if (most === 0) return 8;
  const bit = (x: number) => (x * 2 > most ? 1 : 0);
  return bit(r) + 2 * bit(g) + 4 * bit(b) + (most > 3 ? 8 : 0);
}

function paint(pen: Pen, codes: number[]) {
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i];
    if (code === 0) Object.assign(pen, { fore: -1, bold: false, dim: false, under: false, italic: false });
    else if (code === 1) pen.bold = true;
    else if (code === 2) pen.dim = true;
    else if (code === 3) pen.italic = true;
    else if (code === 4) pen.under = true;
    else if (code === 22) pen.bold = pen.dim = false;
    else if (code === 23) pen.italic = false;
    else if (code === 24) pen.under = false;
    else if (code >= 30 && code <= 37) pen.fore = code - 30;
    else if (code >= 90 && code <= 97) pen.fore = code - 82;
    else if (code === 39) pen.fore = -1;
    else if (code === 38 || code === 48) {
      const indexed = codes[i + 1] === 5;
      if (indexed && code === 38) pen.fore = nearest(codes[i + 2] ?? 7);
      i += indexed ? 2 : codes[i + 1] === 2 ? 4 : 0;
    }
  }
}

const styleOf = (pen: Pen) =>
  [pen.fore >= 0 && `a${pen.fore}`, pen.bold && "ab", pen.dim && "ad", pen.under && "au", pen.italic && "ai"].filter(Boolean).join(" ");

export const hasColours = (text: string) => text.includes("\u001b[");
export const stripped = (text: string) => text.replace(SGR, "").replace(OTHERS, "").replaceAll("\t", "    ");

export function pieces(text: string): Piece[] {
  if (!hasColours(text)) return [{ text: stripped(text), style: "" }];
  const found: Piece[] = [];
  const pen: Pen = { fore: -1, bold: false, dim: false, under: false, italic: false };
  let at = 0;
  const push = (part: string) => {
    const clean = stripped(part);
    if (clean) found.push({ text: clean, style: styleOf(pen) });
  };
  for (const code of text.matchAll(SGR)) {
    push(text.slice(at, code.index));
    paint(pen, code[1].split(/[;:]/).map(Number));
    at = code.index + code[0].length;
  }
  push(text.slice(at));
  return found;
}

// ---- Fields

export interface Fields {
  kind: "json" | "logfmt";
  /** What it says, apart from the fields. */
  message: string;
  pairs: [string, string][];
}

const MESSAGE = ["msg", "message", "log", "event", "text"];
const SHOWN_APART = new Set([...MESSAGE, "level", "lvl", "severity", "time", "ts", "timestamp", "@timestamp"]);
const PAIR = /([A-Za-z_][\w.@/-]*)=("(?:\\.|[^"\\])*"|[^\s"]*)/gy;

function flat(value: unknown, prefix: string, into: [string, string][], depth = 0) {
  if (value !== null && typeof value === "object" && !Array.isArray(value) && depth < 4) {
    for (const [name, one] of Object.entries(value)) flat(one, prefix ? `${prefix}.${name}` : name, into, depth + 1);
    return;
  }
  if (into.length < 200) into.push([prefix, typeof value === "string" ? value : JSON.stringify(value)]);
}

function ofJson(text: string): Fields | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (value === null || typeof value !== "object" || Array.isArray(value)) return null;
  const pairs: [string, string][] = [];
  flat(value, "", pairs);
  const said = MESSAGE.map((name) => (value as Record<string, unknown>)[name]).find((x) => typeof x === "string");
  return { kind: "json", message: (said as string) ?? "", pairs };
}

function ofLogfmt(text: string): Fields | null {
  const pairs: [string, string][] = [];
  PAIR.lastIndex = 0;
  let end = 0;
  for (let found = PAIR.exec(text); found; found = PAIR.exec(text)) {
    const [, name, raw] = found;
    pairs.push([name, raw.startsWith('"') ? raw.slice(1, -1).replace(/\\(.)/g, "$1") : raw]);
    end = PAIR.lastIndex;
    while (text[PAIR.lastIndex] === " ") PAIR.lastIndex++;
  }
  if (pairs.length < 2 || text.slice(end).trim()) return null;
  return { kind: "logfmt", message: pairs.find(([name]) => MESSAGE.includes(name))?.[1] ?? "", pairs };
}

export function fieldsOf(message: string): Fields | null {
  const text = message.trim();
  if (text.startsWith("{") && text.endsWith("}")) return ofJson(text);
  return /^[A-Za-z_][\w.@/-]*=/.test(text) ? ofLogfmt(text) : null;
}

/** A structured line as one line: what it says, then the fields that are not shown elsewhere. */
export function folded(fields: Fields): { message: string; rest: string } {
  const rest = fields.pairs.filter(([name]) => !SHOWN_APART.has(name)).map(([name, value]) => `${name}=${value}`);
  return { message: fields.message, rest: rest.join("  ") };
}

/** The text that finds other lines with this value. */
export function searchFor(message: string, name: string, value: string): string {
  const leaf = name.split(".").pop() ?? name;
  const json = [JSON.stringify(value), value];
  for (const one of json)
    for (const between of [":", ": "]) {
      const text = `"${leaf}"${between}${one}`;
      if (message.includes(text)) return text;
    }
  for (const text of [`${name}=${value}`, `${name}="${value}"`]) if (message.includes(text)) return text;
  return value;
}

// ---- What was searched

/** ASCII letters only, as the store compares. */
function fold(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

/** Where the texts are, as [start, end], in order and apart. */
export function hits(text: string, searched: (string | RegExp)[]): [number, number][] {
  const found: [number, number][] = [];
  const low = fold(text);
  for (const one of searched) {
    if (!one) continue;
    if (typeof one === "string") {
      const wanted = fold(one);
      for (let at = low.indexOf(wanted); at >= 0 && found.length < 100; at = low.indexOf(wanted, at + wanted.length)) found.push([at, at + wanted.length]);
    } else for (const hit of text.matchAll(one)) if (hit[0] && found.length < 100) found.push([hit.index, hit.index + hit[0].length]);
  }
  found.sort((a, b) => a[0] - b[0]);
  return found.filter(([start], i) => i === 0 || start >= found[i - 1][1]);
}
