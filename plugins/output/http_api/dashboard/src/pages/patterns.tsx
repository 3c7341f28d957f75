// What lines of logs have in common: how many of each there are, and what is new since a moment.
import { get, type Page, useAsked, useWatched } from "../api";
import { type Change, summaryOf } from "../change";
import { changes, containers } from "../containers";
import { clock, count, duration, ms, NONE, plural, timeOf, when } from "../format";
import { focusSearch, useKeys } from "../keys";
import { CopyTable, Empty, Num, Shown, Sign } from "../parts";
import { linkTo, rangeOf, setQuery, useRoute } from "../route";
import { serviceOf } from "../services";
import { Level, Template } from "../template";
import { useTitle } from "../virtual";
import { LevelChoice, levelsOf, Tabs } from "./logs";

const MOST = 500;
// Changes after which a log may say something else.
const TELLING = ["image", "config", "limits", "mounts", "env_names", "network", "mark"];
const SINCE: [string, number][] = [["now-5m", 300], ["now-15m", 900], ["now-1h", 3600], ["now-6h", 21600], ["now-24h", 86400]];
const NEVER = "no";

interface Pattern {
  host: string;
  service: string;
  id: string;
  template: string;
  level: string | null;
  first_seen: string;
  last_seen: string;
  example: string | null;
  state: "new" | "gone" | "known" | null;
  lines: number | null;
  lines_before: number | null;
}

interface Patterns {
  data: Pattern[];
  total: number;
  counted_until: string | null;
}

const STATES = { new: ["look", "new"], gone: ["off", "no more"], known: ["ok", ""] } as const;

function Row({ of, split }: { of: Pattern; split: boolean }) {
  const [kind, word] = STATES[of.state ?? "known"];
  const link = linkTo("logs", "", { pattern: of.id, service: of.service, host: of.host });
  return (
    <tr role="row" class={of.state === "gone" ? "quiet" : ""}>
      {split && <td role="cell">{word && <Sign kind={kind}>{word}</Sign>}</td>}
      {split && <td role="cell" class="r" data-head="before"><Num of={count(of.lines_before)} /></td>}
      <td role="cell" class="r" data-head={split ? "since" : "lines"} title={of.lines === null ? "younger than what is counted" : undefined}><Num of={count(of.lines)} /></td>
      <td role="cell"><Level of={of.level} /></td>
      <td role="cell" class="many like"><a href={link} title={of.example ?? undefined}><Template text={of.template} /></a></td>
      <td role="cell"><a href={linkTo("service", of.service)}>{of.service}</a></td>
      <td role="cell" class="wide-only" title={of.first_seen}>{when(of.first_seen)}</td>
      <td role="cell" class="wide-only" title={of.last_seen}>{when(of.last_seen)}</td>
    </tr>
  );
}

function Services({ chosen }: { chosen: string }) {
  useWatched(changes);
  const known = [...new Set([chosen, ...[...containers.value.rows.values()].map((row) => serviceOf(row.info))])].filter(Boolean).sort();
  return (
    <label>
      <span class="hidden">Service</span>
      <select value={chosen} onChange={(event) => setQuery({ service: event.currentTarget.value })}>
        <option value="">all services</option>
        {known.map((name) => <option key={name} value={name}>{name}</option>)}
      </select>
    </label>
  );
}

/** Since when something counts as new; null: nothing does. */
function sinceOf(query: Record<string, string>, change: Change | undefined): string | null {
  const chosen = query.since ?? (change ? "change" : NEVER);
  return chosen === "change" ? (change?.time ?? null) : chosen === NEVER ? null : chosen;
}

function Heads({ split }: { split: boolean }) {
  const heads: [string, string][] = [...(split ? ([["", ""], ["before", "r"]] as [string, string][]) : []), [split ? "since" : "lines", "r"], ["level", ""], ["lines like", "like"], ["service", ""], ["first seen", "wide-only"], ["last seen", "wide-only"]];
  return <thead role="rowgroup"><tr role="row">{heads.map(([title, kind]) => <th key={title} role="columnheader" scope="col" class={kind}>{title || <span class="hidden">news</span>}</th>)}</tr></thead>;
}

export function LogPatterns() {
  const here = useRoute();
  const { query } = here;
  const range = rangeOf(here);
  const [service, host] = [query.service ?? "", query.host || undefined];
  useTitle("Patterns");
  useKeys({ "/": focusSearch });
  const last = useAsked(`last change ${service} ${host} ${range.from} ${range.to}`, async (signal) =>
    (await get<Page<Change>>("/changes", { service, host, kind: TELLING, from: range.from, to: range.to, limit: 1 }, signal)).data[0] ?? null, range.live ? 30_000 : 0);
  const change = last.data ?? undefined;
  const since = sinceOf(query, change);
  const known = last.data !== undefined || last.error !== undefined;
  const level = levelsOf(query);
  const asked = useAsked(`patterns ${known} ${service} ${host} ${level} ${since} ${range.from} ${range.to}`, async (signal) =>
    known ? await get<Patterns>("/logs/patterns", { service, host, level, from: range.from, to: range.to, new_since: since ?? undefined, limit: MOST, total: "yes" }, signal) : null, range.live ? 15_000 : 0);
  const words = (query.q ?? "").toLowerCase();
  const span = (timeOf(range.to) - timeOf(range.from)) / 1000;
  return (
    <main class="page boxes patterns" id="main" tabIndex={-1}>
      <div class="tools">
        <h1>Logs</h1>
        <Tabs part="patterns" />
        <label class="grow">
          <span class="hidden">Filter</span>
          <input type="search" placeholder="filter patterns" value={query.q ?? ""} onInput={(event) => setQuery({ q: event.currentTarget.value }, true)} />
        </label>
        <LevelChoice query={query} />
        <Services chosen={service} />
        <label>
          new since{" "}
          <select value={query.since ?? (change ? "change" : NEVER)} onChange={(event) => setQuery({ since: event.currentTarget.value })}>
            <option value={NEVER}>– (all alike)</option>
            {change && <option value="change">the last change</option>}
            {SINCE.filter(([value, seconds]) => seconds < span || value === query.since).map(([value, seconds]) => <option key={value} value={value}>{duration(seconds)} ago</option>)}
          </select>
        </label>
        <CopyTable />
      </div>
      <Shown asked={asked} what="The list of patterns">
        {(answer) => {
          if (!answer) return null;
          const found = answer.data.filter((one) => !words || [one.template, one.service, one.example].some((text) => text?.toLowerCase().includes(words)));
          if (answer.data.length === 0)
            return <Empty title="No patterns in this range"><p>Here would be what lines of each log have in common, with their numbers. They are found in logs as these are read: it needs <code>enabled = yes</code> in <code>conf.d/docker_logs.conf</code>. <button onClick={() => setQuery({ from: "now-7d", to: undefined, level: undefined, service: undefined })}>Look at the last 7 days of all services</button></p></Empty>;
          if (found.length === 0) return <Empty title="No pattern matches"><p><button onClick={() => setQuery({ q: undefined })}>Show all</button></p></Empty>;
          return (
            <>
              <p class="dim">
                {plural(found.length, "pattern")}{answer.total > answer.data.length && ` of ${answer.total.toLocaleString("en")}`}
                {since && query.since === undefined && change && <>; new since {when(change.time)}, when <a href={linkTo("changes", "", { change: change.id })}>{change.service ?? change.host} changed ({summaryOf(change)})</a></>}
                {answer.counted_until && <>; lines are counted until {clock(ms(answer.counted_until)).slice(0, 5)}, <span class="none">{NONE}</span> is what is younger</>}
              </p>
              <div class="scroll" tabIndex={0} role="region" aria-label="Patterns">
                <table role="table" class="grid free"><Heads split={since !== null} /><tbody role="rowgroup">{found.map((one) => <Row key={`${one.host} ${one.service} ${one.id}`} of={one} split={since !== null} />)}</tbody></table>
              </div>
            </>
          );
        }}
      </Shown>
    </main>
  );
}
