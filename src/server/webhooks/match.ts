// Which writes a webhook, or a policy, is asked about.
import type { Kind } from '../../api/kind.ts';
import { namespaces } from '../../api/kinds/namespace.ts';
import { labelSelectorOf, type LabelMatcher } from '../../api/selectors.ts';
import type { KubeObject, LabelSelector } from '../../api/types.ts';
import type { AdmissionRequest, AdmissionWorld } from '../admission/admission.ts';

export interface Rule {
  readonly operations?: readonly string[];
  readonly apiGroups?: readonly string[];
  readonly apiVersions?: readonly string[];
  readonly resources?: readonly string[];
  readonly scope?: string;
  readonly resourceNames?: readonly string[];
}

export interface Matching {
  readonly rules?: readonly Rule[];
  readonly excluded?: readonly Rule[];
  readonly matchPolicy?: string;
  readonly namespaceSelector?: LabelSelector;
  readonly objectSelector?: LabelSelector;
}

/** The kind, in the version in which the rule asks for it; undefined: it does not ask. */
export type Match = (request: AdmissionRequest, world: AdmissionWorld) => Kind | undefined;

/** `versionsOf`: the kind in all versions that are served. */
export function compileMatch({ rules = [], excluded = [], matchPolicy, namespaceSelector, objectSelector }: Matching, versionsOf: (kind: Kind) => readonly Kind[]): Match {
  const ofNamespace = labelSelectorOf(namespaceSelector ?? {});
  const ofObject = labelSelectorOf(objectSelector ?? {});
  return (request, world) => {
    if (never.has(`${request.kind.group}/${request.kind.plural}`)) return undefined;
    if (!ofNamespace.isEmpty && !inNamespace(request, world, ofNamespace)) return undefined;
    if (!ofObject.isEmpty && ![request.draft, request.before].some((object) => object && isLabelled(object) && ofObject.matches(object.metadata.labels))) return undefined;
    const own = request.as ?? request.kind;
    if (excluded.some((rule) => meets(rule, request, own))) return undefined;
    if (rules.some((rule) => meets(rule, request, own))) return own;
    if (matchPolicy === 'Exact') return undefined;
    return versionsOf(request.kind).find((kind) => kind !== own && rules.some((rule) => meets(rule, request, kind)));
  };
}

/** What a connection asks for has no labels, not even none. */
const isLabelled = (object: Partial<KubeObject>): boolean => object.metadata !== undefined;

/** Nobody is asked whether those may change who is asked, so that a cluster can be got out of any state. */
const never: ReadonlySet<string> = new Set(['mutatingwebhookconfigurations', 'validatingwebhookconfigurations', 'validatingadmissionpolicies', 'validatingadmissionpolicybindings', 'mutatingadmissionpolicies', 'mutatingadmissionpolicybindings'].map((plural) => `admissionregistration.k8s.io/${plural}`));

function inNamespace({ kind, namespace, name, draft, before }: AdmissionRequest, world: AdmissionWorld, selector: LabelMatcher): boolean {
  if (kind.plural === 'namespaces' && kind.group === '') return selector.matches((draft ?? before ?? world.get(namespaces, { namespace: '', name }))?.metadata.labels);
  if (!namespace) return true;
  const found = world.get(namespaces, { namespace: '', name: namespace });
  return found !== undefined && selector.matches(found.metadata.labels);
}

function meets({ operations = [], apiGroups = [], apiVersions = [], resources = [], scope = '*', resourceNames = [] }: Rule, { verb, subresource, namespace, name }: AdmissionRequest, kind: Kind): boolean {
  const isOf = (values: readonly string[], value: string) => values.includes('*') || values.includes(value);
  if (!isOf(operations, verb.toUpperCase()) || !isOf(apiGroups, kind.group) || !isOf(apiVersions, kind.version)) return false;
  if (resourceNames.length > 0 && !resourceNames.includes(name)) return false;
  const isNamespaced = namespace !== '' && !(kind.group === '' && kind.plural === 'namespaces');
  if (scope !== '*' && scope !== '' && (scope === 'Namespaced') !== isNamespaced) return false;
  return resources.some((resource) => {
    const [plural, sub = ''] = resource.split('/');
    return (plural === '*' || plural === kind.plural) && ((sub === '*' && resource !== '*') || sub === (subresource ?? ''));
  });
}
