// What changed about services: images, limits, configuration, restarts; newest first, each with what it
// did.  On a phone rows are boxes, which have lost the roles of a table's: so these are said.
import { useEffect, useRef, useState } from "preact/hooks";
import { getAll, useAsked } from "../api";
import { type Change, differences, type Found, KINDS, kindOf, rankOf, summaryOf } from "../change";
import { EffectOf, foundOf, Judged, useEffectOf, verdictOf } from "../effect";
import { clock, dateTime, day, duration, ms, NONE, plural, timeOf } from "../format";
import { focusSearch, useKeys } from "../keys";
import { CopyTable, Empty, Shown, Sign } from "../parts";
import { linkTo, rangeOf, setQuery, useRoute } from "../route";
import { useTitle } from "../virtual";

const MOST = 2000;
const SHOWN = 6;
const LANES = 8;
const HEADS = ["time", "service", "kind", "what", "effect", "container", "host"];

/** What happened to one service at one moment: a deployment is often several changes. */
interface Moment {
  key: string;
  at: number;
  /** The one that tells most. */
  main: Change;
  all: Change[];
}

function momentsOf(changes: Change[]): Moment[] {
  const found = new Map<string, Moment>();
  for (const change of changes) {
    const key = `${change.time} ${change.host} ${change.service}`;
    const moment = found.get(key);
    if (moment) moment.all.push(change);
    else found.set(key, { key, at: ms(change.time), main: change, all: [change] });
  }
  for (const moment of found.values()) {
    moment.all.sort((a, b) => rankOf(a) - rankOf(b));
    moment.main = moment.all[0];
  }
  return [...found.values()];
}

// ---- Swimlanes

function Lanes({ moments, range, chosen }: { moments: Moment[]; range: [number, number]; chosen: string | undefined }) {
  const lanes = new Map<string, Moment[]>();
  for (const moment of moments) {
    const name = moment.main.service ?? "";
    lanes.set(name, [...(lanes.get(name) ?? []), moment]);
  }
  // What is restarted again and again must not hide what was deployed once.
  const best = (all: Moment[]) => Math.min(...all.map((moment) => rankOf(moment.main)));
  const shown = [...lanes].sort(([, a], [, b]) => best(a) - best(b)).slice(0, LANES);
  const left = (at: number) => ((at - range[0]) / Math.max(1, range[1] - range[0])) * 100;
  return (
    <div class="lanes" role="group" aria-label="Changes over time, by service">
      {shown.map(([name, all]) => (
        <div key={name} class="lane">
          <span class="of" title={name}>{name ? <a href={linkTo("service", name)}>{name}</a> : <span class="dim">everything</span>}</span>
          <span class="line">
            {all.map(({ key, at, main }) => (
              <button key={key} class={`sign ${kindOf(main).urgency}`} style={{ left: `${left(at)}%` }} aria-pressed={main.id === chosen} title={`${clock(at)} ${summaryOf(main)}`} aria-label={`${clock(at)} ${name}: ${summaryOf(main)}`}
                onClick={() => setQuery({ change: main.id === chosen ? undefined : main.id }, true)}>{kindOf(main).sign}</button>
            ))}
          </span>
        </div>
      ))}
      {lanes.size > LANES && <p class="dim">and {plural(lanes.size - LANES, "service")} more below</p>}
    </div>
  );
}

// ---- Rows

/** Whether it has been in sight; what is not costs no request. */
function useSeen() {
  const box = useRef<HTMLTableCellElement>(null);
  const [seen, set] = useState(false);
  useEffect(() => {
    if (!box.current || seen) return;
    const watcher = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && set(true));
    watcher.observe(box.current);
    return () => watcher.disconnect();
  }, [seen]);
  return { box, seen };
}

/** As it was judged; what was not yet is compared now. */
function Verdict({ change, found, open }: { change: Change; found: Found | null; open: boolean }) {
  const { box, seen } = useSeen();
  const asked = useEffectOf(seen && !found ? change.id : undefined, change);
  const effect = asked.data;
  return (
    <td role="cell" ref={box} class="many">
      <button class="plain" aria-expanded={open} title="before and after" onClick={() => setQuery({ change: open ? undefined : change.id }, true)}>
        <span aria-hidden="true">{open ? "▾" : "▸"} </span>
        {found ? <span title={[found.summary, `${duration(found.window)} before and after`].filter(Boolean).join("\n")}><Judged verdict={found.verdict}>{foundOf(found)}</Judged></span> : effect ? <Judged verdict={effect.verdict}>{verdictOf(effect)}</Judged> : asked.error ? <span class="dim">not compared</span> : <span class="dim">…</span>}
      </button>
    </td>
  );
}

function What({ change }: { change: Change }) {
  const all = differences(change);
  return (
    <>
      {all.slice(0, SHOWN).map((text) => <span key={text} class="change">{text}</span>)}
      {all.length > SHOWN && <span class="dim">and {all.length - SHOWN} more</span>}
      {all.length === 0 && <span class="none">{NONE}</span>}
    </>
  );
}

function Row({ moment, newDay, open }: { moment: Moment; newDay: boolean; open: boolean }) {
  const { main, all, at } = moment;
  const row = useRef<HTMLTableRowElement>(null);
  useEffect(() => {
    if (open) row.current?.scrollIntoView({ block: "nearest" });
  }, [open]);
  return (
    <>
      <tr role="row" ref={row} class={open ? "here" : ""}>
        <th role="rowheader" scope="row" title={main.time}>{newDay && <b>{day(at).slice(5)} </b>}{clock(at)}</th>
        <td role="cell">{main.service ? <a href={linkTo("service", main.service, { change: main.id })}>{main.service}</a> : <span class="none">{NONE}</span>}</td>
        <td role="cell" class="many">{all.map((change) => <span key={change.id} class="change"><Sign kind={kindOf(change).urgency}>{kindOf(change).title}</Sign></span>)}</td>
        <td role="cell" class="many">{all.map((change) => <What key={change.id} change={change} />)}</td>
        <Verdict change={main} found={all.find((change) => change.effect)?.effect ?? null} open={open} />
        <td role="cell" class="wide-only">{main.container_id ? <a href={linkTo("container", main.name ?? main.container_id, { host: main.host, id: main.container_id, at: main.time, change: main.id })}>{main.name ?? main.container_id.slice(0, 12)}</a> : <span class="none">{NONE}</span>}</td>
        <td role="cell" class="wide-only">{main.host}</td>
      </tr>
      {open && <tr role="row" class="unfolded"><td role="cell" colSpan={HEADS.length}><EffectOf id={main.id} of={main} /></td></tr>}
    </>
  );
}

export function Changes() {
  const here = useRoute();
  const { query } = here;
  const range = rangeOf(here);
  useTitle("Changes");
  useKeys({ "/": focusSearch, Escape: () => setQuery({ change: undefined }, true) });
  const asked = useAsked(`changes ${query.host} ${range.from} ${range.to}`, async (signal) =>
    (await getAll<Change>("/changes", { from: range.from, to: range.to, host: query.host || undefined, limit: 500 }, MOST, signal)).rows, range.live ? 10_000 : 0);
  const words = (query.q ?? "").toLowerCase();
  const chosen = (all: Change[]) => all.filter((change) => {
    if (query.kind && change.kind !== query.kind) return false;
    return !words || [change.service, change.name, kindOf(change).title, ...differences(change)].some((text) => text?.toLowerCase().includes(words));
  });
  return (
    <main class="page boxes changes" id="main" tabIndex={-1}>
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
            {Object.entries(KINDS).map(([kind, { title }]) => <option key={kind} value={kind}>{title}</option>)}
          </select>
        </label>
        <CopyTable />
      </div>
      <Shown asked={asked} what="The list of changes">
        {(all) => {
          const found = momentsOf(chosen(all));
          if (all.length === 0)
            return <Empty title="Nothing changed in this range"><p>Here would be each new image, limit, setting, restart and OOM kill of a service. They are found by <code>conf.d/docker_status.conf</code>. <button onClick={() => setQuery({ from: "now-30d", to: undefined })}>Look at the last 30 days</button></p></Empty>;
          if (found.length === 0) return <Empty title="No change matches"><p><button onClick={() => setQuery({ q: undefined, kind: undefined })}>Show all</button></p></Empty>;
          return (
            <>
              <Lanes moments={found} range={[timeOf(range.from), timeOf(range.to)]} chosen={query.change} />
              {all.length >= MOST && <p class="dim">The newest {plural(all.length, "change")}; there are more before {dateTime(ms(all[all.length - 1].time))}.</p>}
              <div class="scroll" tabIndex={0} role="region" aria-label="Changes">
                <table role="table" class="grid free">
                  <thead role="rowgroup"><tr role="row">{HEADS.map((head) => <th key={head} role="columnheader" scope="col">{head}</th>)}</tr></thead>
                  <tbody role="rowgroup">{found.map((moment, i) => <Row key={moment.key} moment={moment} newDay={i === 0 || day(found[i - 1].at) !== day(moment.at)} open={moment.all.some((change) => change.id === query.change)} />)}</tbody>
                </table>
              </div>
            </>
          );
        }}
      </Shown>
    </main>
  );
}
