// What lines of a log have in common, and how bad they are.
import { Sign } from "./parts";

const BAD: Record<string, "act" | "look"> = { critical: "act", error: "act", warning: "look" };

export function Level({ of }: { of: string | null }) {
  if (!of) return null;
  const kind = BAD[of];
  return kind ? <Sign kind={kind}>{of}</Sign> : <span class="dim">{of}</span>;
}

/** What varies is lighter than what stays. */
export function Template({ text }: { text: string }) {
  return <code class="template">{text.split(/(<\*>)/).map((part, i) => (part === "<*>" ? <i key={i}>{part}</i> : part))}</code>;
}
