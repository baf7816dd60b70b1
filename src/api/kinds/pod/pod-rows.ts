// For the tests of this room: Pods as a client sends them, and tables of those that are refused and accepted.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FieldCause } from '../../error.ts';
import type { Pod } from '../../types.ts';
import { pods } from '../pod.ts';
import { validateMetadata } from '../validation/metadata.ts';

export type Fields = Record<string, unknown>;

/** A Pod as a client sends it, after what the API server does to a new one. */
export function newPod(spec: Fields, metadata: Fields = {}): Pod {
  const pod = structuredClone({ metadata: { name: 'web', namespace: 'default', ...metadata }, spec }) as unknown as Pod;
  pods.prepareCreate!(pod, { nowMs: 0, uuid: () => '', user: { username: '', groups: [] } });
  pods.defaults!(pod);
  return pod;
}

export function causesOf(pod: Pod): FieldCause[] {
  return [...validateMetadata(pods, pod), ...pods.validate!(pod)];
}

export const image = 'localhost/busybox:1';
export const container = (fields: Fields = {}): Fields => ({ name: 'c', image, ...fields });
/** A spec with one container that has these fields. */
export const one = (fields: Fields): Fields => ({ containers: [container(fields)] });
/** A spec with these fields beside one plain container. */
export const withSpec = (fields: Fields): Fields => ({ containers: [container()], ...fields });
export const init = (fields: Fields): Fields => withSpec({ initContainers: [{ name: 'i', image, ...fields }] });
export const volume = (source: Fields): Fields => withSpec({ volumes: [{ name: 'v', ...source }] });
export const mounted = (mount: Fields, source: Fields = { emptyDir: {} }): Fields => ({
  containers: [container({ volumeMounts: [{ name: 'v', mountPath: '/v', ...mount }] })],
  volumes: [{ name: 'v', ...source }],
});
export const resources = (fields: Fields) => one({ resources: fields });
export const affinity = (fields: Fields) => withSpec({ affinity: fields });
export const required = 'requiredDuringSchedulingIgnoredDuringExecution';
export const preferred = 'preferredDuringSchedulingIgnoredDuringExecution';
export const tcp = { tcpSocket: { port: 80 } };

export const label = (value: string) =>
  `Invalid value: "${value}": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')`;
export const subdomain = (value: string) =>
  `Invalid value: "${value}": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`;
export const quantityWords = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";

/** Each is refused for exactly one reason; `only: 'first'` in the metadata looks at the first of several. */
export type Refused = readonly (readonly [spec: Fields, field: string, message: string, metadata?: Fields])[];
export type Accepted = readonly (readonly [spec: Fields, metadata?: Fields])[];

export function refuse(what: string, rows: Refused): void {
  test(`${what}: ${rows.length} that are refused, with Kubernetes' paths and words`, () => {
    for (const [spec, field, message, metadata = {}] of rows) {
      const { only, ...fields } = metadata;
      const causes = causesOf(newPod(spec, fields)).map((cause) => `${cause.field}: ${cause.message}`);
      assert.deepEqual(only ? causes.slice(0, 1) : causes, [`${field}: ${message}`], JSON.stringify(spec));
    }
  });
}

/** And what was filled in is accepted as it is. */
export function accept(what: string, rows: Accepted): void {
  test(`${what}: ${rows.length} that are accepted`, () => {
    for (const [spec, metadata] of rows) {
      const pod = newPod(spec, metadata);
      assert.deepEqual(causesOf(pod), [], JSON.stringify(spec));
      const again = structuredClone(pod);
      pods.defaults!(again);
      assert.deepEqual(again, pod, JSON.stringify(spec));
      assert.deepEqual(pods.validateUpdate!(again, pod), [], JSON.stringify(spec));
    }
  });
}
