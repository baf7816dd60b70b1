// Prometheus' text form, written family by family.

import type { Histogram } from './histogram.ts';

export type MetricType = 'counter' | 'gauge' | 'histogram';
export type MetricLabels = Readonly<Record<string, string | number>>;

/** `atMs`: when it was measured, for what was not measured just now. */
export type WriteSeries = (labels: MetricLabels, value: number, atMs?: number) => void;

export const metricsTextType = 'text/plain; version=0.0.4; charset=utf-8';

export class MetricsText {
  readonly #lines: string[] = [];

  /** What the given function writes belongs to the family. */
  family(name: string, type: MetricType, help: string): WriteSeries {
    this.#lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
    return (labels, value, atMs) => this.#write(name, labels, value, atMs);
  }

  /** A family of one series. */
  one(name: string, type: MetricType, help: string, value: number, labels: MetricLabels = {}): void {
    this.family(name, type, help)(labels, value);
  }

  /** One series of a histogram; `counts` are those of each bucket alone, the last beyond all bounds. */
  histogram(name: string, labels: MetricLabels, bounds: readonly number[], counts: ArrayLike<number>, sum: number): void {
    let total = 0;
    for (let index = 0; index <= bounds.length; index++) {
      total += counts[index]!;
      this.#write(`${name}_bucket`, { ...labels, le: index < bounds.length ? boundText(bounds[index]!) : '+Inf' }, total);
    }
    this.#write(`${name}_sum`, labels, sum);
    this.#write(`${name}_count`, labels, total);
  }

  /** The same of one that was observed. Nothing is written of one that has seen nothing. */
  observed(name: string, labels: MetricLabels, { bounds, counts, sum, count }: Histogram): void {
    if (count > 0) this.histogram(name, labels, bounds, counts, sum);
  }

  toString(): string {
    return `${this.#lines.join('\n')}\n`;
  }

  #write(name: string, labels: MetricLabels, value: number, atMs?: number): void {
    const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(String(text))}"`);
    this.#lines.push(`${name}${pairs.length > 0 ? `{${pairs.join(',')}}` : ''} ${value}${atMs === undefined ? '' : ` ${Math.round(atMs)}`}`);
  }
}

/** As Go writes it: 1e-06 and 1e+06 where JavaScript has 0.000001 and 1000000, so that series of a bound are the same ones. */
function boundText(bound: number): string {
  const exponent = bound === 0 ? 0 : Math.floor(Math.log10(bound));
  if (exponent >= -4 && exponent < 21 && !(bound >= 1e6)) return String(bound);
  return bound.toExponential().replace(/e([+-])(\d)$/, 'e$10$2');
}

function escaped(text: string): string {
  return /[\\"\n]/.test(text) ? text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n') : text;
}
