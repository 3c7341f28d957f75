// What changed about services: images, limits, configuration, restarts; newest first.
import { getAll, useAsked } from "../api";
import { bytes, clock, dateTime, day, join, ms, NONE, plural, shortId } from "../format";
import { focusSearch, useKeys } from "../keys";
import { CopyTable, Empty, Shown, Sign } from "../parts";
import { linkTo, rangeOf, setQuery, useRoute } from "../route";
import { useTitle } from "../virtual";

type Parts = Record<string, unknown> | null;

interface Change {
  time: string;
  host: string;
  service: string | null;
  kind: string;
  container_id: string | null;
  name: string | null;
  before: Parts;
  after: Parts;
}

const MOST = 2000;
const SHOWN = 6;
const KINDS: Record<string, [string, "ok" | "look" | "act"]> = {
  image: ["image", "look"],
  config: ["configuration", "ok"],
  limits: ["limits", "ok"],
  mounts: ["mounts", "ok"],
  env_names: ["environment", "ok"],
  network: ["network", "ok"],
  restart: ["restart", "look"],
  oom: ["out of memory", "act"],
  health: ["health", "ok"],
  scaled: ["scaled", "ok"],
  host: ["host", "look"],
  mark: ["mark", "ok"],
};

function valueText(kind: string, name: string, value: unknown): string {
  if (value === null || value === undefined) return NONE;
  if (kind === "env_names") return "another value"; // what is stored is a hash
  if (kind === "limits" && typeof value === "number" && name.includes("mem")) return value > 0 ? join(bytes(value)) : "none";
  const text = typeof value === "string" ? value : JSON.stringify(value);
  if (/^\d{4}-\d\d-\d\dT.*Z$/.test(text)) return dateTime(ms(text));
  return /^sha256:[0-9a-f]{64}$/.test(text) ? shortId(text) : text;
}

/** Each member that is different; of one that is only on one side, that it came or went. */
function differences(change: Change): string[] {
  const { before, after, kind } = change;
  if (kind === "oom") return ["its memory limit was hit"];
  // An image's name stays when its tag has moved.
  const same = (name: string) => JSON.stringify(before?.[name]) === JSON.stringify(after?.[name]);
  const names = [...new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])].filter((name) => name === "image" || !same(name));
  return names.map((name) => {
    const [old, now] = [before?.[name], after?.[name]];
    if (kind === "env_names") return old === undefined ? `${name} added` : now === undefined ? `${name} removed` : `${name} changed`;
    if (old === undefined) return `${name}: ${valueText(kind, name, now)}`;
    if (same(name) || (now === undefined && kind === "restart")) return `${name}: ${valueText(kind, name, old)}`;
    if (now === undefined) return `${name}: ${valueText(kind, name, old)} → ${NONE}`;
    return `${name}: ${valueText(kind, name, old)} → ${valueText(kind, name, now)}`;
  });
}

function Row({ change, newDay }: { change: Change; newDay: boolean }) {
  const [title, sign] = KINDS[change.kind] ?? [change.kind, "ok"];
  const at = ms(change.time);
  const all = differences(change);
  const sick = change.kind === "health" && JSON.stringify(change.after ?? {}).includes("unhealthy");
  return (
    <tr>
      <th scope="row" title={change.time}>{newDay && <b>{day(at).slice(5)} </b>}{clock(at)}</th>
      <td>{change.service ? <a href={linkTo("logs", "", { service: change.service, at: change.time })} title="what it said then">{change.service}</a> : <span class="none">{NONE}</span>}</td>
      <td><Sign kind={sick ? "act" : sign}>{title}</Sign></td>
      <td class="many">
        {all.slice(0, SHOWN).map((text) => <span key={text} class="change">{text}</span>)}
        {all.length > SHOWN && <span class="dim">and {all.length - SHOWN} more</span>}
        {all.length === 0 && <span class="none">{NONE}</span>}
      </td>
      <td>{change.container_id ? <a href={linkTo("container", change.name ?? change.container_id, { host: change.host, id: change.container_id, at: change.time })}>{change.name ?? change.container_id.slice(0, 12)}</a> : <span class="none">{NONE}</span>}</td>
      <td>{change.host}</td>
    </tr>
  );
}

export function Changes() {
  const here = useRoute();
  const { query } = here;
  const range = rangeOf(here);
  useTitle("Changes");
  useKeys({ "/": focusSearch });
  const asked = useAsked(`changes ${query.host} ${range.from} ${range.to}`, async (signal) =>
    (await getAll<Change>("/tables/container_changes", { from: range.from, to: range.to, host: query.host || undefined, order: "desc", limit: 500 }, MOST, signal)).rows, range.live ? 10_000 : 0);
  const words = (query.q ?? "").toLowerCase();
  const chosen = (all: Change[]) => all.filter((change) => {
    if (query.kind && change.kind !== query.kind) return false;
    return !words || [change.service, change.name, change.kind, ...differences(change)].some((text) => text?.toLowerCase().includes(words));
  });
  return (
    <main class="page" id="main" tabIndex={-1}>
      <div class="tools">
        <h1>Changes</h1>
        <label class="grow">
          <span class="hidden">Filter</span>
          <input type="search" placeholder="filter: service, image, what changed" value={query.q ?? ""} onInput={(event) => setQuery({ q: event.currentTarget.value }, true)} />
        </label>
        <label>
          show{" "}
          <select value={query.kind ?? ""} onChange={(event) => setQuery({ kind: event.currentTarget.value })}>
            <option value="">all changes</option>
            {Object.entries(KINDS).map(([kind, [title]]) => <option key={kind} value={kind}>{title}</option>)}
          </select>
        </label>
        <CopyTable />
      </div>
      <Shown asked={asked} what="The list of changes">
        {(all) => {
          const found = chosen(all);
          if (all.length === 0)
            return <Empty title="Nothing changed in this range"><p>Here would be each new image, limit, setting, restart and OOM kill of a service. They are found by <code>conf.d/docker_status.conf</code>. <button onClick={() => setQuery({ from: "now-30d", to: undefined })}>Look at the last 30 days</button></p></Empty>;
          if (found.length === 0) return <Empty title="No change matches"><p><button onClick={() => setQuery({ q: undefined, kind: undefined })}>Show all</button></p></Empty>;
          return (
            <>
              <p class="dim">{plural(found.length, "change")}{all.length >= MOST && `, the newest; there are more before ${dateTime(ms(all[all.length - 1].time))}`}</p>
              <div class="scroll" tabIndex={0} role="region" aria-label="Changes">
                <table class="grid free">
                  <thead><tr><th scope="col">time</th><th scope="col">service</th><th scope="col">kind</th><th scope="col">what</th><th scope="col">container</th><th scope="col">host</th></tr></thead>
                  <tbody>{found.map((change, i) => <Row key={`${change.time} ${change.host} ${change.service} ${change.kind} ${change.container_id}`} change={change} newDay={i === 0 || day(ms(found[i - 1].time)) !== day(ms(change.time))} />)}</tbody>
                </table>
              </div>
            </>
          );
        }}
      </Shown>
    </main>
  );
}
