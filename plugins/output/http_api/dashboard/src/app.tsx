// The frame around all pages: where one can go, the range of time, and the line at the foot that
// says how old the data is.
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { ask, get, Problem, signedOut, useAsked, useWatched } from "./api";
import { changes, containers, newest, startContainers, stopContainers } from "./containers";
import { clock, dateTime, duration, ms, plural, timeOf, zone } from "./format";
import { useKeys } from "./keys";
import { connected } from "./live";
import { Sign, useEvery } from "./parts";
import { AlertHistory, Alerts, useFiring } from "./pages/alerts";
import { Changes } from "./pages/changes";
import { ContainerPage } from "./pages/container";
import { Containers } from "./pages/containers";
import { Hosts } from "./pages/hosts";
import { Images } from "./pages/images";
import { Logs } from "./pages/logs";
import { LogPatterns } from "./pages/patterns";
import { Pipeline } from "./pages/pipeline";
import { ServicePage } from "./pages/service";
import { Services } from "./pages/services";
import { goTo, linkTo, rangeOf, setQuery, useRoute } from "./route";
import { lookAtSession, session, SignIn, signOut } from "./signin";
import { otherTheme, theme } from "./theme";
import type { Host, Pipeline as Balance, Ready } from "./types";
import type { Page } from "./api";

const PAGES: [string, string, string][] = [
  ["containers", "Containers", "c"],
  ["services", "Services", "s"],
  ["logs", "Logs", "l"],
  ["images", "Images", "i"],
  ["changes", "Changes", "e"],
  ["alerts", "Alerts", "a"],
  ["hosts", "Hosts", "h"],
  ["pipeline", "Pipeline", "p"],
];

const RANGES: [string, string][] = [
  ["now-15m", "last 15 min"],
  ["now-1h", "last 1 h"],
  ["now-6h", "last 6 h"],
  ["now-24h", "last 24 h"],
  ["now-7d", "last 7 d"],
  ["now-30d", "last 30 d"],
];

// ---- The top

function RangeChoice() {
  const here = useRoute();
  const { from, to, live } = rangeOf(here);
  const known = live && RANGES.some(([value]) => value === from);
  return (
    <label>
      <span class="hidden">Range of time</span>
      <select value={known ? from : "fixed"} title={`times are of ${zone}`} onChange={(event) => setQuery({ from: event.currentTarget.value, to: undefined, at: undefined, line: undefined })}>
        {!known && <option value="fixed">{live && from.startsWith("now-") ? `last ${duration((Date.now() - timeOf(from)) / 1000)}` : `${dateTime(timeOf(from)).slice(5)} – ${live ? "now" : clock(timeOf(to))}`}</option>}
        {RANGES.map(([value, title]) => <option key={value} value={value}>{title}</option>)}
      </select>
    </label>
  );
}

function HostChoice() {
  const { query } = useRoute();
  const asked = useAsked("hosts", (signal) => get<Page<Host>>("/hosts", {}, signal), 60_000);
  const hosts = asked.data?.data ?? [];
  if (hosts.length < 2 && !query.host) return null;
  return (
    <label>
      <span class="hidden">Host</span>
      <select value={query.host ?? ""} onChange={(event) => setQuery({ host: event.currentTarget.value, id: undefined })}>
        <option value="">all hosts</option>
        {hosts.map(({ host }) => <option key={host} value={host}>{host}</option>)}
      </select>
    </label>
  );
}

function shiftRange(part: number) {
  const { from, to } = rangeOf({ page: "", part: "", query: Object.fromEntries(new URLSearchParams(location.hash.split("?")[1])) });
  const [start, end] = [timeOf(from), timeOf(to)];
  const move = (end - start) * part;
  if (end + move >= Date.now()) setQuery({ from: `now-${Math.round((end - start) / 1000)}s`, to: undefined });
  else setQuery({ from: new Date(start + move).toISOString(), to: new Date(end + move).toISOString() });
}

function Firing({ host }: { host: string | undefined }) {
  const { count, critical } = useFiring(host);
  return count ? <b class={`badge ${critical ? "act" : "look"}`} title={`${count} firing`}>{count}<span class="hidden"> firing</span></b> : null;
}

function Top({ help }: { help: () => void }) {
  const { page, query } = useRoute();
  const live = useWatched(connected);
  const now = useWatched(theme);
  const who = useWatched(session);
  const atEnd = (query.to || "now") === "now";
  const nav = useRef<HTMLElement>(null);
  useEffect(() => nav.current?.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" }), [page]);
  return (
    <header class="bar">
      <a class="skip" href="#main" onClick={(event) => { event.preventDefault(); document.getElementById("main")?.focus(); }}>to the content</a>
      <strong class="brand">tallyd</strong>
      <nav aria-label="Pages" ref={nav}>
        {PAGES.map(([id, title]) => (
          <a key={id} href={linkTo(id)} aria-current={page === id || id === `${page}s` ? "page" : undefined}>
            {title}
            {id === "alerts" && <Firing host={query.host || undefined} />}
          </a>
        ))}
      </nav>
      <span class="ends">
        <HostChoice />
        <button onClick={() => shiftRange(-0.5)} title="earlier ( [ )" aria-label="earlier">‹</button>
        <RangeChoice />
        <button onClick={() => shiftRange(0.5)} disabled={atEnd} title="later ( ] )" aria-label="later">›</button>
        <span class={`live ${live && atEnd ? "on" : ""}`} title={live ? "readings appear as they are read" : "the stream is being opened again"}>{atEnd ? (live ? "live" : "connecting") : "past"}</span>
        <button onClick={otherTheme} title="light or dark ( t )" aria-label={now === "dark" ? "light theme" : "dark theme"}>{now === "dark" ? "☀" : "☾"}</button>
        {who?.required && <button onClick={() => void signOut()}>sign out</button>}
        <button onClick={help} title="all keys ( ? )" aria-label="all keys">?</button>
      </span>
    </header>
  );
}

// ---- The foot

const STALE_AFTER = 60;

function stateOf(error: Problem | undefined, ready: Ready | undefined): string | null {
  if (error && error.status === 503) return error.message;
  if (error && error.status === 0) return error.message;
  if (ready && ready.status !== "ok") return ready.detail ?? ready.status;
  return null;
}

/** A machine that runs containers and sends no readings, while another does. */
function silentOf(hosts: Host[] | undefined): Host | undefined {
  return hosts?.find((host) => host.running > 0 && host.newest_stats && Date.now() - ms(host.newest_stats) > STALE_AFTER * 1000);
}

function Foot() {
  useEvery(1000);
  useWatched(changes);
  const list = containers.value;
  const seen = useWatched(newest);
  const ready = useAsked("ready", (signal) => ask<Ready>("/readyz", signal), 5000);
  const hosts = useAsked("hosts of the foot", (signal) => get<Page<Host>>("/hosts", {}, signal), 10_000);
  const balance = useAsked("balance", (signal) => get<Balance>("/pipeline", {}, signal), 5000);
  const rows = [...list.rows.values()];
  const states = (state: string) => rows.filter((row) => row.info.state === state && !row.info.gone_at).length;
  const sick = rows.filter((row) => row.info.health === "unhealthy" && row.info.state === "running").length;
  const at = Math.max(Number.isFinite(seen) ? seen : 0, ms(ready.data?.newest_stats) || 0);
  const age = at ? (Date.now() - at) / 1000 : null;
  const wrong = stateOf(ready.error, ready.data);
  const waiting = balance.data?.outputs.reduce((sum, one) => sum + one.waiting, 0);
  const stale = age !== null && age > STALE_AFTER;
  const silent = silentOf(hosts.data?.data);
  return (
    <footer class={`foot ${wrong || stale || silent ? "amber" : ""}`}>
      <span>{states("running")} running</span>
      {sick > 0 && <Sign kind="act">{sick} unhealthy</Sign>}
      {states("restarting") > 0 && <Sign kind="look">{states("restarting")} restarting</Sign>}
      {states("exited") > 0 && <span>{states("exited")} exited</span>}
      {wrong ? (
        <Sign kind="act">{wrong}{age !== null && ` (newest reading ${duration(age)} ago)`}</Sign>
      ) : stale ? (
        <Sign kind="look">readings are {duration(age)} old: nothing was read since {dateTime(at)}; see <a href={linkTo("pipeline")}>the pipeline</a></Sign>
      ) : silent ? (
        <Sign kind="look">no readings of {silent.host} since {dateTime(ms(silent.newest_stats))}; see <a href={linkTo("hosts")}>hosts</a></Sign>
      ) : (
        <span>{age === null ? "no reading yet" : `newest reading ${duration(age)} ago`}</span>
      )}
      {waiting !== undefined && <span class="waiting">{plural(waiting, "row")} waiting</span>}
      <span class="zone">{zone}</span>
    </footer>
  );
}

// ---- Keys, signing in

const KEYS: [string, string][] = [
  ["/", "search"],
  ["g c", "containers"],
  ["g s", "services"],
  ["g l", "logs"],
  ["g i", "images"],
  ["g e", "changes"],
  ["g a", "alerts"],
  ["g h", "hosts"],
  ["g p", "pipeline"],
  ["j  k", "next, last row"],
  ["enter", "open, or unfold"],
  ["f", "hold the log, follow it"],
  ["esc", "back"],
  ["[  ]", "earlier, later"],
  ["t", "light or dark"],
  ["?", "these keys"],
];

function Help({ close }: { close: () => void }) {
  useKeys({ Escape: close, "?": close });
  return (
    <div class="veil" onClick={close}>
      <dialog open class="box" aria-label="Keys" onClick={(event) => event.stopPropagation()}>
        <h2>Keys</h2>
        <dl class="keys">{KEYS.map(([key, what]) => <div key={key}><dt>{key.split("  ").map((one) => <kbd key={one}>{one}</kbd>)}</dt><dd>{what}</dd></div>)}</dl>
        <p><a href="/docs">The API behind these pages</a></p>
        <button onClick={close} autofocus>close</button>
      </dialog>
    </div>
  );
}

const VIEWS: Record<string, () => JSX.Element> = {
  containers: Containers,
  container: ContainerPage,
  services: Services,
  service: ServicePage,
  logs: Logs,
  "logs/patterns": LogPatterns,
  images: Images,
  changes: Changes,
  alerts: Alerts,
  "alerts/history": AlertHistory,
  hosts: Hosts,
  pipeline: Pipeline,
};

export function App() {
  const { page, part } = useRoute();
  const [help, setHelp] = useState(false);
  const out = useWatched(signedOut);
  const known = useWatched(session);
  useEffect(() => void lookAtSession(), []);
  useEffect(() => {
    if (!known) return;
    if (out) stopContainers();
    else startContainers();
  }, [out, known]);
  useKeys({
    "?": () => setHelp(true),
    t: otherTheme,
    "[": () => shiftRange(-0.5),
    "]": () => shiftRange(0.5),
    ...Object.fromEntries(PAGES.map(([id, , key]) => [`g ${key}`, () => goTo(linkTo(id))])),
  });
  const view = [`${page}/${part}`, page].find((one) => VIEWS[one]) ?? "containers";
  const View = VIEWS[view];
  if (out) return <SignIn />;
  return (
    <>
      <Top help={() => setHelp(true)} />
      {known ? <View key={view} /> : <main class="page" />}
      <Foot />
      {help && <Help close={() => setHelp(false)} />}
    </>
  );
}
