// The CustomResourceDefinition: a kind as an object. Those who declare it say what it is (spec); the naming controller says
// under which names it is served (status).
import type { CustomResourceDefinition } from '../types.ts';
import { ageColumn, nameColumn } from './columns.ts';
import { validateDefinition, validateDefinitionStatus, validateDefinitionUpdate } from './custom-resource-definition/validate.ts';
import { defineKind } from './define-kind.ts';

type Draft = CustomResourceDefinition & { status: { storedVersions?: string[] } };

/** Holds a definition until its objects have gone. */
export const cleanupFinalizer = 'customresourcecleanup.apiextensions.k8s.io';

export const customResourceDefinitions = defineKind<CustomResourceDefinition>({
  kind: 'CustomResourceDefinition',
  group: 'apiextensions.k8s.io',
  schemaName: 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition',
  namespaced: false,
  shortNames: ['crd', 'crds'],
  categories: ['api-extensions'],
  hasStatus: true,
  hasGeneration: true,
  prepareCreate(draft) {
    (draft as { status: object }).status = {};
  },
  defaults(draft) {
    const { spec } = draft;
    if (spec?.names) {
      spec.names.singular ||= (spec.names.kind ?? '').toLowerCase();
      spec.names.listKind ||= spec.names.kind ? `${spec.names.kind}List` : '';
    }
    if (spec) {
      spec.conversion ??= { strategy: 'None' };
      const service = spec.conversion.webhook?.clientConfig?.service;
      if (service) service.port ??= 443;
    }
    draft.status ??= {} as never;
    (draft.status as { conditions?: unknown }).conditions ??= [];
    (draft.status as { acceptedNames?: unknown }).acceptedNames ??= { plural: '', kind: '' };
    const stored = ((draft as Draft).status.storedVersions ??= []);
    const now = spec?.versions?.find(({ storage }) => storage)?.name;
    if (now && !stored.includes(now)) stored.push(now);
  },
  prepareNamed(draft) {
    const finalizers = (draft.metadata.finalizers ??= []);
    if (!finalizers.includes(cleanupFinalizer)) finalizers.push(cleanupFinalizer);
  },
  validate: validateDefinition,
  validateUpdate: validateDefinitionUpdate,
  validateStatus: validateDefinitionStatus,
  prepareUpdate(draft) {
    const now = draft.spec.versions?.find(({ storage }) => storage)?.name;
    const stored = ((draft as Draft).status.storedVersions ??= []);
    if (now && !stored.includes(now)) stored.push(now);
  },
  columns: [nameColumn, { ...ageColumn, name: 'Created At', cell: ({ metadata }) => metadata.creationTimestamp }],
});
