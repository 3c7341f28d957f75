// Alerts: what fires, what may soon, what is over; and each time that one began, fired or ended.
import { get, getAll, type Page, useAsked } from "../api";
import { dateTime, duration, ms, NONE, plural, since, when } from "../format";
import { focusSearch, useKeys } from "../keys";
import { CopyTable, Empty, Shown, Sign } from "../parts";
import { linkTo, rangeOf, setQuery, useRoute } from "../route";
import { useTitle } from "../virtual";

const MOST = 1000;
const EVERY = 5000;

interface Alert {
  time: string;
  host: string;
  rule: string;
  subject: string;
  state: "firing" | "pending" | "resolved" | null;
  since: string | null;
  notified: boolean | null;
  severity: "critical" | "warning" | "info" | null;
  summary: string | null;
  subject_kind?: "container" | "service" | "project" | "host" | null;
}

type Alerts = Page<Alert> & { total: number };

const STATES = ["firing", "pending", "resolved"] as const;
const SEVERITIES = ["critical", "warning", "info"] as const;
const TOLD: Record<string, string> = { firing: "fires", pending: "may fire soon", resolved: "over" };
const severityOf = (alert: Alert) => SEVERITIES.indexOf(alert.severity ?? "info");
const kindOf = (alert: Alert) => (alert.state !== "firing" ? "ok" : alert.severity === "critical" ? "act" : alert.severity === "warning" ? "look" : "ok");

/** How many fire, and whether one of them is critical. */
export function useFiring(host: string | undefined): { count: number; critical: boolean } {
  const asked = useAsked(`firing ${host}`, (signal) => get<Alerts>("/alerts", { state: "firing", host, limit: MOST, fields: "severity", total: "yes" }, signal), 2 * EVERY);
  return { count: asked.data?.total ?? 0, critical: !!asked.data?.data.some((alert) => alert.severity === "critical") };
}

// ---- Rows

/** What it is about, and when. */
function Subject({ of }: { of: Alert }) {
  const then: Record<string, string> = of.state === "resolved" ? { at: of.time } : {};
  const page = {
    container: () => linkTo("container", of.subject, { host: of.host, ...then }),
    service: () => linkTo("service", of.subject, then),
    project: () => linkTo("services", "", { q: of.subject }),
    host: () => linkTo("containers", "", { host: of.subject }),
  }[of.subject_kind ?? "container"];
  return <a href={page()}>{of.subject}</a>;
}

/** How long it has been so, or was, or had been then. */
function lastedOf({ state, since: begin, time }: Alert, past: boolean): string {
  if (!begin) return NONE;
  return past || state === "resolved" ? duration((ms(time) - ms(begin)) / 1000) : since(begin);
}

function Row({ of, past }: { of: Alert; past: boolean }) {
  return (
    <tr role="row" class={of.state === "resolved" ? "quiet" : ""}>
      {past && <td role="cell" title={of.time}>{when(of.time)}</td>}
      <td role="cell"><Sign kind={kindOf(of)}>{of.severity ?? NONE}</Sign></td>
      {past && <td role="cell">{TOLD[of.state ?? ""] ?? NONE}</td>}
      <td role="cell"><Subject of={of} /></td>
      <td role="cell" class="many like">{of.summary ?? NONE}{of.notified === false && of.state === "firing" && <span class="dim"> (muted: nobody is told)</span>}</td>
      <td role="cell" class="r" title={of.since ? `since ${dateTime(ms(of.since))}` : undefined}>{lastedOf(of, past)}</td>
      {!past && <td role="cell" class="wide-only">{of.state === "resolved" ? when(of.time) : of.since ? when(of.since) : NONE}</td>}
      <td role="cell" class="wide-only">{of.rule}</td>
      <td role="cell" class="wide-only">{of.host}</td>
    </tr>
  );
}

function Table({ of, past, label }: { of: Alert[]; past: boolean; label: string }) {
  const resolved = of.every((alert) => alert.state === "resolved");
  const heads = past ? ["time", "severity", "state", "about", "what", "for", "rule", "host"] : ["severity", "about", "what", "for", resolved ? "until" : "since", "rule", "host"];
  const classes: Record<string, string> = { what: "like", for: "r", since: "wide-only", until: "wide-only", rule: "wide-only", host: "wide-only" };
  return (
    <table role="table" class="grid free" aria-label={label}>
      <thead role="rowgroup"><tr role="row">{heads.map((head) => <th key={head} role="columnheader" scope="col" class={classes[head]}>{head}</th>)}</tr></thead>
      <tbody role="rowgroup">{of.map((alert) => <Row key={`${alert.host} ${alert.rule} ${alert.subject} ${past ? alert.time : ""}`} of={alert} past={past} />)}</tbody>
    </table>
  );
}

// ---- The page

function Tabs({ part }: { part: string }) {
  return (
    <nav class="tabs" aria-label="Views of alerts">
      <a href={linkTo("alerts")} aria-current={part === "" ? "page" : undefined}>now</a>
      <a href={linkTo("alerts", "history")} aria-current={part === "history" ? "page" : undefined}>history</a>
    </nav>
  );
}

function Tools({ part, query }: { part: string; query: Record<string, string> }) {
  return (
    <div class="tools">
      <h1>Alerts</h1>
      <Tabs part={part} />
      <label class="grow">
        <span class="hidden">Filter</span>
        <input type="search" placeholder="filter: rule, subject, text" value={query.q ?? ""} onInput={(event) => setQuery({ q: event.currentTarget.value }, true)} />
      </label>
      <label>
        <span class="hidden">Severity</span>
        <select value={query.severity ?? ""} onChange={(event) => setQuery({ severity: event.currentTarget.value })}>
          <option value="">all severities</option>
          {SEVERITIES.map((severity) => <option key={severity} value={severity}>{severity}</option>)}
        </select>
      </label>
      <CopyTable />
    </div>
  );
}

function chosen(all: Alert[], query: Record<string, string>): Alert[] {
  const words = (query.q ?? "").toLowerCase();
  return all.filter((alert) => (!query.severity || alert.severity === query.severity) && (!words || [alert.rule, alert.subject, alert.summary, alert.host].some((text) => text?.toLowerCase().includes(words))));
}

function Nothing({ any, past }: { any: boolean; past: boolean }) {
  if (any) return <Empty title="No alert matches"><p><button onClick={() => setQuery({ q: undefined, severity: undefined })}>Show all</button></p></Empty>;
  return (
    <Empty title={past ? "No alert in this range" : "No alert yet"}>
      <p>Here would be each alert of the rules in <code>conf.d/alerts.conf</code>: an unhealthy container, a restart loop, a full memory, many errors, silence. {past && <button onClick={() => setQuery({ from: "now-30d", to: undefined })}>Look at the last 30 days</button>}</p>
    </Empty>
  );
}

export function Alerts() {
  const { query } = useRoute();
  const host = query.host || undefined;
  useTitle("Alerts");
  useKeys({ "/": focusSearch });
  const asked = useAsked(`alerts ${host}`, (signal) => get<Alerts>("/alerts", { host, limit: MOST, total: "yes" }, signal), EVERY);
  return (
    <main class="page boxes alerts" id="main" tabIndex={-1}>
      <Tools part="" query={query} />
      <Shown asked={asked} what="The list of alerts">
        {({ data, total }) => {
          const found = chosen(data, query);
          if (found.length === 0) return <Nothing any={data.length > 0} past={false} />;
          const of = (state: string) => found.filter((alert) => alert.state === state).sort((a, b) => severityOf(a) - severityOf(b) || ms(b.time) - ms(a.time));
          return (
            <div class="scroll sections" tabIndex={0} role="region" aria-label="Alerts">
              {STATES.map((state) => {
                const alerts = of(state);
                return (
                  <section key={state} aria-label={state}>
                    <h2>{state} <small>{alerts.length}</small></h2>
                    {alerts.length ? <Table of={alerts} past={false} label={state} /> : <p class="dim">{state === "firing" ? "Nothing fires." : state === "pending" ? "Nothing is about to." : "Nothing is over."}</p>}
                  </section>
                );
              })}
              {total > data.length && <p class="dim">The newest {data.length} of {plural(total, "alert")}.</p>}
            </div>
          );
        }}
      </Shown>
    </main>
  );
}

export function AlertHistory() {
  const here = useRoute();
  const { query } = here;
  const range = rangeOf(here);
  useTitle("Alerts");
  useKeys({ "/": focusSearch });
  const asked = useAsked(`history of alerts ${query.host} ${range.from} ${range.to}`, async (signal) =>
    (await getAll<Alert>("/alerts/history", { host: query.host || undefined, from: range.from, to: range.to, limit: 500 }, MOST, signal)).rows, range.live ? 2 * EVERY : 0);
  return (
    <main class="page boxes alerts" id="main" tabIndex={-1}>
      <Tools part="history" query={query} />
      <Shown asked={asked} what="The history of alerts">
        {(all) => {
          const found = chosen(all, query);
          if (found.length === 0) return <Nothing any={all.length > 0} past />;
          return (
            <>
              {all.length >= MOST && <p class="dim">The newest {MOST.toLocaleString("en")}; there are more before {dateTime(ms(all[all.length - 1].time))}.</p>}
              <div class="scroll" tabIndex={0} role="region" aria-label="History of alerts"><Table of={found} past label="history" /></div>
            </>
          );
        }}
      </Shown>
    </main>
  );
}
