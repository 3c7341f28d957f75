// The order of a table's rows, which changes only now and then, and not under the pointer; and the head
// that chooses it.
import { useRef } from "preact/hooks";
import { useEvery } from "./parts";
import { setQuery } from "./route";

const SORT_EVERY = 5000;

export const compareTexts = (a: string, b: string) => a.localeCompare(b, "en", { numeric: true });

/** Null last, whichever way. */
export function compareValues(x: number | string | null, y: number | string | null, down: boolean): number {
  if (x === null || y === null) return x === y ? 0 : x === null ? 1 : -1;
  if (typeof x === "number" && typeof y === "number") return down ? y - x : x - y;
  return compareTexts(String(x), String(y)) * (down ? -1 : 1);
}

/** `by` gives, for a text such as `-cpu`, how two rows are compared. */
export function useOrder<T extends { key: string }>(rows: T[], sort: string, by: (sort: string) => (a: T, b: T) => number, held: { current: boolean }): T[] {
  const tick = useEvery(SORT_EVERY);
  const last = useRef<{ keys: string[]; sort: string; tick: number; of: T[]; sorted: T[] }>({ keys: [], sort: "", tick: -1, of: [], sorted: [] });
  const again = last.current.sort !== sort || (last.current.tick !== tick && !held.current) || last.current.keys.length !== rows.length;
  if (!again) {
    if (last.current.of === rows) return last.current.sorted;
    const byKey = new Map(rows.map((row) => [row.key, row]));
    const ordered = last.current.keys.map((key) => byKey.get(key)).filter((row): row is T => row !== undefined);
    if (ordered.length === rows.length) {
      Object.assign(last.current, { of: rows, sorted: ordered });
      return ordered;
    }
  }
  const sorted = [...rows].sort(by(sort));
  last.current = { keys: sorted.map((row) => row.key), sort, tick, of: rows, sorted };
  return sorted;
}

interface HeadProps {
  fields: { id: string; title: string; hint: string; numeric: boolean; spoken?: string }[];
  sort: string;
  classOf: (id: string, numeric: boolean) => string;
}

/** A click on a title sorts by it, numbers from the largest; another one turns the order round. */
export function SortHead({ fields, sort, classOf }: HeadProps) {
  const down = sort.startsWith("-");
  const by = sort.replace("-", "");
  const choose = (id: string, numeric: boolean) => setQuery({ sort: by === id ? (down ? id : `-${id}`) : numeric ? `-${id}` : id }, true);
  return (
    <thead role="rowgroup">
      <tr role="row" aria-rowindex={1}>
        {fields.map(({ id, title, hint, numeric, spoken }) => (
          <th key={id} role="columnheader" scope="col" class={classOf(id, numeric)} title={hint || undefined} aria-sort={by === id ? (down ? "descending" : "ascending") : undefined}>
            <button onClick={() => choose(id, numeric)} aria-label={spoken}>
              {title}
              <span aria-hidden="true">{by === id ? (down ? " ▼" : " ▲") : ""}</span>
            </button>
          </th>
        ))}
      </tr>
    </thead>
  );
}
