// One container: its charts with one crosshair, what happened to it, facts, and its log beside.
import type { ComponentChildren } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { get, getAll, Problem, useAsked, useWatched } from "../api";
import type { Change } from "../change";
import { Charts, historyOf, joined, type LivePoint, liveValues, POINTS } from "../charts";
import { changes, containers, keyOf, ratesOf, type Row } from "../containers";
import { bytes, dateTime, duration, join, ms, NONE, shortId, since, timeOf } from "../format";
import { focusSearch, useKeys } from "../keys";
import { follow } from "../live";
import { LogView } from "../logview";
import { type Mark, markOfChange } from "../marks";
import { Empty, Failed, Shown, Sign, Skeleton } from "../parts";
import { linkTo, rangeOf, setQuery, useRoute } from "../route";
import { noteOf, upOf } from "../table";
import type { Container, Event, Reading } from "../types";
import { useTitle } from "../virtual";
import { addField, feedOptions, LogTools, NoLines } from "./logs";

// ---- Readings that arrive

interface Live {
  last: Reading | null;
  rows: LivePoint[];
}

/** Since the page was opened; as many as a range of charts can use. */
function useLive(id: string | undefined, on: boolean) {
  const live = useRef<Live>({ last: null, rows: [] });
  const [version, again] = useState(0);
  useEffect(() => {
    live.current = { last: null, rows: [] };
    if (!id || !on) return;
    const take = (row: Reading) => {
      if (row.container_id !== id) return;
      const { last, rows } = live.current;
      if (last && ms(row.time) <= ms(last.time)) return;
      if (last) rows.push({ at: ms(row.time) / 1000, values: liveValues(row, ratesOf(last, row)) });
      live.current.last = row;
      if (rows.length > 2000) rows.splice(0, 1000);
      again((n) => n + 1);
    };
    return follow("stats", { row: (row) => take(row as Reading) });
  }, [id, on]);
  return { rows: live.current.rows, version };
}

// ---- Marks

function markOf(event: Event): Mark | null {
  const at = ms(event.time) / 1000;
  switch (event.action) {
    case "oom":
      return { at, sign: "✖", kind: "act", text: "out of memory" };
    case "die":
      return { at, sign: "✖", kind: event.exit_code ? "act" : "plain", text: `ended with ${event.exit_code ?? "?"}` };
    case "start":
    case "restart":
      return { at, sign: "●", kind: "plain", text: `${event.action}ed` };
    case "health_status":
      return { at, sign: "♥", kind: event.health === "unhealthy" ? "act" : "plain", text: event.health ?? "health" };
    case "create":
      return { at, sign: "◆", kind: "plain", text: `made from ${event.image ?? "an image"}` };
    case "pause":
    case "unpause":
    case "destroy":
      return { at, sign: "◆", kind: "plain", text: `${event.action}ed` };
    default:
      return null;
  }
}

/** Of one container events say these, and when. */
const SAID_BY_EVENTS = ["restart", "oom", "health"];

/** What changed about its service, and about itself. */
function marksOf(events: Event[], changed: Change[], id: string | undefined): Mark[] {
  const own = events.map(markOf).filter((mark): mark is Mark => mark !== null);
  const told = changed.filter((change) => change.container_id === id || !SAID_BY_EVENTS.includes(change.kind)).map(markOfChange);
  for (const mark of told) if (mark.change && SAID_BY_EVENTS.includes(mark.change.kind)) mark.text = "";
  return [...own, ...told].sort((a, b) => a.at - b.at);
}

const imageName = (info: Container) => `${info.image ?? "an image"} ${info.image_id ? `(${shortId(info.image_id)})` : ""}`.trim();

/** The container of the service that ran before this one, if it is gone. */
function beforeOf(info: Container, service: Container[]): Container | undefined {
  return service.filter((one) => one.gone_at && ms(one.created) < ms(info.created)).sort((a, b) => ms(b.created) - ms(a.created))[0];
}

// ---- Facts

function portText(port: Record<string, unknown>): string {
  const inside = port.PrivatePort ?? port.private_port ?? port.container_port;
  const outside = port.PublicPort ?? port.public_port ?? port.host_port;
  const type = port.Type ?? port.type ?? port.protocol ?? "tcp";
  const ip = port.IP ?? port.ip ?? port.host_ip ?? "";
  return outside ? `${ip ? `${ip}:` : ""}${outside} → ${inside}/${type}` : `${inside}/${type}`;
}

function Facts({ info, row, before }: { info: Container; row: Row | undefined; before: Container | undefined }) {
  const labels = Object.entries(info.labels ?? {});
  const facts: [string, ComponentChildren][] = [
    ["image", <>{info.image ?? NONE} {info.image_id && <code class="dim">{shortId(info.image_id)}</code>}</>],
    ["created", `${dateTime(ms(info.created))}${info.created ? `, ${since(info.created)} ago` : ""}`],
    [info.state === "running" ? "started" : "ended", info.state === "running" ? `${dateTime(ms(info.started_at))}, ${duration(row ? upOf(row) : null)} ago` : dateTime(ms(info.finished_at))],
    ["restarts", info.restart_count ?? NONE],
    ["exit code", info.exit_code === null ? NONE : `${info.exit_code}${info.oom_killed ? ", out of memory" : ""}`],
    ["limits", `${info.cpu_limit_cores === null ? "no CPU limit" : `${info.cpu_limit_cores} cores`}, ${info.mem_limit_bytes === null ? "no memory limit" : join(bytes(info.mem_limit_bytes))}`],
    ["command", <code class="long" tabIndex={0}>{info.command ?? NONE}</code>],
    ["ports", info.ports?.length ? info.ports.map(portText).join(", ") : NONE],
    ["service", info.service ? <a href={linkTo("service", info.service)}>{info.service}</a> : NONE],
    ...(before ? [["before it", <a href={linkTo("container", before.name, { host: before.host, id: before.container_id })}>{imageName(before)}, removed {dateTime(ms(before.gone_at))}</a>] as [string, ComponentChildren]] : []),
    ["host", info.host],
    ["id", <code>{shortId(info.container_id)}</code>],
  ];
  return (
    <section class="facts" aria-label="Facts">
      <dl>{facts.map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}</dl>
      {info.health_output && info.health !== "healthy" && <p class="output"><b>health check said:</b> <code>{info.health_output}</code></p>}
      {labels.length > 0 && (
        <details>
          <summary>{labels.length} labels</summary>
          <dl>{labels.map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}</dl>
        </details>
      )}
    </section>
  );
}

// ---- The page

export function ContainerPage() {
  const here = useRoute();
  const { query } = here;
  const name = here.part;
  const id = query.id || name;
  const host = query.host || undefined;
  const range = rangeOf(here);
  useWatched(changes);
  const list = containers.value;
  const asked = useAsked(`container ${host} ${id}`, (signal) => get<Container>(`/containers/${encodeURIComponent(id)}`, { host }, signal), 10_000);
  const row = asked.data ? list.rows.get(keyOf(asked.data.host, asked.data.container_id)) : undefined;
  const info = row?.info ?? asked.data;
  const span = (timeOf(range.to) - timeOf(range.from)) / 1000;
  const past = useAsked(`stats ${host} ${id} ${range.from} ${range.to}`, (signal) => historyOf(id, host, range.from, range.to, signal), range.live ? Math.max(30_000, (span / POINTS) * 1000) : 0);
  const events = useAsked(`events ${host} ${id} ${range.from} ${range.to} ${info?.state} ${info?.restart_count} ${info?.health}`, (signal) =>
    getAll<Event>(`/containers/${encodeURIComponent(id)}/events`, { host, from: range.from, to: range.to, limit: 1000 }, 2000, signal).then(({ rows }) => rows));
  const service = useAsked(`service ${info?.host} ${info?.service} ${info?.container_id}`, async (signal) =>
    info?.service ? (await getAll<Container>("/containers", { service: info.service, host: info.host, gone: "yes", limit: 1000 }, 1000, signal)).rows : []);
  const live = useLive(info?.container_id, range.live);
  const changed = useAsked(`changes of ${info?.host} ${info?.service} ${range.from} ${range.to} ${info?.container_id}`, async (signal) =>
    info?.service ? (await getAll<Change>("/changes", { service: info.service, host: info.host, from: range.from, to: range.to, limit: 500 }, 1000, signal)).rows : [], range.live ? 30_000 : 0);
  const marks = useMemo(() => marksOf(events.data ?? [], changed.data ?? [], info?.container_id), [events.data, changed.data, info?.container_id]);
  const limits = { cores: info?.cpu_limit_cores ?? null, bytes: info?.mem_limit_bytes ?? null, pids: info?.pids_limit ?? null };
  const shown = useMemo(() => past.data && joined(past.data, live.rows), [past.data, live.version]);
  useTitle(name);
  useKeys({ "/": focusSearch, Escape: () => (query.change ? setQuery({ change: undefined, window: undefined }, true) : (location.hash = linkTo("containers"))), u: () => (location.hash = linkTo("containers")) });

  const edges = useMemo<[number, number]>(() => [timeOf(range.from) / 1000, timeOf(range.to) / 1000], [range.from, range.to, past.data, live.version]);
  const { options, searched } = useMemo(() => feedOptions(here, { container: info?.container_id, host: info?.host }), [JSON.stringify(query), info?.container_id, info?.host]);
  if (asked.error && !asked.data) return <main class="page" id="main"><NotThere error={asked.error} name={name} again={asked.again} /></main>;
  return (
    <main class="page one" id="main" tabIndex={-1}>
      <div class="tools">
        <a class="up" href={linkTo("containers")} aria-label="all containers">‹</a>
        <h1>{info?.name ?? name}</h1>
        {info && <Head info={info} />}
      </div>
      <div class="columns">
        <div class="left">
          <Shown asked={{ ...past, data: shown }} what="Its history">{(h) => <Charts history={h} limits={limits} name={info?.name ?? "container"} marks={marks} range={edges} chosen={query.change} />}</Shown>
        </div>
        <div class="right">
          {info ? <Facts info={info} row={row} before={beforeOf(info, service.data ?? [])} /> : <Skeleton rows={6} />}
          <section class="beside" aria-label="Its log">
            <div class="tools small"><h2>Log</h2><LogTools query={query} several={false} /><a href={linkTo("logs", "", { container: info?.container_id ?? "" })}>open</a>{info?.service && <a href={linkTo("logs", "", { service: info.service })} title="with the containers that it replaced, and its others">of the service</a>}</div>
            {info && <LogView options={options} searched={searched} wrap={query.wrap === "yes"} names={false} line={query.line} pointed onField={addField(query)} empty={<NoLines query={query} />} />}
          </section>
        </div>
      </div>
    </main>
  );
}

function Head({ info }: { info: Container }) {
  const note = noteOf({ ...info, health: null });
  const well = info.state === "running";
  return (
    <p class="headline">
      <Sign kind={well ? "ok" : info.exit_code ? "act" : "look"}>{info.gone_at ? "removed" : (info.state ?? "unknown")}</Sign>
      {info.health && info.health !== "none" && <Sign kind={info.health === "unhealthy" ? "act" : "ok"}>{info.health}</Sign>}
      {note && <Sign kind="look">{note}</Sign>}
      <span class="dim">{info.image}</span>
    </p>
  );
}

function NotThere({ error, name, again }: { error: Problem; name: string; again: number }) {
  if (error.status !== 404) return <Failed error={error} what={name} again={again} />;
  return (
    <Empty title={`There is no container ${name}`}>
      <p>{error.message}. It may have been removed longer ago than its history is kept.</p>
      <p><a href={linkTo("containers", "", { show: "gone" })}>All containers, with removed ones</a></p>
    </Empty>
  );
}
