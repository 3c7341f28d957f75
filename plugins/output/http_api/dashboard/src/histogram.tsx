// How many lines there were, by level, over the range: drag to zoom.
import { useRef, useState } from "preact/hooks";
import { get, type Params, useAsked } from "./api";
import { clock, dateTime, plural, timeOf } from "./format";
import { setQuery } from "./route";

const BARS = 120;
const STEP = /^(\d+)(ms|s|min|m|h|d|w)$/;
const UNIT: Record<string, number> = { ms: 1, s: 1000, min: 60_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

interface Bar {
  time: string;
  /** null: not all lines of it were counted in time. */
  total: number | null;
  levels: Record<string, number | null>;
}

interface Answer {
  data: Bar[];
  step: string;
  complete: boolean;
  searched_from?: string;
}

const bad = (bar: Bar) => (bar.levels.error ?? 0) + (bar.levels.critical ?? 0);
const stepOf = (text: string) => {
  const found = STEP.exec(text);
  return found ? Number(found[1]) * UNIT[found[2]] : 60_000;
};

interface HistogramProps {
  params: Params;
  /** Where something is searched: of which lines; they are counted, too. */
  of: Params | null;
  from: string;
  to: string;
  here: number;
}

export function Histogram({ params, of, from, to, here }: HistogramProps) {
  const box = useRef<HTMLDivElement>(null);
  const [drag, setDrag] = useState<[number, number] | null>(null);
  const live = to === "now";
  const asked = useAsked(`histogram ${JSON.stringify(params)} ${from} ${to}`, (signal) => get<Answer>("/logs/histogram", { ...params, from, to, points: BARS, by: "level" }, signal), live ? 10_000 : 0);
  const all = useAsked(`count ${JSON.stringify(of)} ${from} ${to}`, async (signal) =>
    of ? await get<{ data: { total: number }; complete: boolean }>("/logs/count", { ...of, from, to }, signal) : null, live && of ? 30_000 : 0);
  const bars = asked.data?.data ?? [];
  const start = timeOf(from);
  const span = Math.max(1, timeOf(to) - start);
  const step = stepOf(asked.data?.step ?? "");
  const most = Math.max(1, ...bars.map((bar) => bar.total ?? 0));
  const sum = bars.reduce((n, bar) => n + (bar.total ?? 0), 0);
  const errors = bars.reduce((n, bar) => n + bad(bar), 0);
  const part = (x: number) => {
    const edge = box.current?.getBoundingClientRect();
    return edge ? Math.max(0, Math.min(1, (x - edge.left) / edge.width)) : 0;
  };
  const finish = () => {
    if (!drag) return;
    const [a, b] = [Math.min(...drag), Math.max(...drag)];
    setDrag(null);
    if (b - a < 0.004) setQuery({ at: new Date(start + a * span).toISOString(), line: undefined });
    else setQuery({ from: new Date(start + a * span).toISOString(), to: new Date(start + b * span).toISOString(), at: undefined, line: undefined });
  };
  const bar = (item: Bar) => {
    const at = Date.parse(item.time);
    const place = { x: ((at - start) / span) * 1000, width: Math.max(1, (step / span) * 1000 - 1) };
    if (item.total === null)
      return <rect key={item.time} class="unknown" {...place} y={0} height={40}><title>{`${dateTime(at)}: not counted in time`}</title></rect>;
    const warnings = item.levels.warning ?? 0;
    const rows: [string, number][] = [["", item.total - warnings - bad(item)], ["look", warnings], ["act", bad(item)]];
    let y = 40;
    const title = `${dateTime(at)}: ${plural(item.total, "line")}${bad(item) ? `, ${bad(item)} errors` : ""}${warnings ? `, ${warnings} warnings` : ""}`;
    return (
      <g key={item.time}>
        <title>{title}</title>
        {rows.map(([kind, n]) => {
          const h = (n / most) * 40;
          y -= h;
          return n > 0 && <rect key={kind} class={kind} {...place} y={y} height={h} />;
        })}
      </g>
    );
  };
  return (
    <div class="histogram">
      <div ref={box} class="bars" role="img" aria-label={`${plural(sum, "line")}, ${errors} of them errors; drag to zoom, click to go there`}
        onPointerDown={(event) => { event.currentTarget.setPointerCapture(event.pointerId); setDrag([part(event.clientX), part(event.clientX)]); }}
        onPointerMove={(event) => drag && setDrag([drag[0], part(event.clientX)])} onPointerUp={finish} onPointerCancel={() => setDrag(null)}>
        <svg viewBox="0 0 1000 40" preserveAspectRatio="none">{bars.map(bar)}</svg>
        {drag && <i class="chosen" style={{ left: `${Math.min(...drag) * 100}%`, width: `${Math.abs(drag[1] - drag[0]) * 100}%` }} />}
      </div>
      <p class="dim">
        <span>{clock(start).slice(0, 5)}</span>
        <span>
          {asked.error ? `Not counted: ${asked.error.message}` : asked.data ? `${asked.data.complete ? "" : "at least "}${plural(sum, "line")}${of && all.data ? ` of ${all.data.data.total.toLocaleString("en")}` : ""}${errors ? `, ${plural(errors, "error")}` : ""}` : ""}
          {here > 0 && `; ${here.toLocaleString("en")} here`}
        </span>
        <span>{live ? "now" : clock(start + span).slice(0, 5)}</span>
      </p>
    </div>
  );
}
