// `…/scale`: the number of replicas of any workload, as one kind of object.
import { ApiError } from '../error.ts';
import type { Column, Subresource } from '../kind.ts';
import type { KubeObject, Scale } from '../types.ts';
import { ageColumn, integer, nameColumn } from './columns.ts';

interface Scalable extends KubeObject {
  spec: { replicas?: number };
  status: { replicas?: number };
}

/** What `kubectl get --subresource=scale` prints. */
export const scaleColumns: readonly Column<KubeObject>[] = [
  nameColumn,
  integer('Desired', 'How many replicas are wanted.', (scale) => (scale as Scale).spec?.replicas ?? 0),
  integer('Available', 'How many replicas there are.', (scale) => (scale as Scale).status?.replicas ?? 0),
  ageColumn,
];

export function isScale(object: object): object is Scale {
  return (object as Partial<Scale>).kind === 'Scale';
}

/** `selectorOf` gives the selector of the workload's Pods as a query. */
export function scaleOf<T extends Scalable>(of: { readonly group: string; readonly plural: string }, selectorOf: (workload: T) => string): Subresource<T> {
  return {
    group: 'autoscaling',
    version: 'v1',
    kind: 'Scale',
    verbs: ['get', 'update', 'patch'],
    replicasPath: ['spec', 'replicas'],
    read({ metadata, spec, status }): object {
      const { name, namespace, uid, resourceVersion, creationTimestamp } = metadata;
      return {
        kind: 'Scale',
        apiVersion: 'autoscaling/v1',
        metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
        spec: { replicas: spec.replicas ?? 0 },
        status: { replicas: status.replicas ?? 0, selector: selectorOf({ metadata, spec, status } as T) },
      };
    },
    write(workload: T, body: Scale): T {
      const { name, uid, resourceVersion } = workload.metadata;
      const replicas = body.spec?.replicas ?? 0;
      if (replicas < 0) {
        const message = `Invalid value: ${replicas}: must be greater than or equal to 0`;
        throw ApiError.invalid({ group: 'autoscaling', kind: 'Scale' }, name, [{ reason: 'FieldValueInvalid', message, field: 'spec.replicas' }]);
      }
      const seen = body.metadata ?? {};
      if (seen.resourceVersion && seen.resourceVersion !== resourceVersion) throw ApiError.modified(of, name);
      if (seen.uid && seen.uid !== uid) {
        throw ApiError.conflict(of, name, `Precondition failed: UID in precondition: ${seen.uid}, UID in object meta: ${uid}`);
      }
      return { ...workload, spec: { ...workload.spec, replicas } };
    },
  };
}
