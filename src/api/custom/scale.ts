// `…/scale` of a custom object: its replicas and its selector lie where its definition says.
import { ApiError } from '../error.ts';
import type { Subresource } from '../kind.ts';
import { draftOf } from '../meta.ts';
import { isObject, setOwn, type JsonObject } from '../patch/json.ts';
import type { KubeObject, Scale } from '../types.ts';
import { fieldsOfPath } from './json-path.ts';

export interface ScalePaths {
  readonly specReplicasPath: string;
  readonly statusReplicasPath: string;
  readonly labelSelectorPath?: string;
}

export function customScale(of: { readonly group: string; readonly plural: string }, paths: ScalePaths): Subresource<KubeObject> {
  const spec = fieldsOfPath(paths.specReplicasPath) ?? [];
  const status = fieldsOfPath(paths.statusReplicasPath) ?? [];
  const selector = paths.labelSelectorPath ? (fieldsOfPath(paths.labelSelectorPath) ?? []) : undefined;
  return {
    group: 'autoscaling',
    version: 'v1',
    kind: 'Scale',
    verbs: ['get', 'update', 'patch'],
    replicasPath: spec,
    read(object) {
      const replicas = at(object, spec);
      if (typeof replicas !== 'number') throw ApiError.of(new Error(`the spec replicas field ${JSON.stringify(paths.specReplicasPath)} does not exist`));
      const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
      const seen = at(object, status);
      const labels = selector && at(object, selector);
      return {
        kind: 'Scale',
        apiVersion: 'autoscaling/v1',
        metadata: { name, ...(namespace ? { namespace } : {}), uid, resourceVersion, creationTimestamp },
        spec: { replicas },
        status: { replicas: typeof seen === 'number' ? seen : 0, ...(typeof labels === 'string' ? { selector: labels } : {}) },
      };
    },
    write(object, body: Scale) {
      const { name, uid, resourceVersion } = object.metadata;
      const replicas = body.spec?.replicas ?? 0;
      if (replicas < 0) {
        const message = `Invalid value: ${replicas}: must be greater than or equal to 0`;
        throw ApiError.invalid({ group: 'autoscaling', kind: 'Scale' }, name, [{ reason: 'FieldValueInvalid', message, field: 'spec.replicas' }]);
      }
      const seen = body.metadata ?? {};
      if (seen.resourceVersion && seen.resourceVersion !== resourceVersion) throw ApiError.modified(of, name);
      if (seen.uid && seen.uid !== uid) throw ApiError.conflict(of, name, `Precondition failed: UID in precondition: ${seen.uid}, UID in object meta: ${uid}`);
      const draft = draftOf(object);
      put(draft as unknown as JsonObject, spec, replicas);
      return draft;
    },
  };
}

function at(object: unknown, path: readonly string[]): unknown {
  let value = object;
  for (const name of path) value = isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
  return value;
}

function put(object: JsonObject, [name, ...rest]: readonly string[], value: unknown): void {
  if (name === undefined) return;
  if (rest.length === 0) return setOwn(object, name, value);
  const inner = Object.hasOwn(object, name) && isObject(object[name]) ? object[name] : {};
  setOwn(object, name, inner);
  put(inner, rest, value);
}
