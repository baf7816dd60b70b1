// The rules of metadata, which all kinds share.
import type { FieldCause } from '../../error.ts';
import type { Kind } from '../../kind.ts';
import { asPrefix, dnsLabel, dnsSubdomain, qualifiedName, type NameRule } from '../../names.ts';
import type { KubeObject, ObjectMeta } from '../../types.ts';
import { Report } from './report.ts';
import { checkAnnotations, checkLabels } from './rules.ts';

type Named = Pick<Kind, 'namespaced' | 'validateName'> & Partial<Pick<Kind, 'group' | 'custom'>>;

/** What is wrong with the metadata of an object that has its name already. */
export function validateMetadata(kind: Named, object: KubeObject): FieldCause[] {
  const report = new Report();
  const { metadata } = object;
  const rule: NameRule = kind.validateName ?? dnsSubdomain;
  if (metadata.generateName) report.follows('metadata.generateName', metadata.generateName, asPrefix(rule));
  if (metadata.name) report.follows('metadata.name', metadata.name, rule);
  else report.required('metadata.name', 'name or generateName is required');
  if (kind.namespaced) report.requiredName('metadata.namespace', metadata.namespace, dnsLabel);
  else if (metadata.namespace) report.forbidden('metadata.namespace', 'not allowed on this type');
  checkCommon(report, kind, metadata);
  return report.causes;
}

/** What is wrong with a change of metadata; `object` is the whole new one. */
export function validateMetadataUpdate(kind: Named, object: KubeObject, before: KubeObject): FieldCause[] {
  const report = new Report();
  const { metadata } = object;
  const old = before.metadata;
  if (old.deletionTimestamp) {
    const added = (metadata.finalizers ?? []).filter((name) => !old.finalizers?.includes(name)).sort();
    if (added.length > 0) {
      const listed = added.map((name) => JSON.stringify(name)).join(', ');
      report.forbidden('metadata.finalizers', `no new finalizers can be added if the object is being deleted, found new finalizers []string{${listed}}`);
    }
  }
  if ((metadata.generation ?? 0) < (old.generation ?? 0)) report.invalid('metadata.generation', metadata.generation ?? 0, 'must not be decremented');
  for (const field of fixed) report.immutable(`metadata.${field}`, metadata[field], old[field]);
  checkCommon(report, kind, metadata);
  return report.causes;
}

const fixed = ['name', 'namespace', 'uid', 'creationTimestamp', 'deletionTimestamp', 'deletionGracePeriodSeconds'] as const;

function checkCommon(report: Report, kind: Named, metadata: ObjectMeta): void {
  report.notNegative('metadata.generation', metadata.generation);
  checkLabels(report, 'metadata.labels', metadata.labels);
  checkAnnotations(report, 'metadata.annotations', metadata.annotations);
  checkOwners(report, metadata);
  checkFinalizers(report, metadata.finalizers ?? [], kind.custom !== undefined || kind.group === 'apiextensions.k8s.io');
}

function checkOwners(report: Report, { ownerReferences = [] }: ObjectMeta): void {
  const field = 'metadata.ownerReferences';
  let controller = '';
  for (const owner of ownerReferences) {
    const [group, version] = owner.apiVersion?.includes('/') ? owner.apiVersion.split('/') : ['', owner.apiVersion];
    if (!version) report.invalid(`${field}.apiVersion`, owner.apiVersion ?? '', 'version must not be empty');
    for (const part of ['kind', 'name', 'uid'] as const) {
      if (!owner[part]) report.invalid(`${field}.${part}`, owner[part] ?? '', 'must not be empty');
    }
    if (group === '' && owner.kind === 'Event') report.invalid(field, owner, `/${version}, Kind=Event is disallowed from being an owner`);
    if (!owner.controller) continue;
    const name = `${owner.kind}/${owner.name}`;
    if (controller) {
      report.invalid(field, ownerReferences, `Only one reference can have Controller set to true. Found "true" in references for ${controller} and ${name}`);
    } else controller = name;
  }
}

/** Names without a domain are the API's own. */
const ownFinalizers = ['kubernetes', 'orphan', 'foregroundDeletion'];

export function checkFinalizerName(report: Report, field: string, name: string): void {
  report.follows(field, name, qualifiedName);
  if (!name.includes('/') && !ownFinalizers.includes(name)) {
    report.invalid(field, name, 'name is neither a standard finalizer name nor is it fully qualified');
  }
}

/** `areFree`: upstream asks the API's own kinds alone for names with a domain. */
function checkFinalizers(report: Report, finalizers: readonly string[], areFree: boolean): void {
  for (const name of finalizers) {
    if (areFree) report.follows('metadata.finalizers', name, qualifiedName);
    else checkFinalizerName(report, 'metadata.finalizers', name);
  }
  if (finalizers.includes('orphan') && finalizers.includes('foregroundDeletion')) {
    report.invalid('metadata.finalizers', finalizers, 'finalizer orphan and foregroundDeletion cannot be both set');
  }
}
