// The one stream.  A browser gives a page six connections to a server and a stream keeps one, so all
// that the page follows comes over /stream?topics=…; when that changes, the stream is opened again
// where it was.  Rows come each once: every event's id holds the place in all topics, and a list
// that was asked for before says where it ends.
import { address, type Params, Watched } from "./api";
import { session } from "./signin";

export type Topic = "stats" | "containers" | "logs";

// What the parts of an id begin with, and which part of the API a token must cover for it.
const LETTER: Record<Topic, string> = { stats: "S", containers: "C", logs: "L" };
const TOPICS = Object.keys(LETTER) as Topic[];
const COME_BACK = 5000; // a browser gives up on what is not a stream, such as a proxy's page

export interface Follower {
  row: (data: unknown) => void;
  /** So many rows did not come; 0: nobody knows how many. */
  missed?: (rows: number) => void;
  /** Filters.  One that readings know, too, such as `container`, holds for them as well while this is
   * followed; the list of containers, which is asked for now and then, has the others. */
  params?: Params;
  /** Of the list that this goes on from. */
  position?: string | null;
}

const followers: Record<Topic, Set<Follower>> = { stats: new Set(), containers: new Set(), logs: new Set() };
const places = new Map<string, string>();
let source: EventSource | null = null;
let opened = "";
let asked = 0;

/** Whether rows arrive as they are read: false while the stream is being opened. */
export const connected = new Watched(false);

function remember(id: string) {
  for (const part of id.split("~")) if (part) places.set(part[0], part);
}

function covered(topic: Topic): boolean {
  const known = session.value;
  return !known?.required || known.scopes.includes("read") || known.scopes.includes(topic);
}

function wanted(): { topics: Topic[]; key: string; params: Params } {
  const topics = TOPICS.filter((topic) => followers[topic].size > 0 && covered(topic));
  const params: Params = {};
  for (const topic of topics) for (const one of followers[topic]) Object.assign(params, one.params);
  return { topics, params, key: topics.length ? address("/stream", { topics: topics.join(), ...params }) : "" };
}

function close() {
  source?.close();
  source = null;
  opened = "";
  connected.set(false);
}

function listen(topic: Topic, stream: EventSource) {
  stream.addEventListener(topic, (event) => {
    const { data, lastEventId } = event as MessageEvent<string>;
    remember(lastEventId);
    const row = JSON.parse(data);
    for (const one of followers[topic]) one.row(row);
  });
}

function open() {
  asked = 0;
  const { topics, params, key } = wanted();
  if (key === opened) return;
  close();
  if (!key) return;
  const last = topics.map((topic) => places.get(LETTER[topic])).filter(Boolean).join("~");
  const stream = new EventSource(address("/stream", { topics: topics.join(), ...params, last_event_id: last }));
  source = stream;
  opened = key;
  for (const topic of topics) listen(topic, stream);
  stream.addEventListener("lagged", (event) => {
    const { missed, topic } = JSON.parse((event as MessageEvent<string>).data);
    for (const one of followers[topic as Topic] ?? []) one.missed?.(missed);
  });
  stream.onopen = () => connected.set(true);
  stream.onerror = () => {
    connected.set(false);
    if (stream.readyState === EventSource.CLOSED && stream === source) again(COME_BACK);
  };
}

function again(wait: number) {
  opened = "";
  clearTimeout(asked);
  asked = setTimeout(open, wait);
}

/** Once for all that changes when one page follows another. */
function soon() {
  if (!asked) asked = setTimeout(open);
}

// A page that was left may be kept for the way back, connections and all: then the next ones have none.
addEventListener("pagehide", close);
addEventListener("pageshow", (event) => event.persisted && soon());
session.watch(soon);

/** Calls for each row from now on, or from where a list ended; what is returned ends it. */
export function follow(topic: Topic, follower: Follower): () => void {
  followers[topic].add(follower);
  if (topic === "logs") {
    places.delete(LETTER.logs); // others were looked at before
    opened = "";
  }
  if (follower.position) remember(follower.position);
  soon();
  return () => {
    followers[topic].delete(follower);
    soon();
  };
}
