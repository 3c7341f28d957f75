// A list of log lines: of 100,000 only those that are seen are in the document.  Follows the end
// until somebody scrolls up.
import type { ComponentChildren } from "preact";
import { memo } from "preact/compat";
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { useWatched, Watched } from "./api";
import { crosshair } from "./chart";
import { asText, Feed, type FeedOptions, fieldsOfLine, type Line, lineAt } from "./feed";
import { clock, dateTime, day } from "./format";
import { useKeys } from "./keys";
import { folded, hits, pieces, type Piece, searchFor, stripped } from "./logtext";
import { copy, Empty, Failed, hue, save, Skeleton } from "./parts";
import { linkTo } from "./route";
import type { LogLine } from "./types";
import { rowAt, useView } from "./virtual";

const LINE = 20;
const FIELD = 20;
const NEAR = 400;
const BEYOND = 240; // pixels that are drawn beyond what is seen

export interface LogViewProps {
  options: FeedOptions;
  searched: (string | RegExp)[];
  wrap: boolean;
  /** With the names of containers: there are several. */
  names: boolean;
  /** A line that a link points to. */
  line?: string;
  /** Scrolls to where the charts' crosshair is. */
  pointed?: boolean;
  onField?: (text: string) => void;
  empty: ComponentChildren;
}

function useFeed(options: FeedOptions): { feed: Feed; version: number } {
  const [version, again] = useState(0);
  const key = JSON.stringify(options);
  const holder = useRef<{ key: string; feed: Feed } | null>(null);
  if (holder.current?.key !== key) {
    holder.current?.feed.close();
    holder.current = { key, feed: new Feed(options, () => again((n) => n + 1)) };
  }
  useEffect(() => () => holder.current?.feed.close(), []);
  return { feed: holder.current.feed, version };
}

/** How wide a letter is, to know how many lines a long message takes. */
const letter = (() => {
  let width = 0;
  return () => {
    if (width) return width;
    const probe = document.createElement("span");
    probe.className = "probe";
    probe.textContent = "0".repeat(100);
    document.body.append(probe);
    width = probe.getBoundingClientRect().width / 100 || 7.2;
    probe.remove();
    return width;
  };
})();

function heightOf(line: Line, wrap: boolean, letters: number): number {
  // Nearly all of 100,000 lines: nothing of them is looked at before they are seen.
  if (!wrap && !line.open && !line.row.message.includes("\n")) return LINE;
  const structured = fieldsOfLine(line);
  let rows = 0;
  if (structured && !line.open) {
    const { message, rest } = folded(structured);
    rows = wrap ? Math.max(1, Math.ceil((message.length + 2 + rest.length) / letters)) : 1;
  } else
    for (const part of stripped(line.row.message).split("\n")) rows += wrap || line.open ? Math.max(1, Math.ceil(part.length / letters)) : 1;
  return rows * LINE + (line.open && structured ? structured.pairs.length * FIELD + 8 : 0);
}

/** Running sums of heights: sums[i] is where line i begins. */
function useLayout(lines: Line[], version: number, wrap: boolean, letters: number, opened: number) {
  const layout = (wrap ? 1e6 : 0) + letters;
  return useMemo(() => {
    const sums = new Float64Array(lines.length + 1);
    for (let i = 0; i < lines.length; i++) {
      const line = lines[i];
      if (line.layout !== layout) {
        line.height = heightOf(line, wrap, letters);
        line.layout = layout;
      }
      sums[i + 1] = sums[i] + line.height;
    }
    return sums;
  }, [lines, version, layout, opened]);
}

export const logSize = new Watched(0);

export function LogView(props: LogViewProps) {
  const { feed, version } = useFeed(props.options);
  const box = useRef<HTMLDivElement>(null);
  const view = useView(box, BEYOND / 2);
  const [opened, setOpened] = useState(0);
  const [here, setHere] = useState(-1);
  const following = useRef(true);
  const [paused, setPaused] = useState(false);
  const [unseen, setUnseen] = useState(0);
  const place = useRef({ prepended: 0, arrived: 0, dropped: 0, feed, found: false, sums: new Float64Array(1) });
  const prefix = (props.names ? 35 : 15) + 10;
  const letters = Math.max(20, Math.floor((view.width - 20) / letter()) - prefix);
  const { lines } = feed;
  const sums = useLayout(lines, version, props.wrap, letters, opened);
  const total = sums[lines.length];

  const toEnd = () => {
    following.current = true;
    setPaused(false);
    setUnseen(0);
    if (box.current) box.current.scrollTop = box.current.scrollHeight;
  };

  // Another feed begins at its end, or where a link points to.
  if (place.current.feed !== feed) {
    place.current = { prepended: 0, arrived: 0, dropped: 0, feed, found: false, sums: new Float64Array(1) };
    following.current = !paused;
  }
  useLayoutEffect(() => {
    const { current: was } = place;
    if (!box.current) return;
    if (!was.found && lines.length && (props.line || Number.isFinite(props.options.at))) {
      const found = props.line ? lines.findIndex((one) => one.key === props.line) : -1;
      const i = found >= 0 ? found : lineAt(lines, props.options.at);
      was.found = true;
      following.current = false;
      setHere(i);
      box.current.scrollTop = sums[Math.min(i, lines.length)] - box.current.clientHeight / 3;
    } else if (feed.prepended > was.prepended) box.current.scrollTop += sums[feed.prepended - was.prepended];
    else if (following.current && !feed.hasNewer) box.current.scrollTop = box.current.scrollHeight;
    else if (feed.dropped > was.dropped) box.current.scrollTop -= was.sums[Math.min(feed.dropped - was.dropped, was.sums.length - 1)];
    if (feed.arrived > was.arrived && !following.current) setUnseen((n) => n + feed.arrived - was.arrived);
    was.prepended = feed.prepended;
    was.arrived = feed.arrived;
    was.dropped = feed.dropped;
    was.sums = sums;
  }, [version, total]);
  const pause = () => {
    if (!following.current) return toEnd();
    following.current = false;
    setPaused(true);
  };

  useEffect(() => {
    if (lines.length && view.top < NEAR && !following.current) void feed.loadOlder();
    if (view.top + view.height > total - NEAR) void feed.loadNewer();
  }, [view.top, view.height, version]);

  const pointed = useWatched(crosshair);
  useEffect(() => {
    if (!props.pointed || pointed === null || !lines.length) return;
    const timer = setTimeout(() => {
      const i = lineAt(lines, pointed * 1000);
      if (i === 0 && !feed.complete) return void feed.loadOlder();
      following.current = false;
      setHere(Math.min(i, lines.length - 1));
      if (box.current) box.current.scrollTop = sums[Math.min(i, lines.length)] - box.current.clientHeight / 2;
    }, 120);
    return () => clearTimeout(timer);
  }, [pointed, props.pointed]);

  const toggle = useCallback((line: Line) => {
    line.open = !line.open;
    line.layout = -1;
    following.current = false;
    setOpened((n) => n + 1);
  }, []);
  const onField = useRef(props.onField);
  onField.current = props.onField;
  const filter = useCallback((text: string) => onField.current?.(text), []);
  const link = linkTo("logs", "", { from: "", to: "", container: props.names ? "" : (lines[0]?.row.container_id ?? "") });
  const move = (step: number) => {
    const next = Math.max(0, Math.min(lines.length - 1, here < 0 ? lines.length - 1 : here + step));
    setHere(next);
    following.current = false;
    const at = box.current;
    if (at && sums[next] < at.scrollTop) at.scrollTop = sums[next];
    else if (at && sums[next + 1] > at.scrollTop + at.clientHeight) at.scrollTop = sums[next + 1] - at.clientHeight;
  };
  useKeys({
    j: () => move(1),
    k: () => move(-1),
    Enter: () => lines[here] && toggle(lines[here]),
    f: pause,
    G: toEnd,
    End: toEnd,
  });
  useEffect(() => logSize.set(lines.length), [lines.length]);

  if (feed.error && !lines.length) return <Failed error={feed.error} what="The log" again={feed.error.status >= 500 || feed.error.status === 0 ? Date.now() + 2000 : 0} />;
  if (feed.loading && !lines.length) return <Skeleton rows={14} />;
  const first = rowAt(sums, lines.length, Math.max(0, view.top - BEYOND));
  const end = Math.min(lines.length, rowAt(sums, lines.length, view.top + view.height + BEYOND + BEYOND / 2) + 1);
  return (
    <div class={`logs ${props.wrap ? "wrap" : ""} ${props.names ? "names" : ""}`}>
      {feed.missed > 0 && <p class="banner look" role="status">{`${feed.missed.toLocaleString("en")} lines came faster than they could be sent and are not shown here; they are stored.`}</p>}
      {feed.unsure && feed.missed === 0 && <p class="banner look" role="status">The stream was interrupted for long: lines may be missing here. They are stored; load the page again to see them.</p>}
      {feed.searchedFrom && <p class="dim" role="status">{`Searching; looked back to ${dateTime(Date.parse(feed.searchedFrom))} so far.`}</p>}
      {feed.error && <p class="banner look" role="status">{feed.error.message}</p>}
      <div class="lines" ref={box} tabIndex={0} role="log" aria-live="off" aria-label="Log lines"
        onScroll={() => {
          const at = box.current;
          if (at) following.current = !paused && !feed.hasNewer && at.scrollTop + at.clientHeight >= at.scrollHeight - 2 * LINE;
          if (following.current && unseen) setUnseen(0);
        }}>
        {lines.length === 0 ? (
          <Empty title="No lines">{props.empty}</Empty>
        ) : (
          <div class="height" style={{ height: `${total}px` }}>
            {lines.slice(first, end).map((line, i) => (
              <LineRow key={line.key} line={line} row={line.row} top={sums[first + i]} height={line.height} here={first + i === here} names={props.names} searched={props.searched}
                newDay={first + i === 0 || day(lines[first + i - 1].at) !== day(line.at)} open={line.open} toggle={toggle} onField={filter} pointed={props.pointed} link={link} />
            ))}
          </div>
        )}
      </div>
      {(unseen > 0 || (!following.current && view.top + view.height < total - BEYOND)) && lines.length > 0 && (
        <button class="unseen" onClick={toEnd}>▼ {unseen > 0 ? `${unseen.toLocaleString("en")} new` : "newest"}</button>
      )}
      {props.options.stream && lines.length > 0 && (
        <button class="follow" onClick={pause} aria-pressed={paused} title={paused ? "follow the newest lines again ( f )" : "hold still while lines arrive ( f )"}>
          {paused ? "▶ follow" : "❚❚ pause"}
        </button>
      )}
    </div>
  );
}

const LEVEL_KIND: Record<string, string> = { critical: "act", error: "act", warning: "look", trace: "low", debug: "low" };

interface LineRowProps {
  line: Line;
  row: LogLine;
  top: number;
  height: number;
  here: boolean;
  names: boolean;
  searched: (string | RegExp)[];
  newDay: boolean;
  open: boolean;
  toggle: (line: Line) => void;
  onField: (text: string) => void;
  pointed?: boolean;
  /** To the page of logs, without the line. */
  link: string;
}

const LineRow = memo(({ line, row, top, height, here, names, searched, newDay, open, toggle, onField, pointed, link }: LineRowProps) => {
  const fields = fieldsOfLine(line);
  const kind = LEVEL_KIND[row.level ?? ""] ?? "";
  const query = link.includes("?") ? "&" : "?";
  const at = `line=${encodeURIComponent(line.key)}`;
  return (
    <div class={`line ${kind} ${here ? "here" : ""} ${open ? "open" : ""} ${row.context ? "around" : ""}`} style={{ top: `${top}px`, height: `${height}px` }}>
      <button class="time" title={`${row.time}${pointed ? "; click: show it on the charts" : ""}`} onClick={() => crosshair.set(line.at / 1000)}>
        {newDay && <span class="day">{day(line.at).slice(5)} </span>}
        {clock(line.at, !newDay)}
      </button>
      {names && (
        <a class="name" href={linkTo("container", row.name ?? row.container_id, { host: row.host, id: row.container_id })} style={{ "--h": String(hue(row.name ?? row.container_id)) }} title={`${row.name} on ${row.host}`}>
          {row.name ?? row.container_id.slice(0, 12)}
        </a>
      )}
      <span class="level" title={row.stream ?? undefined}>{row.level ?? (row.stream === "stderr" ? "stderr" : "")}</span>
      <span class="text" onClick={() => fields && !getSelection()?.toString() && toggle(line)}>
        {fields && !open ? <Folded line={line} searched={searched} /> : <Marked of={pieces(row.message)} searched={searched} />}
        {open && fields && (
          <dl>
            {fields.pairs.map(([name, value]) => (
              <div key={name}>
                <dt>{name}</dt>
                <dd>
                  <button class="plain" title="show only lines with this" onClick={(event) => { event.stopPropagation(); onField(searchFor(row.message, name, value)); }}>
                    <Marked of={[{ text: value, style: "" }]} searched={searched} />
                  </button>
                </dd>
              </div>
            ))}
          </dl>
        )}
      </span>
      <span class="acts">
        {fields && <button onClick={() => toggle(line)} aria-expanded={open} aria-label={open ? "fold" : "unfold"}>{open ? "▾" : "▸"}</button>}
        <button aria-label="copy the line" title="copy the line" onClick={() => void copy(row.message)}>⧉</button>
        {(names || searched.length > 0) && <a href={`${link}${query}container=${row.container_id}&${at}`} title="what else its container said then" aria-label="what else its container said then">↕</a>}
        <a href={`${link}${query}${at}`} title="a link to this line" aria-label="a link to this line">¶</a>
      </span>
    </div>
  );
});

function Folded({ line, searched }: { line: Line; searched: (string | RegExp)[] }) {
  const { message, rest } = folded(fieldsOfLine(line)!);
  return (
    <>
      {message && <Marked of={[{ text: message, style: "" }]} searched={searched} />}
      {message && rest && "  "}
      {rest && <span class="rest"><Marked of={[{ text: rest, style: "" }]} searched={searched} /></span>}
    </>
  );
}

function Marked({ of, searched }: { of: Piece[]; searched: (string | RegExp)[] }) {
  return (
    <>
      {of.map(({ text, style }, n) => {
        const found = searched.length ? hits(text, searched) : [];
        const inside = found.length === 0 ? text : cut(text, found);
        return style ? <span key={n} class={style}>{inside}</span> : inside;
      })}
    </>
  );
}

function cut(text: string, found: [number, number][]) {
  const parts: ComponentChildren[] = [];
  let at = 0;
  for (const [start, end] of found) {
    parts.push(text.slice(at, start), <mark>{text.slice(start, end)}</mark>);
    at = end;
  }
  parts.push(text.slice(at));
  return parts;
}

export function download(feedLines: Line[]) {
  save(`tallyd-logs-${dateTime(Date.now()).replaceAll(":", "").replace(" ", "-")}.log`, "text/plain", asText(feedLines));
}
