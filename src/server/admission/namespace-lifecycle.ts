// NamespaceLifecycle: objects are made only in a namespace that exists and is not ending, and the namespaces that the
// cluster itself needs cannot be deleted.
import { ApiError } from '../../api/error.ts';
import { namespaces } from '../../api/kinds/index.ts';
import type { Admission, AdmissionRequest } from './admission.ts';
import { forbidden } from './forbidden.ts';

const immortal: ReadonlySet<string> = new Set(['default', 'kube-system', 'kube-public']);

export const namespaceLifecycle: Admission = {
  name: 'NamespaceLifecycle',
  handles: (request) => (request.verb === 'create' && request.kind.namespaced) || (request.verb === 'delete' && isNamespace(request)),
  mutate(request, world) {
    if (request.verb !== 'create') return;
    const { namespace } = request;
    const found = world.get(namespaces, { namespace: '', name: namespace });
    if (!found) throw ApiError.notFound(namespaces, namespace);
    if (found.status.phase === 'Terminating' || found.metadata.deletionTimestamp) throw terminating(request);
  },
  validate(request) {
    if (request.verb === 'delete' && immortal.has(request.name)) throw forbidden(request, 'this namespace may not be deleted');
  },
};

/** Clients, and our own controllers, tell this refusal from others by its cause. */
function terminating(request: AdmissionRequest): ApiError {
  const { namespace } = request;
  const { code, reason, message, details } = forbidden(request, `unable to create new content in namespace ${namespace} because it is being terminated`);
  const cause = { reason: 'NamespaceTerminating', message: `namespace ${namespace} is being terminated`, field: 'metadata.namespace' };
  return new ApiError(code, reason, message, { ...details, causes: [cause] });
}

function isNamespace({ kind }: AdmissionRequest): boolean {
  return kind.plural === 'namespaces' && kind.group === '';
}
