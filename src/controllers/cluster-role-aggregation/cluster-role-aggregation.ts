// Fills ClusterRoles that have an aggregationRule with the rules of those that it selects: admin, edit and view grow with the
// roles that people label for them.
import { isReason } from '../../api/error.ts';
import { clusterRoles as clusterRoleResource } from '../../api/kinds/index.ts';
import { sameJson } from '../../api/meta.ts';
import type { ObjectKey } from '../../api/request.ts';
import { labelSelectorOf } from '../../api/selectors.ts';
import type { ClusterRole, PolicyRule } from '../../api/types.ts';
import type { Runnable } from '../../base/runnable.ts';
import { createController, trigger, type Next } from '../../control/controller.ts';
import type { ControllerDeps } from '../deps.ts';

export function createClusterRoleAggregationController(deps: ControllerDeps): Runnable {
  const clusterRoles = deps.informers.of(clusterRoleResource);

  async function reconcile(key: ObjectKey, signal: AbortSignal): Promise<Next> {
    const role = clusterRoles.get(key);
    if (!role?.aggregationRule) return 'await-change';
    const rules = aggregated(role, clusterRoles.list());
    if (sameJson(rules, role.rules ?? [])) return 'await-change';
    try {
      await deps.client.update(clusterRoleResource, { ...role, rules }, signal);
    } catch (error) {
      if (!isReason(error, 'NotFound')) throw error;
    }
    return 'await-change';
  }

  return createController(
    {
      name: 'clusterrole-aggregation-controller',
      // Whatever changes may be selected, or have been, by any of them: there are few.
      triggers: [trigger(clusterRoles, () => clusterRoles.list().filter(({ aggregationRule }) => aggregationRule).map(({ metadata }) => ({ namespace: '', name: metadata.name })))],
      reconcile,
    },
    deps,
  );
}

/** The rules of all that are selected, by their names, each once. */
export function aggregated(role: ClusterRole, all: readonly ClusterRole[]): PolicyRule[] {
  const selectors = role.aggregationRule?.clusterRoleSelectors?.map((selector) => labelSelectorOf(selector)) ?? [];
  const found: PolicyRule[] = [];
  const selected = all.filter(({ metadata }) => metadata.name !== role.metadata.name && selectors.some((selector) => selector.matches(metadata.labels)));
  for (const { rules = [] } of selected.toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))) {
    for (const rule of rules) if (!found.some((known) => sameJson(known, rule))) found.push(rule);
  }
  return found;
}
