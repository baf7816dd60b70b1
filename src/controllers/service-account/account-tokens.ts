// A token Secret for every service account, listed in its `secrets`, as clusters before 1.24 made them. Only where it is asked for.
import { isReason } from '../../api/error.ts';
import { secrets as secretResource } from '../../api/kinds/secret.ts';
import { serviceAccounts as accountResource } from '../../api/kinds/service-account.ts';
import { isBeingDeleted } from '../../api/meta.ts';
import type { ObjectKey } from '../../api/request.ts';
import type { Secret, ServiceAccount } from '../../api/types.ts';
import { randomSuffix } from '../../base/random.ts';
import type { Runnable } from '../../base/runnable.ts';
import { createController, itself, trigger, type Next } from '../../control/controller.ts';
import type { ControllerDeps } from '../deps.ts';
import { accountName, accountUid, base64, gone, tokenType, type TokenSecretOptions } from './token-secrets.ts';

export function createAccountTokenController({ rootCa, sign }: TokenSecretOptions, deps: ControllerDeps): Runnable {
  const { client, random } = deps;
  const accounts = deps.informers.of(accountResource);
  const secrets = deps.informers.of(secretResource);

  async function reconcile(key: ObjectKey, signal: AbortSignal): Promise<Next> {
    const account = accounts.get(key);
    if (!account || isBeingDeleted(account) || (await hasToken(account, signal))) return 'await-change';
    const { namespace, name, uid } = account.metadata;
    const secretName = `${name.slice(0, 240)}-token-${randomSuffix(random)}`;
    const token = await sign({ namespace: namespace!, account: { name, uid }, secret: secretName });
    const created = await client.create(
      secretResource,
      {
        metadata: { name: secretName, namespace, annotations: { [accountName]: name, [accountUid]: uid } },
        type: tokenType,
        data: { 'ca.crt': base64(rootCa), namespace: base64(namespace!), token: base64(token) },
      },
      signal,
    );
    try {
      await client.update(accountResource, { ...account, secrets: [...(account.secrets ?? []), { name: secretName }] }, signal);
    } catch (error) {
      // Nobody would find it; the account as it is by now comes here again.
      await gone(client.delete(secretResource, { namespace: namespace!, name: secretName }, { preconditions: { uid: created.metadata.uid } }, signal));
      if (!isReason(error, 'Conflict', 'NotFound')) throw error;
    }
    return 'await-change';
  }

  /** A Secret that this informer has not seen yet may be there all the same. */
  async function hasToken({ secrets: listed = [], metadata: { namespace = '', name, uid } }: ServiceAccount, signal: AbortSignal): Promise<boolean> {
    const isItsOwn = (secret: Secret | undefined) => secret?.type === tokenType && secret.metadata.annotations?.[accountName] === name && secret.metadata.annotations[accountUid] === uid;
    for (const reference of listed) {
      if (!reference.name) continue;
      const key = { namespace, name: reference.name };
      if (isItsOwn(secrets.get(key) ?? (await gone(client.get(secretResource, key, signal))))) return true;
    }
    return false;
  }

  const ofGoneSecret = trigger(secrets, (before, after) => {
    const name = before?.type === tokenType && !after ? before.metadata.annotations?.[accountName] : undefined;
    return name ? [{ namespace: before!.metadata.namespace ?? '', name }] : [];
  });
  return createController({ name: 'legacy-serviceaccount-token-controller', triggers: [trigger(accounts, itself), ofGoneSecret], reconcile }, deps);
}
