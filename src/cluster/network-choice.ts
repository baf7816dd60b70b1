// Which network a cluster has: claimed once, at its first start, and then the same for good.
import type { Log } from '../base/log.ts';
import { addressAt, parseRange } from '../network/pod-network/ipv4-range.ts';
import { claimPodNetwork, createPodNetwork, type PodNetwork } from '../network/pod-network/pod-network.ts';
import type { PacketFilter } from '../network/pod-network/rules.ts';
import type { Layout } from './layout.ts';
import type { ParsedOptions } from './options.ts';
import type { NetworkSettings, Settings } from './settings.ts';
import { UserError } from './user-error.ts';

/** Throws UserError when a range that was asked for cannot be had, or none is free. */
export function chooseNetwork({ podRange, serviceRange, podRange6, serviceRange6, dualStack, runtime }: ParsedOptions): NetworkSettings {
  // Docker's own networks have IPv6 only where its daemon was set up for it.
  if (runtime === 'docker' && (dualStack || podRange6 || serviceRange6)) throw new UserError('on Docker Pods have IPv4 alone', 'leave --dual-stack and IPv6 ranges out');
  const wanted = { podRange, serviceRange, podRange6, serviceRange6 };
  try {
    return claimPodNetwork({ ...Object.fromEntries(Object.entries(wanted).filter(([, range]) => range !== undefined)), ipv6: dualStack === true });
  } catch (error) {
    throw new UserError('there is no network for the Pods', dualStack ? 'give other ranges with --pod-range and --service-range, or leave --dual-stack out' : 'give other ranges with --pod-range and --service-range', { cause: error });
  }
}

/** Where this machine has no Pods: nothing is claimed, the ranges are only names. */
export function nameNetwork({ podRange = '10.244.0.0/16', serviceRange = '10.96.0.0/16', podRange6, serviceRange6 }: ParsedOptions): NetworkSettings {
  return { bridge: '', podRange, clusterRange: podRange, serviceRange, ...(podRange6 && serviceRange6 ? { podRange6, serviceRange6 } : {}) };
}

/** `filter` is needed to prepare it, not to remove it; so is `nodeAddress`, on the link by which other machines are reached. */
export function podNetworkOf(layout: Layout, settings: Settings, log: Log, { filter, nodeAddress }: { filter?: PacketFilter | undefined; nodeAddress?: string } = {}): PodNetwork {
  const { bridge, podRange, clusterRange = podRange, serviceRange, podRange6, serviceRange6 } = settings;
  return createPodNetwork({ plan: { bridge, podRange, clusterRange, serviceRange, ...(podRange6 && serviceRange6 ? { podRange6, serviceRange6 } : {}) }, dataDir: layout.network, filter, nodeAddress, log: log.named('network') });
}

/** One of each family that the cluster has. */
export function serviceRangesOf({ serviceRange, serviceRange6 }: NetworkSettings): string[] {
  return [serviceRange, ...(serviceRange6 ? [serviceRange6] : [])];
}

/** The first usable address of a range: the API's Service has it, as the API server's own documentation says. */
export function firstAddress(range: string): string {
  return addressAt(parseRange(range)!, 1);
}
