// Which part of a long list is seen.  Rows are all of one height, or heights are given as a running
// sum; either way only what is seen, and a little around it, is in the document.
import type { RefObject } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

export interface View {
  top: number;
  height: number;
  width: number;
}

/** Of an element that scrolls, once it is there; told at most once a frame, and of scrolling only each
 * so many pixels: less than what is drawn beyond the edges. */
export function useView(ref: RefObject<HTMLElement | null>, step: number): View {
  const [view, set] = useState<View>({ top: 0, height: 800, width: 1200 });
  const watched = useRef<{ box: HTMLElement; end: () => void } | null>(null);
  useLayoutEffect(() => {
    const box = ref.current;
    if (watched.current?.box === box) return;
    watched.current?.end();
    watched.current = box && { box, end: watchView(box, step, set) };
  });
  useEffect(() => () => watched.current?.end(), []);
  return view;
}

function watchView(box: HTMLElement, step: number, set: (change: (old: View) => View) => void): () => void {
  let asked = 0;
  const look = () => {
    asked = 0;
    const now = { top: Math.floor(box.scrollTop / step) * step, height: box.clientHeight, width: box.clientWidth };
    set((old) => (old.top === now.top && old.height === now.height && old.width === now.width ? old : now));
  };
  const soon = () => {
    if (!asked) asked = requestAnimationFrame(look);
  };
  look();
  box.addEventListener("scroll", soon, { passive: true });
  const sizes = new ResizeObserver(soon);
  sizes.observe(box);
  return () => {
    cancelAnimationFrame(asked);
    box.removeEventListener("scroll", soon);
    sizes.disconnect();
  };
}

/** Rows of one height: the first that is seen and the one after the last. */
export function sliceOf(view: View, rows: number, height: number, around = 6): [number, number] {
  const first = Math.max(0, Math.min(rows, Math.floor(view.top / height)) - around);
  return [first, Math.min(rows, first + Math.ceil(view.height / height) + 2 * around)];
}

/** The last i with sums[i] <= at; sums[0] is 0 and sums[rows] the height of all. */
export function rowAt(sums: Float64Array, rows: number, at: number): number {
  let low = 0;
  let high = rows;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (sums[middle] <= at) low = middle;
    else high = middle - 1;
  }
  return Math.min(low, Math.max(0, rows - 1));
}

/** Brings row i of height h into sight, below a header. */
export function reveal(box: HTMLElement, i: number, h: number, header: number) {
  const top = i * h;
  if (top < box.scrollTop) box.scrollTop = top;
  else if (top + h > box.scrollTop + box.clientHeight - header) box.scrollTop = top + h - box.clientHeight + header;
}

export function useTitle(text: string) {
  useEffect(() => {
    document.title = text ? `${text} – tallyd` : "tallyd";
  }, [text]);
}
