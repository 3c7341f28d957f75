// What a change did: the API's verdict on each measure, with what it was before and is after.
import type { ComponentChildren } from "preact";
import { get, type Asked, useAsked } from "./api";
import { type Change, type Found, kindOf, summaryOf, type Verdict } from "./change";
import { bytes, dateTime, diskRate, duration, type Figure, join, ms, NONE, percent, plain, rate, since } from "./format";
import { Num, Shown, Sign } from "./parts";
import { linkTo, setQuery, useRoute } from "./route";
import { Level, Template } from "./template";

interface Side {
  n: number;
  mean?: number;
  p50?: number;
  p95?: number;
  max?: number;
  per_hour?: number;
}

interface Measure {
  name: string;
  unit: string;
  verdict: Verdict;
  before: Side;
  after: Side;
  difference?: number;
  confidence?: number;
  day_before?: boolean;
}

interface Said {
  pattern: string;
  template: string | null;
  level: string | null;
  before: number | null;
  after: number | null;
}

interface Effect {
  change: Change;
  window: number;
  containers: number;
  verdict: Verdict;
  metrics: Measure[];
  /** Null where logs have none, or the change is of no service. */
  patterns?: Partial<Record<"new" | "grown" | "vanished", Said[]>> | null;
}

const TITLES: Record<string, string> = {
  cpu: "CPU",
  memory: "memory",
  memory_growth: "growth of memory",
  network: "network",
  disk: "disk",
  throttling: "throttled",
  lines_error: "error lines",
  lines_warning: "warning lines",
  lines: "log lines",
  ends: "ends of containers",
};
const WINDOWS: [string, string][] = [["5m", "5 min"], ["15m", "15 min"], ["1h", "1 h"], ["6h", "6 h"], ["1d", "1 d"]];
const ORDER: Verdict[] = ["worse", "better", "no difference", "too little data"];
const SHOWN = 5;

const titleOf = (measure: { name: string }) => TITLES[measure.name] ?? measure.name;

const hourly = (f: Figure): Figure => (f.unit ? { ...f, unit: `${f.unit}/h` } : f);

function figureOf({ name, unit }: Measure): (x: number | null | undefined) => Figure {
  const per = (x: number | null | undefined) => ({ ...plain(x), unit: x === null || x === undefined ? "" : unit.replace(/^1|^lines/, "") });
  if (unit === "percent") return percent;
  if (unit === "bytes") return bytes;
  if (unit === "bytes/h") return (x) => hourly(bytes(x));
  if (unit === "bytes/s") return name === "disk" ? diskRate : rate;
  if (unit === "ns/s") return (x) => percent(x === null || x === undefined ? x : x / 1e7);
  return per;
}

// ---- In words

/** "worse: memory, error lines; better: CPU"; "": neither. */
function saidOf(measures: { name: string; verdict: Verdict }[]): string {
  const of = (verdict: Verdict) => measures.filter((measure) => measure.verdict === verdict).map(titleOf).join(", ");
  const said = (["worse", "better"] as const).map((verdict) => [verdict, of(verdict)]).filter(([, names]) => names);
  return said.map(([verdict, names]) => `${verdict}: ${names}`).join("; ");
}

/** Of what was judged by itself. */
export const foundOf = (found: Found) => saidOf(Object.entries(found.measures ?? {}).map(([name, { verdict }]) => ({ name, verdict }))) || found.verdict;

export function verdictOf(effect: Effect): string {
  const said = saidOf(effect.metrics);
  if (said) return said;
  if (effect.verdict !== "too little data") return effect.verdict;
  const after = (Date.now() - ms(effect.change.time)) / 1000;
  return after < effect.window ? `too little data yet (${duration(after)})` : "too little data";
}

export function Judged({ verdict, children }: { verdict: Verdict; children?: ComponentChildren }) {
  const said = children ?? verdict;
  if (verdict === "worse") return <Sign kind="act">{said}</Sign>;
  return verdict === "better" ? <span class="better"><span aria-hidden="true">✔ </span>{said}</span> : <span class="dim">{said}</span>;
}

function sure(confidence: number): string {
  const share = confidence * 100;
  return share > 99.9 ? "over 99.9 %" : `${share.toFixed(share > 99 ? 1 : 0)} %`;
}

// ---- Measures

/** What the mean hides: that it goes on rising or falling, faster than before. */
function slopeOf({ before, after }: Measure): number | null {
  const now = after.per_hour;
  if (!now || !after.mean || Math.abs(now) < 0.05 * Math.abs(after.mean)) return null;
  return Math.abs(now) > 2 * Math.abs(before.per_hour ?? 0) ? now : null;
}

function sideText(side: Side, figure: (x: number | null | undefined) => Figure): string | undefined {
  return side.max === undefined ? undefined : `${side.n} points: half of them up to ${join(figure(side.p50))}, 95 % up to ${join(figure(side.p95))}, the largest ${join(figure(side.max))}`;
}

function Difference({ measure }: { measure: Measure }) {
  const { difference, before, after } = measure;
  if (difference === undefined) return <span class="none">{NONE}</span>;
  const figure = figureOf(measure)(Math.abs(difference));
  const times = before.mean && after.mean ? after.mean / before.mean : null;
  const sign = figure.value === "0" ? "" : difference > 0 ? "+" : "−";
  return <>{sign}<Num of={figure} />{times !== null && Math.abs(times - 1) >= 0.05 && <small> × {times.toFixed(times < 10 ? 1 : 0)}</small>}</>;
}

function Row({ measure }: { measure: Measure }) {
  const figure = figureOf(measure);
  const slope = measure.verdict === "worse" ? slopeOf(measure) : null;
  const told = measure.verdict === "worse" || measure.verdict === "better";
  return (
    <tr class={told ? "" : "quiet"}>
      <th scope="row">{titleOf(measure)}</th>
      <td class="r" title={sideText(measure.before, figure)}><Num of={figure(measure.before.mean)} /></td>
      <td class="r" title={sideText(measure.after, figure)}><Num of={figure(measure.after.mean)} /></td>
      <td class="r"><Difference measure={measure} /></td>
      <td><Judged verdict={measure.verdict} />{slope !== null && <small>, {slope > 0 ? "rises" : "falls"} by {join(figure(Math.abs(slope)))} an hour</small>}</td>
      <td class="r">{told && measure.confidence !== undefined ? sure(measure.confidence) : <span class="none">{NONE}</span>}</td>
    </tr>
  );
}

// ---- Patterns

const SAID: ["new" | "grown" | "vanished", string][] = [["new", "new since"], ["grown", "more often"], ["vanished", "no more"]];

function Patterns({ effect }: { effect: Effect }) {
  const { change } = effect;
  const link = (one: Said) => linkTo("logs", "", { pattern: one.pattern, service: change.service ?? "", from: new Date(ms(change.time) - effect.window * 1000).toISOString(), to: "" });
  const shown = SAID.map(([which, title]) => ({ title, all: effect.patterns?.[which] ?? [] })).filter(({ all }) => all.length);
  if (!effect.patterns) return null;
  if (!shown.length) return <p class="dim">Its log says nothing new.</p>;
  return (
    <table class="grid free said">
      <thead><tr><th scope="col">its log says</th><th scope="col" class="r">before</th><th scope="col" class="r">after</th><th scope="col">lines like</th></tr></thead>
      <tbody>
        {shown.flatMap(({ title, all }) => [
          ...all.slice(0, SHOWN).map((one) => (
            <tr key={`${title} ${one.pattern}`}>
              <th scope="row">{title}</th>
              <td class="r"><Num of={plain(one.before)} /></td>
              <td class="r"><Num of={plain(one.after)} /></td>
              <td class="many"><Level of={one.level} /> <a href={link(one)}><Template text={one.template ?? one.pattern} /></a></td>
            </tr>
          )),
          all.length > SHOWN && <tr key={title}><td colSpan={4} class="dim">and {all.length - SHOWN} more</td></tr>,
        ])}
      </tbody>
    </table>
  );
}

// ---- One effect

/** As long as can be judged already: half of it must be over. */
function windowFor(change: Change | undefined): string {
  const minutes = change ? (Date.now() - ms(change.time)) / 60_000 : Infinity;
  return minutes < 12 ? "5m" : minutes < 45 ? "15m" : "1h";
}

const AGAIN = 60_000;
const isOver = (effect: Effect | null) => !effect || ms(effect.change.time) + effect.window * 1000 + 2 * AGAIN < Date.now();

/** Asked for again while the window after the change is not over. */
export function useEffectOf(id: string | undefined, change: Change | undefined, chosen = ""): Asked<Effect | null> {
  const window = chosen || windowFor(change);
  const run = async (signal: AbortSignal) => (id ? await get<Effect>(`/changes/${encodeURIComponent(id)}/effect`, { window }, signal) : null);
  return useAsked(`effect ${id} ${window}`, run, id ? AGAIN : 0, isOver);
}

function Compared({ effect }: { effect: Effect }) {
  const after = Math.min(effect.window, (Date.now() - ms(effect.change.time)) / 1000);
  const days = effect.metrics.some((measure) => measure.day_before);
  return (
    <details class="dim">
      <summary>{`${duration(effect.window)} before it and ${duration(after)} after it, ${effect.containers === 1 ? "one container" : `${effect.containers} containers`}`}</summary>
      <p>Both sides are cut into twelve blocks whose means are compared by Welch's t and by ranks; both must find less than 2 % chance, and a difference of 10 % or more counts.
        {days ? " What is usual at this hour was taken from the same hours of the day before." : " There was no day before to compare with: what is usual at this hour may look like an effect."} Less of a thing is called better, more of it worse.</p>
    </details>
  );
}

export function EffectOf({ id, of }: { id: string; of: Change | undefined }) {
  const { query } = useRoute();
  const asked = useEffectOf(id, of, query.window);
  return (
    <Shown asked={asked} what="The effect">
      {(effect) => effect && (
        <div class="effect">
          <p class="tools small">
            <b><Judged verdict={effect.verdict}>{verdictOf(effect)}</Judged></b>
            <label>over <select value={query.window || windowFor(of)} onChange={(event) => setQuery({ window: event.currentTarget.value }, true)}>{WINDOWS.map(([value, title]) => <option key={value} value={value}>{title}</option>)}</select></label>
          </p>
          <div class="wide" tabIndex={0} role="region" aria-label="Before and after">
            <table class="grid free">
              <thead><tr><th scope="col">mean of</th><th scope="col" class="r">before</th><th scope="col" class="r">after</th><th scope="col" class="r">difference</th><th scope="col">verdict</th><th scope="col" class="r">how sure</th></tr></thead>
              <tbody>{[...effect.metrics].sort((a, b) => ORDER.indexOf(a.verdict) - ORDER.indexOf(b.verdict)).map((measure) => <Row key={measure.name} measure={measure} />)}</tbody>
            </table>
            <Patterns effect={effect} />
          </div>
          <Compared effect={effect} />
        </div>
      )}
    </Shown>
  );
}

/** Of a mark that was clicked: what changed, and what that did. */
export function EffectPanel({ id, of }: { id: string; of: Change | undefined }) {
  const kind = of && kindOf(of);
  return (
    <section class="panel" aria-label="What changed, and its effect">
      <div class="tools small">
        {of && kind ? <h2><span aria-hidden="true">{kind.sign} </span>{summaryOf(of)}</h2> : <h2>A change</h2>}
        {of && <span class="dim" title={of.time}>{dateTime(ms(of.time))}, {since(of.time)} ago</span>}
        <button class="end" onClick={() => setQuery({ change: undefined, window: undefined }, true)} aria-label="close">×</button>
      </div>
      <EffectOf key={id} id={id} of={of} />
    </section>
  );
}
