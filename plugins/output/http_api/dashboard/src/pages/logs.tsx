// Logs of all containers, or some: what is stored and what arrives in one list.
import { useEffect, useMemo, useState } from "preact/hooks";
import { address, ask, get, type Page, type Params, useAsked, useWatched } from "../api";
import { changes, containers } from "../containers";
import { dateTime, timeOf } from "../format";
import { focusSearch, useKeys } from "../keys";
import { Histogram } from "../histogram";
import { LogView, logSize } from "../logview";
import { save } from "../parts";
import { linkTo, rangeOf, setQuery, useRoute, type Route } from "../route";
import { useTitle } from "../virtual";

const LEVELS: [string, string, string[]][] = [
  ["", "all levels", []],
  ["notice", "notice and worse", ["notice", "warning", "error", "critical"]],
  ["warning", "warning and worse", ["warning", "error", "critical"]],
  ["error", "error and worse", ["error", "critical"]],
  ["info", "info", ["info"]],
  ["debug", "debug and trace", ["debug", "trace"]],
];

const list = (text: string | undefined) => (text ? text.split(",").filter(Boolean) : []);

/** What fields' values that were clicked must be in the lines. */
export function alsoOf(query: Record<string, string>): string[] {
  try {
    const also = JSON.parse(query.also || "[]");
    return Array.isArray(also) ? also.map(String) : [];
  } catch {
    return [];
  }
}

/** `/…/` is a regular expression, `/…/i` one in either case; anything else is text. */
function regexOf(text: string): { api: string; here: RegExp | null } | null {
  const found = /^\/(.+)\/(i?)$/.exec(text);
  if (!found) return null;
  let here: RegExp | null = null;
  try {
    here = new RegExp(found[1], `g${found[2]}`);
  } catch {
    // The API says what is wrong with it, or knows more than browsers do.
  }
  return { api: (found[2] ? "(?i)" : "") + found[1], here };
}

export const levelsOf = (query: Record<string, string>) => LEVELS.find(([id]) => id === (query.level ?? ""))?.[2] ?? [];

function searchOf(query: Record<string, string>) {
  const regex = regexOf(query.q ?? "");
  const texts = [regex ? "" : (query.q ?? ""), ...alsoOf(query)].filter(Boolean);
  const common = { q: texts, level: levelsOf(query), stream: query.stream || undefined };
  return {
    params: { ...common, regex: regex?.api, pattern: query.pattern || undefined },
    stream: common,
    regex: regex?.api,
    searched: [...texts, ...(regex?.here ? [regex.here] : [])],
  };
}

const narrowed = (query: Record<string, string>) => !!(query.q || query.also || query.level || query.stream || query.pattern);

/** Lines around each that is found; where nothing is searched, all are there anyway. */
function aroundOf(query: Record<string, string>): number | undefined {
  return narrowed(query) ? Math.min(100, Math.max(0, Math.floor(Number(query.around) || 0))) || undefined : undefined;
}

/** The time in a line's key, which a link to it has. */
const lineTime = (key: string | undefined) => (key ? Date.parse(key.split("~")[0]) : NaN);

/** Of the containers or services that `which` names, as parameters of the API. */
export function feedOptions(route: Route, which: Params) {
  const { query } = route;
  const range = rangeOf(route);
  const { params, stream, regex, searched } = searchOf(query);
  const at = query.line ? lineTime(query.line) : query.at ? timeOf(query.at) : NaN;
  return {
    searched,
    options: {
      path: "/logs",
      params: { ...params, ...which },
      stream: range.live ? { ...stream, ...which } : null,
      from: range.from,
      to: range.to,
      at,
      regex,
      around: aroundOf(query),
      pattern: query.pattern || undefined,
    },
  };
}

/** Lines one by one, or what they have in common. */
export function Tabs({ part }: { part: string }) {
  const { query } = useRoute();
  const kept = Object.fromEntries(["service", "level"].filter((name) => query[name]).map((name) => [name, query[name]]));
  return (
    <nav class="tabs" aria-label="Views of the log">
      <a href={linkTo("logs", "", kept)} aria-current={part === "" ? "page" : undefined}>lines</a>
      <a href={linkTo("logs", "patterns", kept)} aria-current={part === "patterns" ? "page" : undefined}>patterns</a>
    </nav>
  );
}

export function LevelChoice({ query }: { query: Record<string, string> }) {
  return (
    <label>
      <span class="hidden">Level</span>
      <select value={query.level ?? ""} onChange={(event) => setQuery({ level: event.currentTarget.value })}>
        {LEVELS.map(([id, title]) => <option key={id} value={id}>{title}</option>)}
      </select>
    </label>
  );
}

/** The pattern whose lines are shown; what it is like is asked for, the address has only its id. */
function PatternChip({ id, service }: { id: string; service: string | undefined }) {
  const asked = useAsked(`pattern ${id} ${service}`, async (signal) => (await get<Page<{ id: string; template: string }>>("/logs/patterns", { service, from: "now-30d", limit: 1000 }, signal)).data.find((one) => one.id === id)?.template);
  const text = asked.data ?? `pattern ${id}`;
  return (
    <button class="chip" title={text} onClick={() => setQuery({ pattern: undefined })} aria-label={`without the pattern ${text}`}>
      {text} <span aria-hidden="true">×</span>
    </button>
  );
}

function Chosen({ query }: { query: Record<string, string> }) {
  useWatched(changes);
  const rows = [...containers.value.rows.values()];
  const chosen = list(query.container);
  const services = list(query.service);
  const set = (ids: string[]) => setQuery({ container: ids.join(","), line: undefined });
  const setServices = (names: string[]) => setQuery({ service: names.join(","), line: undefined });
  const known = [...new Set(rows.map((row) => row.info.service ?? ""))].filter((one) => one && !services.includes(one)).sort();
  const left = rows.filter((row) => !chosen.includes(row.info.container_id)).sort((a, b) => a.info.name.localeCompare(b.info.name));
  const choose = (value: string) => {
    if (value.startsWith("c")) set([...chosen, value.slice(1)]);
    else if (value) setServices([...services, value.slice(1)]);
  };
  const name = (id: string) => rows.find((row) => row.info.container_id === id)?.info.name ?? id.slice(0, 12);
  return (
    <>
      {chosen.map((id) => (
        <button key={id} class="chip" onClick={() => set(chosen.filter((one) => one !== id))} aria-label={`without ${name(id)}`}>
          {name(id)} <span aria-hidden="true">×</span>
        </button>
      ))}
      {services.map((one) => (
        <button key={one} class="chip" onClick={() => setServices(services.filter((other) => other !== one))} aria-label={`without the service ${one}`}>
          {one} <span aria-hidden="true">×</span>
        </button>
      ))}
      {/* A container must be of one of the services, too: so it is either these or those. */}
      <label>
        <span class="hidden">Container or service</span>
        <select value="" onChange={(event) => choose(event.currentTarget.value)}>
          <option value="">{chosen.length || services.length ? "and …" : "all containers"}</option>
          {!services.length && <optgroup label="containers">{left.map((row) => <option key={row.key} value={`c${row.info.container_id}`}>{row.info.name}</option>)}</optgroup>}
          {!chosen.length && known.length > 0 && <optgroup label="services, with their former containers">{known.map((one) => <option key={one} value={`s${one}`}>{one}</option>)}</optgroup>}
        </select>
      </label>
    </>
  );
}

/** Typing searches when it pauses. */
function Search({ query }: { query: Record<string, string> }) {
  const [text, setText] = useState(query.q ?? "");
  useEffect(() => setText(query.q ?? ""), [query.q]);
  useEffect(() => {
    if (text === (query.q ?? "")) return;
    const timer = setTimeout(() => setQuery({ q: text, line: undefined }, true), 250);
    return () => clearTimeout(timer);
  }, [text]);
  return (
    <label class="grow">
      <span class="hidden">Search</span>
      <input type="search" placeholder="search text or /regular expression/" value={text} onInput={(event) => setText(event.currentTarget.value)} />
    </label>
  );
}

export function LogTools({ query, several }: { query: Record<string, string>; several: boolean }) {
  const also = alsoOf(query);
  const without = (text: string) => {
    const left = also.filter((one) => one !== text);
    setQuery({ also: left.length ? JSON.stringify(left) : undefined });
  };
  return (
    <>
      <Search query={query} />
      {also.map((text) => (
        <button key={text} class="chip" onClick={() => without(text)} aria-label={`without ${text}`}>{text} <span aria-hidden="true">×</span></button>
      ))}
      <LevelChoice query={query} />
      {query.pattern && <PatternChip id={query.pattern} service={query.service || undefined} />}
      {several && <Chosen query={query} />}
      <label>
        <span class="hidden">Stream</span>
        <select value={query.stream ?? ""} onChange={(event) => setQuery({ stream: event.currentTarget.value })}>
          <option value="">both streams</option>
          <option value="stdout">stdout</option>
          <option value="stderr">stderr</option>
        </select>
      </label>
      {narrowed(query) && (
        <label>
          <span class="hidden">Lines around each</span>
          <select value={query.around ?? ""} title="lines of the same container before and after each that is found" onChange={(event) => setQuery({ around: event.currentTarget.value })}>
            <option value="">only these</option>
            {[2, 5, 20].map((n) => <option key={n} value={String(n)}>{n} around</option>)}
          </select>
        </label>
      )}
      <label class="check">
        <input type="checkbox" checked={query.wrap === "yes"} onChange={(event) => setQuery({ wrap: event.currentTarget.checked ? "yes" : undefined }, true)} /> wrap
      </label>
    </>
  );
}

export const addField = (query: Record<string, string>) => (text: string) => {
  const also = alsoOf(query);
  if (!also.includes(text)) setQuery({ also: JSON.stringify([...also, text]), line: undefined });
};

export function NoLines({ query }: { query: Record<string, string> }) {
  return narrowed(query) ? (
    <p>Nothing matches in this range. <button onClick={() => setQuery({ q: undefined, also: undefined, level: undefined, stream: undefined, pattern: undefined })}>Search nothing</button></p>
  ) : (
    <p>Here would be what containers print. If it is never here, logs are off: set <code>enabled = yes</code> in <code>conf.d/docker_logs.conf</code> and restart tallyd.</p>
  );
}

export function Logs() {
  const here = useRoute();
  const { query } = here;
  const which = { container: list(query.container), service: list(query.service), host: query.host || undefined };
  const { options, searched } = useMemo(() => feedOptions(here, which), [JSON.stringify(query)]);
  const size = useWatched(logSize);
  const range = rangeOf(here);
  useTitle("Logs");
  useKeys({ "/": focusSearch });
  const onDownload = async () => {
    const text = await ask<unknown>(address("/logs", { ...options.params, from: options.from, to: options.to, order: "asc", limit: 10000 }));
    const { data } = text as { data: { time: string; name: string | null; message: string }[] };
    save(`tallyd-${dateTime(Date.now()).replace(/[: ]/g, "-")}.log`, "text/plain", data.map((row) => `${row.time} ${row.name ?? ""} ${row.message}\n`).join(""));
  };
  const jump = (text: string) => {
    const at = Date.parse(text);
    setQuery({ at: Number.isFinite(at) ? new Date(at).toISOString() : undefined, line: undefined });
  };
  return (
    <main class="page" id="main" tabIndex={-1}>
      <div class="tools">
        <h1>Logs</h1>
        <Tabs part="" />
        <LogTools query={query} several />
        <label>
          <span class="hidden">Jump to a time</span>
          <input type="datetime-local" step="1" title="jump to a time" onChange={(event) => jump(event.currentTarget.value)} />
        </label>
        {(query.at || query.line) && <button onClick={() => setQuery({ at: undefined, line: undefined })}>back to the newest</button>}
        <button onClick={onDownload} title="as a file, at most 10,000 lines of this range">download</button>
      </div>
      <Histogram params={options.params} of={narrowed(query) ? which : null} from={range.from} to={range.to} here={size} />
      <LogView options={options} searched={searched} wrap={query.wrap === "yes"} names={list(query.container).length !== 1} line={query.line} onField={addField(query)} empty={<NoLines query={query} />} />
    </main>
  );
}
