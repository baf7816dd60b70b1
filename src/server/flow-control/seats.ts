// Who is served now, who waits, and who is refused. Pure: it is told the time, and tells who may begin.
//
// A request that is served has seats of its level, most have one, until it has been answered. A level has `nominal` seats, of which it keeps `least`
// for itself; all that lies above is there for whoever needs it, up to each one's `most`. Upstream moves what is lent every ten
// seconds, by demand; here it goes with each request: lent seats come back as they become free.
//
// Waiting requests lie in their level's queues. The next one is taken from the queue that has been served least (start-time fair
// queuing): its virtual time goes on by as long as its requests kept their seats.
//
//            take ──────────────┐ a seat is free
//              │ none is        ▼
//              ├──► waiting ──► serving ──► over (give)
//              │       └─► over (leave, expired)
//              └──► refused: concurrency-limit, queue-full
import type { LevelLimits } from './limits.ts';
import { dealHand } from './shuffle-shard.ts';

export type Refusal = 'concurrency-limit' | 'queue-full' | 'time-out' | 'cancelled';

/** How long a request is taken to keep its seat until it has given it back. */
const assumedMs = 10;

export class Ticket {
  state: 'waiting' | 'serving' | 'over' = 'waiting';
  readonly level: Level;
  readonly arrivedMs: number;
  readonly queue: Queue;
  readonly seats: number;
  startedMs = 0;

  constructor(level: Level, queue: Queue, arrivedMs: number, seats: number) {
    this.level = level;
    this.queue = queue;
    this.arrivedMs = arrivedMs;
    this.seats = seats;
  }
}

interface Queue {
  readonly waiting: Ticket[];
  /** Seats that its requests have or wait for. */
  seats: number;
  /** How far it has been served, in virtual milliseconds. */
  virtualMs: number;
}

export class Level {
  limits: LevelLimits;
  /** Seats that are taken, and by how many requests. */
  serving = 0;
  executing = 0;
  /** Requests that wait, and for how many seats. */
  waiting = 0;
  waitingSeats = 0;
  /** Those in which someone waits. */
  readonly busy = new Set<Queue>();
  queues: readonly Queue[] = [];
  /** Of the queue that was served last. */
  virtualMs = 0;

  constructor(limits: LevelLimits) {
    this.limits = limits;
  }
}

export class Seats {
  #levels = new Map<string, Level>();
  #total = 0;
  /** Seats that are taken, or kept for a level: Σ max(serving, least). */
  #committed = 0;
  /** In the order of their arrival. */
  readonly #waiting = new Set<Ticket>();

  level(name: string): Level | undefined {
    return this.#levels.get(name);
  }

  get levels(): Iterable<Level> {
    return this.#levels.values();
  }

  /** Who has waited longest. */
  get oldest(): Ticket | undefined {
    return this.#waiting.values().next().value;
  }

  /** What is there goes on by the new limits; a level that is no longer there is kept until it is empty. Gives who may begin. */
  configure(limits: readonly LevelLimits[], nowMs: number): Ticket[] {
    const levels = new Map<string, Level>();
    for (const one of limits) {
      const level = this.#levels.get(one.name) ?? new Level(one);
      const before = level.limits.queuing;
      level.limits = one;
      // Who waits in queues of before is served from there.
      if (one.queuing?.queues !== level.queues.length || one.queuing.handSize !== before?.handSize) level.queues = Array.from({ length: one.queuing?.queues ?? 0 }, () => ({ waiting: [], seats: 0, virtualMs: 0 }));
      levels.set(one.name, level);
    }
    for (const [name, level] of this.#levels) if (!levels.has(name) && level.serving + level.waiting > 0) levels.set(name, level);
    this.#levels = levels;
    const limited = [...levels.values()].filter((level) => !level.limits.isExempt);
    this.#total = limited.reduce((sum, { limits: { nominal } }) => sum + nominal, 0);
    this.#committed = limited.reduce((sum, { serving, limits: { least } }) => sum + Math.max(serving, least), 0);
    return this.#next(nowMs);
  }

  /** True: it is served. The way of nearly every request: two comparisons and a count. */
  takeFree(level: Level, seats = 1): boolean {
    if (level.waiting > 0 || !this.#canBegin(level, seats)) return false;
    this.#begin(level, seats);
    return true;
  }

  /** Where no seat is free: waits, or is refused. `flow` tells whose request it is. */
  wait(level: Level, flow: string, nowMs: number, seats = 1): Ticket | Refusal {
    const { queuing } = level.limits;
    if (!queuing) return 'concurrency-limit';
    const hand = dealHand(flow, level.queues.length, queuing.handSize).map((card) => level.queues[card]!);
    const queue = hand.reduce((shortest, one) => (one.seats < shortest.seats ? one : shortest));
    if (queue.waiting.length >= queuing.queueLengthLimit) return 'queue-full';
    // One that was idle has saved nothing up.
    if (queue.seats === 0) queue.virtualMs = Math.max(queue.virtualMs, level.virtualMs);
    const ticket = new Ticket(level, queue, nowMs, seats);
    queue.waiting.push(ticket);
    queue.seats += seats;
    level.busy.add(queue);
    level.waiting++;
    level.waitingSeats += seats;
    this.#waiting.add(ticket);
    return ticket;
  }

  /** What a request had is given back: `seats`, of one that did not wait. Gives who may begin. */
  give(level: Level, ticket: Ticket | undefined, nowMs: number, seats = ticket?.seats ?? 1): readonly Ticket[] {
    this.#move(level, -seats);
    level.executing--;
    if (ticket) {
      ticket.state = 'over';
      ticket.queue.seats -= seats;
      ticket.queue.virtualMs += (nowMs - ticket.startedMs - assumedMs) * seats;
    }
    return this.#waiting.size === 0 ? nobody : this.#next(nowMs);
  }

  /** It no longer waits. */
  leave(ticket: Ticket): void {
    if (ticket.state !== 'waiting') return;
    ticket.state = 'over';
    ticket.queue.seats -= ticket.seats;
    this.#unqueue(ticket);
  }

  #unqueue(ticket: Ticket): void {
    const { level, queue } = ticket;
    queue.waiting.splice(queue.waiting.indexOf(ticket), 1);
    if (queue.waiting.length === 0) level.busy.delete(queue);
    level.waiting--;
    level.waitingSeats -= ticket.seats;
    this.#waiting.delete(ticket);
  }

  #next(nowMs: number): Ticket[] {
    const begun: Ticket[] = [];
    for (;;) {
      const level = this.#neediest();
      if (!level) return begun;
      const queue = leastServed(level.busy);
      const ticket = queue.waiting[0]!;
      this.#unqueue(ticket);
      this.#begin(level, ticket.seats);
      ticket.state = 'serving';
      ticket.startedMs = nowMs;
      level.virtualMs = queue.virtualMs;
      queue.virtualMs += assumedMs * ticket.seats;
      begun.push(ticket);
    }
  }

  /** Of the levels whose next one may begin, the one that has least of its share. One that needs many seats is waited for, not passed by. */
  #neediest(): Level | undefined {
    let found: Level | undefined;
    let least = Infinity;
    for (const level of this.#levels.values()) {
      if (level.waiting === 0 || !this.#canBegin(level, leastServed(level.busy).waiting[0]!.seats)) continue;
      const has = level.serving / Math.max(1, level.limits.nominal);
      if (has < least) [found, least] = [level, has];
    }
    return found;
  }

  /** What asks for more than its level can have any more, since its limits have changed, begins when it is alone. */
  #canBegin({ serving, limits: { isExempt, least, most } }: Level, seats: number): boolean {
    const then = serving + seats;
    if (isExempt || then <= least) return true;
    if (then > most) return serving === 0 && most > 0;
    return this.#committed + then - Math.max(serving, least) <= this.#total;
  }

  #begin(level: Level, seats: number): void {
    level.executing++;
    this.#move(level, seats);
  }

  #move(level: Level, by: number): void {
    const { isExempt, least } = level.limits;
    if (!isExempt) this.#committed += Math.max(level.serving + by, least) - Math.max(level.serving, least);
    level.serving += by;
  }
}

const nobody: readonly Ticket[] = [];

function leastServed(queues: Iterable<Queue>): Queue {
  let found: Queue | undefined;
  for (const queue of queues) if (!found || queue.virtualMs < found.virtualMs) found = queue;
  return found!;
}
