// PodSecurity: a namespace's labels say what its Pods may ask for. `enforce` refuses a Pod, `warn` tells whoever makes it,
// or a template of it; a namespace made stricter tells which of its Pods would be refused now.
import { ApiError } from '../../api/error.ts';
import { namespaces, pods } from '../../api/kinds/index.ts';
import type { Container, KubeObject, Namespace, Pod, PodTemplateSpec } from '../../api/types.ts';
import type { Admission, AdmissionRequest, AdmissionWorld } from './admission.ts';
import { forbidden } from './forbidden.ts';
import type { Checked } from './pod-security/control.ts';
import { compareLevels, isSame, named, policyOf, told, violations, type Policy, type Standard } from './pod-security/policy.ts';

/** Those of a Pod's subresources whose writes change nothing that is judged here. */
const ignored: ReadonlySet<string> = new Set(['binding', 'eviction', 'status']);
const workloads: ReadonlySet<string> = new Set(['/replicationcontrollers', '/podtemplates', 'apps/replicasets', 'apps/deployments', 'apps/statefulsets', 'apps/daemonsets', 'batch/jobs', 'batch/cronjobs']);

export const podSecurity: Admission = {
  name: 'PodSecurity',
  handles({ kind, verb, subresource }) {
    if (verb !== 'create' && verb !== 'update') return false;
    if (kind.group === '' && kind.plural === 'pods') return !subresource || !ignored.has(subresource);
    return !subresource && (workloads.has(`${kind.group}/${kind.plural}`) || (kind.group === '' && kind.plural === 'namespaces'));
  },
  validate(request, world) {
    if (request.kind.plural === 'namespaces') return checkNamespace(request, world);
    const { policy } = policyOf(world.get(namespaces, { namespace: '', name: request.namespace })?.metadata.labels);
    if (request.kind.plural === 'pods') return checkPod(request, policy);
    const template = policy.warn.level === 'privileged' && !isAudited(request, policy) ? undefined : templateOf(request.draft!);
    if (!template?.spec) return;
    const checked = { annotations: template.metadata?.annotations ?? {}, spec: template.spec };
    audit(request, policy, checked);
    warn(request, policy, checked);
  },
};

function checkPod(request: AdmissionRequest, policy: Policy): void {
  if (policy.enforce.level === 'privileged' && policy.warn.level === 'privileged' && !request.annotate) return;
  const pod = request.draft as Pod;
  if (request.verb === 'update' && request.before && !isSignificant(pod, request.before as Pod)) return;
  const checked = checkedOf(pod);
  request.annotate?.(`${annotationPrefix}enforce-policy`, named(policy.enforce));
  audit(request, policy, checked);
  const wrong = violations(policy.enforce, checked);
  if (wrong.length > 0) throw forbidden(request, `violates PodSecurity "${named(policy.enforce)}": ${told(wrong)}`);
  if (!isSame(policy.warn, policy.enforce)) warn(request, policy, checked);
}

const annotationPrefix = 'pod-security.kubernetes.io/';

function isAudited({ annotate }: AdmissionRequest, policy: Policy): boolean {
  return annotate !== undefined && policy.audit.level !== 'privileged';
}

function audit(request: AdmissionRequest, policy: Policy, pod: Checked): void {
  const wrong = isAudited(request, policy) ? violations(policy.audit, pod) : [];
  if (wrong.length > 0) request.annotate!(`${annotationPrefix}audit-violations`, `would violate PodSecurity "${named(policy.audit)}": ${told(wrong)}`);
}

function warn({ warnings }: AdmissionRequest, policy: Policy, pod: Checked): void {
  const wrong = violations(policy.warn, pod);
  if (wrong.length > 0) warnings?.push(`would violate PodSecurity "${named(policy.warn)}": ${told(wrong)}`);
}

/** Labels that were wrong before may stay; others are refused. */
function checkNamespace(request: AdmissionRequest, world: AdmissionWorld): void {
  const { metadata } = request.draft as Namespace;
  const after = policyOf(metadata.labels);
  const before = request.verb === 'update' ? policyOf(request.before?.metadata.labels) : undefined;
  if (after.causes.length > 0 && JSON.stringify(after.causes) !== JSON.stringify(before?.causes)) throw ApiError.invalid(request.kind, metadata.name, after.causes);
  if (!before) return;
  const [now, old] = [after.policy.enforce, before.policy.enforce];
  const isRelaxed = now.version === old.version && compareLevels(now, old) <= 0;
  if (isSame(now, old) || now.level === 'privileged' || isRelaxed) return;
  request.warnings?.push(...existing(metadata.name, now, world.list<Pod>(pods, metadata.name)));
}

/** Of so many Pods of a namespace is looked at how a new level would find them. */
const mostPods = 3000;

/** Pods with the same faults are told of once, by the first name. */
function existing(namespace: string, standard: Standard, all: readonly Pod[]): string[] {
  const checked = oneOfEach(all).slice(0, mostPods);
  const byReason = new Map<string, string[]>();
  for (const pod of checked) {
    const reasons = violations(standard, checkedOf(pod)).map(({ reason }) => reason);
    if (reasons.length > 0) byReason.set(reasons.join(', '), [...(byReason.get(reasons.join(', ')) ?? []), pod.metadata.name]);
  }
  const lines = [...byReason].map(([reasons, names]) => {
    const others = names.length - 1;
    const [first] = names.sort();
    return `${first}${others === 0 ? '' : ` (and ${others} other ${others === 1 ? 'pod' : 'pods'})`}: ${reasons}`;
  });
  return [
    ...(checked.length < all.length && checked.length === mostPods ? [`new PodSecurity enforce level only checked against the first ${checked.length} of ${all.length} existing pods`] : []),
    ...(lines.length > 0 ? [`existing pods in namespace ${JSON.stringify(namespace)} violate the new PodSecurity enforce level ${JSON.stringify(named(standard))}`] : []),
    ...lines.sort(),
  ];
}

/** Where there are too many, Pods of a controller of which one is looked at come last. */
function oneOfEach(all: readonly Pod[]): readonly Pod[] {
  if (all.length <= mostPods) return all;
  const seen = new Set<string>();
  const [first, later]: [Pod[], Pod[]] = [[], []];
  for (const pod of all) {
    const owner = pod.metadata.ownerReferences?.find(({ controller }) => controller)?.uid;
    if (owner && seen.has(owner)) later.push(pod);
    else first.push(pod);
    if (owner) seen.add(owner);
  }
  return [...first, ...later];
}

function checkedOf({ metadata, spec }: Pod): Checked {
  return { annotations: metadata.annotations ?? {}, spec };
}

interface Workload extends KubeObject {
  spec?: { template?: PodTemplateSpec; jobTemplate?: { spec?: { template?: PodTemplateSpec } } };
  template?: PodTemplateSpec;
}

function templateOf(object: KubeObject): PodTemplateSpec | undefined {
  const { spec, template } = object as Workload;
  return spec?.template ?? spec?.jobTemplate?.spec?.template ?? template;
}

const seccompOf = (name: string) => `container.seccomp.security.alpha.kubernetes.io/${name}`;

/** What else an update may change is not judged by any level. */
function isSignificant(pod: Pod, before: Pod): boolean {
  const [now, old] = [pod.metadata.annotations ?? {}, before.metadata.annotations ?? {}];
  const key = 'seccomp.security.alpha.kubernetes.io/pod';
  if (now[key] !== old[key]) return true;
  const isChanged = (container: Pick<Container, 'name' | 'image'>, was: Pick<Container, 'name' | 'image'> | undefined) =>
    container.image !== was?.image || now[seccompOf(container.name)] !== old[seccompOf(container.name)];
  for (const list of ['containers', 'initContainers'] as const) {
    const [mine, its] = [pod.spec[list] ?? [], before.spec[list] ?? []];
    if (mine.length !== its.length || mine.some((container, index) => isChanged(container, its[index]))) return true;
  }
  return (pod.spec.ephemeralContainers ?? []).some((container) => isChanged(container, before.spec.ephemeralContainers?.find(({ name }) => name === container.name)));
}
