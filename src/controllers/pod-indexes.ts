// How controllers file Pods, so that none of them looks through all Pods of a namespace.
import { controllerOf } from '../api/meta.ts';
import { claimNamesOf } from '../api/storage/claims.ts';
import type { Pod } from '../api/types.ts';
import type { IndexFunctions } from '../client/informer.ts';

export const podIndexes = {
  /** By the UID of the owner that manages it. */
  controller: (pod: Pod) => {
    const owner = controllerOf(pod);
    return owner ? [owner.uid] : [];
  },
  /** By the node that it is bound to. */
  node: (pod: Pod) => (pod.spec.nodeName ? [pod.spec.nodeName] : []),
  /** Pods that nobody manages, by namespace. */
  orphan: (pod: Pod) => (controllerOf(pod) ? [] : [pod.metadata.namespace ?? '']),
  /** By the claims that it uses, as `namespace/name`. */
  claim: (pod: Pod) => claimNamesOf(pod).map((name) => `${pod.metadata.namespace}/${name}`),
} satisfies IndexFunctions<Pod>;
