// A Pod for one node: as the template says, and meant for that node only.
import { daemonSets, templateGenerationOf } from '../../api/kinds/daemon-set.ts';
import { controllerReference } from '../../api/meta.ts';
import type { DaemonSet, New, Pod } from '../../api/types.ts';
import { daemonTolerations } from './placement.ts';

export const hashLabel = 'controller-revision-hash';

export function isOfRevision({ metadata }: Pod, hash: string): boolean {
  return metadata.labels?.[hashLabel] === hash;
}

export function newDaemonPod(set: DaemonSet, hash: string, node: string): New<Pod> {
  const { metadata, spec } = set.spec.template;
  const terms = [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: [node] }] }];
  // What the template requires of a node has been asked already: the one name takes its place.
  const nodeAffinity = { ...spec?.affinity?.nodeAffinity, requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: terms } };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      generateName: `${set.metadata.name}-`,
      namespace: set.metadata.namespace,
      labels: { ...metadata?.labels, [hashLabel]: hash, 'pod-template-generation': String(templateGenerationOf(set)) },
      annotations: metadata?.annotations,
      finalizers: metadata?.finalizers,
      ownerReferences: [controllerReference(set, daemonSets)],
    },
    spec: { ...spec!, affinity: { ...spec?.affinity, nodeAffinity }, tolerations: [...daemonTolerations(spec ?? {})] },
  };
}
