// kube-public/cluster-info: where this cluster is and by whose certificates it is known, signed with each bootstrap token, so that
// a machine that has nothing but a token can tell the real one. As kubeadm's discovery reads it.
import { signedWith, tokenOfSecret, tokenSecretType } from '../../api/certificates/bootstrap-token.ts';
import { configMaps as configMapResource } from '../../api/kinds/config-map.ts';
import { secrets as secretResource } from '../../api/kinds/secret.ts';
import { isBeingDeleted } from '../../api/meta.ts';
import type { ObjectKey } from '../../api/request.ts';
import type { Runnable } from '../../base/runnable.ts';
import { createController, trigger, type Next } from '../../control/controller.ts';
import type { ControllerDeps } from '../deps.ts';
import { keepConfigMap } from '../keep-config-map.ts';

const own: ObjectKey = { namespace: 'kube-public', name: 'cluster-info' };
const prefix = 'jws-kubeconfig-';

/** `kubeconfig`: with no user in it. */
export function createBootstrapSigner(kubeconfig: string, deps: ControllerDeps): Runnable {
  const { client, clock } = deps;
  const secrets = deps.informers.of(secretResource);
  const configMaps = deps.informers.of(configMapResource);

  async function reconcile(_key: ObjectKey, signal: AbortSignal): Promise<Next> {
    const nowMs = clock.wallMs();
    const tokens = secrets.list('kube-system').flatMap((secret) => {
      const token = isBeingDeleted(secret) ? undefined : tokenOfSecret(secret);
      return token?.usages.includes('signing') && (token.expiresMs ?? Infinity) > nowMs ? [token] : [];
    });
    const data = { kubeconfig, ...Object.fromEntries(tokens.map((token) => [prefix + token.id, signedWith(token, kubeconfig)])) };
    await keepConfigMap(client, configMaps, own, data, signal);
    return 'await-change';
  }

  return createController(
    {
      name: 'bootstrap-signer-controller',
      triggers: [
        trigger(secrets, (before, after) => ((after ?? before)?.type === tokenSecretType ? [own] : [])),
        trigger(configMaps, (before, after) => {
          const { namespace, name } = (after ?? before)!.metadata;
          return namespace === own.namespace && (name === own.name || name === 'kube-root-ca.crt') ? [own] : [];
        }),
      ],
      reconcile,
      workers: 1,
    },
    deps,
  );
}
