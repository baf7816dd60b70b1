// What a cluster chose for itself at its first start. It keeps to it ever after, so that what runs is found again, and
// clusters side by side on one machine do not meet.
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { Random } from '../base/random.ts';
import { UserError } from './user-error.ts';
import type { ParsedOptions } from './options.ts';

export interface Settings {
  /** Six letters; part of every name that this cluster gives to something of the machine. */
  readonly id: string;
  readonly nodeName: string;
  readonly bridge: string;
  /** Of this machine's Pods. */
  readonly podRange: string;
  /** Of all Pods; absent where the cluster was begun when it could have one node only. */
  readonly clusterRange?: string;
  readonly serviceRange: string;
  /** Of a cluster that has both families; the Pods' is this machine's alone. */
  readonly podRange6?: string;
  readonly serviceRange6?: string;
  /** Absolute path in the cgroup hierarchy. */
  readonly cgroupParent: string;
  /** Absent: containerd, or another that speaks CRI. */
  readonly runtime?: 'docker';
  /** Of a runtime that is not ours; absent: a private containerd, or Docker's usual socket. */
  readonly runtimeEndpoint?: string;
  /** This machine is no node of it, and has no network for Pods. */
  readonly noNode?: true;
  /** This machine is a node of a cluster elsewhere. */
  readonly joined?: JoinedTo;
  /** The port of last time; absent before the first. */
  readonly port?: number;
}

/** What a joined node keeps of its cluster, so that it starts again without asking. */
export interface JoinedTo {
  /** `https://192.0.2.1:6443` */
  readonly server: string;
  readonly dnsIP: string;
  readonly domain: string;
  /** The node's own, as it was last. */
  readonly address: string;
}

export type NetworkSettings = Pick<Settings, 'bridge' | 'podRange' | 'clusterRange' | 'serviceRange' | 'podRange6' | 'serviceRange6'>;

/** `chooseNetwork` is asked only at the first start. Throws UserError when the options contradict what was chosen then. */
export function settle(file: string, options: ParsedOptions, random: Random, chooseNetwork: () => NetworkSettings): Settings {
  const kept = readSettings(file);
  if (kept) {
    if (kept.joined) throw new UserError(`this directory is that of a node of the cluster at ${kept.joined.server}`, 'start it with: peapod join, or give another --data-dir');
    for (const [name, words] of [['podRange', 'Pod range'], ['podRange6', 'IPv6 Pod range'], ['serviceRange', 'Service range'], ['serviceRange6', 'IPv6 Service range'], ['runtimeEndpoint', 'runtime endpoint']] as const) {
      const has = name === 'podRange' ? (kept.clusterRange ?? kept.podRange) : kept[name];
      if (options[name] !== undefined && options[name] !== has) {
        throw new UserError(`this cluster's ${words} is ${has ?? 'its own'}, not ${options[name]}`, 'leave the flag out, or begin anew after: peapod down --purge');
      }
    }
    if (options.dualStack !== undefined && options.dualStack !== (kept.podRange6 !== undefined)) {
      throw new UserError(`this cluster was begun ${kept.podRange6 ? 'with' : 'without'} IPv6`, `${kept.podRange6 ? 'leave the option out' : 'leave --dual-stack out'}, or begin anew after: peapod down --purge`);
    }
    if (options.node === Boolean(kept.noNode)) {
      throw new UserError(`this cluster was begun ${kept.noNode ? 'without' : 'with'} a node on this machine`, `${kept.noNode ? 'give --no-node' : 'leave --no-node out'}, or begin anew after: peapod down --purge`);
    }
    const runtime = kept.runtime ?? 'containerd';
    if (options.runtime !== undefined && options.runtime !== runtime) {
      throw new UserError(`this cluster's runtime is ${runtime}, not ${options.runtime}`, 'leave the flag out, or begin anew after: peapod down --purge');
    }
    return kept;
  }
  const id = random.uuid().slice(0, 6);
  const settings: Settings = { id, nodeName: options.nodeName, ...chooseNetwork(), cgroupParent: `/peapod-${id}`, ...(options.runtime === 'docker' ? { runtime: 'docker' } : {}), ...(options.runtimeEndpoint ? { runtimeEndpoint: options.runtimeEndpoint } : {}), ...(options.node ? {} : { noNode: true }) };
  writeSettings(file, settings);
  return settings;
}

export function readSettings(file: string): Settings | undefined {
  if (!existsSync(file)) return undefined;
  try {
    return Object.freeze(JSON.parse(readFileSync(file, 'utf8')) as Settings);
  } catch (error) {
    throw new UserError(`${file} cannot be read`, 'restore it, or begin anew after: peapod down --purge', { cause: error });
  }
}

export function writeSettings(file: string, settings: Settings): void {
  writeFileSync(`${file}.new`, JSON.stringify(settings, null, 2) + '\n');
  renameSync(`${file}.new`, file);
}
