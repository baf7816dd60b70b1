// RuntimeClass: a Pod of a class costs what the class says, and goes where the class can be run.
import { runtimeClasses } from '../../api/kinds/index.ts';
import { sameJson } from '../../api/meta.ts';
import type { Pod, RuntimeClass, Toleration } from '../../api/types.ts';
import type { Admission, AdmissionRequest, AdmissionWorld } from './admission.ts';
import { forbidden } from './forbidden.ts';

export const runtimeClass: Admission = {
  name: 'RuntimeClass',
  handles: ({ verb, kind, subresource }) => verb === 'create' && kind.plural === 'pods' && kind.group === '' && !subresource,
  mutate(request, world) {
    const { spec } = request.draft as Pod;
    const found = classOf(request, world);
    if (found?.overhead) {
      const { podFixed = {} } = found.overhead;
      if (spec.overhead && !sameJson(spec.overhead, podFixed)) throw forbidden(request, "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead");
      spec.overhead = { ...podFixed };
    }
    if (found?.scheduling) setScheduling(request, spec, found.scheduling);
  },
  validate(request, world) {
    const { overhead } = (request.draft as Pod).spec;
    const found = classOf(request, world);
    if (found?.overhead) {
      if (!sameJson(overhead, found.overhead.podFixed ?? {})) throw forbidden(request, "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead");
    } else if (overhead) throw forbidden(request, 'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead');
  },
};

function classOf(request: AdmissionRequest, world: AdmissionWorld): RuntimeClass | undefined {
  const name = (request.draft as Pod).spec.runtimeClassName;
  if (!name) return undefined;
  const found = world.get(runtimeClasses, { namespace: '', name });
  if (!found) throw forbidden(request, `pod rejected: RuntimeClass ${JSON.stringify(name)} not found`);
  return found;
}

function setScheduling(request: AdmissionRequest, spec: Pod['spec'], { nodeSelector = {}, tolerations = [] }: NonNullable<RuntimeClass['scheduling']>): void {
  const own = spec.nodeSelector ?? {};
  for (const [key, value] of Object.entries(nodeSelector)) {
    if (key in own && own[key] !== value) {
      throw forbidden(request, `conflict: runtimeClass.scheduling.nodeSelector[${key}] = ${value}; pod.spec.nodeSelector[${key}] = ${own[key]}`);
    }
  }
  if (spec.nodeSelector || Object.keys(nodeSelector).length > 0) spec.nodeSelector = { ...own, ...nodeSelector };
  const merged = mergeTolerations([...(spec.tolerations ?? []), ...tolerations.map((one) => ({ ...one }))]);
  if (merged.length > 0) spec.tolerations = merged;
}

/** Without those that another one tolerates too; of equals the first stays. */
function mergeTolerations(all: readonly Toleration[]): Toleration[] {
  const merged: Toleration[] = [];
  all.forEach((one, index) => {
    if (merged.some((other) => covers(other, one))) return;
    if (all.slice(index + 1).some((other) => !sameJson(other, one) && covers(other, one))) return;
    merged.push(one);
  });
  return merged;
}

/** Whether `wide` tolerates whatever `narrow` does. */
function covers(wide: Toleration, narrow: Toleration): boolean {
  if (sameJson(wide, narrow)) return true;
  const isExists = wide.operator === 'Exists';
  if ((narrow.key ?? '') !== (wide.key ?? '') && (wide.key || !isExists)) return false;
  if (wide.effect && narrow.effect !== wide.effect) return false;
  if (wide.effect === 'NoExecute' && typeof wide.tolerationSeconds === 'number') {
    if (typeof narrow.tolerationSeconds !== 'number' || narrow.tolerationSeconds > wide.tolerationSeconds) return false;
  }
  return isExists || ((narrow.operator || 'Equal') === 'Equal' && (narrow.value ?? '') === (wide.value ?? ''));
}
