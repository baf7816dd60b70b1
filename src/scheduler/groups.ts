// Which Pods belong together though they do not say so: those of the same Services and the same controller.
import { controllerOf } from '../api/meta.ts';
import type { LabelRequirement } from '../api/selectors-parse.ts';
import { labelMatcher, labelSelectorOf, type LabelMatcher } from '../api/selectors.ts';
import type { KubeObject, LabelSelector, Pod, Service } from '../api/types.ts';

export interface Workload extends KubeObject {
  readonly spec: { readonly selector?: LabelSelector | Readonly<Record<string, string>> };
}

export interface GroupSources {
  readonly services: (namespace: string) => readonly Service[];
  /** A ReplicaSet, ReplicationController or StatefulSet; undefined: it is none of these, or not there. */
  readonly workload: (kind: string, namespace: string, name: string) => Workload | undefined;
}

/** Undefined: the Pod stands alone. */
export function groupOfPod(pod: Pod, { services, workload }: GroupSources): LabelMatcher | undefined {
  const { namespace = '', labels } = pod.metadata;
  const requirements: LabelRequirement[] = [];
  for (const { spec } of services(namespace)) {
    const own = Object.entries(spec.selector ?? {});
    if (own.length > 0 && own.every(([key, value]) => labels?.[key] === value)) requirements.push(...own.map(([key, value]) => ({ key, operator: '=' as const, values: [value] })));
  }
  const owner = controllerOf(pod);
  const found = owner && workload(owner.kind, namespace, owner.name);
  if (found) requirements.push(...(labelSelectorOf(found.spec.selector).requirements ?? []));
  return requirements.length > 0 ? labelMatcher(requirements) : undefined;
}
