// The ResourceQuota: how much a namespace may use, and how many objects of each kind it may hold.
import { qualifiedName } from '../names.ts';
import { canonicalQuantity, parseQuantity, quantityMessage } from '../quantity.ts';
import { claimScope, podScopes, scopesOf } from '../quota/scopes.ts';
import type { ResourceQuota } from '../types.ts';
import { ageColumn, nameColumn, text } from './columns.ts';
import { defineKind } from './define-kind.ts';
import { ownStatus } from './own-status.ts';
import { Report } from './validation/report.ts';

const counts = ['pods', 'resourcequotas', 'services', 'replicationcontrollers', 'secrets', 'persistentvolumeclaims', 'configmaps', 'services.nodeports', 'services.loadbalancers'];
const compute = ['cpu', 'memory', 'ephemeral-storage', 'requests.cpu', 'requests.memory', 'requests.storage', 'requests.ephemeral-storage', 'limits.cpu', 'limits.memory', 'limits.ephemeral-storage'];
const operators = ['In', 'NotIn', 'Exists', 'DoesNotExist'];
const opposites = [['Terminating', 'NotTerminating'], ['BestEffort', 'NotBestEffort']] as const;
const bestEffortOnly: readonly string[] = ['pods', 'count/pods'];
const podsOnly: readonly string[] = ['pods', 'count/pods', 'cpu', 'memory', 'requests.cpu', 'requests.memory', 'limits.cpu', 'limits.memory', 'ephemeral-storage', 'requests.ephemeral-storage', 'limits.ephemeral-storage'];
const claimsOnly: readonly string[] = ['persistentvolumeclaims', 'count/persistentvolumeclaims', 'requests.storage'];

export const resourceQuotas = defineKind<ResourceQuota>({
  kind: 'ResourceQuota',
  shortNames: ['quota'],
  ...ownStatus,
  defaults(draft) {
    draft.spec ??= {};
    draft.status ??= {};
  },
  validate(quota) {
    const report = new Report();
    checkAmounts(report, 'spec.hard', quota.spec.hard);
    checkScopes(report, quota);
    return report.causes;
  },
  validateUpdate({ spec }, before) {
    const report = new Report();
    const sorted = (scopes: readonly string[] | undefined) => [...(scopes ?? [])].sort();
    report.immutable('spec.scopes', sorted(spec.scopes), sorted(before.spec.scopes));
    report.immutable('spec.scopeSelector', spec.scopeSelector, before.spec.scopeSelector);
    return report.causes;
  },
  validateStatus({ status }) {
    const report = new Report();
    checkAmounts(report, 'status.hard', status.hard);
    checkAmounts(report, 'status.used', status.used);
    return report.causes;
  },
  columns: [
    nameColumn,
    text('Request', 'What is used of what may be requested or counted.', (quota) => usedText(quota, (resource) => !isLimit(resource))),
    text('Limit', 'What is used of what limits may come to.', (quota) => usedText(quota, isLimit)),
    ageColumn,
  ],
});

function isLimit(resource: string): boolean {
  return resource.startsWith('limits.');
}

function usedText({ status: { hard = {}, used = {} } }: ResourceQuota, isShown: (resource: string) => boolean): string {
  const shown = Object.keys(hard).filter(isShown).sort();
  return shown.map((resource) => `${resource}: ${used[resource] ?? '0'}/${hard[resource]}`).join(', ');
}

function checkAmounts(report: Report, field: string, amounts: Readonly<Record<string, string>> | undefined): void {
  for (const resource in amounts) {
    const at = `${field}[${resource}]`;
    const wrong = qualifiedName(resource);
    for (const why of wrong) report.invalid(at, resource, why);
    if (wrong.length === 0 && !resource.includes('/') && !isOfQuotas(resource)) report.invalid(at, resource, 'must be a standard resource for quota');
    const written = amounts[resource]!;
    const amount = parseQuantity(written);
    if (!amount) {
      report.invalid(at, written, quantityMessage);
      continue;
    }
    if (amount.nano < 0n) report.invalid(at, canonicalQuantity(written), 'must be greater than or equal to 0');
    if (isCount(resource) && amount.nano % 1_000_000_000n !== 0n) report.invalid(at, canonicalQuantity(written), 'must be an integer');
  }
}

function isOfQuotas(resource: string): boolean {
  return counts.includes(resource) || compute.includes(resource) || resource.startsWith('hugepages-') || resource.startsWith('requests.hugepages-');
}

/** Objects, and devices of a maker's. */
function isCount(resource: string): boolean {
  if (counts.includes(resource) || resource.startsWith('count/')) return true;
  return resource.includes('/') && !resource.endsWith('.storageclass.storage.k8s.io/requests.storage');
}

function checkScopes(report: Report, quota: ResourceQuota): void {
  const { scopes = [], scopeSelector } = quota.spec;
  const hard = Object.keys(quota.spec.hard ?? {});
  const known: readonly string[] = [...podScopes, claimScope];
  const check = (field: string, value: unknown, scopeName: string) => {
    if (!known.includes(scopeName)) return report.invalid(field, value, 'unsupported scope');
    for (const resource of hard) if (!mayBound(scopeName, resource)) report.invalid(field, value, `unsupported scope applied to resource`);
  };
  if (new Set(scopes).size < scopes.length || opposites.some(([a, b]) => scopes.includes(a) && scopes.includes(b))) report.invalid('spec.scopes', scopes, 'conflicting scopes');
  for (const scope of scopes) check('spec.scopes', scopes, scope);
  for (const [index, { scopeName, operator, values = [] }] of (scopeSelector?.matchExpressions ?? []).entries()) {
    const at = `spec.scopeSelector.matchExpressions[${index}]`;
    check(`${at}.scopeName`, scopeName, scopeName);
    const isPlain = scopeName !== 'PriorityClass' && scopeName !== claimScope;
    if (isPlain && operator !== 'Exists') report.invalid(`${at}.operator`, operator, "must be 'Exist' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity");
    else if (!operators.includes(operator)) report.invalid(`${at}.operator`, operator, 'not a valid selector operator');
    if ((operator === 'In' || operator === 'NotIn') && values.length === 0) report.required(`${at}.values`, "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector");
    if ((operator === 'Exists' || operator === 'DoesNotExist') && values.length > 0) report.invalid(`${at}.values`, values, "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector");
  }
  const selected = scopesOf(quota).map(({ scopeName }) => scopeName);
  if (scopeSelector && opposites.some(([a, b]) => selected.includes(a) && selected.includes(b))) report.invalid('spec.scopeSelector.matchExpressions', scopeSelector.matchExpressions ?? [], 'conflicting scopes');
}

function mayBound(scope: string, resource: string): boolean {
  if (scope === 'BestEffort') return bestEffortOnly.includes(resource);
  if (scope === claimScope) return claimsOnly.includes(resource) || resource.includes('.storageclass.storage.k8s.io/');
  return podsOnly.includes(resource) || resource.startsWith('requests.hugepages-') || resource.startsWith('hugepages-') || (resource.startsWith('requests.') && resource.includes('/'));
}
