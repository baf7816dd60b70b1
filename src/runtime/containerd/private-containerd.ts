// A containerd of our own, apart from the system's: its state, its socket and its logs lie under one directory. It is a
// child that outlives us: when we are killed, containers and containerd run on, and the next start adopts it.
//
//   (none) ──spawn──▶ starting ──answers──▶ running ──ends by itself──▶ waiting (back-off) ──▶ starting
//   (ours still runs) ──adopt──▶ running                                   │
//   stop() in any state ──────────────────────────────────────────────────┴──▶ stopped
import { mkdirSync } from 'node:fs';
import { backoffMs } from '../../base/backoff.ts';
import type { Clock } from '../../base/clock.ts';
import { describe, type Log } from '../../base/log.ts';
import { CallsUnderWay } from '../cri/calls.ts';
import { connectCri, type CriConnection } from '../cri/connection.ts';
import { RuntimeError } from '../runtime.ts';
import { configToml } from './config.ts';
import { canLowerOomScore, findCniPlugins, hasOverlay } from './machine.ts';
import { placesOf, type Places } from './places.ts';
import { adoptContainerd, endContainerd, lastWords, readPidFile, spawnContainerd, type ContainerdProcess } from './process.ts';
import { StrayWatch } from './stray-watch.ts';

export interface PrivateContainerdOptions {
  /** containerd's own directory; made when absent. */
  readonly dataDir: string;
  /** Holds the CNI configuration; may still be empty: containerd watches it. */
  readonly cniConfDir: string;
  /** Where CNI plugins may be; the first that has all is used. */
  readonly cniBinDirs: readonly string[];
  readonly pauseImage: string;
  /** Where the CNI plugin host-local notes the addresses that it has given out; absent: that is not looked after. */
  readonly ipamDir?: string;
  readonly clock: Clock;
  readonly log: Log;
}

export interface PrivateContainerd {
  /** `unix:///…` */
  readonly endpoint: string;
  /** Of the process that runs now; another after a restart. */
  readonly pid: number;
  /** For the runtime that is connected to it: tells what is still being made. */
  readonly calls: CallsUnderWay;
  /** Ends containerd; containers run on under their shims. */
  stop(): Promise<void>;
  /** Resolves once it has ended for good: after `stop`. When it ends by itself it is started again. */
  readonly exited: Promise<void>;
}

const restart = { initialMs: 100, longestMs: 10_000 };
/** After running for this long, an end counts as the first in a row. */
const steadyMs = 60_000;
const answerDeadlineMs = 30_000;
/** One that runs already is loaded, or all but. */
const adoptedDeadlineMs = 15_000;

/** Resolves once it answers CRI. */
export async function startPrivateContainerd(options: PrivateContainerdOptions, signal: AbortSignal): Promise<PrivateContainerd> {
  const { clock, log } = options;
  const places = placesOf(options.dataDir);
  mkdirSync(places.directory, { recursive: true, mode: 0o711 });
  const cniBinDir = findCniPlugins(options.cniBinDirs);
  const config = configToml({
    places, cniConfDir: options.cniConfDir, cniBinDir, pauseImage: options.pauseImage,
    snapshotter: hasOverlay() ? 'overlayfs' : 'native', canLowerOomScore: canLowerOomScore(),
  });
  if (places.socketDirectory) log.info('the socket is elsewhere, as its path would be too long', { socket: places.socket });

  const calls = new CallsUnderWay();
  const strays = new StrayWatch({ places, cni: { confDir: options.cniConfDir, binDir: cniBinDir }, ipamDir: options.ipamDir, calls, clock, log });
  let current = await begin(places, config, strays, options, signal);
  const stopping = new AbortController();
  const exited = Promise.withResolvers<void>();
  const watching = keepRunning();
  async function keepRunning(): Promise<void> {
    let failures = 0;
    while (!stopping.signal.aborted) {
      const sinceMs = clock.monotonicMs();
      const how = await Promise.race([current.ended, aborted(stopping.signal)]);
      if (stopping.signal.aborted) return;
      failures = clock.monotonicMs() - sinceMs > steadyMs ? 1 : failures + 1;
      log.warn('containerd ended by itself, starting it again; containers run on', { how, failures });
      try {
        if (failures > 1) await clock.sleep(backoffMs(failures - 1, restart), stopping.signal);
        current = await begin(places, config, strays, options, stopping.signal);
      } catch (error) {
        if (!stopping.signal.aborted) log.error('containerd does not start', { error: describe(error) });
      }
    }
  }
  return {
    endpoint: `unix://${places.socket}`,
    get pid() {
      return current.pid;
    },
    calls,
    async stop() {
      stopping.abort();
      await Promise.all([watching, strays.end()]);
      await endContainerd(places, current, clock);
      exited.resolve();
    },
    exited: exited.promise,
  };
}

async function begin(places: Places, config: string, strays: StrayWatch, { clock, log }: PrivateContainerdOptions, signal: AbortSignal): Promise<ContainerdProcess> {
  const startedMs = clock.monotonicMs();
  const tell = (running: ContainerdProcess, what: string) => {
    log.info(what, { pid: running.pid, ms: Math.round(clock.monotonicMs() - startedMs) });
    strays.begin();
    return running;
  };
  const found = adoptContainerd(places, config);
  if (found !== undefined && found !== 'outdated') {
    try {
      await answers(places, found, clock, async () => {}, signal);
      return tell(found, 'found containerd running');
    } catch (error) {
      signal.throwIfAborted();
      log.warn('the containerd that runs does not answer; another takes its place', { pid: found.pid, error: describe(error) });
    }
  }
  if (found !== undefined) await endContainerd(places, readPidFile(places)!, clock);
  const before = strays.sights();
  const running = await spawnContainerd(places, config);
  try {
    await answers(places, running, clock, (cri) => strays.clear(before, cri, false, signal), signal);
  } catch (error) {
    await endContainerd(places, running, clock);
    throw error;
  }
  return tell(running, 'started containerd');
}

const askAgainMs = 4;

async function answers(places: Places, running: ContainerdProcess, clock: Clock, then: (cri: CriConnection) => Promise<void>, signal: AbortSignal): Promise<void> {
  const cri = connectCri(places.socket, clock);
  const untilMs = clock.monotonicMs() + (running.adopted ? adoptedDeadlineMs : answerDeadlineMs);
  let ended: string | undefined;
  void running.ended.then((how) => (ended = how));
  try {
    for (;;) {
      try {
        await cri.runtime('Version', { version: 'v1' }, signal, answerDeadlineMs);
        break;
      } catch (error) {
        signal.throwIfAborted();
        if (ended !== undefined && !running.adopted) throw new RuntimeError('unavailable', `containerd ended (${ended}): ${lastWords(places)}`, { cause: error });
        // Until all its plugins are loaded there is no socket, then an unknown service, then one that is not yet initialized.
        if (clock.monotonicMs() > untilMs) throw new RuntimeError('unavailable', `containerd does not answer on ${places.socket}: ${lastWords(places)}`, { cause: error });
      }
      await clock.sleep(askAgainMs, signal);
    }
    await then(cri);
  } finally {
    cri.close();
  }
}

function aborted(signal: AbortSignal): Promise<string> {
  return new Promise((resolve) => (signal.aborted ? resolve('stopped') : signal.addEventListener('abort', () => resolve('stopped'), { once: true })));
}
