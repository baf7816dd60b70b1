// Priority: turns a Pod's priorityClassName into a number. There are the two classes of the system yet, and the
// default for all else.
import type { Pod } from '../../api/types.ts';
import type { Admission, AdmissionRequest } from './admission.ts';
import { forbidden } from './forbidden.ts';

const systemClasses: ReadonlyMap<string, number> = new Map([
  ['system-cluster-critical', 2_000_000_000],
  ['system-node-critical', 2_000_001_000],
]);
const defaultPriority = 0;
const defaultPolicy = 'PreemptLowerPriority';

export const priority: Admission = {
  name: 'Priority',
  handles: ({ verb, kind, subresource }) => (verb === 'create' || verb === 'update') && kind.plural === 'pods' && kind.group === '' && !subresource,
  mutate(request) {
    const { spec } = request.draft as Pod;
    if (request.verb === 'update') return keep(spec, (request.before as Pod | undefined)?.spec);
    const value = valueOf(request, spec.priorityClassName);
    const computed = 'must not be provided in pod spec; priority admission controller computed';
    if (spec.priority !== undefined && spec.priority !== value) throw forbidden(request, `the integer value of priority (${spec.priority}) ${computed} ${value} from the given PriorityClass name`);
    if (spec.preemptionPolicy && spec.preemptionPolicy !== defaultPolicy) throw forbidden(request, `the string value of PreemptionPolicy (${spec.preemptionPolicy}) ${computed} ${defaultPolicy} from the given PriorityClass name`);
    spec.priority = value;
    spec.preemptionPolicy = defaultPolicy;
  },
};

function valueOf(request: AdmissionRequest, className: string | undefined): number {
  if (!className) return defaultPriority;
  const value = systemClasses.get(className);
  if (value === undefined) throw forbidden(request, `no PriorityClass with name ${className} was found`);
  return value;
}

/** A client that read an object before there were priorities may write it back without. */
function keep(spec: Pod['spec'], before: Pod['spec'] | undefined): void {
  spec.priority ??= before?.priority;
  spec.preemptionPolicy ??= before?.preemptionPolicy;
}
