import { placeClaims } from '../volumes/place-claims.ts';
import { podClaims } from '../volumes/pod-claims.ts';
import type { ClusterChange, Filter } from './filter.ts';

const name = 'VolumeBinding';
const wokenBy: readonly ClusterChange[] = ['node-added', 'node-labels', 'claim', 'volume', 'storage-class'];

/** The claims must be there, and bound unless they wait for the Pod. Asked before any node is. */
export const podVolumes: Filter = {
  name,
  wokenBy,
  prepare({ pod }, { volumes }) {
    const claims = podClaims(pod, volumes);
    if (typeof claims !== 'string') return undefined;
    const refusal = { reasons: [claims], isFinal: true, isOfPod: true };
    return () => refusal;
  },
};

/** The node must reach the volumes that are bound, and be able to have those that are not. */
export const volumeBinding: Filter = {
  name,
  wokenBy,
  prepare({ pod }, { volumes }) {
    const claims = podClaims(pod, volumes);
    if (claims === undefined || typeof claims === 'string') return undefined;
    return ({ node }) => {
      const placed = placeClaims(claims, node!, volumes);
      return 'bindings' in placed ? undefined : { reasons: placed, isFinal: true };
    };
  },
};
