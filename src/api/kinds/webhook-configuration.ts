// MutatingWebhookConfiguration and ValidatingWebhookConfiguration: who outside of the server is asked before a write.
import { checkExpression } from '../custom/check-rules.ts';
import type { Kind } from '../kind.ts';
import { admissionVariables } from '../admission-variables.ts';
import { qualifiedName } from '../names.ts';
import type { KubeObject, MutatingWebhookConfiguration, ValidatingWebhookConfiguration } from '../types.ts';
import { defineKind } from './define-kind.ts';
import { ageColumn, integer, nameColumn } from './columns.ts';
import { Report } from './validation/report.ts';
import { checkClientConfig } from './validation/webhook.ts';
import { checkLabelSelector } from './validation/rules.ts';

export type Webhook = NonNullable<MutatingWebhookConfiguration['webhooks']>[number] | NonNullable<ValidatingWebhookConfiguration['webhooks']>[number];
type Configuration = KubeObject & { webhooks?: Webhook[] };

const group = 'admissionregistration.k8s.io';

function configurationKind<T extends KubeObject>(kind: string, isMutating: boolean): Kind<T> {
  return defineKind<T>({
    kind,
    group,
    namespaced: false,
    hasGeneration: true,
    categories: ['api-extensions'],
    defaults(draft) {
      for (const webhook of (draft as Configuration).webhooks ?? []) fill(webhook as Record<string, any>, isMutating);
    },
    validate(object, before, sentAs) {
      const report = new Report();
      const webhooks = (object as Configuration).webhooks ?? [];
      // v1beta1 asked for less, and what it has let in stays.
      const mayHaveEffects = sentAs !== undefined || hasEffects((before as Configuration | undefined)?.webhooks ?? []);
      webhooks.forEach((webhook, i) => check(report, `webhooks[${i}]`, webhook, mayHaveEffects));
      const names = webhooks.map(({ name }) => name);
      names.forEach((name, i) => {
        if (names.indexOf(name) !== i) report.duplicate(`webhooks[${i}].name`, name);
      });
      return report.causes;
    },
    columns: [nameColumn, integer('Webhooks', 'How many webhooks there are.', (object) => (object as Configuration).webhooks?.length ?? 0), ageColumn],
  });
}

export const mutatingWebhookConfigurations = configurationKind<MutatingWebhookConfiguration>('MutatingWebhookConfiguration', true);
export const validatingWebhookConfigurations = configurationKind<ValidatingWebhookConfiguration>('ValidatingWebhookConfiguration', false);

function fill(webhook: Record<string, any>, isMutating: boolean): void {
  webhook['failurePolicy'] ??= 'Fail';
  webhook['matchPolicy'] ??= 'Equivalent';
  webhook['namespaceSelector'] ??= {};
  webhook['objectSelector'] ??= {};
  webhook['timeoutSeconds'] ??= 10;
  if (isMutating) webhook['reinvocationPolicy'] ??= 'Never';
  for (const rule of webhook['rules'] ?? []) rule.scope ??= '*';
  if (webhook['clientConfig']?.service) webhook['clientConfig'].service.port ??= 443;
}

/** Before the defaults of v1, which say something else. */
export function fillOlderWebhooks(draft: KubeObject): void {
  for (const webhook of (draft as Configuration).webhooks ?? []) {
    const fields = webhook as Record<string, any>;
    fields['failurePolicy'] ??= 'Ignore';
    fields['matchPolicy'] ??= 'Exact';
    fields['timeoutSeconds'] ??= 30;
    fields['sideEffects'] ??= 'Unknown';
    if (!fields['admissionReviewVersions']?.length) fields['admissionReviewVersions'] = ['v1beta1'];
  }
}

function hasEffects(webhooks: readonly Webhook[]): boolean {
  return webhooks.some(({ sideEffects }) => !withoutEffects.includes(sideEffects ?? ''));
}

const withoutEffects: readonly string[] = ['None', 'NoneOnDryRun'];
const operations: readonly string[] = ['*', 'CREATE', 'UPDATE', 'DELETE', 'CONNECT'];

function check(report: Report, path: string, webhook: Webhook, mayHaveEffects: boolean): void {
  const { name, rules, clientConfig, sideEffects, admissionReviewVersions = [], timeoutSeconds = 10 } = webhook;
  if (!name) report.required(`${path}.name`);
  else if (name.split('.').length < 3) report.invalid(`${path}.name`, name, 'should be a domain with at least three segments separated by dots');
  else for (const why of qualifiedName(name)) report.invalid(`${path}.name`, name, why);
  if (admissionReviewVersions.length === 0) report.required(`${path}.admissionReviewVersions`, 'must specify one of v1, v1beta1');
  else if (!admissionReviewVersions.includes('v1') && !admissionReviewVersions.includes('v1beta1')) report.invalid(`${path}.admissionReviewVersions`, admissionReviewVersions, 'must include at least one of v1, v1beta1');
  (rules ?? []).forEach((rule, i) => checkRule(report, `${path}.rules[${i}]`, rule));
  report.word(`${path}.failurePolicy`, webhook.failurePolicy, ['Fail', 'Ignore']);
  report.word(`${path}.matchPolicy`, webhook.matchPolicy, ['Equivalent', 'Exact']);
  report.word(`${path}.reinvocationPolicy`, 'reinvocationPolicy' in webhook ? webhook.reinvocationPolicy : undefined, ['Never', 'IfNeeded']);
  report.requiredWord(`${path}.sideEffects`, sideEffects, mayHaveEffects ? ['None', 'NoneOnDryRun', 'Some', 'Unknown'] : withoutEffects);
  if (timeoutSeconds < 1 || timeoutSeconds > 30) report.invalid(`${path}.timeoutSeconds`, timeoutSeconds, 'the timeout value must be between 1 and 30 seconds');
  if (webhook.namespaceSelector) checkLabelSelector(report, `${path}.namespaceSelector`, webhook.namespaceSelector);
  if (webhook.objectSelector) checkLabelSelector(report, `${path}.objectSelector`, webhook.objectSelector);
  if (clientConfig) checkClientConfig(report, `${path}.clientConfig`, clientConfig);
  else report.required(`${path}.clientConfig`, 'exactly one of url or service is required');
  checkConditions(report, `${path}.matchConditions`, webhook.matchConditions ?? []);
}

export function checkRule(report: Report, path: string, rule: NonNullable<Webhook['rules']>[number]): void {
  const { apiGroups = [], apiVersions = [], resources = [], scope } = rule;
  if (!rule.operations?.length) report.required(`${path}.operations`);
  (rule.operations ?? []).forEach((operation, i) => report.word(`${path}.operations[${i}]`, operation, operations));
  if ((rule.operations?.length ?? 0) > 1 && rule.operations!.includes('*')) report.invalid(`${path}.operations`, rule.operations, "if '*' is present, must not specify other operations");
  for (const [field, values] of [['apiGroups', apiGroups], ['apiVersions', apiVersions], ['resources', resources]] as const) {
    if (values.length === 0) report.required(`${path}.${field}`);
    if (values.length > 1 && values.includes('*') && field !== 'resources') report.invalid(`${path}.${field}`, values, "if '*' is present, must not specify other " + (field === 'apiGroups' ? 'API groups' : 'API versions'));
  }
  report.word(`${path}.scope`, scope, ['Cluster', 'Namespaced', '*']);
}

export function checkConditions(report: Report, path: string, conditions: readonly { readonly name: string; readonly expression: string }[], variables = admissionVariables): void {
  if (conditions.length > 64) report.tooMany(path, conditions.length, 64);
  conditions.forEach(({ name, expression }, i) => {
    if (!name) report.required(`${path}[${i}].name`);
    else {
      report.follows(`${path}[${i}].name`, name, qualifiedName);
      if (conditions.findIndex((other) => other.name === name) !== i) report.duplicate(`${path}[${i}].name`, name);
    }
    if (!expression?.trim()) report.required(`${path}[${i}].expression`);
    else checkExpression(report, `${path}[${i}].expression`, expression, variables, ['bool'], 'must evaluate to bool');
  });
}
