// The address: `#/page/part?name=value`.  It holds all that a link should show to somebody else; the
// part behind # stays in the browser, so a search is in no server's log.
import { useEffect, useState } from "preact/hooks";

export interface Route {
  page: string;
  part: string;
  query: Record<string, string>;
}

export function parseRoute(hash: string): Route {
  const [path, query = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const [page = "", ...rest] = path.split("/");
  return {
    page: page || "containers",
    part: decodeURIComponent(rest.join("/")),
    query: Object.fromEntries(new URLSearchParams(query)),
  };
}

/** Values that are empty are left out. */
export function formatRoute(route: Route): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(route.query)) if (value) query.set(name, value);
  const part = route.part ? `/${encodeURIComponent(route.part)}` : "";
  const text = query.toString().replaceAll("%2C", ",").replaceAll("%3A", ":");
  return `#/${route.page}${part}${text ? `?${text}` : ""}`;
}

let current = parseRoute(location.hash);
const watchers = new Set<(route: Route) => void>();

function changed() {
  current = parseRoute(location.hash);
  for (const tell of watchers) tell(current);
}

addEventListener("popstate", changed);
addEventListener("hashchange", changed);

export const route = () => current;

/** Where the range and the host stay as they are; anything else of the query begins anew. */
export function linkTo(page: string, part = "", query: Record<string, string> = {}): string {
  const kept: Record<string, string> = {};
  for (const name of ["from", "to", "host"]) if (current.query[name]) kept[name] = current.query[name];
  return formatRoute({ page, part, query: { ...kept, ...query } });
}

export function goTo(hash: string) {
  history.pushState(null, "", hash);
  changed();
}

/** Changes parts of the query.  Typing and the like replace the entry in the history. */
export function setQuery(change: Record<string, string | undefined>, replace = false) {
  const query: Record<string, string> = { ...current.query };
  for (const [name, value] of Object.entries(change)) {
    if (value) query[name] = value;
    else delete query[name];
  }
  const hash = formatRoute({ ...current, query });
  if (hash === formatRoute(current)) return; // charts that share a crosshair all say the same
  if (replace) history.replaceState(null, "", hash);
  else history.pushState(null, "", hash);
  changed();
}

export function useRoute(): Route {
  const [value, set] = useState(current);
  useEffect(() => {
    watchers.add(set);
    set(current);
    return () => void watchers.delete(set);
  }, []);
  return value;
}

export interface Range {
  from: string;
  to: string;
  live: boolean;
}

export function rangeOf(r: Route): Range {
  const from = r.query.from || "now-1h";
  const to = r.query.to || "now";
  return { from, to, live: to === "now" };
}
