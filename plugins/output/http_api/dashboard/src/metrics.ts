// The Prometheus text format, as far as the daemon writes it.

export interface Metric {
  name: string;
  labels: Record<string, string>;
  value: number;
}

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /([a-zA-Z_]\w*)="((?:\\.|[^"\\])*)"/g;

export function parseMetrics(text: string): Metric[] {
  const found: Metric[] = [];
  for (const line of text.split("\n")) {
    const parts = line.startsWith("#") ? null : LINE.exec(line);
    if (!parts) continue;
    const labels: Record<string, string> = {};
    for (const [, name, value] of (parts[2] ?? "").matchAll(LABEL)) labels[name] = value.replace(/\\(.)/g, (_, c) => (c === "n" ? "\n" : c));
    found.push({ name: parts[1], labels, value: Number(parts[3]) });
  }
  return found;
}

/** Null: there is no such metric. */
export function sumOf(metrics: Metric[], name: string): number | null {
  let sum: number | null = null;
  for (const metric of metrics) if (metric.name === name) sum = (sum ?? 0) + metric.value;
  return sum;
}

export function sumsBy(metrics: Metric[], name: string, label: string): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const metric of metrics) if (metric.name === name) sums[metric.labels[label]] = (sums[metric.labels[label]] ?? 0) + metric.value;
  return sums;
}
