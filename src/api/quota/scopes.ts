// Which objects a ResourceQuota counts. One without scopes counts all, and a scope is only ever about Pods, or about claims.
import { qosClass } from '../kinds/pod/resources.ts';
import type { PersistentVolumeClaim, Pod, PodSpec, ResourceQuota } from '../types.ts';

export const podScopes = ['Terminating', 'NotTerminating', 'BestEffort', 'NotBestEffort', 'PriorityClass', 'CrossNamespacePodAffinity'] as const;
export const claimScope = 'VolumeAttributesClass';

export interface Scope {
  readonly scopeName: string;
  readonly operator: string;
  readonly values: readonly string[];
}

/** Of both ways to write them. */
export function scopesOf({ spec }: Pick<ResourceQuota, 'spec'>): readonly Scope[] {
  const plain = (spec?.scopes ?? []).map((scopeName) => ({ scopeName, operator: 'Exists', values: [] }));
  const selected = (spec?.scopeSelector?.matchExpressions ?? []).map(({ scopeName, operator, values = [] }) => ({ scopeName, operator, values }));
  return [...plain, ...selected];
}

export function podIsInScopes(pod: Pod, scopes: readonly Scope[]): boolean {
  return scopes.every((scope) => podIsIn(pod, scope));
}

export function claimIsInScopes({ spec }: PersistentVolumeClaim, scopes: readonly Scope[]): boolean {
  return scopes.every((scope) => scope.scopeName === claimScope && selects(scope, spec.volumeAttributesClassName ?? ''));
}

function podIsIn({ spec }: Pod, scope: Scope): boolean {
  switch (scope.scopeName) {
    case 'Terminating':
      return (spec.activeDeadlineSeconds ?? -1) >= 0;
    case 'NotTerminating':
      return (spec.activeDeadlineSeconds ?? -1) < 0;
    case 'BestEffort':
      return qosClass(spec) === 'BestEffort';
    case 'NotBestEffort':
      return qosClass(spec) !== 'BestEffort';
    case 'PriorityClass':
      return selects(scope, spec.priorityClassName ?? '');
    case 'CrossNamespacePodAffinity':
      return looksAcrossNamespaces(spec);
    default:
      return false;
  }
}

function selects({ operator, values }: Scope, value: string): boolean {
  switch (operator) {
    case 'In':
      return values.includes(value);
    case 'NotIn':
      return !values.includes(value);
    case 'Exists':
      return value !== '';
    case 'DoesNotExist':
      return value === '';
    default:
      return false;
  }
}

function looksAcrossNamespaces({ affinity }: PodSpec): boolean {
  const groups = [affinity?.podAffinity, affinity?.podAntiAffinity];
  const terms = groups.flatMap((group) => [
    ...(group?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
    ...(group?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(({ podAffinityTerm }) => podAffinityTerm),
  ]);
  return terms.some(({ namespaces = [], namespaceSelector }) => namespaces.length > 0 || !!namespaceSelector);
}
