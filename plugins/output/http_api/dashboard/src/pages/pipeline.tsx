// The daemon itself: what it read, where the rows are, what was dropped and why.
import { ask, askText, get, type Page, useAsked } from "../api";
import { bytes, duration, NONE, percent, plain } from "../format";
import { Num, Shown, Sign } from "../parts";
import { type Metric, parseMetrics, sumOf, sumsBy } from "../metrics";
import type { Pipeline as Balance, Ready } from "../types";
import { useTitle } from "../virtual";

interface Plugin {
  instance: string;
  kind: string;
  plugin: string;
  version: string;
  up: boolean;
}

interface State {
  balance: Balance;
  plugins: Plugin[];
  metrics: Metric[];
  ready: Ready;
  version: { version: string; host: string };
}

async function load(signal: AbortSignal): Promise<State> {
  const [balance, plugins, metrics, ready, version] = await Promise.all([
    get<Balance>("/pipeline", {}, signal),
    get<Page<Plugin>>("/plugins", {}, signal),
    askText("/metrics", signal).then(parseMetrics, () => []),
    ask<Ready>("/readyz", signal).catch((error): Ready => ({ status: "unavailable", detail: String(error.message ?? error) })),
    get<State["version"]>("/version", {}, signal),
  ]);
  return { balance, plugins: plugins.data, metrics, ready, version };
}

const n = (x: number | null | undefined) => (x === null || x === undefined ? NONE : Math.round(x).toLocaleString("en"));

function Dropped({ of }: { of: Record<string, number> }) {
  const reasons = Object.entries(of).filter(([, rows]) => rows > 0);
  if (reasons.length === 0) return <span class="none">0</span>;
  return <Sign kind="act">{reasons.map(([reason, rows]) => `${n(rows)} ${reason}`).join(", ")}</Sign>;
}

function Instances({ plugins, metrics }: { plugins: Plugin[]; metrics: Metric[] }) {
  return (
    <section class="card wide" aria-label="Instances">
      <h2>Instances</h2>
      <table class="grid free">
        <thead><tr><th scope="col">instance</th><th scope="col">state</th><th scope="col" class="r">errors</th><th scope="col" class="r">time a gathering</th></tr></thead>
        <tbody>
          {plugins.map((plugin) => {
            const mine = metrics.filter((metric) => metric.labels.input === plugin.instance || metric.labels.output === plugin.instance || metric.labels.instance === plugin.instance);
            const gathers = sumOf(mine, "tallyd_gathers_total");
            const seconds = sumOf(mine, "tallyd_gather_seconds_total");
            const blocked = sumOf(mine, "tallyd_input_blocked");
            const errors = (sumOf(mine, "tallyd_gather_errors_total") ?? 0) + (sumOf(mine, "tallyd_write_errors_total") ?? 0);
            return (
              <tr key={plugin.instance}>
                <th scope="row">{plugin.instance}</th>
                <td>{!plugin.up ? <Sign kind="act">down</Sign> : blocked ? <Sign kind="look">waits for its buffer</Sign> : "up"}</td>
                <td class="r">{errors ? <Sign kind="look">{n(errors)}</Sign> : <span class="none">0</span>}</td>
                <td class="r">{gathers && seconds !== null ? <Num of={{ value: plain((seconds / gathers) * 1000).value, unit: "ms" }} /> : <span class="none">{NONE}</span>}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </section>
  );
}

function Rows({ balance }: { balance: Balance }) {
  const waiting = balance.outputs.reduce((sum, one) => sum + one.waiting, 0);
  return (
    <>
      <section class="card wide" aria-label="Collected">
        <h2>Collected</h2>
        <table class="grid free">
          <thead><tr><th scope="col">input</th><th scope="col">table</th><th scope="col" class="r">rows</th><th scope="col">dropped</th></tr></thead>
          <tbody>{balance.inputs.map((one) => <tr key={`${one.input} ${one.table}`}><th scope="row">{one.input}</th><td>{one.table}</td><td class="r">{n(one.collected)}</td><td><Dropped of={one.dropped} /></td></tr>)}</tbody>
        </table>
      </section>
      <section class="card wide" aria-label="Delivered">
        <h2>Delivered <small>routed = stored + waiting + dropped; {n(waiting)} waiting</small></h2>
        <table class="grid free">
          <thead><tr><th scope="col">output</th><th scope="col">table</th><th scope="col" class="r">routed</th><th scope="col" class="r">stored</th><th scope="col" class="r">waiting</th><th scope="col">dropped</th></tr></thead>
          <tbody>{balance.outputs.map((one) => <tr key={`${one.output} ${one.table}`}><th scope="row">{one.output}</th><td>{one.table}</td><td class="r">{n(one.routed)}</td><td class="r">{n(one.stored)}</td><td class="r">{n(one.waiting)}</td><td><Dropped of={one.dropped} /></td></tr>)}</tbody>
        </table>
      </section>
    </>
  );
}

function Store({ metrics, ready }: { metrics: Metric[]; ready: Ready }) {
  const size = sumOf(metrics, "tallyd_sqlite_database_bytes") ?? sumOf(metrics, "tallyd_timescale_database_bytes");
  const lag = sumOf(metrics, "tallyd_sqlite_rollup_lag_seconds") ?? sumOf(metrics, "tallyd_timescale_rollup_lag_seconds");
  const writes = sumOf(metrics, "tallyd_writes_total");
  const seconds = sumOf(metrics, "tallyd_write_seconds_total");
  return (
    <section class="card" aria-label="Store">
      <h2>Store</h2>
      {ready.status === "ok" ? <span class="dim">answers</span> : <Sign kind="act">{ready.detail ?? ready.status}</Sign>}
      <dl>
        <div><dt>newest reading</dt><dd>{ready.age_seconds == null ? NONE : `${duration(ready.age_seconds)} ago`}</dd></div>
        <div><dt>size</dt><dd><Num of={bytes(size)} /></dd></div>
        <div><dt>rollups behind</dt><dd>{duration(lag)}</dd></div>
        <div><dt>a write takes</dt><dd>{writes && seconds !== null ? <Num of={{ value: plain((seconds / writes) * 1000).value, unit: "ms" }} /> : NONE}</dd></div>
        <div><dt>clock</dt><dd>{ready.clock && ready.clock !== "ok" ? <Sign kind="look">{ready.clock}</Sign> : (ready.clock ?? NONE)}</dd></div>
      </dl>
    </section>
  );
}

function Api({ metrics }: { metrics: Metric[] }) {
  const requests = sumOf(metrics, "tallyd_http_api_requests_total");
  const failed = sumOf(metrics.filter((metric) => metric.labels.status === "5xx"), "tallyd_http_api_requests_total");
  const seconds = sumOf(metrics, "tallyd_http_api_request_seconds_total");
  const results = sumsBy(metrics, "tallyd_http_api_cache_requests_total", "result");
  const looked = Object.values(results).reduce((sum, x) => sum + x, 0);
  return (
    <section class="card" aria-label="API">
      <h2>API</h2>
      <dl>
        <div><dt>requests</dt><dd>{n(requests)}{failed ? <>{" "}<Sign kind="look">{n(failed)} failed</Sign></> : ""}</dd></div>
        <div><dt>a request takes</dt><dd>{requests && seconds !== null ? <Num of={{ value: plain((seconds / requests) * 1000).value, unit: "ms" }} /> : NONE}</dd></div>
        <div><dt>cache hits</dt><dd>{looked ? <Num of={percent((100 * (results.hit ?? 0)) / looked)} /> : NONE}</dd></div>
        <div><dt>cache</dt><dd><Num of={bytes(sumOf(metrics, "tallyd_http_api_cache_bytes"))} /></dd></div>
        <div><dt>streams</dt><dd>{n(sumOf(metrics, "tallyd_http_api_streams"))}</dd></div>
        <div><dt>rows missed</dt><dd>{n(sumOf(metrics, "tallyd_http_api_stream_missed_total"))} <small>by slow clients</small></dd></div>
      </dl>
    </section>
  );
}

export function Pipeline() {
  useTitle("Pipeline");
  const asked = useAsked("pipeline page", load, 5000);
  return (
    <main class="page" id="main" tabIndex={-1}>
      <div class="tools"><h1>Pipeline</h1>{asked.data && <span class="dim">tallyd {asked.data.version.version} on {asked.data.version.host}, since it was started</span>}</div>
      <Shown asked={asked} what="The pipeline">
        {({ balance, plugins, metrics, ready }) => (
          <div class="cards" tabIndex={0} role="region" aria-label="Pipeline">
            <Store metrics={metrics} ready={ready} />
            <Api metrics={metrics} />
            <Instances plugins={plugins} metrics={metrics} />
            <Rows balance={balance} />
          </div>
        )}
      </Shown>
    </main>
  );
}
