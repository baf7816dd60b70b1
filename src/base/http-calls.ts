// What this process has asked of others over HTTP, as client-go counts it.
import type { MetricsText } from './metrics-text.ts';

/** Hosts come and go; when there are more series, counting begins anew. */
const seriesAtMost = 1000;

export class HttpCalls {
  readonly #counts = new Map<string, { readonly host: string; readonly method: string; readonly code: string; count: number }>();

  /** `code` undefined: no answer came. */
  readonly count = (host: string, method: string, code: number | undefined): void => {
    const key = `${host} ${method} ${code}`;
    const known = this.#counts.get(key);
    if (known) return void known.count++;
    if (this.#counts.size >= seriesAtMost) this.#counts.clear();
    this.#counts.set(key, { host, method, code: code === undefined ? '<error>' : String(code), count: 1 });
  };

  write(text: MetricsText): void {
    const write = text.family('rest_client_requests_total', 'counter', '[ALPHA] Number of HTTP requests, partitioned by status code, method, and host.');
    for (const { host, method, code, count } of this.#counts.values()) write({ code, host, method }, count);
  }
}
