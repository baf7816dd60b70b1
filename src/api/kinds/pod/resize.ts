// `pods/NAME/resize`: the Pod, of which only the processors and the memory of its containers (and its own) are written,
// while it runs.
import { ApiError } from '../../error.ts';
import type { Subresource } from '../../kind.ts';
import { draftOf, sameJson } from '../../meta.ts';
import type { Container, Pod, PodSpec } from '../../types.ts';
import { Report } from '../validation/report.ts';
import { checkSamePod } from './same-pod.ts';
import { defaultPod } from './defaults.ts';
import { isSidecar, qosClass } from './resources.ts';
import { validatePod } from './validate.ts';

type Resources = NonNullable<Container['resources']>;
type Amounts = Readonly<Record<string, string>> | undefined;

export const resize: Subresource<Pod> = {
  group: '',
  version: 'v1',
  kind: 'Pod',
  verbs: ['get', 'update', 'patch'],
  read: (pod) => pod,
  write(pod, body: Pod): Pod {
    checkSamePod(body, pod);
    const { name } = pod.metadata;
    const report = new Report();
    if (checkSame(report, 'containers', body.spec, pod.spec) && checkSame(report, 'initContainers', body.spec, pod.spec)) {
      const draft = draftOf({ ...pod, spec: withResourcesOf(pod.spec, body.spec) });
      defaultPod(draft);
      checkResize(report, draft, pod);
      const causes = [...validatePod(draft), ...report.causes];
      if (causes.length === 0) return draft;
      throw ApiError.invalid({ group: '', kind: 'Pod' }, name, causes);
    }
    throw ApiError.invalid({ group: '', kind: 'Pod' }, name, report.causes);
  },
};

/** Containers go by their place: they must be those that are there. */
function checkSame(report: Report, list: 'containers' | 'initContainers', spec: PodSpec | undefined, before: PodSpec): boolean {
  const [now, old] = [spec?.[list] ?? [], before[list] ?? []];
  if (now.length !== old.length) report.forbidden(`spec.${list}`, `${list} may not be added or removed on resize`);
  else old.forEach(({ name }, index) => now[index]!.name === name || report.forbidden(`spec.${list}[${index}].name`, `${list} may not be renamed or reordered on resize`));
  return report.causes.length === 0;
}

/** What else the body says is passed over, as upstream does: a client sends back the whole Pod as it once read it. */
function withResourcesOf(before: PodSpec, spec: PodSpec): PodSpec {
  const resized = (old: Container, index: number, now: readonly Container[] | undefined): Container => {
    const { resources, resizePolicy } = now![index]!;
    return { ...old, ...(resources ? { resources } : { resources: {} }), resizePolicy: resizePolicy ?? old.resizePolicy };
  };
  return {
    ...before,
    ...(spec.resources || before.resources ? { resources: spec.resources } : {}),
    containers: before.containers.map((old, index) => resized(old, index, spec.containers)),
    ...(before.initContainers ? { initContainers: before.initContainers.map((old, index) => resized(old, index, spec.initContainers)) } : {}),
  };
}

function checkResize(report: Report, pod: Pod, before: Pod): void {
  if (before.metadata.annotations?.['kubernetes.io/config.mirror'] !== undefined) return report.forbidden('', 'static pods cannot be resized');
  if (before.spec.os?.name === 'windows') return report.forbidden('', 'windows pods cannot be resized');
  const was = before.status.qosClass ?? qosClass(before.spec);
  if (qosClass(pod.spec) !== was) report.invalid('spec', was, 'Pod QOS Class may not change as a result of resizing');
  if (!nodeCanResize(before)) report.forbidden('spec', 'Pod running on node without support for resize');
  checkKept(report, 'spec.resources', pod.spec.resources, before.spec.resources);
  if (!onlyComputeDiffers(pod.spec.resources, before.spec.resources)) report.forbidden('spec', 'only cpu and memory resources are mutable at pod-level');
  pod.spec.initContainers?.forEach((container, index) => {
    const old = before.spec.initContainers![index]!;
    if (isSidecar(old)) {
      checkKept(report, `spec.initContainers[${index}].resources`, container.resources, old.resources);
      if (!sameButForCompute(container, old)) report.forbidden('spec', 'only cpu and memory resources for sidecar containers are mutable');
    } else if (!sameJson(container, old)) report.forbidden('spec', 'resources for non-sidecar init containers are immutable');
  });
  pod.spec.containers.forEach((container, index) => {
    const old = before.spec.containers[index]!;
    checkKept(report, `spec.containers[${index}].resources`, container.resources, old.resources);
    if (!sameButForCompute(container, old)) report.forbidden('spec', 'only cpu and memory resources are mutable');
  });
}

/** A node that resizes tells what its running containers have; where none runs yet, it is taken to be one. */
function nodeCanResize({ status }: Pod): boolean {
  const running = status.containerStatuses?.find(({ state }) => state?.running);
  return !running || running.resources !== undefined;
}

function checkKept(report: Report, field: string, now: Resources | undefined, old: Resources | undefined): void {
  if (isTaken(now?.requests, old?.requests)) report.forbidden(`${field}.requests`, 'resource requests cannot be removed');
  if (isTaken(now?.limits, old?.limits)) report.forbidden(`${field}.limits`, 'resource limits cannot be removed');
}

function isTaken(now: Amounts, old: Amounts): boolean {
  return Object.keys(old ?? {}).some((name) => now?.[name] === undefined);
}

function sameButForCompute(now: Container, old: Container): boolean {
  return sameJson({ ...now, resources: null }, { ...old, resources: null }) && onlyComputeDiffers(now.resources, old.resources);
}

function onlyComputeDiffers(now: Resources | undefined, old: Resources | undefined): boolean {
  const rest = (resources: Resources | undefined) => ({ ...resources, limits: others(resources?.limits), requests: others(resources?.requests) });
  return sameJson(rest(now), rest(old));
}

function others(amounts: Amounts): Record<string, string> {
  const { cpu: _cpu, memory: _memory, ...rest } = amounts ?? {};
  return rest;
}
