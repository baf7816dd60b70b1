// OwnerReferencesPermissionEnforcement: who makes an object another's dependent hands it to the garbage collector, and
// so must be allowed to delete it; who lets it block its owner's deletion must be allowed to set the owner's finalizers.
import type { KubeObject, OwnerReference } from '../../api/types.ts';
import type { Authorize } from '../auth/access.ts';
import type { Admission, AdmissionRequest, AdmissionWorld } from './admission.ts';
import { forbidden } from './forbidden.ts';

export function ownerReferencesPermissionEnforcement(authorize: Authorize): Admission {
  return {
    name: 'OwnerReferencesPermissionEnforcement',
    // Status writes cannot change owners: metadata is not theirs.
    handles: ({ verb, subresource, draft, before }) => (verb === 'create' || verb === 'update') && !subresource && (!!draft?.metadata.ownerReferences || !!before?.metadata.ownerReferences),
    validate(request, world) {
      const { user, kind, namespace, name } = request;
      const owners = ownersOf(request.draft);
      const before = ownersOf(request.before);
      if (JSON.stringify(owners) === JSON.stringify(before)) return;
      const deletion = authorize({ user, verb: 'delete', resource: kind, namespace: namespace || undefined, name: name || undefined });
      if (!deletion.allowed) throw forbidden(request, "cannot set an ownerRef on a resource you can't delete: , <nil>");
      for (const owner of owners) {
        const isNew = owner.blockOwnerDeletion && !before.some((old) => old.uid === owner.uid && old.blockOwnerDeletion);
        if (isNew) checkBlocking(authorize, request, owner, world);
      }
    },
  };
}

function checkBlocking(authorize: Authorize, request: AdmissionRequest, owner: OwnerReference, world: AdmissionWorld): void {
  const [version, group = ''] = owner.apiVersion.split('/').reverse();
  const kind = world.kindNamed(group, owner.kind);
  if (!kind) throw forbidden(request, `cannot set blockOwnerDeletion in this case because cannot find RESTMapping for APIVersion ${owner.apiVersion} Kind ${owner.kind}: no matches for kind ${JSON.stringify(owner.kind)} in version ${JSON.stringify(group ? `${group}/${version}` : version)}`);
  const { user, namespace } = request;
  const decision = authorize({ user, verb: 'update', resource: kind, subresource: 'finalizers', namespace: kind.namespaced ? namespace : undefined, name: owner.name });
  if (!decision.allowed) throw forbidden(request, "cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on: , <nil>");
}

function ownersOf(object: KubeObject | undefined): readonly OwnerReference[] {
  return (object?.metadata.ownerReferences ?? []) as readonly OwnerReference[];
}
