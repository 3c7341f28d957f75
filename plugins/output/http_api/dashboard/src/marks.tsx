// What happened, as signs above the charts; one that is a change leads to what it did.
import { useWatched } from "./api";
import { type Change, kindOf, rankOf, summaryOf } from "./change";
import { type ChartMark, crosshair } from "./chart";
import { clock, ms } from "./format";
import { setQuery } from "./route";

export interface Mark extends ChartMark {
  sign: string;
  /** Empty: another mark of the same moment says it. */
  text: string;
  change?: Change;
}

const KIND = { ok: "plain", look: "look", act: "act" } as const;

export function markOfChange(change: Change): Mark {
  const { sign, urgency } = kindOf(change);
  return { at: ms(change.time) / 1000, sign, kind: KIND[urgency], text: summaryOf(change), change };
}

export function Marks({ marks, range, chosen }: { marks: Mark[]; range: [number, number]; chosen: string | undefined }) {
  const pointed = useWatched(crosshair);
  const inside = marks.filter((mark) => mark.at >= range[0] && mark.at <= range[1]);
  const groups: Mark[][] = [];
  for (const mark of inside) {
    const last = groups[groups.length - 1];
    if (last && (mark.at - last[0].at) / (range[1] - range[0]) < 0.012) last.push(mark);
    else groups.push([mark]);
  }
  return (
    <div class="marks" role="group" aria-label="What happened">
      {groups.map((group) => {
        const worst = group.find((mark) => mark.kind === "act") ?? group.find((mark) => mark.kind === "look") ?? group[0];
        const change = group.map((mark) => mark.change).filter((one): one is Change => one !== undefined).sort((a, b) => rankOf(a) - rankOf(b))[0];
        const left = (group[0].at - range[0]) / (range[1] - range[0]);
        const near = pointed !== null && Math.abs(pointed - group[0].at) / (range[1] - range[0]) < 0.008;
        const text = group.filter((mark) => mark.text).map((mark) => `${clock(mark.at * 1000)} ${mark.text}`).join("\n");
        return (
          <button key={group[0].at} class={`${worst.kind} ${change && change.id === chosen ? "chosen" : ""} ${near ? "near" : ""} ${left > 0.5 ? "late" : ""}`} style={{ left: `${left * 100}%` }} title={text} data-text={text} aria-label={text.replaceAll("\n", ", ")}
            aria-pressed={change && change.id === chosen}
            onClick={() => setQuery({ at: new Date(group[0].at * 1000).toISOString(), line: undefined, change: change?.id }, true)}>
            {worst.sign}
          </button>
        );
      })}
    </div>
  );
}
