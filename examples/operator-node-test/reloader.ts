// An operator: when a ConfigMap changes, the Deployments that say they use it are rolled out anew.
// A Deployment says so with the annotation `reloader.example.com/config-map: NAME`.
import { AppsV1Api, CoreV1Api, KubeConfig, makeInformer, setHeaderOptions, PatchStrategy, type V1ConfigMap } from '@kubernetes/client-node';
import { createHash } from 'node:crypto';

const uses = 'reloader.example.com/config-map';
const checksum = 'reloader.example.com/checksum';

export interface Reloader {
  stop(): Promise<void>;
}

/** `log` is told of failures; each is tried again when the ConfigMap, or the connection, changes. */
export async function startReloader(config: KubeConfig, namespace: string, log: (error: unknown) => void = console.error): Promise<Reloader> {
  const core = config.makeApiClient(CoreV1Api);
  const apps = config.makeApiClient(AppsV1Api);
  let stopped = false;
  const informer = makeInformer(config, `/api/v1/namespaces/${namespace}/configmaps`, () => core.listNamespacedConfigMap({ namespace }));

  async function reload(configMap: V1ConfigMap): Promise<void> {
    const sum = createHash('sha256').update(JSON.stringify(configMap.data ?? {})).digest('hex').slice(0, 12);
    const { items } = await apps.listNamespacedDeployment({ namespace });
    for (const { metadata, spec } of items) {
      if (metadata?.annotations?.[uses] !== configMap.metadata?.name || spec?.template.metadata?.annotations?.[checksum] === sum) continue;
      const body = { spec: { template: { metadata: { annotations: { [checksum]: sum } } } } };
      await apps.patchNamespacedDeployment({ namespace, name: metadata!.name!, body }, setHeaderOptions('Content-Type', PatchStrategy.StrategicMergePatch));
    }
  }

  const changed = (configMap: V1ConfigMap) => void reload(configMap).catch(log);
  informer.on('add', changed);
  informer.on('update', changed);
  informer.on('error', () => {
    if (!stopped) setTimeout(() => void informer.start().catch(log), 20);
  });
  await informer.start();
  return {
    async stop() {
      stopped = true;
      await informer.stop();
    },
  };
}
