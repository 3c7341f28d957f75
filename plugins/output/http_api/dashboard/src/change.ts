// A change of a service in words: what kind it is of, and what was and is different.
import { bytes, dateTime, join, ms, NONE, shortId } from "./format";

type Parts = Record<string, unknown> | null;

export type Verdict = "worse" | "better" | "no difference" | "too little data";

/** What `input.effects` found once the window after a change was over. */
export interface Found {
  verdict: Verdict;
  window: number;
  summary: string | null;
  /** Those that are worse or better. */
  measures: Record<string, { verdict: Verdict; unit: string; before: number; after: number; difference: number }> | null;
}

export interface Change {
  id: string;
  time: string;
  host: string;
  service: string | null;
  kind: string;
  container_id: string | null;
  old_container_id: string | null;
  name: string | null;
  before: Parts;
  after: Parts;
  /** Null until it is judged; earlier versions did not say it. */
  effect?: Found | null;
}

type Urgency = "ok" | "look" | "act";

interface Kind {
  title: string;
  sign: string;
  urgency: Urgency;
}

/** In the order in which they tell most about a deployment. */
export const KINDS: Record<string, Kind> = {
  image: { title: "image", sign: "▲", urgency: "look" },
  mark: { title: "mark", sign: "✎", urgency: "ok" },
  config: { title: "configuration", sign: "◆", urgency: "ok" },
  limits: { title: "limits", sign: "◆", urgency: "ok" },
  mounts: { title: "mounts", sign: "◆", urgency: "ok" },
  env_names: { title: "environment", sign: "◆", urgency: "ok" },
  network: { title: "network", sign: "◆", urgency: "ok" },
  scaled: { title: "scaled", sign: "◆", urgency: "ok" },
  host: { title: "host", sign: "◆", urgency: "look" },
  restart: { title: "restart", sign: "●", urgency: "look" },
  oom: { title: "out of memory", sign: "✖", urgency: "act" },
  health: { title: "health", sign: "♥", urgency: "ok" },
};
const ORDER = Object.keys(KINDS);

export const kindOf = (change: Change): Kind => {
  const kind = KINDS[change.kind] ?? { title: change.kind, sign: "◆", urgency: "ok" };
  const sick = change.kind === "health" && change.after?.health === "unhealthy";
  return sick ? { ...kind, urgency: "act" } : kind;
};

/** Which of several at once is looked at. */
export const rankOf = (change: Change) => (ORDER.indexOf(change.kind) + ORDER.length + 1) % (ORDER.length + 1);

function valueText(kind: string, name: string, value: unknown): string {
  if (value === null || value === undefined) return NONE;
  if (kind === "limits" && typeof value === "number" && name.includes("mem")) return value > 0 ? join(bytes(value)) : "none";
  const text = typeof value === "string" ? value : JSON.stringify(value);
  if (/^\d{4}-\d\d-\d\dT.*Z$/.test(text)) return dateTime(ms(text));
  return /^sha256:[0-9a-f]{64}$/.test(text) ? shortId(text) : text;
}

/** An image's name stays when its tag has moved; then its id tells. */
function imageTold({ before, after }: Change): string[] {
  const text = (parts: Parts, name: string) => valueText("image", name, parts?.[name]);
  const [old, now] = [text(before, "image"), text(after, "image")];
  const ids = `${text(before, "image_id")} → ${text(after, "image_id")}`;
  const version = before?.version === after?.version ? [] : [`version ${text(before, "version")} → ${text(after, "version")}`];
  return [old === now ? `${now}: ${ids}` : `${old} → ${now}`, ...version];
}

const NAMES: Record<string, string> = { exit_code: "exit code", restart_count: "restarts" };
// It is the time of the change.
const UNTOLD = ["started_at"];

/** Each member that is different; of one that is only on one side, that it came or went. */
export function differences(change: Change): string[] {
  const { before, after, kind } = change;
  if (kind === "oom") return ["its memory limit was hit"];
  if (kind === "image") return imageTold(change);
  const same = (name: string) => JSON.stringify(before?.[name]) === JSON.stringify(after?.[name]);
  const all = [...new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])];
  return all.filter((name) => !UNTOLD.includes(name) && !same(name)).map((name) => differenceOf(change, name));
}

function differenceOf({ before, after, kind }: Change, name: string): string {
  const [old, now] = [before?.[name], after?.[name]];
  const title = NAMES[name] ?? name;
  // What is stored of a value is a hash.
  if (kind === "env_names") return old === undefined ? `${name} added` : now === undefined ? `${name} removed` : `${name} changed`;
  if (kind === "mark" && name === "text") return String(now);
  if (old === undefined) return `${title} ${valueText(kind, name, now)}`;
  if (now === undefined && kind === "restart") return `${title} ${valueText(kind, name, old)}`;
  return `${title}: ${valueText(kind, name, old)} → ${valueText(kind, name, now)}`;
}

const SAID = 3;

/** In one line. */
export function summaryOf(change: Change): string {
  const all = differences(change);
  const said = all.slice(0, SAID).join(", ");
  return `${kindOf(change).title}${said && `: ${said}`}${all.length > SAID ? " …" : ""}`;
}
