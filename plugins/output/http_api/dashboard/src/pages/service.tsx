// One service: its charts over all its containers, those before them included, what changed and what
// that did, and its log beside.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { get, getAll, useAsked, useWatched, type Page } from "../api";
import { type Change, kindOf, summaryOf } from "../change";
import { Charts, joined, type Limits, type LivePoint, liveValues, POINTS, serviceHistoryOf } from "../charts";
import { changes, containers, type Row } from "../containers";
import { clock, dateTime, day, ms, NONE, timeOf } from "../format";
import { Histogram } from "../histogram";
import { focusSearch, useKeys } from "../keys";
import { LogView } from "../logview";
import { markOfChange } from "../marks";
import { Empty, Failed, Shown, Sign } from "../parts";
import { linkTo, rangeOf, setQuery, useRoute } from "../route";
import { imageOf, makeService, serviceOf } from "../services";
import { totalOf } from "../table";
import type { Container } from "../types";
import { useTitle } from "../virtual";
import { addField, feedOptions, LogTools, NoLines } from "./logs";
import { Running } from "./services";

const CONTAINERS_MOST = 200;
const POINTS_KEPT = 2000;
const NOTHING: LivePoint[] = [];

// ---- Readings that arrive

/** A point each time that something new was read: the sums of the newest of each container. */
function useLive(rows: Row[], name: string, on: boolean): LivePoint[] {
  const live = useRef<{ name: string; points: LivePoint[] }>({ name, points: [] });
  if (live.current.name !== name) live.current = { name, points: [] };
  const newest = Math.max(0, ...rows.map((row) => ms(row.stats?.time) || 0)) / 1000;
  const [, again] = useState(0);
  useEffect(() => {
    const { points: kept } = live.current;
    if (!on || !newest || newest < (kept[kept.length - 1]?.at ?? 0) + 1) return;
    const of = (value: (row: Row) => number | null | undefined) => totalOf(rows, value);
    const reading = { cpu_percent: of((row) => row.stats?.cpu_percent), mem_used_bytes: of((row) => row.stats?.mem_used_bytes), pids: of((row) => row.stats?.pids) };
    const rates = { rx: of((row) => row.rates.rx), tx: of((row) => row.rates.tx), read: of((row) => row.rates.read), write: of((row) => row.rates.write), throttled: of((row) => row.rates.throttled) };
    live.current.points = [...kept.slice(-POINTS_KEPT), { at: newest, values: liveValues(reading, rates) }];
    again((n) => n + 1);
  }, [newest, name, on]);
  return on ? live.current.points : NOTHING;
}

// ---- Facts

/** Of all that run; none, where one has none. */
function limitsOf(running: Row[]): Limits {
  const all = (of: (info: Container) => number | null) => {
    const values = running.map((row) => of(row.info));
    return values.length && values.every((x) => x !== null) ? values.reduce<number>((sum, x) => sum + (x ?? 0), 0) : null;
  };
  return { cores: all((info) => info.cpu_limit_cores), bytes: all((info) => info.mem_limit_bytes), pids: all((info) => info.pids_limit) };
}

const SHOWN = 12;

function Changed({ all, chosen }: { all: Change[]; chosen: string | undefined }) {
  if (all.length === 0) return <p class="dim">Nothing changed in this range.</p>;
  return (
    <ul class="changed">
      {all.slice(0, SHOWN).map((change, i) => {
        const at = ms(change.time);
        const { sign, urgency } = kindOf(change);
        return (
          <li key={change.id}>
            <button class="plain" aria-pressed={change.id === chosen} title="what it did" onClick={() => setQuery({ change: change.id === chosen ? undefined : change.id }, true)}>
              <span class="dim">{(i === 0 || day(at) !== day(ms(all[i - 1].time))) && day(at) !== day(Date.now()) ? `${day(at).slice(5)} ` : ""}{clock(at)}</span> <span class={`sign ${urgency}`} aria-hidden="true">{sign}</span> {summaryOf(change)}
            </button>
          </li>
        );
      })}
      {all.length > SHOWN && <li class="dim">and {all.length - SHOWN} more: <a href={linkTo("changes", "", { q: all[0].service ?? "" })}>all changes</a></li>}
    </ul>
  );
}

function State({ info }: { info: Container }) {
  const at = (time: string | null) => dateTime(ms(time)).slice(5, 16);
  if (info.gone_at) return <Sign kind="off">removed {at(info.gone_at)}</Sign>;
  if (info.health === "unhealthy" && info.state === "running") return <Sign kind="act">unhealthy</Sign>;
  if (info.state === "running") return <Sign kind="ok">since {at(info.started_at)}</Sign>;
  return <Sign kind={info.state === "exited" && !info.exit_code ? "off" : info.state === "exited" || info.state === "dead" ? "act" : "look"}>{info.state ?? NONE}{info.exit_code ? ` with ${info.exit_code}` : ""}</Sign>;
}

function Members({ all }: { all: Container[] }) {
  const hosts = new Set(all.map((info) => info.host)).size > 1;
  return (
    <table class="grid free">
      <thead><tr><th scope="col">container</th><th scope="col">runs</th><th scope="col">image</th>{hosts && <th scope="col">host</th>}</tr></thead>
      <tbody>
        {all.map((info) => (
          <tr key={`${info.host} ${info.container_id}`} class={info.gone_at ? "quiet" : ""}>
            <th scope="row"><a href={linkTo("container", info.name, { host: info.host, id: info.container_id })}>{info.name}</a></th>
            <td><State info={info} /></td>
            <td title={info.image_id ?? undefined}>{imageOf(info) || <span class="none">{NONE}</span>}</td>
            {hosts && <td>{info.host}</td>}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

// ---- The page

const gone = (info: Container) => Number(!!info.gone_at);

/** All that it has and had, newest first; what runs is known sooner from the list of all. */
function useMembers(name: string, host: string | undefined, rows: Row[]) {
  const here = rows.map((row) => `${row.info.container_id}${row.info.state}`).join();
  const asked = useAsked(`members ${name} ${host} ${here}`, (signal) => get<Page<Container>>("/containers", { service: name, host, gone: "yes", limit: 1000 }, signal).then(({ data }) => data));
  const all = new Map((asked.data ?? []).map((info) => [info.container_id, info]));
  for (const row of rows) all.set(row.info.container_id, row.info);
  const sorted = [...all.values()].sort((a, b) => gone(a) - gone(b) || ms(b.created) - ms(a.created));
  return { asked, all: sorted.slice(0, CONTAINERS_MOST) };
}

async function changesOf(service: string, host: string | undefined, from: string, to: string, signal: AbortSignal): Promise<Change[]> {
  const common = { host, from, to, limit: 500 };
  const [own, marks] = await Promise.all([
    getAll<Change>("/changes", { ...common, service }, 1000, signal),
    getAll<Change>("/changes", { ...common, kind: ["mark", "host"] }, 500, signal),
  ]);
  return [...own.rows, ...marks.rows.filter((change) => !change.service)].sort((a, b) => ms(b.time) - ms(a.time));
}

export function ServicePage() {
  const here = useRoute();
  const { query } = here;
  const name = here.part;
  const host = query.host || undefined;
  const range = rangeOf(here);
  useWatched(changes);
  const list = containers.value;
  const rows = [...list.rows.values()].filter((row) => serviceOf(row.info) === name && !row.info.gone_at && (!host || row.info.host === host));
  const now = makeService(name, rows);
  const span = (timeOf(range.to) - timeOf(range.from)) / 1000;
  const past = useAsked(`service stats ${host} ${name} ${range.from} ${range.to} ${rows.length > 1}`, (signal) => serviceHistoryOf(name, host, range.from, range.to, rows.length > 1, signal), range.live ? Math.max(30_000, (span / POINTS) * 1000) : 0);
  const changed = useAsked(`service changes ${host} ${name} ${range.from} ${range.to} ${rows.map((row) => `${row.info.container_id} ${row.info.started_at} ${row.info.health}`).join()}`, (signal) => changesOf(name, host, range.from, range.to, signal), range.live ? 30_000 : 0);
  const members = useMembers(name, host, rows);
  const live = useLive(rows, name, range.live);
  const marks = useMemo(() => (changed.data ?? []).map(markOfChange).sort((a, b) => a.at - b.at), [changed.data]);
  const shown = useMemo(() => past.data && joined(past.data, live), [past.data, live]);
  const edges = useMemo<[number, number]>(() => [timeOf(range.from) / 1000, timeOf(range.to) / 1000], [range.from, range.to, past.data, live]);
  useTitle(name);
  const up = () => (location.hash = linkTo("services"));
  useKeys({ "/": focusSearch, Escape: () => (query.change ? setQuery({ change: undefined, window: undefined }, true) : up()), u: up });

  const { options, searched } = useMemo(() => feedOptions(here, { service: name, host }), [JSON.stringify(query), name]);
  if (list.loaded && members.asked.data && members.all.length === 0 && past.data && !past.data.columns.cpu_percent.some((x) => x !== null))
    return (
      <main class="page" id="main" tabIndex={-1}>
        <Empty title={`There is no service ${name}`}><p>None of its containers is known{host ? ` on ${host}` : ""}; it may have been removed longer ago than its history is kept. <a href={linkTo("services")}>All services</a></p></Empty>
      </main>
    );
  return (
    <main class="page one" id="main" tabIndex={-1}>
      <div class="tools">
        <a class="up" href={linkTo("services")} aria-label="all services">‹</a>
        <h1>{name}</h1>
        {list.loaded && <p class="headline"><Running {...now} all={rows.length} /><span class="dim">{now.images}</span></p>}
      </div>
      <div class="columns">
        <div class="left">
          <Shown asked={{ ...past, data: shown }} what="Its history">{(h) => <Charts history={h} limits={limitsOf(rows)} name={name.replaceAll("/", "-")} marks={marks} range={edges} chosen={query.change} />}</Shown>
        </div>
        <div class="right">
          <section class="facts" aria-label="Changes and containers">
            <h2>Changes</h2>
            {changed.error && !changed.data ? <Failed error={changed.error} what="The list of changes" again={changed.again} /> : <Changed all={changed.data ?? []} chosen={query.change} />}
            <h2>Containers</h2>
            <div class="wide" tabIndex={0} role="region" aria-label="Containers">
              {members.all.length ? <Members all={members.all} /> : members.asked.error ? <p class="dim">{members.asked.error.message}</p> : <p class="dim">None.</p>}
            </div>
          </section>
          <section class="beside" aria-label="Its log">
            <div class="tools small"><h2>Log</h2><LogTools query={query} several={false} /><a href={linkTo("logs", "", { service: name })}>open</a></div>
            <Histogram params={options.params} of={null} from={range.from} to={range.to} here={0} />
            <LogView options={options} searched={searched} wrap={query.wrap === "yes"} names={members.all.length > 1} line={query.line} pointed onField={addField(query)} empty={<NoLines query={query} />} />
          </section>
        </div>
      </div>
    </main>
  );
}
