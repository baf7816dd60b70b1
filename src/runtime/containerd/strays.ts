// What a containerd that was killed while it made or removed things has left and no longer knows: shims and their bundles,
// network namespaces, addresses. Only what was there before the new one was started can be such a thing; what the new one,
// once it answers, has no record of is one, and goes.
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import { describe, type Log } from '../../base/log.ts';
import type { CriConnection } from '../cri/connection.ts';
import type { Places } from './places.ts';
import { killShims, shimsOf, unmountBelow } from './sweep.ts';

/** What may be stray: of each, what was there while no containerd ran. */
export interface Suspects {
  /** Tasks that have a bundle, or a shim without one, and whether each had a process: else it was only being made. */
  readonly tasks: readonly (readonly [id: string, hadProcess: boolean])[];
  /** Paths at which network namespaces are kept. */
  readonly networks: readonly string[];
  /** Files of addresses that are given out, each to the sandbox whose id is in it. */
  readonly addresses: readonly string[];
}

/**
 * To be called while no containerd runs here. They are written down until they have been looked at: whoever starts the next one may be
 * killed before that. `ipamDir`: of the CNI plugin host-local, one folder for each network.
 */
export function noteSuspects(places: Places, ipamDir: string | undefined): Suspects | undefined {
  const networks = netnsDir(places);
  const addresses = ipamDir === undefined ? [] : names(ipamDir).flatMap((network) => names(join(ipamDir, network)).filter((name) => /^[\da-f:]+[.:]/.test(name)).map((name) => join(ipamDir, network, name)));
  const bundles = names(bundlesDir(places));
  // At the very first start there is nothing to look for.
  const shims = names(places.state).length > 0 ? shimsOf(places) : [];
  const tasks = new Map([...shims.map(({ id, held }) => [id, held.length > 0] as const), ...bundles.map((id) => [id, hasProcess(id, places)] as const)]);
  const found: Suspects = { tasks: [...tasks], networks: names(networks).map((name) => join(networks, name)), addresses };
  if (found.tasks.length + found.networks.length + found.addresses.length === 0) return undefined;
  writeFileSync(places.suspects, JSON.stringify(found));
  return found;
}

/** Those that nobody has looked at since they were noted. */
export function notedSuspects(places: Places): Suspects | undefined {
  try {
    return JSON.parse(readFileSync(places.suspects, 'utf8')) as Suspects;
  } catch {
    return undefined;
  }
}

/** Never throws: what cannot be removed stays until the next start. */
export async function removeStrays({ tasks, networks, addresses }: Suspects, places: Places, cri: CriConnection, clock: Clock, log: Log, signal: AbortSignal): Promise<void> {
  try {
    const records = await cri.containerd.containers(signal);
    const known = new Set(records.map(({ id }) => id));
    const loaded = new Set(tasks.length > 0 ? await cri.containerd.taskIds(signal) : []);
    const holding = new Set(shimsOf(places).filter(({ held }) => held.length > 0).map(({ id }) => id));
    // One may still be recorded, and yet have no task: it was being made, or ended. Its record will go, and its shim would not.
    const isOver = (id: string, hadProcess: boolean) => !loaded.has(id) && !(hadProcess && (hasProcess(id, places) || holding.has(id)));
    const strays = tasks.filter(([id, hadProcess]) => !known.has(id) || isOver(id, hadProcess)).map(([id]) => id);
    if (strays.length > 0) await removeBundles(strays, places, clock);
    const unused = networks.filter((path) => !records.some(({ spec }) => spec.includes(path)));
    await unmountBelow(netnsDir(places), (path) => unused.includes(path));
    for (const path of unused) rmSync(path, { force: true });
    const free = addresses.filter((file) => !known.has(ownerOf(file)));
    for (const file of free) {
      for (const result of resultsOf(ownerOf(file))) rmSync(result, { force: true });
      rmSync(file, { force: true });
    }
    rmSync(places.suspects, { force: true });
    if (strays.length + unused.length + free.length > 0) log.info('removed what the containerd before this one had left unfinished', { tasks: strays.length, networks: unused.length, addresses: free.length });
  } catch (error) {
    if (!signal.aborted) log.warn('cannot look for what the containerd before this one has left', { error: describe(error) });
  }
}

function hasProcess(id: string, places: Places): boolean {
  try {
    const pid = Number(readFileSync(join(bundlesDir(places), id, 'init.pid'), 'utf8'));
    return pid > 0 && existsSync(`/proc/${pid}`);
  } catch {
    return false;
  }
}

async function removeBundles(ids: readonly string[], places: Places, clock: Clock): Promise<void> {
  await killShims(places, clock, new Set(ids));
  for (const id of ids) {
    const bundle = join(bundlesDir(places), id);
    await unmountBelow(bundle);
    for (const path of [bundle, join(places.root, taskPlugin, 'k8s.io', id), join(places.runc, 'k8s.io', id)]) rmSync(path, { recursive: true, force: true });
  }
}

const taskPlugin = 'io.containerd.runtime.v2.task';

function bundlesDir({ state }: Places): string {
  return join(state, taskPlugin, 'k8s.io');
}

function netnsDir({ state }: Places): string {
  return join(state, 'io.containerd.grpc.v1.cri', 'netns');
}

/** host-local writes the id of the sandbox in the first line. */
function ownerOf(file: string): string {
  try {
    return readFileSync(file, 'utf8').split(/\r?\n/)[0]!.trim();
  } catch {
    return '';
  }
}

/** What CNI's library keeps of each network that it has joined a sandbox to. */
function resultsOf(id: string): string[] {
  const folders = id === '' ? [] : ['/var/lib/cni/results', '/var/lib/cni/cache/results'];
  return folders.flatMap((folder) => names(folder).filter((name) => name.includes(id)).map((name) => join(folder, name)));
}

function names(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
