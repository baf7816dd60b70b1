// /healthz, /livez and /readyz: whole, check by check (`?verbose`), or one check by its name; in upstream's text. What came of each check is
// shown at /metrics/slis.
import { MetricsText } from '../../base/metrics-text.ts';

export interface Health {
  readonly isHealthy: boolean;
  readonly text: string;
}

export interface Check {
  /** What is wrong; undefined: nothing. */
  readonly check: () => string | undefined | Promise<string | undefined>;
  /** True: for whether requests should come here at all, not for whether the server should be started anew. */
  readonly isForReadiness?: boolean;
}

export type Checks = Readonly<Record<string, Check>>;

interface Results {
  readonly name: string;
  readonly type: string;
  isHealthy: boolean;
  successes: number;
  errors: number;
}

export class HealthChecks {
  readonly #all: Checks;
  /** As many as there are checks, three times. */
  readonly #results = new Map<string, Results>();

  constructor(all: Checks) {
    this.#all = all;
  }

  /** Undefined: the path is about something else. */
  at(path: string, isVerbose: boolean, exclude: readonly string[]): Promise<Health> | undefined {
    const [, type = '', ...rest] = path.split('/');
    if (type !== 'healthz' && type !== 'livez' && type !== 'readyz') return undefined;
    const checks = Object.entries(this.#all).filter(([, { isForReadiness }]) => type === 'readyz' || !isForReadiness);
    if (rest.length === 0) return this.#whole(type, isVerbose, exclude, checks);
    const found = checks.find(([each]) => each === rest.join('/'));
    return found && this.#single(type, ...found);
  }

  metrics(): string {
    const text = new MetricsText();
    const now = text.family('kubernetes_healthcheck', 'gauge', '[STABLE] This metric records the result of a single healthcheck.');
    for (const { name, type, isHealthy } of this.#results.values()) now({ name, type }, isHealthy ? 1 : 0);
    const total = text.family('kubernetes_healthchecks_total', 'counter', '[STABLE] This metric records the results of all healthcheck.');
    for (const { name, type, successes, errors } of this.#results.values()) {
      if (errors > 0) total({ name, status: 'error', type }, errors);
      if (successes > 0) total({ name, status: 'success', type }, successes);
    }
    return text.toString();
  }

  async #single(type: string, name: string, check: Check): Promise<Health> {
    const wrong = await this.#ask(type, name, check);
    return wrong === undefined ? { isHealthy: true, text: 'ok' } : { isHealthy: false, text: `internal server error: ${wrong}\n` };
  }

  /** What is wrong is not said here: anyone may ask. */
  async #whole(type: string, isVerbose: boolean, exclude: readonly string[], checks: readonly [string, Check][]): Promise<Health> {
    let isHealthy = true;
    const lines: string[] = [];
    for (const [name, check] of checks) {
      const isExcluded = exclude.includes(name);
      const isOk = isExcluded || (await this.#ask(type, name, check)) === undefined;
      isHealthy &&= isOk;
      lines.push(isExcluded ? `[+]${name} excluded: ok\n` : isOk ? `[+]${name} ok\n` : `[-]${name} failed: reason withheld\n`);
    }
    const unknown = exclude.filter((each) => !checks.some(([known]) => known === each));
    if (unknown.length > 0) lines.push(`warn: some health checks cannot be excluded: no matches for ${[...new Set(unknown)].toSorted().map((each) => JSON.stringify(each)).join(',')}\n`);
    if (isHealthy && !isVerbose) return { isHealthy, text: 'ok' };
    return { isHealthy, text: `${lines.join('')}${type} check ${isHealthy ? 'passed' : 'failed'}\n` };
  }

  async #ask(type: string, name: string, { check }: Check): Promise<string | undefined> {
    const wrong = await check();
    const key = `${type} ${name}`;
    let results = this.#results.get(key);
    if (!results) this.#results.set(key, (results = { name, type, isHealthy: true, successes: 0, errors: 0 }));
    results.isHealthy = wrong === undefined;
    if (results.isHealthy) results.successes++;
    else results.errors++;
    return wrong;
  }
}
