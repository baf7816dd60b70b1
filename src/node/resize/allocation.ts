// What a Pod has been granted of its node, which is not always what it asks for: a resize may have to wait. Pure.
import { sameJson } from '../../api/meta.ts';
import type { Container, Pod } from '../../api/types.ts';
import { containersOf } from '../pod/containers.ts';

export type Resources = NonNullable<Container['resources']>;

/** Of the Pod itself where it has any, and of its containers by name. */
export interface Allocation {
  readonly pod: Resources | undefined;
  readonly containers: ReadonlyMap<string, Resources>;
}

/** All that the Pod asks for. */
export function fullAllocation(pod: Pod): Allocation {
  return { pod: pod.spec.resources, containers: new Map(resizable(pod).map(({ name, resources = {} }) => [name, resources])) };
}

/** What an earlier agent granted, as far as it told; where it told nothing, what is asked for. */
export function toldAllocation(pod: Pod): Allocation {
  const { status, spec } = pod;
  const told = [...(status.containerStatuses ?? []), ...(status.initContainerStatuses ?? [])];
  const containers = resizable(pod).map(({ name, resources = {} }): [string, Resources] => {
    const one = told.find((entry) => entry.name === name);
    return [name, one?.resources ? { ...resources, requests: one.allocatedResources, limits: one.resources.limits } : resources];
  });
  return { pod: status.resources ? { ...spec.resources, requests: status.allocatedResources, limits: status.resources.limits } : spec.resources, containers: new Map(containers) };
}

/** The Pod as if it had asked for no more than it was granted; itself, where it has not. */
export function allocatedPod(pod: Pod, { pod: whole, containers }: Allocation): Pod {
  const granted = (container: Container): Container => {
    const resources = containers.get(container.name);
    return !resources || sameJson(resources, container.resources ?? {}) ? container : { ...container, resources };
  };
  const { spec } = pod;
  const app = spec.containers.map(granted);
  const init = spec.initContainers?.map(granted);
  const isSame = sameJson(whole, spec.resources) && app.every((one, index) => one === spec.containers[index]) && (init ?? []).every((one, index) => one === spec.initContainers![index]);
  if (isSame) return pod;
  return { ...pod, spec: { ...spec, ...(whole || spec.resources ? { resources: whole } : {}), containers: app, ...(init ? { initContainers: init } : {}) } };
}

/** Init containers that end by themselves keep what they began with. */
function resizable(pod: Pod): readonly Container[] {
  return containersOf(pod).all.filter(({ role }) => role === 'app' || role === 'sidecar').map(({ spec }) => spec);
}
