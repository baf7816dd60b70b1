// The objects that every cluster has from its first moment: the namespaces, the priorities of the system, the default classes of
// storage and of Ingresses, the roles of kube-system and kube-public, and the Service by which Pods find the API.
import { isReason } from '../api/error.ts';
import { defaultClassAnnotation, ingressClasses, ownIngressController } from '../api/kinds/ingress-class.ts';
import { namespaces } from '../api/kinds/namespace.ts';
import { priorityClasses, systemPriorityClasses } from '../api/kinds/priority-class.ts';
import { storageClasses } from '../api/kinds/storage-class.ts';
import { localPathProvisioner } from '../api/storage/classes.ts';
import { roleBindings } from '../api/kinds/role-binding.ts';
import { roles } from '../api/kinds/role.ts';
import type { Resource } from '../api/kind.ts';
import type { IngressClass, KubeObject, New, Role, RoleBinding, StorageClass } from '../api/types.ts';
import type { Client } from '../client/client.ts';
import { namespacedRoles, type NamespacedRole } from '../server/auth/controller-roles.ts';
import { ensureOwnService, type OwnService } from '../controllers/own-service/own-service.ts';

/** Idempotent. */
export async function bootstrap(client: Client, kubernetes: OwnService, signal: AbortSignal): Promise<void> {
  const namespaceNames = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];
  await Promise.all([
    ...namespaceNames.map((name) => ensure(client, namespaces, { metadata: { name }, spec: {} }, signal)),
    ensure(client, storageClasses, standardClass, signal),
    ensure(client, ingressClasses, ownIngressClass, signal),
    ...systemPriorityClasses.map(({ name, value, description }) => ensure(client, priorityClasses, { metadata: { name }, value, description }, signal)),
  ]);
  await Promise.all(namespacedRoles.flatMap((role) => [ensure(client, roles, roleOf(role), signal), ensure(client, roleBindings, bindingOf(role), signal)]));
  await ensureOwnService(kubernetes, client, signal);
}

const asBootstrapped = { annotations: { 'rbac.authorization.kubernetes.io/autoupdate': 'true' }, labels: { 'kubernetes.io/bootstrapping': 'rbac-defaults' } };

function roleOf({ namespace, name, rules }: NamespacedRole): New<Role> {
  return { metadata: { namespace, name, ...asBootstrapped }, rules: rules as Role['rules'] };
}

function bindingOf({ namespace, name, binding }: NamespacedRole): New<RoleBinding> {
  return { metadata: { namespace, name: binding.name, ...asBootstrapped }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name }, subjects: [...binding.subjects] };
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
