// What is on the machine of a private containerd's sandboxes and containers, whatever its own records say: shims, bundles and runc's
// states, network namespaces, addresses, folders. It is only looked at here.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startTicks } from './machine.ts';
import type { Places } from './places.ts';
import { shimsOf } from './sweep.ts';

export interface Sights {
  /** Sandboxes and containers that have a bundle, a shim or a state of runc, and whether they have a process. */
  readonly tasks: ReadonlyMap<string, boolean>;
  /** Paths at which network namespaces are kept. */
  readonly networks: readonly string[];
  /** Files of addresses that are given out, each with the sandbox that has it. */
  readonly addresses: ReadonlyMap<string, string>;
  /** Files in which CNI keeps that a sandbox has joined one of our networks, each with the sandbox. */
  readonly joined: ReadonlyMap<string, string>;
  /** CRI's own folders, with mounts in them, each with its sandbox or container. */
  readonly folders: ReadonlyMap<string, string>;
}

/** `ipamDir`: of the CNI plugin host-local, one folder for each network; absent: networks are not looked after. */
export function sightsOf(places: Places, ipamDir: string | undefined): Sights {
  // At the very first start there is nothing to look for.
  const shims = names(places.state).length > 0 ? shimsOf(places) : [];
  const withProcess = (id: string) => shims.some((shim) => shim.id === id && shim.held.length > 0) || hasProcess(id, places);
  const ids = new Set([...shims.map(({ id }) => id), ...names(bundlesDir(places)), ...names(runcDir(places))]);
  const networks = ipamDir === undefined ? [] : names(ipamDir);
  const addresses = networks.flatMap((network) => names(join(ipamDir!, network)).filter((name) => /^[\da-f:]+[.:]/.test(name)).map((name) => join(ipamDir!, network, name)));
  return {
    tasks: new Map([...ids].map((id) => [id, withProcess(id)])),
    networks: names(netnsDir(places)).map((name) => join(netnsDir(places), name)),
    addresses: new Map(addresses.map((file) => [file, ownerOf(file)])),
    joined: new Map(networks.length === 0 ? [] : resultFolders.flatMap((folder) => names(folder).flatMap((name) => joinedBy(name, networks).map((id) => [join(folder, name), id] as const)))),
    folders: new Map(foldersOf(places).flatMap((folder) => names(folder).map((id) => [join(folder, id), id] as const))),
  };
}

const taskPlugin = 'io.containerd.runtime.v2.task';
const criPlugin = 'io.containerd.grpc.v1.cri';
/** CRI's containers live in this namespace of containerd. */
const namespace = 'k8s.io';

export function bundlesDir({ state }: Places): string {
  return join(state, taskPlugin, namespace);
}

export function runcDir({ runc }: Places): string {
  return join(runc, namespace);
}

/** All that a task has in files. */
export function filesOfTask(id: string, places: Places): string[] {
  return [join(bundlesDir(places), id), join(places.root, taskPlugin, namespace, id), join(runcDir(places), id)];
}

export function netnsDir({ state }: Places): string {
  return join(state, criPlugin, 'netns');
}

function foldersOf({ root, state }: Places): string[] {
  return [root, state].flatMap((directory) => ['sandboxes', 'containers'].map((kind) => join(directory, criPlugin, kind)));
}

/** Where CNI's library keeps what the plugins answered, of each sandbox in a file for each network. */
const resultFolders = ['/var/lib/cni/results', '/var/lib/cni/cache/results'];

function joinedBy(name: string, networks: readonly string[]): string[] {
  const network = networks.find((one) => name.startsWith(`${one}-`));
  const id = network && /^[0-9a-f]{64}(?=-)/.exec(name.slice(network.length + 1))?.[0];
  return id ? [id] : [];
}

/** By containerd's note of the first process, or runc's. */
function hasProcess(id: string, places: Places): boolean {
  const pid = Number(read(join(bundlesDir(places), id, 'init.pid')));
  if (pid > 0 && existsSync(`/proc/${pid}`)) return true;
  try {
    const state = JSON.parse(read(join(runcDir(places), id, 'state.json'))) as { init_process_pid: number; init_process_start: number };
    return startTicks(state.init_process_pid) === state.init_process_start;
  } catch {
    return false;
  }
}

/** host-local writes the id of the sandbox in the first line. */
function ownerOf(file: string): string {
  return read(file).split(/\r?\n/)[0]!.trim();
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function names(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
