// Kills a cluster's processes at random moments under a random load, and then looks whether every acknowledged write is there,
// every wanted Pod runs, and nothing else is left. A run can be done in pieces: what it knows is kept beside the cluster.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pods } from '../../src/api/kinds/pod.ts';
import { seededRandom } from '../../src/base/random.ts';
import { isReady } from '../support/real-cluster.ts';
import { Load, type Counts, type Wanted } from './load.ts';
import { problemsOf } from './problems.ts';
import { Victim } from './victim.ts';

export interface FaultRunOptions {
  readonly directory: string;
  readonly seed: number;
  /** So many in all. */
  readonly kills: number;
  /** After so many more, everything is looked at. */
  readonly lookEvery: number;
  /** Before a look, so many writes must have been acknowledged in all, however slow the machine is. */
  readonly leastWrites?: number;
  /** This piece ends at the first look after so long. */
  readonly pieceMs?: number;
  /** A cluster in which something is wrong is left to be looked at; else it is ended. */
  readonly leaveBroken: boolean;
  readonly tell: (line: string) => void;
}

export interface FaultReport {
  readonly seed: number;
  readonly kills: { peapod: number; whileStarting: number; containerd: number };
  /** What Pods were at when something was killed. */
  readonly moments: Record<Moment, number>;
  readonly writes: Counts;
  /** Containers that were running at one look and at the next, untouched by all kills between. */
  runThrough: number;
  looks: number;
  leftOver: string[];
  /** In this piece. */
  readonly starts: number;
  /** By Peapod's own log: how often its containerd came up, how often it took away what was left over, and how many Pods it ended that the API no longer had. */
  readonly log: { containerdStarts: number; cleared: number; orphansEnded: number };
  readonly seconds: number;
  readonly done: boolean;
}

/** `starting`: Peapod did not answer yet. */
export type Moment = 'making' | 'ending' | 'makingAndEnding' | 'quiet' | 'starting';

/** All counts, in one line. */
export function inOneLine({ seed, kills, moments, writes, runThrough, leftOver, starts, log, looks, seconds }: FaultReport): string {
  const all = Object.values(kills).reduce((sum, count) => sum + count, 0);
  return [
    `seed ${seed}: ${all} kills in ${Math.round(seconds)} s (Peapod ${kills.peapod}, Peapod while it started ${kills.whileStarting}, containerd ${kills.containerd}`,
    ` | while Pods were made ${moments.making}, ended ${moments.ending}, both ${moments.makingAndEnding}, neither ${moments.quiet}, Peapod started ${moments.starting})`,
    `; writes: ${writes.acknowledged} acknowledged, ${writes.unanswered} without answer (${writes.done} of them done), ${writes.lost.length} lost`,
    `; ${leftOver.length} left over after ${looks} looks; ${runThrough} containers ran through`,
    `; Peapod was started ${starts} times, containerd came up ${log.containerdStarts} times, leftovers were cleared ${log.cleared} times, ${log.orphansEnded} Pods ended that the API no longer had`,
  ].join('');
}

interface Kept {
  kills: FaultReport['kills'];
  moments: FaultReport['moments'];
  counts: Counts;
  made: number;
  wanted: readonly Wanted[];
  runThrough: number;
  looks: number;
}

const workers = 4;
/** They are only looked at: their containers must live through everything. */
const lastingPods = 2;
const settledWithinMs = 120_000;
/** What is still wrong after so long is of interest, although it may yet be healed. */
const tellAfterMs = 10_000;

export async function runFaults({ directory, seed, kills, lookEvery, leastWrites = 0, pieceMs = Infinity, leaveBroken, tell }: FaultRunOptions): Promise<FaultReport> {
  mkdirSync(directory, { recursive: true });
  const file = join(directory, `faults-${seed}.json`);
  const kept: Kept = existsSync(file)
    ? (JSON.parse(readFileSync(file, 'utf8')) as Kept)
    : { kills: { peapod: 0, whileStarting: 0, containerd: 0 }, moments: { making: 0, ending: 0, makingAndEnding: 0, quiet: 0, starting: 0 }, counts: { acknowledged: 0, unanswered: 0, done: 0, lost: [] }, made: 0, wanted: [], runThrough: 0, looks: 0 };
  const killed = () => kept.kills.peapod + kept.kills.whileStarting + kept.kills.containerd;
  // Each piece has its own part of chance.
  const random = seededRandom(seed * 1000 + killed());
  const victim = new Victim(join(directory, 'cluster'));
  const load = new Load(seededRandom(seed * 1000 + killed() + 1), () => victim.connection.client, { made: kept.made, wanted: kept.wanted, counts: kept.counts });
  let running = new Map<string, string>();
  let leftOver: string[] = [];
  const beganMs = performance.now();
  victim.start();
  await victim.ready();
  try {
    await load.leaveAlone(lastingPods);
    leftOver = await settled();
    running = await containersNow();
    while (killed() < kills && performance.now() - beganMs < pieceMs && leftOver.length === 0 && kept.counts.lost.length === 0) {
      const untilKills = Math.min(kills, killed() + lookEvery);
      const stop = new AbortController();
      const working = load.work(workers, stop.signal);
      while (killed() < untilKills) await killOnce();
      while (kept.counts.acknowledged < leastWrites) await sleep(50);
      stop.abort();
      await working;
      await load.settle();
      leftOver = await settled();
      const now = await containersNow();
      kept.runThrough += [...running.keys()].filter((id) => now.has(id)).length;
      const touched = [...running].filter(([id, uid]) => [...now.values()].includes(uid) && !now.has(id));
      if (touched.length > 0) leftOver.push(`containers that ran did not run through: ${touched.map(([id]) => id.slice(0, 12)).join()}`);
      running = now;
      kept.looks++;
      tell(`${killed()} kills (${JSON.stringify(kept.kills)}), ${kept.counts.acknowledged} writes acknowledged, ${kept.counts.unanswered} without an answer (${kept.counts.done} of them done), ${now.size} containers run, ${kept.runThrough} ran through; lost: ${kept.counts.lost.length}, left over: ${leftOver.length}`);
      writeFileSync(file, JSON.stringify({ ...kept, made: load.made, wanted: load.wanted }));
    }
  } catch (error) {
    await end(true);
    throw error;
  }
  const log = victim.logCounts();
  await end(leftOver.length > 0 || kept.counts.lost.length > 0);
  return { seed, kills: kept.kills, moments: kept.moments, writes: kept.counts, runThrough: kept.runThrough, looks: kept.looks, leftOver, starts: victim.starts, log, seconds: (performance.now() - beganMs) / 1000, done: killed() >= kills };

  async function end(isBroken: boolean): Promise<void> {
    if (isBroken && leaveBroken) return victim.leave();
    await victim.killPeapod();
    await victim.down(isBroken || killed() >= kills);
  }

  async function killOnce(): Promise<void> {
    await sleep(random.next() * 1500);
    const moment = await momentNow();
    const count = (what: keyof FaultReport['kills'], when = moment) => {
      kept.kills[what]++;
      kept.moments[when]++;
    };
    const which = random.next();
    if (which < 0.3) {
      if (victim.killContainerd()) count('containerd');
      return;
    }
    if (which > 0.85 && victim.killContainerd()) count('containerd');
    if (await victim.killPeapod()) count('peapod');
    await sleep(random.next() * 300);
    victim.start();
    // Now and then again before it has come up.
    while (random.next() < 0.25) {
      await sleep(random.next() * 800);
      if (await victim.killPeapod()) count('whileStarting', 'starting');
      victim.start();
    }
    await victim.ready();
  }

  async function momentNow(): Promise<Moment> {
    try {
      const { items } = await victim.connection.client.list(pods, {}, AbortSignal.timeout(1_000));
      const isEnding = items.some(({ metadata }) => metadata.deletionTimestamp);
      const isMaking = items.some((pod) => !pod.metadata.deletionTimestamp && !isReady(pod));
      return isMaking ? (isEnding ? 'makingAndEnding' : 'making') : isEnding ? 'ending' : 'quiet';
    } catch {
      return 'starting';
    }
  }

  /** Nothing is done but to look: what is to be cleared away, Peapod clears away. */
  async function settled(): Promise<string[]> {
    let problems: string[] = [];
    let told = '';
    for (const beganMs = performance.now(); performance.now() < beganMs + settledWithinMs; await sleep(200)) {
      problems = await problemsOf(victim.connection.client, victim.dataDir, load.wanted).catch((error: unknown) => [String(error)]);
      if (problems.length === 0) return [];
      if (performance.now() < beganMs + tellAfterMs || told === problems.join()) continue;
      told = problems.join();
      tell(`not settled after ${Math.round((performance.now() - beganMs) / 1000)} s: ${problems.join('; ')}`);
    }
    return problems;
  }

  /** Ids of running containers, with their Pods' UIDs. */
  async function containersNow(): Promise<Map<string, string>> {
    const { items } = await victim.connection.client.list(pods, {}, AbortSignal.timeout(20_000));
    return new Map(items.filter(isReady).flatMap(({ metadata, status }) => (status.containerStatuses ?? []).map(({ containerID = '' }) => [containerID.replace(/^.*:\/\//, ''), metadata.uid] as const)));
  }
}
