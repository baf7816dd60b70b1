// Deletes bootstrap tokens when their time is over.
import { isReason } from '../../api/error.ts';
import { tokenOfSecret, tokenSecretType } from '../../api/certificates/bootstrap-token.ts';
import { secrets as secretResource } from '../../api/kinds/secret.ts';
import type { ObjectKey } from '../../api/request.ts';
import type { Runnable } from '../../base/runnable.ts';
import { createController, itself, trigger, type Next } from '../../control/controller.ts';
import type { ControllerDeps } from '../deps.ts';

export function createTokenCleaner(deps: ControllerDeps): Runnable {
  const { client, clock } = deps;
  const secrets = deps.informers.of(secretResource);

  async function reconcile(key: ObjectKey, signal: AbortSignal): Promise<Next> {
    const secret = secrets.get(key);
    const expiresMs = secret && tokenOfSecret(secret)?.expiresMs;
    if (expiresMs === undefined) return 'await-change';
    const leftMs = expiresMs - clock.wallMs();
    if (leftMs > 0) return { afterMs: leftMs };
    const { uid, resourceVersion } = secret!.metadata;
    try {
      await client.delete(secretResource, key, { preconditions: { uid, resourceVersion } }, signal);
    } catch (error) {
      if (!isReason(error, 'NotFound')) throw error;
    }
    return 'await-change';
  }

  const tokens = trigger(secrets, (before, after) => ((after ?? before)?.type === tokenSecretType ? itself(before, after) : []));
  return createController({ name: 'token-cleaner-controller', triggers: [tokens], reconcile, workers: 1 }, deps);
}
