/** A value of a metric under its labels. */
export interface MetricSample {
  /** After the family's name: `_bucket`, `_sum`, `_count` of histograms; else empty. */
  readonly suffix: string;
  /** In braces, see {@link labelText}; empty for none. */
  readonly labels: string;
  readonly value: number;
}

/** A metric with all its values. Plain data, so that those of several processes can be put together. */
export interface MetricFamily {
  readonly name: string;
  readonly kind: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  /** How values of several processes become one: what each counts of its own is added, what all know alike is not. */
  readonly together: 'sum' | 'largest' | 'smallest';
  readonly samples: readonly MetricSample[];
}

export const sample = (value: number, labels = '', suffix = ''): MetricSample => ({ suffix, labels, value });

/** Labels as the text format has them. */
export function labelText(labels: Readonly<Record<string, string | number>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(String(value))}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

const escaped = (value: string): string =>
  value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');

/**
 * The text format of Prometheus, version 0.0.4.
 *
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/
 */
export function exposition(families: readonly MetricFamily[]): string {
  const lines = families.flatMap(({ name, kind, help, samples }) => [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} ${kind}`,
    ...samples.map(({ suffix, labels, value }) => `${name}${suffix}${labels} ${value}`),
  ]);
  return `${lines.join('\n')}\n`;
}

/** The metrics of several processes as one; families and samples in the order in which they are first met. */
export function mergeFamilies(processes: readonly (readonly MetricFamily[])[]): MetricFamily[] {
  const merged = new Map<string, { family: MetricFamily; samples: Map<string, MetricSample> }>();
  for (const family of processes.flat()) {
    const entry = merged.get(family.name) ?? { family, samples: new Map<string, MetricSample>() };
    merged.set(family.name, entry);
    for (const one of family.samples) {
      const key = `${one.suffix}${one.labels}`;
      const known = entry.samples.get(key);
      entry.samples.set(key, known === undefined ? one : { ...one, value: together(family, known.value, one.value) });
    }
  }
  return [...merged.values()].map(({ family, samples }) => ({ ...family, samples: [...samples.values()] }));
}

function together({ together: how }: MetricFamily, one: number, other: number): number {
  switch (how) {
    case 'sum':
      return one + other;
    case 'largest':
      return Math.max(one, other);
    case 'smallest':
      return Math.min(one, other);
  }
}
