// The conditions of a definition: are its names accepted, is it served, is it approved where approval is needed.
import { checkStructural } from '../../api/custom/check-schema.ts';
import type { JsonSchema } from '../../api/custom/json-schema.ts';
import { Report } from '../../api/kinds/validation/report.ts';
import type { Condition } from '../../api/meta.ts';
import { conditionOf } from '../../api/meta.ts';
import type { CustomResourceDefinition } from '../../api/types.ts';
import type { NamesVerdict } from './names.ts';

const approval = 'api-approved.kubernetes.io';

export function conditionsFor(definition: CustomResourceDefinition, { conflict }: NamesVerdict): Condition[] {
  const names: Condition = conflict
    ? { type: 'NamesAccepted', status: 'False', ...conflict }
    : { type: 'NamesAccepted', status: 'True', reason: 'NoConflicts', message: 'no conflicts found' };
  return [names, established(definition, conflict !== undefined), ...approved(definition), ...nonStructural(definition)];
}

/** Once established, it stays so. */
function established({ status }: CustomResourceDefinition, isRefused: boolean): Condition {
  const before = conditionOf(status.conditions as Condition[], 'Established');
  if (before?.status === 'True') return before;
  return isRefused
    ? { type: 'Established', status: 'False', reason: 'NotAccepted', message: 'not all names are accepted' }
    : { type: 'Established', status: 'True', reason: 'InitialNamesAccepted', message: 'the initial names have been accepted' };
}

/** Once it is whole again the condition goes, so these are not told as False. */
export const transientConditions: readonly string[] = ['NonStructuralSchema'];

/** What v1beta1 lets in. Words: apiextensions-apiserver pkg/controller/nonstructuralschema. */
function nonStructural({ spec }: CustomResourceDefinition): Condition[] {
  if (!spec.preserveUnknownFields) return [];
  const report = new Report();
  report.invalid('spec.preserveUnknownFields', true, 'must be false');
  spec.versions.forEach(({ schema }, i) => {
    if (schema?.openAPIV3Schema) checkStructural(report, `spec.versions[${i}].schema.openAPIV3Schema`, schema.openAPIV3Schema as JsonSchema);
  });
  const told = report.causes.map(({ field, message }) => `${field}: ${message}`);
  return [{ type: 'NonStructuralSchema', status: 'True', reason: 'Violations', message: told.length === 1 ? told[0]! : `[${told.join(', ')}]` }];
}

function approved({ metadata, spec }: CustomResourceDefinition): Condition[] {
  if (!/(^|\.)(k8s|kubernetes)\.io$/.test(spec.group)) return [];
  const type = 'KubernetesAPIApprovalPolicyConformant';
  const value = metadata.annotations?.[approval] ?? '';
  if (value === '') return [{ type, status: 'False', reason: 'MissingAnnotation', message: `protected groups must have approval annotation ${JSON.stringify(approval)}, see https://github.com/kubernetes/enhancements/pull/1111` }];
  if (value.startsWith('unapproved')) return [{ type, status: 'False', reason: 'UnapprovedAnnotation', message: `not approved: ${JSON.stringify(value)}` }];
  return [{ type, status: 'True', reason: 'ApprovedAnnotation', message: `approved in ${value}` }];
}
