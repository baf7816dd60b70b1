// Which network a cluster has: claimed once, at its first start, and then the same for good.
import type { Log } from '../base/log.ts';
import { addressAt, parseRange } from '../network/pod-network/ipv4-range.ts';
import { claimPodNetwork, createPodNetwork, type PodNetwork } from '../network/pod-network/pod-network.ts';
import type { Layout } from './layout.ts';
import type { ParsedOptions } from './options.ts';
import type { Settings } from './settings.ts';
import { UserError } from './user-error.ts';

type Network = Pick<Settings, 'bridge' | 'podRange' | 'serviceRange'>;

/** Throws UserError when a range that was asked for cannot be had, or none is free. */
export function chooseNetwork({ podRange, serviceRange }: ParsedOptions): Network {
  try {
    return claimPodNetwork({ ...(podRange ? { podRange } : {}), ...(serviceRange ? { serviceRange } : {}) });
  } catch (error) {
    throw new UserError('there is no network for the Pods', 'give other ranges with --pod-range and --service-range', { cause: error });
  }
}

/** Where this machine has no Pods: nothing is claimed, the ranges are only names. */
export function nameNetwork({ podRange = '10.244.0.0/24', serviceRange = '10.96.0.0/16' }: ParsedOptions): Network {
  return { bridge: '', podRange, serviceRange };
}

export function podNetworkOf(layout: Layout, settings: Settings, log: Log): PodNetwork {
  const { bridge, podRange, serviceRange } = settings;
  return createPodNetwork({ plan: { bridge, podRange, serviceRange }, dataDir: layout.network, log: log.named('network') });
}

/** The first usable address of a range: the API's Service has it, as the API server's own documentation says. */
export function firstAddress(range: string): string {
  return addressAt(parseRange(range)!, 1);
}
