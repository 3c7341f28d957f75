// Streams.  A browser gives a page six connections to one server, so each stream here is opened when
// the first part of the page wants it, shared, and closed with the last.
import { address, type Params, Watched } from "./api";

export type Follow = (data: unknown) => void;

interface Stream {
  source?: EventSource;
  followers: Set<Follow>;
  missed: Set<(rows: number) => void>;
}

const streams = new Map<string, Stream>();

/** Whether rows arrive as they are read: false while a stream is being opened again. */
export const connected = new Watched(false);

function look() {
  let open = streams.size > 0;
  for (const stream of streams.values()) open &&= stream.source?.readyState === EventSource.OPEN;
  connected.set(open);
}

function listen(url: string, stream: Stream) {
  const source = new EventSource(url);
  stream.source = source;
  source.onmessage = (event) => {
    const row = JSON.parse(event.data);
    for (const follow of stream.followers) follow(row);
  };
  source.addEventListener("lagged", (event) => {
    const { missed } = JSON.parse((event as MessageEvent).data);
    for (const tell of stream.missed) tell(missed);
  });
  source.onopen = look;
  source.onerror = look;
}

// A page that was left may be kept for the way back, connections and all: then the next ones have none.
addEventListener("pagehide", () => {
  for (const stream of streams.values()) stream.source?.close();
  look();
});
addEventListener("pageshow", (event) => {
  if (event.persisted) for (const [url, stream] of streams) listen(url, stream);
});

/** Calls for each row from now on; what is returned ends it. */
export function follow(path: string, params: Params, call: Follow, missed?: (rows: number) => void): () => void {
  const url = address(`/stream/${path}`, params);
  let stream = streams.get(url);
  if (!stream) {
    streams.set(url, (stream = { followers: new Set(), missed: new Set() }));
    listen(url, stream);
  }
  stream.followers.add(call);
  if (missed) stream.missed.add(missed);
  return () => {
    stream.followers.delete(call);
    if (missed) stream.missed.delete(missed);
    if (stream.followers.size > 0) return;
    stream.source?.close();
    if (streams.get(url) === stream) streams.delete(url);
    look();
  };
}
