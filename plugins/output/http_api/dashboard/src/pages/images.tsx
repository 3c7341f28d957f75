// Images: what each tag points to, who runs an older one, and what nobody uses.
import { getAll, useAsked } from "../api";
import { bytes, dateTime, ms, NONE, plural, shortId, since } from "../format";
import { focusSearch, useKeys } from "../keys";
import { CopyTable, Empty, hue, Num, Shown, Sign } from "../parts";
import { linkTo, setQuery, useRoute } from "../route";
import type { Image, Version } from "../types";
import { useTitle } from "../virtual";

interface Both {
  images: Image[];
  versions: Version[];
}

function State({ image }: { image: Image }) {
  if (image.outdated) return <Sign kind="look">{image.outdated} outdated{image.outdated_since ? ` for ${since(image.outdated_since)}` : ""}</Sign>;
  if (image.dangling) return <Sign kind={image.used_by.length ? "ok" : "off"}>dangling</Sign>;
  if (image.used_by.length === 0) return <Sign kind="off">unused</Sign>;
  if (image.update_available) return <Sign kind="look">newer in the registry</Sign>;
  return <span>in use</span>;
}

function Users({ of, host }: { of: { container_id: string; name: string; outdated: boolean; outdated_since: string | null }[]; host: string }) {
  if (of.length === 0) return <span class="none">{NONE}</span>;
  return (
    <>
      {of.map((one, i) => (
        <span key={one.container_id}>
          {i > 0 && ", "}
          <a href={linkTo("container", one.name, { host, id: one.container_id })}>{one.name}</a>
          {one.outdated && " "}
          {one.outdated && <Sign kind="look">⤒{one.outdated_since ? ` since ${dateTime(ms(one.outdated_since)).slice(5, 16)}` : ""}</Sign>}
        </span>
      ))}
    </>
  );
}

function Table({ images }: { images: Image[] }) {
  const total = images.reduce((sum, image) => sum + (image.size_bytes ?? 0), 0);
  const spare = images.filter((image) => image.used_by.length === 0);
  return (
    <>
      <p class="dim">{plural(images.length, "image")}, {bytes(total).value} {bytes(total).unit}; {spare.length} that no container uses, {bytes(spare.reduce((sum, image) => sum + (image.size_bytes ?? 0), 0)).value} {bytes(spare.reduce((sum, image) => sum + (image.size_bytes ?? 0), 0)).unit}</p>
      <div class="scroll" tabIndex={0} role="region" aria-label="Images">
        <table class="grid free">
          <thead><tr><th scope="col">tags</th><th scope="col">id</th><th scope="col" class="r">size</th><th scope="col" class="r">age</th><th scope="col">state</th><th scope="col">used by</th><th scope="col">host</th></tr></thead>
          <tbody>
            {images.map((image) => (
              <tr key={`${image.host} ${image.image_id}`} class={image.used_by.length ? "" : "quiet"}>
                <th scope="row">{image.tags.length ? image.tags.join(", ") : (image.digests[0]?.split("@")[0] ?? "no tag")}</th>
                <td><code>{shortId(image.image_id)}</code></td>
                <td class="r"><Num of={bytes(image.size_bytes)} /></td>
                <td class="r">{since(image.created)}</td>
                <td><State image={image} /></td>
                <td class="many"><Users of={image.used_by} host={image.host} /></td>
                <td>{image.host}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

const CHANGES: Record<string, string> = { added: "first seen", moved: "moved", removed: "removed", lost: "removed" };

interface Span {
  from: number;
  to: number;
  image: string | null;
}

/** What a tag pointed to, and from when to when. */
function spansOf(version: Version, begin: number, end: number): Span[] {
  const changes = [...version.changes].sort((a, b) => ms(a.time) - ms(b.time));
  const spans: Span[] = [];
  let at = begin;
  let image = changes.length ? changes[0].previous_image_id : version.image_id;
  for (const change of changes) {
    const time = Math.max(begin, ms(change.time));
    if (time > at) spans.push({ from: at, to: time, image });
    at = time;
    image = change.image_id;
  }
  spans.push({ from: at, to: end, image });
  return spans;
}

/** One colour for each image; the list beside it says the same in words. */
function Life({ version, begin, end }: { version: Version; begin: number; end: number }) {
  const x = (at: number) => ((at - begin) / Math.max(1, end - begin)) * 180;
  return (
    <svg class="life" viewBox="0 0 180 14" aria-hidden="true">
      {spansOf(version, begin, end).map((span) => (
        <rect key={span.from} class={span.image ? "" : "none"} x={x(span.from)} width={Math.max(1, x(span.to) - x(span.from) - 1)} y={2} height={10} rx={2} style={{ "--h": String(hue(span.image ?? "")) }}>
          <title>{`${dateTime(span.from)} – ${dateTime(span.to)}: ${span.image ? shortId(span.image) : "nothing"}`}</title>
        </rect>
      ))}
    </svg>
  );
}

function Versions({ versions }: { versions: Version[] }) {
  const end = Date.now();
  const times = versions.flatMap((version) => version.changes.map((change) => ms(change.time))).filter(Number.isFinite);
  const begin = Math.min(end - 3_600_000, ...times);
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Versions of each tag">
      <table class="grid free">
        <thead><tr><th scope="col">tag</th><th scope="col">points to</th><th scope="col">since {dateTime(begin).slice(5, 16)}</th><th scope="col">run by</th><th scope="col">changes, newest first</th><th scope="col">host</th></tr></thead>
        <tbody>
          {versions.map((version) => (
            <tr key={`${version.host} ${version.reference}`}>
              <th scope="row">{version.reference}</th>
              <td>{version.image_id ? <code>{shortId(version.image_id)}</code> : <span class="none">nothing any more</span>}</td>
              <td><Life version={version} begin={begin} end={end} /></td>
              <td class="many"><Users of={version.containers} host={version.host} /></td>
              <td class="many">
                {[...version.changes].sort((a, b) => ms(b.time) - ms(a.time)).slice(0, 8).map((change) => (
                  <span key={change.time} class="change">
                    {dateTime(ms(change.time)).slice(5, 16)} {CHANGES[change.change] ?? change.change}
                    {change.previous_image_id && <> <code>{shortId(change.previous_image_id)}</code> →</>}
                    {change.image_id && <> <code>{shortId(change.image_id)}</code></>}
                  </span>
                ))}
                {version.changes.length === 0 && <span class="none">none in this time</span>}
              </td>
              <td>{version.host}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function chosen(images: Image[], query: Record<string, string>): Image[] {
  const words = (query.q ?? "").toLowerCase();
  return images.filter((image) => {
    if (query.host && image.host !== query.host) return false;
    if (query.show === "outdated" && !image.outdated) return false;
    if (query.show === "unused" && image.used_by.length > 0) return false;
    if (query.show === "dangling" && !image.dangling) return false;
    return !words || [...image.tags, ...image.digests, image.image_id, ...image.used_by.map((one) => one.name)].some((text) => text.toLowerCase().includes(words));
  });
}

export function Images() {
  const { query } = useRoute();
  const host = query.host || undefined;
  useTitle("Images");
  useKeys({ "/": focusSearch });
  const asked = useAsked(`images ${host}`, async (signal): Promise<Both> => {
    const [images, versions] = await Promise.all([
      getAll<Image>("/images", { host, limit: 1000 }, 5000, signal),
      getAll<Version>("/images/versions", { host, limit: 1000 }, 5000, signal),
    ]);
    return { images: images.rows, versions: versions.rows };
  }, 30_000);
  return (
    <main class="page" id="main" tabIndex={-1}>
      <div class="tools">
        <h1>Images</h1>
        <label class="grow">
          <span class="hidden">Filter</span>
          <input type="search" placeholder="filter: tag, id, container" value={query.q ?? ""} onInput={(event) => setQuery({ q: event.currentTarget.value }, true)} />
        </label>
        <label>
          show{" "}
          <select value={query.show ?? ""} onChange={(event) => setQuery({ show: event.currentTarget.value })}>
            <option value="">all images</option>
            <option value="outdated">outdated ones</option>
            <option value="unused">unused ones</option>
            <option value="dangling">dangling ones</option>
            <option value="versions">versions of each tag</option>
          </select>
        </label>
        <CopyTable />
      </div>
      <Shown asked={asked} what="The list of images">
        {({ images, versions }) => {
          if (images.length === 0)
            return <Empty title="No images yet"><p>Here would be every image, and what each tag pointed to over time. It needs <code>conf.d/docker_images.conf</code> with <code>enabled = yes</code>.</p></Empty>;
          if (query.show === "versions") return <Versions versions={versions.filter((one) => one.reference.toLowerCase().includes((query.q ?? "").toLowerCase()))} />;
          const found = chosen(images, query);
          return found.length ? <Table images={found} /> : <Empty title="No image matches"><p><button onClick={() => setQuery({ q: undefined, show: undefined })}>Show all</button></p></Empty>;
        }}
      </Shown>
    </main>
  );
}
