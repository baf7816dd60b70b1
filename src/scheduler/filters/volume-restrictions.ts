import { claimNamesOf } from '../../api/storage/claims.ts';
import { refuse, type Filter } from './filter.ts';

const refusal = refuse('node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode', false);

/** A claim that only one Pod may use is used by no other, on any node. */
export const volumeRestrictions: Filter = {
  name: 'VolumeRestrictions',
  wokenBy: ['node-added', 'pod-left', 'claim'],
  prepare({ pod }, { nodes, volumes }) {
    const namespace = pod.metadata.namespace ?? '';
    const single = claimNamesOf(pod).filter((name) => volumes.source.claim(namespace, name)?.spec.accessModes?.includes('ReadWriteOncePod'));
    if (single.length === 0) return undefined;
    const isTaken = nodes.some((node) => [...node.pods.values()].some((other) => other.pod.metadata.namespace === namespace && claimNamesOf(other.pod).some((name) => single.includes(name))));
    return isTaken ? () => refusal : undefined;
  },
};
