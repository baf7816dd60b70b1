// What can be made to go wrong between a component and the API.
import { ApiError } from '../api/error.ts';
import type { ApiRequest, Verb } from '../api/request.ts';
import type { Random } from '../base/random.ts';
import { UserError } from '../cluster/user-error.ts';

export interface Fault {
  readonly on: 'write' | 'read' | 'watch';
  /**
   * `fail`: the call is not done and answered with `error`. `lose-answer`: it is done, and the answer lost. `delay`: it, or
   * each event of a watch, comes `delayMs` later. `drop`: watches are cut off, those that are open and those that begin.
   * `expire`: the same, and what they missed is no longer to be had.
   */
  readonly effect: 'fail' | 'lose-answer' | 'delay' | 'drop' | 'expire';
  /** Whose calls: `scheduler`, `controllers`, `node/NAME`, `test`. Default: everyone's but the test's own. */
  readonly by?: string;
  readonly verb?: Verb;
  /** The plural: `pods`. */
  readonly resource?: string;
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name?: string;
  /** Only calls of which this is true; asked last, and once for each call. */
  readonly where?: (request: ApiRequest) => boolean;
  /** So many calls are met, then the fault is over. Default: until it is disposed. */
  readonly times?: number;
  /** Of the calls that fit, this part is met. Default 1. */
  readonly chance?: number;
  readonly delayMs?: number;
  /** Default: 503 ServiceUnavailable. */
  readonly error?: { readonly code: number; readonly reason: string; readonly message?: string };
  /** Told of each call that is met: before it is done; where its answer is lost, after. It may crash whom it likes. */
  readonly onMet?: (request: ApiRequest) => void;
}

export interface ActiveFault {
  readonly fault: Fault;
  left: number;
  readonly error: ApiError;
}

const effects: Readonly<Record<Fault['on'], readonly Fault['effect'][]>> = { write: ['fail', 'lose-answer', 'delay'], read: ['fail', 'delay'], watch: ['fail', 'delay', 'drop', 'expire'] };
const known: ReadonlySet<string> = new Set(['on', 'effect', 'by', 'verb', 'resource', 'subresource', 'namespace', 'name', 'where', 'times', 'chance', 'delayMs', 'error', 'onMet']);

/** Throws UserError that begins with the field's path. */
export function checkFault(fault: Fault, components: readonly string[]): void {
  const refuse = (field: string, value: unknown, what: string): never => {
    throw new UserError(`fault.${field}: Invalid value: ${JSON.stringify(value)}: ${what}`, 'mend that field');
  };
  for (const field of Object.keys(fault)) if (!known.has(field)) refuse(field, (fault as unknown as Record<string, unknown>)[field], 'there is no such field');
  if (!Object.hasOwn(effects, fault.on)) refuse('on', fault.on, `must be one of ${Object.keys(effects).join(', ')}`);
  if (!effects[fault.on].includes(fault.effect)) refuse('effect', fault.effect, `of a ${fault.on} must be one of ${effects[fault.on].join(', ')}`);
  if (fault.by !== undefined && !components.includes(fault.by)) refuse('by', fault.by, `must be one of ${components.join(', ')}`);
  if (fault.chance !== undefined && !(fault.chance >= 0 && fault.chance <= 1)) refuse('chance', fault.chance, 'must be from 0 to 1');
  if (fault.times !== undefined && !(Number.isInteger(fault.times) && fault.times > 0)) refuse('times', fault.times, 'must be a whole number greater than 0');
  if ((fault.effect === 'delay') !== (fault.delayMs !== undefined)) refuse('delayMs', fault.delayMs, fault.effect === 'delay' ? 'must say how long' : 'is only for the effect delay');
  if (fault.delayMs !== undefined && !(fault.delayMs >= 0)) refuse('delayMs', fault.delayMs, 'must be 0 or more');
  if (fault.error !== undefined && fault.effect !== 'fail') refuse('error', fault.error, 'is only for the effect fail');
}

export class Faults {
  #active: readonly ActiveFault[] = [];
  #onWatchCut = new Set<() => void>();
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  get any(): boolean {
    return this.#active.length > 0;
  }

  add(fault: Fault): Disposable {
    const { code = 503, reason = 'ServiceUnavailable', message = 'a fault of the test' } = fault.error ?? {};
    const active: ActiveFault = { fault, left: fault.times ?? Infinity, error: new ApiError(code, reason, message) };
    this.#active = [...this.#active, active];
    if (fault.effect === 'drop' || fault.effect === 'expire') for (const cut of this.#onWatchCut) cut();
    return { [Symbol.dispose]: () => this.#remove(active) };
  }

  /** Calls back whenever open watches may have to end. */
  onWatchCut(listener: () => void): Disposable {
    this.#onWatchCut.add(listener);
    return { [Symbol.dispose]: () => void this.#onWatchCut.delete(listener) };
  }

  /** The first fault that meets this call, which thereby counts. */
  meeting(who: string, request: ApiRequest, effect?: readonly Fault['effect'][]): ActiveFault | undefined {
    for (const active of this.#active) {
      if ((effect && !effect.includes(active.fault.effect)) || !fits(active.fault, who, request)) continue;
      if (active.fault.chance !== undefined && this.#random.next() >= active.fault.chance) continue;
      if (--active.left <= 0) this.#remove(active);
      return active;
    }
    return undefined;
  }

  #remove(active: ActiveFault): void {
    this.#active = this.#active.filter((other) => other !== active);
  }
}

function fits(fault: Fault, who: string, request: ApiRequest): boolean {
  return (
    fault.on === kindOf(request.verb) &&
    (fault.by === undefined ? who !== 'test' : fault.by === who) &&
    (fault.verb === undefined || fault.verb === request.verb) &&
    (fault.resource === undefined || fault.resource === request.resource.plural) &&
    (fault.subresource === undefined || fault.subresource === (request.subresource ?? '')) &&
    (fault.namespace === undefined || fault.namespace === request.namespace) &&
    (fault.name === undefined || fault.name === request.name) &&
    (fault.where === undefined || fault.where(request))
  );
}

function kindOf(verb: Verb): Fault['on'] {
  return verb === 'watch' ? 'watch' : verb === 'get' || verb === 'list' || verb === 'connect' ? 'read' : 'write';
}
