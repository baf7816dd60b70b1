// Publishes the cluster's certificate authority in every namespace, as ConfigMap kube-root-ca.crt, for Pods to mount.
import { configMaps as configMapResource } from '../../api/kinds/config-map.ts';
import { namespaces as namespaceResource } from '../../api/kinds/namespace.ts';
import { isBeingDeleted } from '../../api/meta.ts';
import type { ObjectKey } from '../../api/request.ts';
import type { Runnable } from '../../base/runnable.ts';
import { createController, itself, trigger, type Next } from '../../control/controller.ts';
import type { ControllerDeps } from '../deps.ts';
import { keepConfigMap } from '../keep-config-map.ts';

const name = 'kube-root-ca.crt';
const annotations = {
  'kubernetes.io/description':
    'Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.',
};

/** `rootCa`: PEM. */
export function createRootCaController(rootCa: string, deps: ControllerDeps): Runnable {
  const { client } = deps;
  const namespaces = deps.informers.of(namespaceResource);
  const configMaps = deps.informers.of(configMapResource);
  const data = { 'ca.crt': rootCa };

  async function reconcile(key: ObjectKey, signal: AbortSignal): Promise<Next> {
    const namespace = namespaces.get(key);
    if (!namespace || isBeingDeleted(namespace)) return 'await-change';
    await keepConfigMap(client, configMaps, { namespace: key.name, name }, data, signal, annotations);
    return 'await-change';
  }

  return createController(
    {
      name: 'root-ca-certificate-publisher-controller',
      triggers: [
        trigger(namespaces, itself),
        trigger(configMaps, (before, after) => ((after ?? before)?.metadata.name === name ? [{ namespace: '', name: (after ?? before)!.metadata.namespace ?? '' }] : [])),
      ],
      reconcile,
    },
    deps,
  );
}
