// Requests to the API.  One place knows how an error looks, whether a token is missing, and how old
// answers are.
import { useEffect, useRef, useState } from "preact/hooks";

export class Problem extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly retryAfter = 0,
  ) {
    super(message);
  }
}

export type Params = Record<string, string | number | string[] | undefined>;

export function address(path: string, params: Params = {}): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    if (value === undefined || value === "") continue;
    for (const one of Array.isArray(value) ? value : [value]) query.append(name, String(one));
  }
  const text = query.toString();
  return `/api/v1${path}${text ? `?${text}` : ""}`;
}

// ---- Something that several parts of the page look at

export class Watched<T> {
  private readonly watchers = new Set<() => void>();
  constructor(public value: T) {}
  set(value: T) {
    if (Object.is(value, this.value)) return;
    this.value = value;
    for (const tell of this.watchers) tell();
  }
  watch(tell: () => void): () => void {
    this.watchers.add(tell);
    return () => void this.watchers.delete(tell);
  }
}

export function useWatched<T>(watched: Watched<T>): T {
  const [, again] = useState({});
  useEffect(() => watched.watch(() => again({})), [watched]);
  return watched.value;
}

/** Set when an answer was 401: the page asks for a token. */
export const signedOut = new Watched(false);

// ---- One request

function problemOf(status: number, text: string, retry: string | null): Problem {
  let detail = text.slice(0, 200);
  try {
    const said = JSON.parse(text);
    detail = said.detail || said.title || detail;
  } catch {
    // Not ours: a proxy's page, say.
  }
  return new Problem(status, detail || `the answer was ${status}`, Number(retry) || 0);
}

// The daemon answers within seconds, or says 503.
const DEADLINE = 20000;
const PAUSES = [200, 1000, 0];

/** What was answered. A GET is asked for again: a browser drops all its connections when a network
 * interface comes or goes, and on the machine of an engine each container that starts brings one. */
export async function askText(url: string, signal?: AbortSignal, init: RequestInit = {}): Promise<string> {
  for (const pause of init.method ? [0] : PAUSES) {
    const late = AbortSignal.timeout(DEADLINE);
    try {
      const answer = await fetch(url, { signal: signal ? AbortSignal.any([signal, late]) : late, ...init });
      const text = await answer.text();
      if (answer.status === 401) signedOut.set(true);
      if (!answer.ok) throw problemOf(answer.status, text, answer.headers.get("Retry-After"));
      return text;
    } catch (error) {
      if (error instanceof Problem || signal?.aborted) throw error;
      if (pause === 0) break;
      await new Promise((done) => setTimeout(done, pause));
    }
  }
  throw new Problem(0, "tallyd does not answer: is it running, and is the network there?");
}

export async function ask<T>(url: string, signal?: AbortSignal, init: RequestInit = {}): Promise<T> {
  const text = await askText(url, signal, init);
  return (text ? JSON.parse(text) : undefined) as T;
}

export const get = <T>(path: string, params?: Params, signal?: AbortSignal) => ask<T>(address(path, params), signal);

export interface Page<T> {
  data: T[];
  next_cursor: string | null;
  /** Where a stream goes on from this list. */
  position?: string | null;
}

/** All pages of a list, up to a number of rows. */
export async function getAll<T>(path: string, params: Params, most: number, signal?: AbortSignal): Promise<{ rows: T[]; position: string | null }> {
  const rows: T[] = [];
  let position: string | null = null;
  let cursor: string | undefined;
  do {
    const page: Page<T> = await get(path, { ...params, cursor }, signal);
    rows.push(...page.data);
    position ??= page.position ?? null;
    cursor = page.next_cursor ?? undefined;
  } while (cursor && rows.length < most);
  return { rows, position };
}

// ---- A request that a part of the page depends on

export interface Asked<T> {
  data?: T;
  error?: Problem;
  /** Being asked for, and nothing is there to be shown meanwhile. */
  loading: boolean;
  /** When it is tried again, in milliseconds; 0: not by itself. */
  again: number;
}

/** Asks when `key` changes, and every so many milliseconds (0: once; after an error, again anyway), unless
 * an answer is final.  What was answered last stays until there is something new. */
export function useAsked<T>(key: string, run: (signal: AbortSignal) => Promise<T>, every = 0, final?: (data: T) => boolean): Asked<T> {
  const [state, set] = useState<Asked<T> & { key: string }>({ key: "", loading: true, again: 0 });
  const latest = useRef(run);
  latest.current = run;
  useEffect(() => {
    const abort = new AbortController();
    let timer = 0;
    let failures = 0;
    set((old) => ({ ...old, key, loading: old.data === undefined || old.key !== key }));
    const go = async () => {
      let wait = every;
      try {
        const data = await latest.current(abort.signal);
        failures = 0;
        if (!abort.signal.aborted) set({ key, data, loading: false, again: 0 });
        if (final?.(data)) wait = 0;
      } catch (error) {
        if (abort.signal.aborted) return;
        const problem = error instanceof Problem ? error : new Problem(-1, String(error));
        const lasting = problem.status >= 400 && problem.status < 500 && problem.status !== 429;
        wait = lasting ? every && 30000 : Math.max(problem.retryAfter * 1000, Math.min(30000, 1000 * 2 ** failures++));
        set((old) => ({
          ...old,
          key,
          data: old.key === key && !lasting ? old.data : undefined,
          error: problem,
          loading: false,
          again: wait ? Date.now() + wait : 0,
        }));
      }
      if (wait && !abort.signal.aborted) timer = setTimeout(go, wait);
    };
    void go();
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [key, every]);
  // With another key, what was answered for the last one is not shown as this one's.
  return state.key === key ? state : { data: state.data, loading: true, again: 0 };
}
