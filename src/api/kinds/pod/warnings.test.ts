import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PodTemplateSpec } from '../../types.ts';
import { affinity, container, newPod, one, preferred, required, resources, volume, withSpec, type Fields } from './pod-rows.ts';
import { podWarnings, templateWarnings } from './warnings.ts';

const c = 'spec.containers[0]';
const env = (...list: Fields[]) => one({ env: list.map((each) => ({ name: 'A', ...each })) });
const ports = (...list: Fields[]) => one({ ports: list.map((each) => ({ containerPort: 80, ...each })) });
const hides = `${c}.env[1]: hides previous definition of "A", which may be dropped when using apply`;
const none = 'a null labelSelector results in matching no pod';
const zone = 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead';
const oldZone = 'failure-domain.beta.kubernetes.io/zone';

const rows: readonly (readonly [spec: Fields, warnings: readonly string[], annotations?: Record<string, string>])[] = [
  [one({}), []],
  [env({ value: '1' }, { value: '2' }), [hides]],
  [env({ value: '1' }, { value: '$(A)2' }), []],
  [env({ value: '1' }, { value: '$(A)' }), [hides]],
  [env({ value: '1' }, { valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }), [hides]],
  [ports({}, { protocol: 'UDP' }), []],
  [ports({}, {}), [`${c}.ports[1]: duplicate port definition with ${c}.ports[0]`]],
  [{ containers: [container({ ports: [{ containerPort: 80 }] }), container({ name: 'd', ports: [{ containerPort: 80, hostPort: 80 }] })] }, [`spec.containers[1].ports[0]: overlapping port definition with ${c}.ports[0]`]],
  [ports({ hostPort: 80 }, { hostPort: 80, hostIP: '127.0.0.1' }), [`${c}.ports[1]: dangerously ambiguous port definition with ${c}.ports[0]`]],
  [ports({ hostIP: '127.0.0.1' }), [`${c}.ports[0]: hostIP set without hostPort: {Name: HostPort:0 ContainerPort:80 Protocol:TCP HostIP:127.0.0.1}`]],
  [resources({ requests: { memory: '100m' } }), [`${c}.resources.requests[memory]: fractional byte value "100m" is invalid, must be an integer`]],
  [withSpec({ terminationGracePeriodSeconds: -1 }), ['spec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1']],
  [withSpec({ hostAliases: [{ ip: '1.1.1.1' }, { ip: '1.1.1.1' }] }), ['spec.hostAliases[1].ip: duplicate ip "1.1.1.1"']],
  [withSpec({ imagePullSecrets: [{ name: 'a' }, { name: 'a' }, {}] }), ['spec.imagePullSecrets[1].name: duplicate name "a"', 'spec.imagePullSecrets[2].name: invalid empty name ""']],
  [withSpec({ nodeSelector: { [oldZone]: 'a' } }), [`spec.nodeSelector[${oldZone}]: ${zone}`]],
  [affinity({ nodeAffinity: { [required]: { nodeSelectorTerms: [{ matchExpressions: [{ key: oldZone, operator: 'Exists' }] }] } } }), [`spec.affinity.nodeAffinity.${required}.nodeSelectorTerms[0].matchExpressions[0].key: ${oldZone} is ${zone}`]],
  [affinity({ podAffinity: { [required]: [{ topologyKey: 'a' }], [preferred]: [{ weight: 1, podAffinityTerm: { topologyKey: 'a' } }] } }), [`spec.affinity.podAffinity.${required}[0].labelSelector: ${none}`, `spec.affinity.podAffinity.${preferred}[0].podAffinityTerm.labelSelector: ${none}`]],
  [withSpec({ topologySpreadConstraints: [{ maxSkew: 1, topologyKey: 'a', whenUnsatisfiable: 'DoNotSchedule' }] }), [`spec.topologySpreadConstraints[0].labelSelector: ${none}`]],
  [volume({ gitRepo: { repository: 'r' } }), ['spec.volumes[0].gitRepo: deprecated in v1.11']],
  [volume({ rbd: { monitors: ['m'], image: 'i' } }), ['spec.volumes[0].rbd: deprecated in v1.28, non-functional in v1.31+']],
  [one({}), ['metadata.annotations[scheduler.alpha.kubernetes.io/critical-pod]: non-functional in v1.16+; use the "priorityClassName" field instead'], { 'scheduler.alpha.kubernetes.io/critical-pod': '' }],
  [one({}), ['metadata.annotations[seccomp.security.alpha.kubernetes.io/pod]: non-functional in v1.27+; use the "seccompProfile" field instead'], { 'seccomp.security.alpha.kubernetes.io/pod': 'unconfined' }],
  [one({}), ['metadata.annotations[container.seccomp.security.alpha.kubernetes.io/c]: non-functional in v1.27+; use the "seccompProfile" field instead'], { 'container.seccomp.security.alpha.kubernetes.io/c': 'unconfined' }],
];

test('what is told of a Pod that is accepted', () => {
  for (const [spec, warnings, annotations] of rows) assert.deepEqual(podWarnings(newPod(spec, { annotations })), warnings, JSON.stringify(spec));
});

test('the same of a template, by its own paths', () => {
  const annotations = { 'container.apparmor.security.beta.kubernetes.io/c': 'unconfined' };
  const template = { metadata: { annotations }, spec: newPod(ports({}, {})).spec } as PodTemplateSpec;
  assert.deepEqual(templateWarnings('spec.template', template), [
    'spec.template.metadata.annotations[container.apparmor.security.beta.kubernetes.io/c]: deprecated since v1.30; use the "appArmorProfile" field instead',
    `spec.template.${c}.ports[1]: duplicate port definition with spec.template.${c}.ports[0]`,
  ]);
  assert.deepEqual(templateWarnings('spec.template', undefined), []);
});
