// Every namespace has a ServiceAccount named `default`, for Pods that name none.
import { isReason } from '../../api/error.ts';
import { namespaces as namespaceResource } from '../../api/kinds/namespace.ts';
import { serviceAccounts as accountResource } from '../../api/kinds/service-account.ts';
import { isBeingDeleted } from '../../api/meta.ts';
import type { ObjectKey } from '../../api/request.ts';
import type { Runnable } from '../../base/runnable.ts';
import { createController, itself, trigger, type Next } from '../../control/controller.ts';
import type { ControllerDeps } from '../deps.ts';

const name = 'default';

export function createServiceAccountController(deps: ControllerDeps): Runnable {
  const namespaces = deps.informers.of(namespaceResource);
  const accounts = deps.informers.of(accountResource);

  async function reconcile(key: ObjectKey, signal: AbortSignal): Promise<Next> {
    const namespace = namespaces.get(key);
    if (!namespace || isBeingDeleted(namespace) || accounts.get({ namespace: key.name, name })) return 'await-change';
    try {
      await deps.client.create(accountResource, { metadata: { name, namespace: key.name } }, signal);
    } catch (error) {
      if (!isReason(error, 'AlreadyExists', 'NotFound')) throw error;
    }
    return 'await-change';
  }

  return createController(
    {
      name: 'serviceaccount-controller',
      triggers: [
        trigger(namespaces, itself),
        trigger(accounts, (before, after) => (!after && before?.metadata.name === name ? [{ namespace: '', name: before.metadata.namespace ?? '' }] : [])),
      ],
      reconcile,
    },
    deps,
  );
}
