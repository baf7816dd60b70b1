// What the server counts of its requests, under Kubernetes' names. It lies on the path of every request: no text is put
// together until someone reads it.
import type { Clock } from '../../base/clock.ts';
import { exponentialBounds, Histogram } from '../../base/histogram.ts';
import type { MetricLabels, MetricsText } from '../../base/metrics-text.ts';
import type { Kind } from '../../api/kind.ts';
import type { ApiRequest, ResourceName } from '../../api/request.ts';

/** kube-apiserver's, in seconds. */
const bounds: readonly number[] = [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60];
const ownBounds: readonly number[] = bounds.slice(2);

/** Of answers, in bytes. */
const sizeBounds = exponentialBounds(1000, 10, 7);
const eventSizeBounds = exponentialBounds(1024, 2, 8);

interface Series {
  readonly isDryRun: boolean;
  readonly verb: string;
  readonly group: string;
  readonly version: string;
  readonly subresource: string;
  readonly scope: string;
  readonly code: number;
  count: number;
  /** How long they took; those that go on for as long as the client likes are not timed. */
  readonly durations: Histogram;
  /** The same without the time in which they waited for a seat or for webhooks. */
  readonly ownDurations: Histogram;
  /** Of what is read. */
  readonly sizes: Histogram | undefined;
}

/** Of a kind, over all who watch it. */
export interface EventCounts {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  events: number;
  readonly sizes: Histogram;
}

const verbs: Readonly<Record<string, string>> = { get: 'GET', list: 'LIST', watch: 'WATCH', create: 'POST', update: 'PUT', patch: 'PATCH', delete: 'DELETE', deletecollection: 'DELETECOLLECTION', connect: 'CONNECT' };
const mutating: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);

export class RequestMetrics {
  readonly #clock: Clock;
  /** By resource; as many series as there are kinds, verbs and codes, since only what is served is named. */
  readonly #byResource = new Map<string, Series[]>();
  readonly #longRunning = new Map<string, number>();
  readonly #watchEvents = new Map<string, EventCounts>();
  readonly #deprecated = new Map<string, Record<string, string>>();
  #readingNow = 0;
  #mutatingNow = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  begin(method: string): Measuring {
    const mutates = mutating.has(method);
    if (mutates) this.#mutatingNow++;
    else this.#readingNow++;
    return new Measuring(this, mutates, this.#clock.monotonicMs());
  }

  /** Where the events that are told of a kind are counted. */
  watchEvents({ group, version, kind }: Kind): EventCounts {
    const key = `${group}/${version}/${kind}`;
    let counted = this.#watchEvents.get(key);
    if (!counted) this.#watchEvents.set(key, (counted = { group, version, kind, events: 0, sizes: new Histogram(eventSizeBounds) }));
    return counted;
  }

  /** That someone has asked for what is to be used no more; as many as are served. */
  deprecatedApi({ group, version, plural }: ResourceName, subresource: string | undefined, removedRelease: string): void {
    const key = `${group}/${version}/${plural}/${subresource ?? ''}`;
    if (!this.#deprecated.has(key)) this.#deprecated.set(key, { group, removed_release: removedRelease, resource: plural, subresource: subresource ?? '', version });
  }

  /** For `Measuring`. */
  leave(mutates: boolean): void {
    if (mutates) this.#mutatingNow--;
    else this.#readingNow--;
  }

  /** A request that goes on: counted now, and among those that are there until disposed. */
  goesOn(request: ApiRequest | undefined, code: number): Disposable {
    this.count(request, code, undefined, 0, undefined);
    const what = `${verbs[request?.verb ?? 'connect'] ?? ''} ${request?.resource.group ?? ''} ${request?.resource.version ?? ''} ${request?.resource.plural ?? ''} ${request?.subresource ?? ''} ${scopeOf(request)}`;
    this.#longRunning.set(what, (this.#longRunning.get(what) ?? 0) + 1);
    let isOver = false;
    return {
      [Symbol.dispose]: () => {
        if (!isOver) this.#longRunning.set(what, this.#longRunning.get(what)! - 1);
        isOver = true;
      },
    };
  }

  count(request: ApiRequest | undefined, code: number, startedMs: number | undefined, waitedMs: number, bytes: number | undefined): void {
    const series = this.#seriesOf(request, code);
    series.count++;
    if (startedMs === undefined) return;
    const tookMs = this.#clock.monotonicMs() - startedMs;
    series.durations.observe(tookMs / 1000);
    if (!series.isDryRun) series.ownDurations.observe(Math.max(0, tookMs - waitedMs) / 1000);
    if (bytes !== undefined) series.sizes?.observe(bytes);
  }

  write(text: MetricsText): void {
    const all = [...this.#byResource].flatMap(([resource, list]) => list.map((series) => ({ resource, series })));
    const restOf = (resource: string, { verb, group, version, subresource, scope }: Series) => ({ group, resource, scope, subresource, verb, version });
    const labelsOf = (resource: string, series: Series) => ({ component: 'apiserver', ...restOf(resource, series) });
    const withDryRun = (resource: string, series: Series) => ({ component: 'apiserver', dry_run: series.isDryRun ? 'All' : '', ...restOf(resource, series) });
    const total = text.family('apiserver_request_total', 'counter', '[STABLE] Counter of apiserver requests broken out for each verb, dry run value, group, version, resource, scope, component, and HTTP response code.');
    for (const { resource, series } of all) total({ code: series.code, ...withDryRun(resource, series) }, series.count);
    const each = (name: string, help: string, labels: (resource: string, series: Series) => MetricLabels, of: (series: Series) => Histogram | undefined) => {
      text.family(name, 'histogram', help);
      for (const [, same] of Map.groupBy(all, ({ resource, series }) => JSON.stringify(labels(resource, series)))) {
        const { resource, series } = same[0]!;
        text.observed(name, labels(resource, series), together(same.flatMap(({ series: one }) => of(one) ?? [])));
      }
    };
    each('apiserver_request_duration_seconds', '[STABLE] Response latency distribution in seconds for each verb, dry run value, group, version, resource, subresource, scope and component.', withDryRun, ({ durations }) => durations);
    each('apiserver_request_sli_duration_seconds', '[ALPHA] Response latency distribution (not counting webhook duration and priority & fairness queue wait times) in seconds for each verb, group, version, resource, subresource, scope and component.', labelsOf, ({ ownDurations }) => ownDurations);
    each('apiserver_response_sizes', '[STABLE] Response size distribution in bytes for each group, version, verb, resource, subresource, scope and component.', labelsOf, ({ sizes }) => sizes);
    const inFlight = text.family('apiserver_current_inflight_requests', 'gauge', '[STABLE] Maximal number of currently used inflight request limit of this apiserver per request kind in last second.');
    inFlight({ request_kind: 'mutating' }, this.#mutatingNow);
    inFlight({ request_kind: 'readOnly' }, this.#readingNow);
    const watchEvents = text.family('apiserver_watch_events_total', 'counter', '[ALPHA] Number of events sent in watch clients');
    for (const { group, version, kind, events } of this.#watchEvents.values()) if (events > 0) watchEvents({ group, kind, version }, events);
    const deprecated = text.family('apiserver_requested_deprecated_apis', 'gauge', '[STABLE] Gauge of deprecated APIs that have been requested, broken out by API group, version, resource, subresource, and removed_release.');
    for (const labels of this.#deprecated.values()) deprecated(labels, 1);
    text.family('apiserver_watch_events_sizes', 'histogram', '[ALPHA] Watch event size distribution in bytes');
    for (const { group, version, kind, sizes } of this.#watchEvents.values()) text.observed('apiserver_watch_events_sizes', { group, kind, version }, sizes);
    const longRunning = text.family('apiserver_longrunning_requests', 'gauge', '[STABLE] Gauge of all active long-running apiserver requests broken out by verb, group, version, resource, scope and component. Not all requests are tracked this way.');
    for (const [what, count] of this.#longRunning) {
      const [verb = '', group = '', version = '', resource = '', subresource = '', scope = ''] = what.split(' ');
      longRunning({ component: 'apiserver', group, resource, scope, subresource, verb, version }, count);
    }
  }

  #seriesOf(request: ApiRequest | undefined, code: number): Series {
    const { group = '', version = '', plural = '' } = request?.resource ?? {};
    const verb = request === undefined ? 'GET' : request.patchType === 'apply' ? 'APPLY' : (verbs[request.verb] ?? request.verb);
    const subresource = request?.subresource ?? '';
    const scope = scopeOf(request);
    const isDryRun = request?.options.dryRun === true;
    let list = this.#byResource.get(plural);
    if (!list) this.#byResource.set(plural, (list = []));
    for (const series of list) {
      if (series.code === code && series.isDryRun === isDryRun && series.verb === verb && series.scope === scope && series.subresource === subresource && series.group === group && series.version === version) return series;
    }
    const sizes = verb === 'GET' || verb === 'LIST' ? new Histogram(sizeBounds) : undefined;
    const fresh: Series = { isDryRun, verb, group, version, subresource, scope, code, count: 0, durations: new Histogram(bounds), ownDurations: new Histogram(ownBounds), sizes };
    list.push(fresh);
    return fresh;
  }
}

function scopeOf(request: ApiRequest | undefined): string {
  return request === undefined ? '' : request.name !== undefined ? 'resource' : request.namespace ? 'namespace' : 'cluster';
}

/** Of series that differ only in what a metric does not tell. */
function together(histograms: readonly Histogram[]): Histogram {
  const sum = new Histogram(histograms[0]?.bounds ?? []);
  for (const { counts, sum: added } of histograms) {
    for (let index = 0; index < counts.length; index++) sum.counts[index]! += counts[index]!;
    sum.sum += added;
  }
  return sum;
}

/** One request, from its arrival to its answer. */
export class Measuring {
  /** Once it is known; undefined for what is no resource that is served. */
  request: ApiRequest | undefined;
  /** Told, too, how far it has come. */
  audit: { started(code: number): void; complete(code: number): void } | undefined;
  readonly #metrics: RequestMetrics;
  readonly #mutates: boolean;
  readonly #startedMs: number;
  #waitedMs = 0;
  #isOver = false;

  constructor(metrics: RequestMetrics, mutates: boolean, startedMs: number) {
    this.#metrics = metrics;
    this.#mutates = mutates;
    this.#startedMs = startedMs;
  }

  /** It has waited for others: for a seat, or for a webhook. */
  readonly waited = (ms: number): void => {
    this.#waitedMs += ms;
  };

  /** `bytes`: of the answer's body, where it is whole. */
  end(code: number, bytes?: number): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#metrics.leave(this.#mutates);
    this.#metrics.count(this.request, code, this.#startedMs, this.#waitedMs, bytes);
    this.audit?.complete(code);
  }

  /** It goes on for as long as the client likes. */
  goesOn(code: number): Disposable {
    this.#isOver = true;
    this.#metrics.leave(this.#mutates);
    const going = this.#metrics.goesOn(this.request, code);
    const { audit } = this;
    if (!audit) return going;
    audit.started(code);
    return {
      [Symbol.dispose]() {
        going[Symbol.dispose]();
        audit.complete(code);
      },
    };
  }
}
