// Reads Prometheus' text format strictly: what Prometheus would refuse, or take for something else, throws.
import assert from 'node:assert/strict';

export interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly samples: readonly Sample[];
}

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const metricName = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const sampleLine = new RegExp(`^(${metricName})(?:\\{(.*)\\})? (\\S+)(?: (-?\\d+))?$`);
const labelPair = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\\\|\\"|\\n)*)"(,|$)/y;
const number = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$|^[+-]?Inf$|^NaN$/;

export function readExposition(text: string): ReadonlyMap<string, Family> {
  assert.ok(text === '' || text.endsWith('\n'), 'the last line ends');
  const families = new Map<string, { name: string; help: string; type: string; samples: Sample[] }>();
  const seen = new Set<string>();
  let current: { name: string; help: string; type: string; samples: Sample[] } | undefined;
  for (const line of text.split('\n').slice(0, -1)) {
    const help = new RegExp(`^# HELP (${metricName}) (.*)$`).exec(line);
    if (help) {
      assert.ok(!families.has(help[1]!), `${help[1]} is told of once`);
      families.set(help[1]!, (current = { name: help[1]!, help: help[2]!, type: '', samples: [] }));
      continue;
    }
    const type = new RegExp(`^# TYPE (${metricName}) (counter|gauge|histogram|summary|untyped)$`).exec(line);
    if (type) {
      assert.equal(type[1], current?.name, 'the type follows the help');
      current!.type = type[2]!;
      continue;
    }
    const [, name = '', labelText = '', valueText = ''] = sampleLine.exec(line) ?? assert.fail(`a line that is none: ${line}`);
    const labels: Record<string, string> = {};
    labelPair.lastIndex = 0;
    while (labelPair.lastIndex < labelText.length) {
      const [, label = '', value = ''] = labelPair.exec(labelText) ?? assert.fail(`labels that are none: ${line}`);
      assert.ok(!(label in labels), `${label} stands once: ${line}`);
      labels[label] = value;
    }
    assert.match(valueText, number, line);
    const suffixes = current?.type === 'histogram' ? ['_bucket', '_sum', '_count'] : [''];
    assert.ok(current && suffixes.some((suffix) => current!.name + suffix === name), `it belongs to the family above it: ${line}`);
    const series = `${name}${JSON.stringify(Object.entries(labels).sort())}`;
    assert.ok(!seen.has(series), `a series stands once: ${line}`);
    seen.add(series);
    const value = Number(valueText.replace(/Inf$/, 'Infinity'));
    if (current.type === 'counter') assert.ok(value >= 0 && (name.endsWith('_total') || name.endsWith('_count')), `a counter: ${line}`);
    current.samples.push({ name, labels, value });
  }
  for (const family of families.values()) if (family.type === 'histogram') checkHistogram(family);
  return families;
}

/** Buckets grow, the last one holds all, and each series has its sum and count. */
function checkHistogram({ name, samples }: Family): void {
  const bySeries = Map.groupBy(samples, ({ labels }) => JSON.stringify(Object.entries(labels).filter(([label]) => label !== 'le').sort()));
  for (const [series, of] of bySeries) {
    const buckets = of.filter((sample) => sample.name === `${name}_bucket`);
    const bounds = buckets.map(({ labels }) => Number(labels['le']!.replace('Inf', 'Infinity')));
    assert.deepEqual(bounds, bounds.toSorted((a, b) => a - b), `${name}${series}: bounds in order`);
    assert.equal(bounds.at(-1), Infinity, `${name}${series}: a last bucket`);
    assert.deepEqual(buckets.map(({ value }) => value), buckets.map(({ value }) => value).toSorted((a, b) => a - b), `${name}${series}: buckets grow`);
    assert.equal(of.find((sample) => sample.name === `${name}_count`)?.value, buckets.at(-1)!.value, `${name}${series}: its count`);
    assert.equal(of.filter((sample) => sample.name === `${name}_sum`).length, 1, `${name}${series}: its sum`);
  }
}

/** The value of the one series with these labels among others. */
export function valueOf(families: ReadonlyMap<string, Family>, name: string, labels: Readonly<Record<string, string>> = {}): number | undefined {
  const family = families.get(name) ?? families.get(name.replace(/_(bucket|sum|count)$/, ''));
  return family?.samples.find((sample) => sample.name === name && Object.entries(labels).every(([label, value]) => sample.labels[label] === value))?.value;
}
