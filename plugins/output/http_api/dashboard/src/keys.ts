// Keys.  Parts of the page say which they take while they are shown; the newest comes first.  None
// is taken from a field that is being typed into, except Escape.
import type { RefObject } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { reveal } from "./virtual";

export type Keys = Record<string, () => void>;

const layers: { current: Keys }[] = [];
let prefix = "";
let prefixTimer = 0;

const typing = (target: EventTarget | null) =>
  target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|SELECT|TEXTAREA)$/.test(target.tagName));

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) return;
  if (typing(event.target)) {
    if (event.key === "Escape") (event.target as HTMLElement).blur();
    return;
  }
  // Enter and space belong to what has the focus.
  if ((event.key === "Enter" || event.key === " ") && event.target instanceof HTMLElement && event.target.closest("a,button,summary,[tabindex='0'][role]")) return;
  const name = prefix + event.key;
  clearTimeout(prefixTimer);
  prefix = "";
  for (let i = layers.length - 1; i >= 0; i--) {
    const call = layers[i].current[name];
    if (call) {
      event.preventDefault();
      call();
      return;
    }
  }
  if (event.key === "g") {
    prefix = "g ";
    prefixTimer = setTimeout(() => (prefix = ""), 1500);
  }
});

export function useKeys(keys: Keys) {
  const layer = useRef(keys);
  layer.current = keys;
  // At once: a key that is pressed when something is seen must not come before it listens.
  useLayoutEffect(() => {
    layers.push(layer);
    return () => void layers.splice(layers.indexOf(layer), 1);
  }, []);
}

/** `/` goes to the field that searches. */
export function focusSearch() {
  const field = document.querySelector<HTMLInputElement>("input[type=search]");
  field?.focus();
  field?.select();
}

const HEAD = 30; // of a table

/** Up, down and into the rows of a table of which only a part may be in the document; returns where. */
export function useRowKeys(box: RefObject<HTMLElement | null>, rows: number, height: number, open: (i: number) => void): number {
  const [at, setAt] = useState(-1);
  const move = (step: number) => {
    const next = Math.max(0, Math.min(rows - 1, at + step));
    setAt(next);
    if (box.current) reveal(box.current, next, height, HEAD);
  };
  const enter = () => at >= 0 && at < rows && open(at);
  useKeys({ "/": focusSearch, j: () => move(1), k: () => move(-1), ArrowDown: () => move(1), ArrowUp: () => move(-1), Enter: enter, o: enter });
  return at;
}
