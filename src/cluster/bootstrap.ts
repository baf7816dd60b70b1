// The objects that every cluster has from its first moment: the namespaces, the priorities of the system, the default classes of
// storage and of Ingresses, and the Service by which Pods find the API.
import { isReason } from '../api/error.ts';
import { defaultClassAnnotation, ingressClasses, ownIngressController } from '../api/kinds/ingress-class.ts';
import { namespaces } from '../api/kinds/namespace.ts';
import { priorityClasses, systemPriorityClasses } from '../api/kinds/priority-class.ts';
import { storageClasses } from '../api/kinds/storage-class.ts';
import { localPathProvisioner } from '../api/storage/classes.ts';
import { roles } from '../api/kinds/role.ts';
import type { Resource } from '../api/kind.ts';
import type { IngressClass, KubeObject, New, StorageClass } from '../api/types.ts';
import type { Client } from '../client/client.ts';
import { ensureOwnService, type OwnService } from '../controllers/own-service/own-service.ts';

/** What extension API servers ask to be given: upstream's name, and the ConfigMap that it is about. */
const authenticationReader = {
  metadata: {
    name: 'extension-apiserver-authentication-reader',
    namespace: 'kube-system',
    annotations: { 'rbac.authorization.kubernetes.io/autoupdate': 'true' },
    labels: { 'kubernetes.io/bootstrapping': 'rbac-defaults' },
  },
  rules: [{ apiGroups: [''], resourceNames: ['extension-apiserver-authentication'], resources: ['configmaps'], verbs: ['get', 'list', 'watch'] }],
};

/** Idempotent. */
export async function bootstrap(client: Client, kubernetes: OwnService, signal: AbortSignal): Promise<void> {
  const namespaceNames = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];
  await Promise.all([
    ...namespaceNames.map((name) => ensure(client, namespaces, { metadata: { name }, spec: {} }, signal)),
    ensure(client, storageClasses, standardClass, signal),
    ensure(client, ingressClasses, ownIngressClass, signal),
    ...systemPriorityClasses.map(({ name, value, description }) => ensure(client, priorityClasses, { metadata: { name }, value, description }, signal)),
  ]);
  await ensure(client, roles, authenticationReader, signal);
  await ensureOwnService(kubernetes, client, signal);
}

/** Ingresses that name no class are served here. */
const ownIngressClass: New<IngressClass> = {
  metadata: { name: 'peapod', annotations: { [defaultClassAnnotation]: 'true' } },
  spec: { controller: ownIngressController },
};

/** Claims that name no class get a directory on the node of their first Pod. */
const standardClass: New<StorageClass> = {
  metadata: { name: 'standard', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
  provisioner: localPathProvisioner,
  reclaimPolicy: 'Delete',
  volumeBindingMode: 'WaitForFirstConsumer',
};

async function ensure<T extends KubeObject>(client: Client, of: Resource<T>, object: New<T>, signal: AbortSignal): Promise<void> {
  try {
    await client.get(of, { namespace: object.metadata.namespace ?? '', name: object.metadata.name! }, signal);
  } catch (error) {
    if (!isReason(error, 'NotFound')) throw error;
    await client.create(of, object, signal);
  }
}
