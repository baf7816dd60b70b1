// What the server counts, in Prometheus' text form.

export interface Metrics {
  count(verb: string, code: number): void;
  text(gauges: Readonly<Record<string, number>>): string;
}

export function createMetrics(): Metrics {
  /** By verb and code: a few dozen at most, since the server names the verbs. */
  const requests = new Map<string, number>();
  return {
    count(verb, code) {
      const key = `${verb} ${code}`;
      requests.set(key, (requests.get(key) ?? 0) + 1);
    },
    text(gauges) {
      const lines = ['# HELP apiserver_request_total Requests answered, by verb and code.', '# TYPE apiserver_request_total counter'];
      for (const [key, value] of requests) {
        const [verb, code] = key.split(' ');
        lines.push(`apiserver_request_total{verb=${JSON.stringify(verb?.toUpperCase())},code="${code}"} ${value}`);
      }
      for (const [name, value] of Object.entries(gauges)) lines.push(`# TYPE ${name} gauge`, `${name} ${value}`);
      return `${lines.join('\n')}\n`;
    },
  };
}
