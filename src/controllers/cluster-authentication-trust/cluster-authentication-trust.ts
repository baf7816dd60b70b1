// Tells servers of other APIs how to know clients of this cluster, and this server when it says who asks: the ConfigMap
// kube-system/extension-apiserver-authentication, under upstream's names.
import { configMaps as configMapResource } from '../../api/kinds/config-map.ts';
import type { Runnable } from '../../base/runnable.ts';
import { createController, type Next } from '../../control/controller.ts';
import type { ControllerDeps } from '../deps.ts';
import { keepConfigMap } from '../keep-config-map.ts';

const key = { namespace: 'kube-system', name: 'extension-apiserver-authentication' };

export interface TrustedAuthorities {
  /** Of clients' certificates; PEM. */
  readonly clientCa: string;
  /** Of the certificate by which this server shows itself to the others; PEM. */
  readonly frontProxyCa: string;
  /** The names in that certificate. */
  readonly frontProxyNames: readonly string[];
}

export function createClusterAuthenticationTrustController({ clientCa, frontProxyCa, frontProxyNames }: TrustedAuthorities, deps: ControllerDeps): Runnable {
  const { client } = deps;
  const configMaps = deps.informers.of(configMapResource);
  const data = {
    'client-ca-file': clientCa,
    'requestheader-allowed-names': JSON.stringify(frontProxyNames),
    'requestheader-client-ca-file': frontProxyCa,
    'requestheader-extra-headers-prefix': '["X-Remote-Extra-"]',
    'requestheader-group-headers': '["X-Remote-Group"]',
    'requestheader-uid-headers': '["X-Remote-Uid"]',
    'requestheader-username-headers': '["X-Remote-User"]',
  };

  async function reconcile(_: unknown, signal: AbortSignal): Promise<Next> {
    await keepConfigMap(client, configMaps, key, data, signal);
    return 'await-change';
  }

  return createController(
    {
      name: 'cluster-authentication-trust-controller',
      triggers: [
        {
          synced: configMaps.synced,
          start(enqueue) {
            enqueue(key);
            return configMaps.onChange((before, after) => {
              const { namespace, name } = (after ?? before)!.metadata;
              if (name === key.name && namespace === key.namespace) enqueue(key);
            });
          },
        },
      ],
      reconcile,
    },
    deps,
  );
}
