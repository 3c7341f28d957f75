// Small things that all pages use: figures, signs, sparklines, and what is shown when there is
// nothing to show.
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Asked, Problem } from "./api";
import { NONE, type Figure } from "./format";
import type { Column } from "./types";

export function Num({ of }: { of: Figure }) {
  return (
    <span class={of.value === NONE ? "num none" : "num"}>
      {of.value}
      {of.unit && <small> {of.unit}</small>}
    </span>
  );
}

/** A word with a sign and a colour: amber to look at, red to act on; nothing for what is well. */
export function Sign({ kind, children }: { kind: "ok" | "look" | "act" | "off"; children: ComponentChildren }) {
  const sign = { ok: "", look: "▲ ", act: "✖ ", off: "" }[kind];
  return (
    <span class={`sign ${kind}`}>
      {sign && <span aria-hidden="true">{sign}</span>}
      {children}
    </span>
  );
}

export function Spark({ of, top }: { of: Column | undefined; top?: number }) {
  if (!of || of.length < 2) return <svg class="spark" aria-hidden="true" />;
  const most = top ?? Math.max(...of.map((x) => x ?? 0));
  const w = 64 / (of.length - 1);
  let path = "";
  let pen = false;
  for (let i = 0; i < of.length; i++) {
    const x = of[i];
    if (x === null) pen = false;
    else {
      path += `${pen ? "L" : "M"}${(i * w).toFixed(1)} ${(17 - (most > 0 ? Math.min(1, x / most) : 0) * 15).toFixed(1)}`;
      if (!pen && (i + 1 >= of.length || of[i + 1] === null)) path += "h1";
      pen = true;
    }
  }
  return (
    <svg class="spark" viewBox="0 0 64 18" aria-hidden="true">
      <path d={path} />
    </svg>
  );
}

/** 0..1 of a limit. */
export function Bar({ share }: { share: number }) {
  const kind = share >= 0.95 ? "act" : share >= 0.8 ? "look" : "";
  return (
    <span class={`limit ${kind}`} aria-hidden="true">
      <i style={{ width: `${Math.min(100, share * 100).toFixed(1)}%` }} />
    </span>
  );
}

export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="state">
      <h2>{title}</h2>
      {children}
    </div>
  );
}

function useCountdown(until: number): number {
  const [left, set] = useState(0);
  useEffect(() => {
    if (!until) return;
    const look = () => set(Math.max(0, Math.ceil((until - Date.now()) / 1000)));
    look();
    const timer = setInterval(look, 500);
    return () => clearInterval(timer);
  }, [until]);
  return until ? left : 0;
}

export function Failed({ error, again, what }: { error: Problem; again?: number; what: string }) {
  const left = useCountdown(again ?? 0);
  return (
    <div class="state failed" role="alert">
      <h2>
        <Sign kind="act">{what} cannot be shown</Sign>
      </h2>
      <p>{error.message}</p>
      {error.status === 403 && <p>Sign in with a token whose scopes cover this, or use one with the scope <code>read</code>.</p>}
      {!!again && <p class="dim">It is tried again {left > 0 ? `in ${left} s` : "now"}.</p>}
    </div>
  );
}

/** Skeletons appear only after 300 ms: what is there sooner does not flicker. */
export function Skeleton({ rows = 8 }: { rows?: number }) {
  return (
    <div class="skeleton" role="status" aria-label="loading">
      {Array.from({ length: rows }, (_, i) => (
        <i key={i} style={{ width: `${90 - ((i * 37) % 50)}%` }} />
      ))}
    </div>
  );
}

/** What was asked for, or why it is not there. */
export function Shown<T>({ asked, what, children }: { asked: Asked<T>; what: string; children: (data: T) => ComponentChildren }) {
  if (asked.data !== undefined)
    return (
      <>
        {asked.error && <p class="banner look" role="status">{`${what}: ${asked.error.message}. What is below was answered earlier.`}</p>}
        {children(asked.data)}
      </>
    );
  if (asked.error) return <Failed error={asked.error} again={asked.again} what={what} />;
  return <Skeleton />;
}

/** Muted, and the same for a name wherever it is shown. */
export function hue(name: string): number {
  let h = 2166136261;
  for (let i = 0; i < name.length; i++) h = Math.imul(h ^ name.charCodeAt(i), 16777619);
  return ((h >>> 0) % 24) * 15;
}

export function save(name: string, type: string, content: BlobPart) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

export async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

export function CopyButton({ text }: { text: () => string }) {
  const [copied, set] = useState(false);
  const onCopy = async () => {
    set(await copy(text()));
    setTimeout(() => set(false), 2000);
  };
  return <button onClick={() => void onCopy()} title="copy the table, to paste into a spreadsheet">{copied ? "copied" : "copy"}</button>;
}

/** The table in the same section, as a spreadsheet takes it. */
export function CopyTable() {
  const button = useRef<HTMLSpanElement>(null);
  const text = () => {
    const rows = [...(button.current?.closest("main, section")?.querySelectorAll("tr") ?? [])];
    return rows.map((row) => [...row.cells].map((cell) => cell.innerText.trim().replace(/\s+/g, " ")).join("\t")).join("\n") + "\n";
  };
  return <span ref={button}><CopyButton text={text} /></span>;
}

/** Counts up; for what grows old by itself. */
export function useEvery(milliseconds: number): number {
  const [n, set] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => set((x) => x + 1), milliseconds);
    return () => clearInterval(timer);
  }, [milliseconds]);
  return n;
}
