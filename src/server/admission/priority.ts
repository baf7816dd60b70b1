// Priority: turns a Pod's priorityClassName into a number and a policy, and sees that at most one class is the default.
import { priorityClasses } from '../../api/kinds/index.ts';
import type { Pod, PriorityClass } from '../../api/types.ts';
import type { Admission, AdmissionRequest, AdmissionWorld } from './admission.ts';
import { forbidden } from './forbidden.ts';

/** What Pods without a class get where no class is the default. */
const ordinary = { name: '', value: 0, preemptionPolicy: 'PreemptLowerPriority' };

export const priority: Admission = {
  name: 'Priority',
  handles: ({ verb, kind, subresource }) => (verb === 'create' || verb === 'update') && !subresource && (isPods(kind) || isClasses(kind)),
  mutate(request, world) {
    if (!isPods(request.kind)) return;
    const { spec } = request.draft as Pod;
    if (request.verb === 'update') return keep(spec, (request.before as Pod | undefined)?.spec);
    const { name, value, preemptionPolicy } = resolve(request, spec.priorityClassName, world);
    const computed = 'must not be provided in pod spec; priority admission controller computed';
    if (spec.priority !== undefined && spec.priority !== null && spec.priority !== value) {
      throw forbidden(request, `the integer value of priority (${spec.priority}) ${computed} ${value} from the given PriorityClass name`);
    }
    if (spec.preemptionPolicy && spec.preemptionPolicy !== preemptionPolicy) {
      throw forbidden(request, `the string value of PreemptionPolicy (${spec.preemptionPolicy}) ${computed} ${preemptionPolicy} from the given PriorityClass name`);
    }
    if (name) spec.priorityClassName = name;
    spec.priority = value;
    spec.preemptionPolicy = preemptionPolicy;
  },
  validate(request, world) {
    if (!isClasses(request.kind) || !(request.draft as PriorityClass).globalDefault) return;
    const already = defaultClass(world);
    if (already && already.metadata.name !== request.name) {
      throw forbidden(request, `PriorityClass ${already.metadata.name} is already marked as default. Only one default can exist`);
    }
  },
};

function isPods({ group, plural }: AdmissionRequest['kind']): boolean {
  return plural === 'pods' && group === '';
}

function isClasses({ group, plural }: AdmissionRequest['kind']): boolean {
  return plural === priorityClasses.plural && group === priorityClasses.group;
}

function resolve(request: AdmissionRequest, className: string | undefined, world: AdmissionWorld): typeof ordinary {
  const found = className ? world.get(priorityClasses, { namespace: '', name: className }) : defaultClass(world);
  if (className && !found) throw forbidden(request, `no PriorityClass with name ${className} was found`);
  if (!found) return ordinary;
  return { name: found.metadata.name, value: found.value ?? 0, preemptionPolicy: found.preemptionPolicy ?? ordinary.preemptionPolicy };
}

/** There may be several after a race of two creates; then the lowest. */
function defaultClass(world: AdmissionWorld): PriorityClass | undefined {
  lastSeen = world.list(priorityClasses);
  let least: PriorityClass | undefined;
  for (const one of lastSeen) if (one.globalDefault && (!least || (one.value ?? 0) < (least.value ?? 0))) least = one;
  return least;
}

/** Held only so that the few classes there are need not be decoded again for the next Pod. */
let lastSeen: readonly PriorityClass[] = [];

/** A client that read an object before there were priorities may write it back without. */
function keep(spec: Pod['spec'], before: Pod['spec'] | undefined): void {
  spec.priority ??= before?.priority;
  spec.preemptionPolicy ??= before?.preemptionPolicy;
}
