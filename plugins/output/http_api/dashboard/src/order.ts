// The order of a table's rows, which changes only now and then, and not under the pointer.
import { useRef } from "preact/hooks";
import { useEvery } from "./parts";

const SORT_EVERY = 5000;

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
