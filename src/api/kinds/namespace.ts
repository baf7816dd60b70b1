// The Namespace: a scope for names. It ends only when nothing is left in it: until then its own finalizer holds it.
import type { Subresource } from '../kind.ts';
import { ApiError } from '../error.ts';
import { isBeingDeleted } from '../meta.ts';
import { dnsLabel } from '../names.ts';
import type { Namespace } from '../types.ts';
import { ageColumn, nameColumn, text } from './columns.ts';
import { defineKind } from './define-kind.ts';
import { checkFinalizerName } from './validation/metadata.ts';
import { Report } from './validation/report.ts';

const ownFinalizer = 'kubernetes';
const nameLabel = 'kubernetes.io/metadata.name';

/** `namespaces/NAME/finalize`: only here can the finalizers of the spec be taken away. */
const finalize: Subresource<Namespace> = {
  group: '',
  version: 'v1',
  kind: 'Namespace',
  verbs: ['update'],
  read: (namespace) => namespace,
  write(namespace, body: Namespace) {
    const { name, resourceVersion } = namespace.metadata;
    const seen = body.metadata?.resourceVersion;
    if (seen && seen !== resourceVersion) throw ApiError.modified({ plural: 'namespaces' }, name);
    const finalizers = body.spec?.finalizers ?? [];
    const report = new Report();
    finalizers.forEach((finalizer, index) => checkFinalizerName(report, `spec.finalizers[${index}]`, finalizer));
    if (report.causes.length > 0) throw ApiError.invalid({ group: '', kind: 'Namespace' }, name, report.causes);
    return { ...namespace, spec: { ...namespace.spec, finalizers: [...finalizers] } };
  },
};

export const namespaces = defineKind<Namespace>({
  kind: 'Namespace',
  shortNames: ['ns'],
  namespaced: false,
  onlyOneByOne: true,
  hasStatus: true,
  subresources: { finalize },
  validateName: dnsLabel,
  defaults(draft) {
    draft.spec ??= {};
    draft.status ??= {};
    draft.status.phase ||= 'Active';
    if (draft.metadata.name) draft.metadata.labels = { ...draft.metadata.labels, [nameLabel]: draft.metadata.name };
  },
  prepareCreate(draft) {
    draft.status = { phase: 'Active' };
  },
  prepareNamed(draft) {
    const finalizers = draft.spec?.finalizers ?? [];
    draft.spec = { ...draft.spec, finalizers: finalizers.includes(ownFinalizer) ? finalizers : [...finalizers, ownFinalizer] };
  },
  prepareUpdate(draft, before) {
    draft.spec.finalizers = before.spec.finalizers;
    draft.status = before.status;
  },
  prepareStatus(draft, before) {
    draft.spec = before.spec;
  },
  markDeleted(draft) {
    draft.status.phase = 'Terminating';
  },
  heldBy: ({ spec }) => (spec.finalizers?.length ?? 0) > 0,
  validate({ spec }) {
    const report = new Report();
    for (const finalizer of spec.finalizers ?? []) checkFinalizerName(report, 'spec.finalizers', finalizer);
    return report.causes;
  },
  validateStatus(namespace) {
    const report = new Report();
    const { phase } = namespace.status;
    const isEnding = isBeingDeleted(namespace);
    if (!isEnding && phase !== 'Active') report.invalid('status.Phase', phase, "may only be 'Active' if `deletionTimestamp` is empty");
    if (isEnding && phase !== 'Terminating') report.invalid('status.Phase', phase, "may only be 'Terminating' if `deletionTimestamp` is not empty");
    return report.causes;
  },
  selectableFields: {
    'status.phase': ({ status }) => status.phase ?? '',
    name: ({ metadata }) => metadata.name,
  },
  columns: [nameColumn, text('Status', 'Active, or Terminating while it is emptied.', ({ status }) => status.phase ?? ''), ageColumn],
});
