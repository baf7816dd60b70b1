// Where groups stand among each other in discovery, and versions within their group: kube-apiserver's numbers, higher ones first.
import type { Kind } from '../kind.ts';

export interface Priority {
  readonly group: number;
  readonly version: number;
}

const groups: Readonly<Record<string, number>> = {
  '': 18_000, 'apiregistration.k8s.io': 17_900, apps: 17_800, 'events.k8s.io': 17_750, 'authentication.k8s.io': 17_700, 'authorization.k8s.io': 17_600, autoscaling: 17_500, batch: 17_400, 'certificates.k8s.io': 17_300,
  'networking.k8s.io': 17_200, extensions: 17_150, policy: 17_100, 'rbac.authorization.k8s.io': 17_000, 'storage.k8s.io': 16_800, 'apiextensions.k8s.io': 16_700, 'admissionregistration.k8s.io': 16_700,
  'scheduling.k8s.io': 16_600, 'coordination.k8s.io': 16_500, 'node.k8s.io': 16_300, 'discovery.k8s.io': 16_200, 'flowcontrol.apiserver.k8s.io': 16_100, 'resource.k8s.io': 15_900,
};
const versions: Readonly<Record<string, number>> = {
  '/v1': 1, 'autoscaling/v2': 30, 'autoscaling/v2beta2': 1, 'events.k8s.io/v1beta1': 5, 'discovery.k8s.io/v1beta1': 12, 'flowcontrol.apiserver.k8s.io/v1': 21, 'flowcontrol.apiserver.k8s.io/v1beta3': 18,
  'flowcontrol.apiserver.k8s.io/v1beta2': 15, 'flowcontrol.apiserver.k8s.io/v1beta1': 12, 'extensions/v1beta1': 1,
};
const ofCustomKinds: Priority = { group: 1000, version: 100 };
/** What metrics-server's own manifest says. */
const ofOthers: Priority = { group: 100, version: 100 };

export function priorityOf({ group, version, custom }: Kind): Priority {
  if (custom) return ofCustomKinds;
  const found = groups[group];
  return found === undefined ? ofOthers : { group: found, version: versions[`${group}/${version}`] ?? (version === 'v1' ? 15 : 9) };
}

/** Whether the group is one of Kubernetes' own. */
export function isBuiltInGroup(group: string): boolean {
  return Object.hasOwn(groups, group);
}
