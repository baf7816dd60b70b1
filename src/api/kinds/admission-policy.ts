// ValidatingAdmissionPolicy and MutatingAdmissionPolicy, and their bindings: rules about writes, as expressions.
import { conditionVariables, mutationVariables, policyVariables } from '../admission-variables.ts';
import { checkExpression } from '../custom/check-rules.ts';
import type { Kind } from '../kind.ts';
import { qualifiedName } from '../names.ts';
import type { KubeObject, MutatingAdmissionPolicy, MutatingAdmissionPolicyBinding, ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding } from '../types.ts';
import { ageColumn, integer, nameColumn, text } from './columns.ts';
import { defineKind } from './define-kind.ts';
import { present, Report } from './validation/report.ts';
import { checkLabelSelector } from './validation/rules.ts';
import { checkConditions, checkRule } from './webhook-configuration.ts';

const group = 'admissionregistration.k8s.io';
const reasons = ['Unauthorized', 'Forbidden', 'Invalid', 'RequestEntityTooLarge'];

type Resources = NonNullable<ValidatingAdmissionPolicy['spec']['matchConstraints']>;

function fillMatch(match: Record<string, any> | undefined): void {
  if (!match) return;
  match['matchPolicy'] ??= 'Equivalent';
  match['namespaceSelector'] ??= {};
  match['objectSelector'] ??= {};
  for (const rule of [...(match['resourceRules'] ?? []), ...(match['excludeResourceRules'] ?? [])]) rule.scope ??= '*';
}

function checkMatch(report: Report, path: string, match: Resources | undefined, isRequired: boolean): void {
  if (!match) {
    if (isRequired) report.required(path);
    return;
  }
  report.word(`${path}.matchPolicy`, match.matchPolicy, ['Equivalent', 'Exact']);
  if (match.namespaceSelector) checkLabelSelector(report, `${path}.namespaceSelector`, match.namespaceSelector);
  if (match.objectSelector) checkLabelSelector(report, `${path}.objectSelector`, match.objectSelector);
  match.resourceRules?.forEach((rule, i) => checkRule(report, `${path}.resourceRules[${i}]`, rule));
  match.excludeResourceRules?.forEach((rule, i) => checkRule(report, `${path}.excludeResourceRules[${i}]`, rule));
  if (isRequired && !match.resourceRules?.length) report.required(`${path}.resourceRules`);
}

type Policy = ValidatingAdmissionPolicy | MutatingAdmissionPolicy;

function fillPolicy({ spec }: Policy): void {
  spec.failurePolicy ??= 'Fail';
  fillMatch(spec.matchConstraints as Record<string, any> | undefined);
}

function checkPolicy(report: Report, { spec }: Policy): void {
  const { paramKind, variables = [] } = spec;
  if (paramKind) {
    if (!paramKind.apiVersion) report.required('spec.paramKind.apiVersion');
    if (!paramKind.kind) report.required('spec.paramKind.kind');
  }
  checkMatch(report, 'spec.matchConstraints', spec.matchConstraints, true);
  report.word('spec.failurePolicy', spec.failurePolicy, ['Fail', 'Ignore']);
  checkConditions(report, 'spec.matchConditions', spec.matchConditions ?? [], conditionVariables(spec));
  const names = policyVariables(spec);
  variables.forEach(({ name, expression }, i) => {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name ?? '')) report.invalid(`spec.variables[${i}].name`, name, 'name is not a valid CEL identifier');
    if (!expression?.trim()) report.required(`spec.variables[${i}].expression`, 'expression is not specified');
    else checkExpression(report, `spec.variables[${i}].expression`, expression, names, undefined, '');
  });
}

export const validatingAdmissionPolicies = defineKind<ValidatingAdmissionPolicy>({
  kind: 'ValidatingAdmissionPolicy',
  group,
  plural: 'validatingadmissionpolicies',
  namespaced: false,
  hasStatus: true,
  hasGeneration: true,
  categories: ['api-extensions'],
  prepareCreate: (draft) => void ((draft as { status: object }).status = {}),
  defaults: fillPolicy,
  validate(policy) {
    const report = new Report();
    checkPolicy(report, policy);
    const { validations = [], auditAnnotations = [] } = policy.spec;
    if (validations.length === 0 && auditAnnotations.length === 0) report.required('spec.validations', 'validations or auditAnnotations must be specified; both are empty');
    const names = policyVariables(policy.spec);
    validations.forEach((validation, i) => {
      const path = `spec.validations[${i}]`;
      if (!validation.expression?.trim()) report.required(`${path}.expression`, 'expression is not specified');
      else checkExpression(report, `${path}.expression`, validation.expression, names, ['bool'], 'must evaluate to bool');
      if (validation.messageExpression) checkExpression(report, `${path}.messageExpression`, validation.messageExpression, names, ['string'], 'must evaluate to string');
      if (validation.message?.includes('\n')) report.invalid(`${path}.message`, validation.message, 'message must not contain line breaks');
      report.word(`${path}.reason`, validation.reason, reasons);
    });
    auditAnnotations.forEach(({ key, valueExpression }, i) => {
      report.follows(`spec.auditAnnotations[${i}].key`, key ?? '', qualifiedName);
      if (valueExpression) checkExpression(report, `spec.auditAnnotations[${i}].valueExpression`, valueExpression, names, ['string', 'null'], 'must evaluate to one of [string null_type]');
    });
    return report.causes;
  },
  columns: [nameColumn, integer('Validations', 'How many validations there are.', ({ spec }) => spec.validations?.length ?? 0), text('ParamKind', 'The kind of its parameters.', ({ spec }) => (spec.paramKind ? `${spec.paramKind.apiVersion}/${spec.paramKind.kind}` : '<unset>')), ageColumn],
});

export const mutatingAdmissionPolicies = defineKind<MutatingAdmissionPolicy>({
  kind: 'MutatingAdmissionPolicy',
  group,
  plural: 'mutatingadmissionpolicies',
  namespaced: false,
  hasGeneration: true,
  categories: ['api-extensions'],
  defaults(draft) {
    fillPolicy(draft);
    draft.spec.reinvocationPolicy ??= 'Never';
  },
  validate(policy) {
    const report = new Report();
    checkPolicy(report, policy);
    const { mutations = [], reinvocationPolicy } = policy.spec;
    report.requiredWord('spec.reinvocationPolicy', reinvocationPolicy, ['Never', 'IfNeeded']);
    if (mutations.length === 0) report.required('spec.mutations', 'mutations must contain at least one item');
    mutations.forEach(({ patchType, applyConfiguration, jsonPatch }, i) => {
      const path = `spec.mutations[${i}]`;
      report.requiredWord(`${path}.patchType`, patchType, ['ApplyConfiguration', 'JSONPatch']);
      const [field, mutation] = patchType === 'JSONPatch' ? (['jsonPatch', jsonPatch] as const) : (['applyConfiguration', applyConfiguration] as const);
      if (!mutation?.expression?.trim()) report.required(`${path}.${field}.expression`, 'expression is not specified');
      else checkExpression(report, `${path}.${field}.expression`, mutation.expression, mutationVariables(policy.spec), patchType === 'JSONPatch' ? ['list', 'dyn'] : ['object', 'dyn'], patchType === 'JSONPatch' ? 'must evaluate to list(JSONPatch)' : 'must evaluate to Object');
    });
    return report.causes;
  },
  columns: [nameColumn, integer('Mutations', 'How many mutations there are.', ({ spec }) => spec.mutations?.length ?? 0), text('ParamKind', 'The kind of its parameters.', ({ spec }) => (spec.paramKind ? `${spec.paramKind.apiVersion}/${spec.paramKind.kind}` : '<unset>')), ageColumn],
});

type Binding = ValidatingAdmissionPolicyBinding | MutatingAdmissionPolicyBinding;

function bindingKind<T extends Binding & KubeObject>(kind: string): Kind<T> {
  return defineKind<T>({
    kind,
    group,
    namespaced: false,
    hasGeneration: true,
    categories: ['api-extensions'],
    defaults: ({ spec }) => fillMatch(spec.matchResources as Record<string, any> | undefined),
    validate({ spec }) {
      const report = new Report();
      if (!spec.policyName) report.required('spec.policyName');
      const { paramRef } = spec;
      if (paramRef) {
        if (paramRef.name && paramRef.selector) report.forbidden('spec.paramRef.name', 'name and selector are mutually exclusive');
        if (!paramRef.name && !paramRef.selector) report.required('spec.paramRef', 'one of name or selector must be specified');
        if (paramRef.selector) checkLabelSelector(report, 'spec.paramRef.selector', paramRef.selector);
        report.requiredWord('spec.paramRef.parameterNotFoundAction', paramRef.parameterNotFoundAction, ['Deny', 'Allow']);
      }
      checkMatch(report, 'spec.matchResources', spec.matchResources, false);
      if (kind.startsWith('Validating')) checkActions(report, (spec as ValidatingAdmissionPolicyBinding['spec']).validationActions ?? []);
      return report.causes;
    },
    columns: [nameColumn, text('PolicyName', 'The policy that it binds.', ({ spec }) => spec.policyName ?? ''), text('ParamRef', 'The parameters that it gives.', ({ spec }) => paramText(spec.paramRef)), ageColumn],
  });
}

export const validatingAdmissionPolicyBindings = bindingKind<ValidatingAdmissionPolicyBinding>('ValidatingAdmissionPolicyBinding');
export const mutatingAdmissionPolicyBindings = bindingKind<MutatingAdmissionPolicyBinding>('MutatingAdmissionPolicyBinding');

function checkActions(report: Report, actions: readonly string[]): void {
  if (actions.length === 0) report.required('spec.validationActions', 'at least one validation action is required');
  actions.forEach((action, i) => {
    report.word(`spec.validationActions[${i}]`, action, ['Audit', 'Deny', 'Warn']);
    if (actions.indexOf(action) !== i) report.duplicate(`spec.validationActions[${i}]`, action);
  });
  if (actions.includes('Deny') && actions.includes('Warn')) report.invalid('spec.validationActions', actions, 'must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)');
}

function paramText(paramRef: Binding['spec']['paramRef']): string {
  if (!present(paramRef)) return '<unset>';
  return paramRef.name ? `${paramRef.namespace || '*'}/${paramRef.name}` : `${paramRef.namespace || '*'}`;
}
