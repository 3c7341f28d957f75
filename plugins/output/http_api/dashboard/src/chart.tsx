// One chart of several that share a crosshair: uPlot with bands, limits and marks.
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { useWatched, Watched } from "./api";
import type { Figure } from "./format";
import { clock, day, zone } from "./format";
import { theme } from "./theme";
import type { Column } from "./types";

/** Okabe and Ito's, which colour-blind eyes tell apart; the dark theme has the lighter ones first. */
const LIGHT = ["#0072B2", "#B87400", "#008A65", "#B0578B", "#2A8CC4", "#C34F00"];
const DARK = ["#56B4E9", "#E69F00", "#2DC79B", "#E39BC4", "#8CC8F0", "#F08A4B"];
export const colour = (i: number) => (theme.value === "dark" ? DARK : LIGHT)[i % LIGHT.length];

/** Where the crosshair is, in seconds; null: nowhere. */
export const crosshair = new Watched<number | null>(null);

export interface Line {
  name: string;
  values: Column;
  /** What the mean hides. */
  band?: { low: Column; high: Column };
  dashed?: boolean;
}

export interface ChartMark {
  at: number;
  kind: "look" | "act" | "plain";
}

export interface ChartProps {
  id: string;
  title: string;
  time: number[];
  lines: Line[];
  figure: (x: number | null | undefined) => Figure;
  range: [number, number];
  marks: ChartMark[];
  zoom: (from: number, to: number) => void;
  back: () => void;
}

const css = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const HEIGHT = 148;
const AXIS = 64;

function columnsOf(props: ChartProps): uPlot.AlignedData {
  const columns: (number[] | Column)[] = [props.time];
  for (const line of props.lines) {
    columns.push(line.values);
    if (line.band) columns.push(line.band.low, line.band.high);
  }
  return columns as uPlot.AlignedData;
}

function seriesOf(lines: Line[], points: number): { series: uPlot.Series[]; bands: uPlot.Band[] } {
  const series: uPlot.Series[] = [{}];
  const bands: uPlot.Band[] = [];
  lines.forEach((line, i) => {
    const stroke = colour(i);
    series.push({ label: line.name, stroke, width: 1.5, dash: line.dashed ? [5, 4] : undefined, points: { show: points < 3 } });
    if (!line.band) return;
    const at = series.length;
    series.push({ label: `${line.name} min`, width: 0, points: { show: false } }, { label: `${line.name} max`, width: 0, points: { show: false } });
    bands.push({ series: [at + 1, at], fill: `${stroke}26` });
  });
  return { series, bands };
}

function drawMarks(u: uPlot, marks: ChartMark[]) {
  const ink = { plain: css("--mark"), look: css("--look"), act: css("--act") };
  u.ctx.save();
  u.ctx.setLineDash([2, 3]);
  for (const mark of marks) {
    u.ctx.strokeStyle = ink[mark.kind];
    const x = Math.round(u.valToPos(mark.at, "x", true));
    if (x < u.bbox.left || x > u.bbox.left + u.bbox.width) continue;
    u.ctx.beginPath();
    u.ctx.moveTo(x, u.bbox.top);
    u.ctx.lineTo(x, u.bbox.top + u.bbox.height);
    u.ctx.stroke();
  }
  u.ctx.restore();
}

/** Ticks in the unit of the largest, so that 0.5, 1, 1.5 GiB stand under each other. */
function ticks(figure: ChartProps["figure"]) {
  return (_: uPlot, values: number[]) => values.map((x) => { const f = figure(x); return f.unit ? `${f.value} ${f.unit}` : f.value; });
}

/** In the viewer's zone, of 24 hours; the day where it begins, and instead of hours in long ranges. */
function timeTicks(_: uPlot, values: number[]): string[] {
  const step = values.length > 1 ? values[1] - values[0] : 60;
  return values.map((at, i) => {
    const text = clock(at * 1000);
    const midnight = text === "00:00:00";
    if (step >= 86400 || midnight || (i === 0 && step >= 21600)) return day(at * 1000).slice(5);
    return step >= 60 ? text.slice(0, 5) : text;
  });
}

/** Bytes in powers of two, so that axes have round numbers. */
const BINARY = Array.from({ length: 50 }, (_, i) => 2 ** i);

function pan(u: uPlot, event: MouseEvent, latest: { current: ChartProps }) {
  const start = event.clientX;
  const [from, to] = latest.current.range;
  const scale = (to - from) / u.over.clientWidth;
  const end = (last: MouseEvent) => {
    const shift = (start - last.clientX) * scale;
    if (Math.abs(last.clientX - start) > 3) latest.current.zoom(from + shift, to + shift);
  };
  addEventListener("mouseup", end, { once: true });
}

function make(box: HTMLElement, latest: { current: ChartProps }): uPlot {
  const props = latest.current;
  const binary = props.figure(1 << 20).unit.startsWith("MiB");
  const grid = { stroke: css("--grid"), width: 1 };
  const { series, bands } = seriesOf(props.lines, props.time.length);
  return new uPlot(
    {
      width: Math.max(200, box.clientWidth),
      height: HEIGHT,
      series,
      bands,
      legend: { show: false },
      padding: [8, 18, 0, 0],
      scales: { x: { time: true, range: () => latest.current.range }, y: { range: (_, __, high) => [0, high > 0 ? high * 1.08 : 1] } },
      axes: [
        { stroke: css("--dim"), grid, ticks: grid, size: 26, space: 70, font: "11px system-ui, sans-serif", values: timeTicks },
        { stroke: css("--dim"), grid, ticks: { ...grid, size: 4 }, size: AXIS, space: 34, font: "11px system-ui, sans-serif", values: ticks(props.figure), ...(binary ? { incrs: BINARY } : {}) },
      ],
      cursor: {
        sync: { key: "tallyd", setSeries: false },
        drag: { x: true, y: false, setScale: false },
        points: { size: 5 },
        bind: {
          dblclick: () => () => { latest.current.back(); return null; },
          mousedown: (u, _, handler) => (event) => {
            if (!event.shiftKey) return handler(event);
            pan(u, event, latest);
            return null;
          },
        },
      },
      hooks: {
        draw: [(u) => drawMarks(u, latest.current.marks)],
        setCursor: [(u) => {
          if (u.cursor.event === undefined) return; // moved by another chart
          const { left } = u.cursor;
          crosshair.set(left === undefined || left < 0 ? null : u.posToVal(left, "x"));
        }],
        setSelect: [(u) => {
          if (u.select.width < 4) return;
          latest.current.zoom(u.posToVal(u.select.left, "x"), u.posToVal(u.select.left + u.select.width, "x"));
          u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        }],
      },
    },
    columnsOf(props),
    box,
  );
}

/** The index of the point that a time belongs to; -1: none. */
export function pointAt(time: number[], at: number): number {
  if (time.length === 0) return -1;
  let low = 0;
  let high = time.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (time[middle] <= at) low = middle;
    else high = middle;
  }
  return Math.abs(time[low] - at) <= Math.abs(time[high] - at) ? low : high;
}

export function Chart(props: ChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef(props);
  latest.current = props;
  const shape = `${theme.value} ${props.time.length < 3} ${props.lines.map((line) => `${line.name}${line.band ? "+" : ""}`).join()}`;
  useEffect(() => {
    if (!box.current) return;
    const u = make(box.current, latest);
    plot.current = u;
    const sizes = new ResizeObserver(() => box.current && u.setSize({ width: Math.max(200, box.current.clientWidth), height: HEIGHT }));
    sizes.observe(box.current);
    return () => {
      sizes.disconnect();
      u.destroy();
      plot.current = null;
    };
  }, [shape]);
  useEffect(() => plot.current?.setData(columnsOf(props)), [props.time, props.lines, props.range[0], props.range[1], props.marks]);
  return (
    <figure class="chart" id={`chart-${props.id}`}>
      <figcaption>
        <h3>{props.title}</h3>
        <Legend {...props} />
      </figcaption>
      <div ref={box} class="plot" role="img" aria-label={`${props.title} over time; the button "table" shows its values`} />
    </figure>
  );
}

function Legend({ time, lines, figure }: ChartProps) {
  const at = useWatched(crosshair);
  const i = at === null ? -1 : pointAt(time, at);
  return (
    <span class="legend">
      {lines.map((line, n) => {
        const last = i >= 0 ? line.values[i] : newestOf(line.values);
        const f = figure(last);
        return (
          <span key={line.name}>
            <i class={line.dashed ? "dash" : ""} style={{ borderColor: colour(n) }} aria-hidden="true" /> {line.name} <b>{f.value}</b> {f.unit}
            {line.band && i >= 0 && line.band.high[i] !== null && line.band.high[i] !== line.band.low[i] && (
              <small>{` (${figure(line.band.low[i]).value} – ${figure(line.band.high[i]).value})`}</small>
            )}
          </span>
        );
      })}
    </span>
  );
}

function newestOf(values: Column): number | null {
  for (let i = values.length - 1; i >= 0; i--) if (values[i] !== null) return values[i];
  return null;
}

/** For screen readers, and for who wants figures. */
export function chartsAsCsv(time: number[], charts: { title: string; lines: Line[] }[]): string {
  const lines = charts.flatMap((chart) => chart.lines.flatMap((line) => [
    { name: `${chart.title}: ${line.name}`, values: line.values },
    ...(line.band ? [{ name: `${chart.title}: ${line.name}, least`, values: line.band.low }, { name: `${chart.title}: ${line.name}, most`, values: line.band.high }] : []),
  ]));
  const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`;
  return [
    ["time", ...lines.map((line) => quoted(line.name))].join(","),
    ...time.map((at, i) => [new Date(at * 1000).toISOString(), ...lines.map((line) => line.values[i] ?? "")].join(",")),
  ].join("\r\n") + "\r\n";
}

/** All charts of the page below each other, as one picture. */
export function chartsAsPng(boxes: HTMLElement[], done: (picture: Blob) => void) {
  const canvases = boxes.map((box) => box.querySelector("canvas")).filter((x): x is HTMLCanvasElement => x !== null);
  const titles = boxes.map((box) => box.querySelector("h3")?.textContent ?? "");
  const ratio = devicePixelRatio || 1;
  const head = 22 * ratio;
  const picture = document.createElement("canvas");
  picture.width = Math.max(1, ...canvases.map((c) => c.width));
  picture.height = canvases.reduce((sum, c) => sum + c.height + head, 0);
  const ink = picture.getContext("2d");
  if (!ink) return;
  ink.fillStyle = css("--back");
  ink.fillRect(0, 0, picture.width, picture.height);
  ink.fillStyle = css("--text");
  ink.font = `${13 * ratio}px system-ui, sans-serif`;
  let y = 0;
  canvases.forEach((canvas, i) => {
    ink.fillText(`${titles[i]}  ${day(Date.now())}, ${zone}`, 8 * ratio, y + 15 * ratio);
    ink.drawImage(canvas, 0, y + head);
    y += canvas.height + head;
  });
  picture.toBlob((blob) => blob && done(blob));
}
