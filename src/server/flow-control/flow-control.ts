// The filter that lets only so many requests be served at once, each level its share.
//
// What the bound protects: JavaScript runs on one thread, so a request that needs no waiting is never in flight together with
// another. Those in flight are the ones that wait: for their own body, for webhooks, for the store's commit. Each holds a body of up
// to 3 MB, what was made of it, and perhaps a webhook's attention; a client that sends thousands of writes at once would have all of that at
// once, and its commits would stand before everyone else's. With a seat for each, its level's queue fills up instead, its flow's
// own queues first, and then it is told to come back later; others notice nothing.
//
// Requests in process (scheduler, controllers, this machine's nodes) do not come through here: they hold no bodies, and one that
// waited for a seat held by a request that waits for a controller would wait for ever.
import type { Clock } from '../../base/clock.ts';
import type { MetricsText } from '../../base/metrics-text.ts';
import { defaultLevels, defaultSchemas, catchAllName, exemptName } from '../../api/kinds/flow-control-defaults.ts';
import type { FlowSchema, PriorityLevelConfiguration } from '../../api/types.ts';
import type { Headers } from '../http/exchange.ts';
import type { Filter, Serve } from '../http/filters.ts';
import { isLongRunning } from '../http/long-running.ts';
import type { Passing } from '../http/passing.ts';
import { Refused } from '../http/refused.ts';
import type { Route } from '../http/route.ts';
import { Classifier, type Asked } from './classify.ts';
import { limitsOf } from './limits.ts';
import { Level, Seats, type Refusal, type Ticket } from './seats.ts';
import { oneSeat, workOf, type Amounts, type Work } from './work.ts';

export interface FlowControlOptions {
  readonly clock: Clock;
  /** Requests that are served at once, those of the level `exempt` not counted. */
  readonly maxRequestsInFlight: number;
  /** For how long a request may wait for its seat. */
  readonly longestWaitMs: number;
  /** For how long one that takes many seats keeps them, when its client does not read the answer. */
  readonly longestServiceMs: number;
  readonly amounts: Amounts;
}

/** What requests of one FlowSchema have in common. */
interface Flow {
  readonly name: string;
  readonly level: Level;
  readonly byNamespace: boolean;
  readonly byUser: boolean;
  /** In the head of each answer. */
  readonly headers: Headers;
  readonly counts: Counts;
}

interface Counts {
  readonly schema: string;
  readonly level: string;
  dispatched: number;
  readonly rejected: Partial<Record<Refusal, number>>;
  /** Of those that waited. */
  readonly waits: Uint32Array;
  waitedSeconds: number;
  /** How many seats they took. */
  readonly seats: Uint32Array;
  seatsInAll: number;
}

const seatBounds: readonly number[] = [1, 2, 4, 10];
const waitBounds: readonly number[] = [0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30];
/** FlowSchemas come and go; what was counted of so many is remembered. */
const countsAtMost = 1000;

export class FlowControl {
  readonly #options: FlowControlOptions;
  readonly #seats = new Seats();
  #schemas: readonly FlowSchema[] = [];
  #levels: readonly PriorityLevelConfiguration[] = [];
  #classifier!: Classifier<Flow>;
  readonly #counts = new Map<string, Counts>();
  /** Who waits for a seat is told here that it has one, or why it has none. */
  readonly #waiting = new Map<Ticket, (refusal: Refusal | undefined) => void>();
  #timer: Disposable | undefined;

  constructor(options: FlowControlOptions) {
    this.#options = options;
    this.#configure();
  }

  readonly setSchemas = (schemas: readonly FlowSchema[]): void => {
    this.#schemas = schemas;
    this.#configure();
  };

  readonly setLevels = (levels: readonly PriorityLevelConfiguration[]): void => {
    this.#levels = levels;
    this.#configure();
  };

  readonly filter: Filter = (passing, next) => {
    const { route } = passing;
    // Logs, streams and proxied requests go on for as long as their clients like; a watch counts until it is set up.
    if (isLongRunning(route) && !isWatch(route)) return next(passing);
    const flow = this.#classifier.find(passing.user!, askedBy(passing));
    passing.headers = passing.headers ? { ...passing.headers, ...flow.headers } : flow.headers;
    const work = flow.level.limits.isExempt || route.type !== 'resource' ? oneSeat : workOf(route.request, flow.level.limits.mostOfOne, this.#options.amounts);
    countSeats(flow.counts, work.seats);
    if (!this.#seats.takeFree(flow.level, work.seats)) return this.#waitFor(flow, work, passing, next);
    flow.counts.dispatched++;
    return this.#serve(flow.level, work, undefined, passing, next);
  };

  #serve(level: Level, work: Work, ticket: Ticket | undefined, passing: Passing, next: Serve): void | Promise<void> {
    let going: void | Promise<void>;
    try {
      going = next(passing);
    } catch (error) {
      this.#give(level, work, ticket);
      throw error;
    }
    if (going === undefined) return this.#answered(level, work, ticket, passing);
    return going.then(
      () => this.#answered(level, work, ticket, passing),
      (error: unknown) => {
        this.#give(level, work, ticket);
        throw error;
      },
    );
  }

  /** A long list holds its seats until its client has read it, a write that many watch for as long as they are told of it. */
  #answered(level: Level, work: Work, ticket: Ticket | undefined, { route, outgoing }: Passing): void {
    if (work === oneSeat) return this.#give(level, work, ticket);
    const { clock, longestServiceMs } = this.#options;
    if (work.lingersMs > 0) return void clock.schedule(work.lingersMs, () => this.#give(level, work, ticket));
    if (isWatch(route) || !outgoing || outgoing.destroyed) return this.#give(level, work, ticket);
    let isOver = false;
    const over = () => {
      if (isOver) return;
      isOver = true;
      timer[Symbol.dispose]();
      this.#give(level, work, ticket);
    };
    const timer = clock.schedule(longestServiceMs, over);
    outgoing.once('close', over);
  }

  async #waitFor(flow: Flow, work: Work, passing: Passing, next: Serve): Promise<void> {
    const { clock, longestWaitMs } = this.#options;
    const arrivedMs = clock.monotonicMs();
    const ticket = this.#seats.wait(flow.level, flowOf(flow, passing), arrivedMs, work.seats);
    if (typeof ticket === 'string') throw this.#refuse(flow, ticket);
    const begun = Promise.withResolvers<Refusal | undefined>();
    this.#waiting.set(ticket, begun.resolve);
    passing.outgoing?.once('close', () => this.#cancel(ticket, 'cancelled'));
    if (!this.#timer) this.#timer = clock.schedule(longestWaitMs, () => this.#expire());
    const refusal = await begun.promise;
    const { counts } = flow;
    const waitedSeconds = (clock.monotonicMs() - arrivedMs) / 1000;
    counts.waitedSeconds += waitedSeconds;
    passing.measuring.waited(waitedSeconds * 1000);
    const bucket = waitBounds.findIndex((bound) => waitedSeconds <= bound);
    counts.waits[bucket < 0 ? waitBounds.length : bucket]!++;
    if (refusal) throw this.#refuse(flow, refusal);
    counts.dispatched++;
    return this.#serve(flow.level, work, ticket, passing, next);
  }

  #refuse({ counts }: Flow, refusal: Refusal): Refused {
    counts.rejected[refusal] = (counts.rejected[refusal] ?? 0) + 1;
    return new Refused(429, 'Too many requests, please try again later.', { 'retry-after': '1' });
  }

  #give(level: Level, { seats }: Work, ticket: Ticket | undefined): void {
    this.#begin(this.#seats.give(level, ticket, this.#options.clock.monotonicMs(), seats));
  }

  #begin(tickets: readonly Ticket[]): void {
    for (const ticket of tickets) {
      this.#waiting.get(ticket)?.(undefined);
      this.#waiting.delete(ticket);
    }
  }

  #cancel(ticket: Ticket, refusal: Refusal): void {
    const told = this.#waiting.get(ticket);
    if (!told) return;
    this.#seats.leave(ticket);
    this.#waiting.delete(ticket);
    told(refusal);
  }

  /** One timer, for whoever has waited longest. */
  #expire(): void {
    const { clock, longestWaitMs } = this.#options;
    const nowMs = clock.monotonicMs();
    this.#timer = undefined;
    for (let oldest = this.#seats.oldest; oldest; oldest = this.#seats.oldest) {
      const leftMs = oldest.arrivedMs + longestWaitMs - nowMs;
      if (leftMs > 0) return void (this.#timer = clock.schedule(leftMs, () => this.#expire()));
      this.#cancel(oldest, 'time-out');
    }
  }

  /** Mandatory objects that are not there are imagined; FlowSchemas that lead nowhere are left out. */
  #configure(): void {
    const levels = [...this.#levels, ...defaultLevels.filter(({ name, isMandatory }) => isMandatory && !this.#levels.some(({ metadata }) => metadata.name === name)).map(imagined<PriorityLevelConfiguration>)];
    const limits = limitsOf(levels.filter(({ metadata, spec }) => (spec.type === 'Exempt') === (metadata.name === exemptName)), this.#options.maxRequestsInFlight);
    this.#begin(this.#seats.configure(limits, this.#options.clock.monotonicMs()));
    const schemas = this.#schemas.filter(({ spec }) => limits.some(({ name }) => name === spec.priorityLevelConfiguration.name));
    const missing = defaultSchemas.filter(({ name, isMandatory }) => isMandatory && !schemas.some(({ metadata }) => metadata.name === name));
    this.#classifier = new Classifier([...schemas, ...missing.map(imagined<FlowSchema>)], catchAllName, (schema) => this.#flowOf(schema));
  }

  #flowOf({ metadata, spec }: FlowSchema): Flow {
    const level = this.#seats.level(spec.priorityLevelConfiguration.name)!;
    const headers = { 'X-Kubernetes-PF-FlowSchema-UID': metadata.uid ?? '', 'X-Kubernetes-PF-PriorityLevel-UID': level.limits.uid };
    const type = spec.distinguisherMethod?.type;
    return { name: metadata.name, level, byUser: type === 'ByUser', byNamespace: type === 'ByNamespace', headers: Object.freeze(headers), counts: this.#countsOf(metadata.name, level.limits.name) };
  }

  #countsOf(schema: string, level: string): Counts {
    const key = `${schema} ${level}`;
    let counts = this.#counts.get(key);
    if (!counts) {
      if (this.#counts.size >= countsAtMost) this.#counts.clear();
      counts = { schema, level, dispatched: 0, rejected: {}, waits: new Uint32Array(waitBounds.length + 1), waitedSeconds: 0, seats: new Uint32Array(seatBounds.length + 1), seatsInAll: 0 };
      this.#counts.set(key, counts);
    }
    return counts;
  }

  write(text: MetricsText): void {
    const counts = [...this.#counts.values()];
    const labels = ({ schema, level }: Counts) => ({ flow_schema: schema, priority_level: level });
    const dispatched = text.family('apiserver_flowcontrol_dispatched_requests_total', 'counter', '[BETA] Number of requests executed by API Priority and Fairness subsystem');
    for (const one of counts) if (one.dispatched > 0) dispatched(labels(one), one.dispatched);
    const rejected = text.family('apiserver_flowcontrol_rejected_requests_total', 'counter', '[BETA] Number of requests rejected by API Priority and Fairness subsystem');
    for (const one of counts) for (const [reason, count] of Object.entries(one.rejected)) rejected({ ...labels(one), reason }, count);
    text.family('apiserver_flowcontrol_request_wait_duration_seconds', 'histogram', '[BETA] Length of time a request spent waiting in its queue');
    for (const one of counts) if (one.waits.some((count) => count > 0)) text.histogram('apiserver_flowcontrol_request_wait_duration_seconds', labels(one), waitBounds, one.waits, one.waitedSeconds);
    text.family('apiserver_flowcontrol_work_estimated_seats', 'histogram', '[ALPHA] Number of estimated seats (maximum of initial and final seats) associated with requests in API Priority and Fairness');
    for (const one of counts) if (one.seatsInAll > 0) text.histogram('apiserver_flowcontrol_work_estimated_seats', labels(one), seatBounds, one.seats, one.seatsInAll);
    const gauge = (name: string, help: string, of: (level: Level) => number | undefined) => {
      const write = text.family(name, 'gauge', help);
      for (const level of this.#seats.levels) {
        const value = of(level);
        if (value !== undefined) write({ priority_level: level.limits.name }, value);
      }
    };
    gauge('apiserver_flowcontrol_current_executing_requests', '[BETA] Number of requests in initial (for a WATCH) or any (for a non-WATCH) execution stage in the API Priority and Fairness subsystem', ({ executing }) => executing);
    gauge('apiserver_flowcontrol_current_executing_seats', '[BETA] Concurrency (number of seats) occupied by the currently executing requests in the API Priority and Fairness subsystem', ({ serving }) => serving);
    gauge('apiserver_flowcontrol_current_inqueue_requests', '[BETA] Number of requests currently pending in queues of the API Priority and Fairness subsystem', ({ waiting }) => waiting);
    gauge('apiserver_flowcontrol_current_inqueue_seats', '[ALPHA] Number of seats currently pending in queues of the API Priority and Fairness subsystem', ({ waitingSeats }) => waitingSeats);
    gauge('apiserver_flowcontrol_nominal_limit_seats', "[BETA] Nominal number of execution seats configured for each priority level", ({ limits }) => limits.nominal);
    gauge('apiserver_flowcontrol_lower_limit_seats', '[ALPHA] Configured lower bound on number of execution seats available to each priority level', ({ limits }) => limits.least);
    gauge('apiserver_flowcontrol_upper_limit_seats', '[ALPHA] Configured upper bound on number of execution seats available to each priority level', ({ limits }) => (limits.isExempt ? undefined : limits.most));
  }
}

function imagined<T>({ name, spec }: { readonly name: string; readonly spec: object }): T {
  return { metadata: { name }, spec } as T;
}

function countSeats(counts: Counts, seats: number): void {
  counts.seats[seats <= 2 ? seats - 1 : seats <= 4 ? 2 : 3]!++;
  counts.seatsInAll += seats;
}

function isWatch(route: Route): boolean {
  return route.type === 'resource' && route.request.verb === 'watch';
}

function askedBy({ route, method }: Passing): Asked {
  return route.type === 'resource' ? route.request : { verb: method.toLowerCase(), path: route.path };
}

/** Whose request it is: what a flow's queues are dealt by. */
function flowOf({ name, byUser, byNamespace }: Flow, { user, route }: Passing): string {
  if (byUser) return `${name},${user!.username}`;
  return byNamespace ? `${name},${(route.type === 'resource' && route.request.namespace) || ''}` : name;
}
