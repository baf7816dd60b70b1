import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '../../types.ts';
import { pods } from '../pod.ts';
import { ephemeralContainers } from './ephemeral-containers.ts';
import { image, newPod, one, required, withSpec, type Fields } from './pod-rows.ts';
import { specDiff } from './spec-diff.ts';

const gated = { schedulingGates: [{ name: 'a.b/c' }] };
const terms = (...matchExpressions: Fields[]) => ({ nodeAffinity: { [required]: { nodeSelectorTerms: [{ matchExpressions }] } } });
const zone = { key: 'zone', operator: 'In', values: ['a'] };
const disk = { key: 'disk', operator: 'Exists' };
const field = `spec.affinity.nodeAffinity.${required}.nodeSelectorTerms`;
const apparmor = 'container.apparmor.security.beta.kubernetes.io/c';
const fixed = 'Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)';

type Row = readonly [what: string, change: (pod: Pod) => void, cause: string | undefined, spec?: Fields, metadata?: Fields];

const rows: readonly Row[] = [
  ['an init container’s image', (pod) => (pod.spec.initContainers![0]!.image = 'other'), undefined, withSpec({ initContainers: [{ name: 'i', image }] })],
  ['one init container less', (pod) => delete pod.spec.initContainers, 'spec.initContainers: Forbidden: pod updates may not add or remove containers', withSpec({ initContainers: [{ name: 'i', image }] })],
  ['a shorter deadline', (pod) => (pod.spec.activeDeadlineSeconds = 4), undefined, withSpec({ activeDeadlineSeconds: 5 })],
  ['the seconds of a toleration', (pod) => (pod.spec.tolerations![0]!.tolerationSeconds = 5), undefined, withSpec({ tolerations: [{ key: 'a', operator: 'Exists', effect: 'NoExecute' }] })],
  ['the effect of a toleration', (pod) => (pod.spec.tolerations![0]!.effect = 'NoSchedule'), 'spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds', withSpec({ tolerations: [{ key: 'a', operator: 'Exists', effect: 'NoExecute' }] })],
  ['a negative grace period to 1', (pod) => (pod.spec.terminationGracePeriodSeconds = 1), undefined, withSpec({ terminationGracePeriodSeconds: -5 })],
  ['a negative grace period to 2', (pod) => (pod.spec.terminationGracePeriodSeconds = 2), `spec: ${fixed}\n  core.PodSpec{\n  \t... // 1 identical field\n- \tTerminationGracePeriodSeconds: -5,\n+ \tTerminationGracePeriodSeconds: 2,\n  \t... // 5 identical fields\n  }\n`, withSpec({ terminationGracePeriodSeconds: -5 })],
  ['a command', (pod) => (pod.spec.containers[0]!.command = ['x']), `spec: ${fixed}\n  core.PodSpec{\n  \tContainers: {\n  \t\t{\n  \t\t\t... // 6 identical fields\n+ \t\t\tCommand: {"x"},\n  \t\t},\n  \t},\n  \t... // 6 identical fields\n  }\n`],
  ['labels and annotations', (pod) => Object.assign(pod.metadata, { labels: { a: 'b' }, annotations: { c: 'd' } }), undefined],
  ['a new AppArmor annotation', (pod) => (pod.metadata.annotations = { [apparmor]: 'unconfined' }), `metadata.annotations[${apparmor}]: Forbidden: may not add AppArmor annotations`],
  ['an AppArmor annotation less', (pod) => delete pod.metadata.annotations, `metadata.annotations[${apparmor}]: Forbidden: may not remove or update AppArmor annotations`, one({}), { annotations: { [apparmor]: 'unconfined' } }],
  ['a new mirror annotation', (pod) => (pod.metadata.annotations = { 'kubernetes.io/config.mirror': 'x' }), 'metadata.annotations[kubernetes.io/config.mirror]: Forbidden: may not add mirror pod annotation'],
  // While gates hold a Pod back
  ['a gated Pod’s selector, by one more', (pod) => (pod.spec.nodeSelector = { a: 'b', c: 'd' }), undefined, withSpec({ ...gated, nodeSelector: { a: 'b' } })],
  ['a gated Pod’s selector, by another value', (pod) => (pod.spec.nodeSelector = { a: 'c' }), 'spec.nodeSelector: Invalid value: {"a":"c"}: only additions to spec.nodeSelector are allowed (no mutations or deletions)', withSpec({ ...gated, nodeSelector: { a: 'b' } })],
  ['a gated Pod’s first affinity', (pod) => (pod.spec.affinity = terms(zone) as never), undefined, withSpec(gated)],
  ['a gated Pod’s affinity, by one more', (pod) => (pod.spec.affinity = terms(zone, disk) as never), undefined, withSpec({ ...gated, affinity: terms(zone) })],
  ['a gated Pod’s affinity, by one less', (pod) => (pod.spec.affinity = terms(disk) as never), `${field}[0]: Invalid value: {"matchExpressions":[{"key":"disk","operator":"Exists"}]}: only additions are allowed (no mutations or deletions)`, withSpec({ ...gated, affinity: terms(zone) })],
  ['a gated Pod’s terms, by one', (pod) => (pod.spec.affinity!.nodeAffinity = { [required]: { nodeSelectorTerms: [] } }), `${field}: Invalid value: []: no additions/deletions to non-empty NodeSelectorTerms list are allowed`, withSpec({ ...gated, affinity: terms(zone) })],
  ['a gated Pod’s affinity to Pods', (pod) => (pod.spec.affinity = { podAffinity: { [required]: [{ topologyKey: 'zone' }] } }), `spec: ${fixed}\n  core.PodSpec{\n  \t... // 8 identical fields\n+ \tAffinity: {PodAffinity: {RequiredDuringSchedulingIgnoredDuringExecution: {{TopologyKey: "zone"}}}},\n  }\n`, withSpec(gated)],
  ['a selector where no gate is', (pod) => (pod.spec.nodeSelector = { a: 'b' }), `spec: ${fixed}\n  core.PodSpec{\n  \t... // 7 identical fields\n+ \tNodeSelector: {"a": "b"},\n  }\n`],
];

test('what may change in a Pod: gates, annotations, and the difference that is shown', () => {
  for (const [what, change, cause, spec = one({}), metadata] of rows) {
    const before = newPod(spec, metadata);
    before.metadata.resourceVersion = '1';
    const pod = structuredClone(before);
    change(pod);
    const causes = pods.validateUpdate!(pod, before).map((each) => `${each.field}: ${each.message}`);
    assert.deepEqual(causes, cause ? [cause] : [], what);
  }
});

test('a difference within lists and maps', () => {
  const before = { a: [1, { b: 'x', c: 1 }, 3], d: { 'e/f': 'g' }, h: true };
  const after = { a: [1, { b: 'y', c: 1 }], d: { 'e/f': 'z' }, h: true };
  assert.equal(specDiff('T', before, after), '  T{\n  \tA: {\n  \t\t... // 1 identical element\n  \t\t{\n- \t\t\tB: "x",\n+ \t\t\tB: "y",\n  \t\t\t... // 1 identical field\n  \t\t},\n- \t\t3,\n  \t},\n  \tD: {\n- \t\t"e/f": "g",\n+ \t\t"e/f": "z",\n  \t},\n  \t... // 1 identical field\n  }\n');
});

test('ephemeral containers come, and neither change nor go', () => {
  const before = newPod(one({}));
  before.metadata.resourceVersion = '1';
  const write = (pod: Pod, ephemeral: Fields[]) => ephemeralContainers.write(pod, { metadata: {}, spec: { ephemeralContainers: ephemeral } } as never, { nowMs: 0, uuid: () => '', user: { username: '', groups: [] } });
  const pod = write(before, [{ name: 'd', image }]);
  assert.equal(write(pod, [{ name: 'e', image }, { name: 'd', image }]).spec.ephemeralContainers!.length, 2);
  assert.throws(() => write(pod, []), /spec.ephemeralContainers: Forbidden: existing ephemeral containers "d" may not be removed/);
  assert.throws(() => write(pod, [{ name: 'd', image: 'other' }]), /existing ephemeral containers "d" may not be changed\n {2}core.EphemeralContainer\{\n {2}\t\.\.\. \/\/ 1 identical field\n- \tImage: "localhost\/busybox:1",\n\+ \tImage: "other",/);
  const refused: readonly (readonly [Fields, RegExp])[] = [
    [{ name: 'c' }, /spec.ephemeralContainers\[0\].name: Duplicate value: "c"/],
    [{ targetContainerName: 'x' }, /\[0\].targetContainerName: Not found: "x"/],
    [{ ports: [{ containerPort: 80 }] }, /\[0\].ports: Forbidden: cannot be set for an Ephemeral Container/],
    [{ resources: { limits: { cpu: '1' } } }, /\[0\].resources: Forbidden: cannot be set for an Ephemeral Container/],
    [{ restartPolicy: 'Always' }, /\[0\].restartPolicy: Forbidden: cannot be set for an Ephemeral Container/],
    [{ lifecycle: {} }, /\[0\].lifecycle: Forbidden: cannot be set for an Ephemeral Container/],
    [{ startupProbe: { tcpSocket: { port: 1 } } }, /\[0\].startupProbe: Forbidden: cannot be set for an Ephemeral Container/],
    [{ image: ' x' }, /\[0\].image: Invalid value: " x": must not have leading or trailing whitespace/],
  ];
  for (const [fields, words] of refused) assert.throws(() => write(before, [{ name: 'd', image, ...fields }]), words, JSON.stringify(fields));
});

test('what a node may say of a Pod', () => {
  const causes = (status: Fields, spec: Fields = one({}), old: Fields = {}) => {
    const before = newPod(spec);
    Object.assign(before.status, old);
    const pod = structuredClone(before);
    Object.assign(pod.status, status);
    return pods.validateStatus!(pod, before).map((each) => `${each.field}: ${each.message}`);
  };
  const ip = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)';
  const one4 = { ip: '10.0.0.1' };
  assert.deepEqual(causes({ podIP: '10.0.0.1', podIPs: [one4, { ip: '::1' }], hostIP: '10.0.0.1', hostIPs: [one4] }), []);
  assert.deepEqual(causes({ podIPs: [{ ip: 'x' }] }), [`status.podIPs[0]: Invalid value: "x": ${ip}`]);
  assert.deepEqual(causes({ podIPs: [one4, { ip: '10.0.0.2' }] }), ['status.podIPs: Invalid value: [{"ip":"10.0.0.1"},{"ip":"10.0.0.2"}]: may specify no more than one IP for each IP family']);
  assert.deepEqual(causes({ hostIP: '10.0.0.9', hostIPs: [one4] }), ['status.hostIPs[0].ip: Invalid value: "10.0.0.1": must be equal to `hostIP`']);
  assert.deepEqual(causes({ conditions: [{ type: 'a b', status: 'True' }] })[0]!.slice(0, 45), 'metadata.conditions[0].Type: Invalid value: "');
  assert.deepEqual(causes({ nominatedNodeName: 'No' }).length, 1);
  assert.deepEqual(causes({ resourceClaimStatuses: [{ name: 'x' }] }), ['status.resourceClaimStatuses[0].name: Invalid value: "x": must match the name of an entry in `spec.resourceClaims`']);
  assert.deepEqual(causes({ containerStatuses: [{ name: 'c', user: { linux: { uid: -1, gid: 0 } } }] }), ['status.containerStatuses[0].linux.uid: Invalid value: -1: must be between 0 and 2147483647, inclusive']);
  const ended = { containerStatuses: [{ name: 'c', state: { terminated: { exitCode: 42 } } }] };
  const again = { containerStatuses: [{ name: 'c', state: { waiting: {} } }] };
  const wrong = ['status.containerStatuses[0].state: Forbidden: may not be transitioned to non-terminated state'];
  const never = (fields: Fields): Fields => ({ ...one(fields), restartPolicy: 'Never' });
  assert.deepEqual(causes(again, never({}), ended), wrong);
  assert.deepEqual(causes(again, never({ restartPolicy: 'OnFailure' }), ended), []);
  assert.deepEqual(causes(again, never({ restartPolicy: 'Never', restartPolicyRules: [{ action: 'Restart', exitCodes: { operator: 'In', values: [42] } }] }), ended), []);
  assert.deepEqual(causes(again, never({ restartPolicy: 'Never', restartPolicyRules: [{ action: 'Restart', exitCodes: { operator: 'NotIn', values: [42] } }] }), ended), wrong);
});

test('what is filled in of a Pod’s own resources and of other systems’ storage', () => {
  const own = (resources: Fields, container: Fields = {}) => newPod({ ...one({ resources: container }), resources }).spec.resources;
  assert.deepEqual(own({ limits: { cpu: '2', memory: '1Gi' } }), { limits: { cpu: '2', memory: '1Gi' }, requests: { cpu: '2', memory: '1Gi' } });
  assert.deepEqual(own({ limits: { cpu: '2', memory: '1Gi' } }, { requests: { cpu: '500m' } }), { limits: { cpu: '2', memory: '1Gi' }, requests: { cpu: '500m', memory: '1Gi' } });
  assert.deepEqual(own({ requests: { cpu: '2' } }), { requests: { cpu: '2' } });
  const source = (fields: Fields) => newPod(withSpec({ volumes: [{ name: 'v', ...fields }] })).spec.volumes![0];
  assert.deepEqual(source({ rbd: { monitors: ['m'], image: 'i' } }), { name: 'v', rbd: { monitors: ['m'], image: 'i', pool: 'rbd', user: 'admin', keyring: '/etc/ceph/keyring' } });
  assert.deepEqual(source({ azureDisk: { diskName: 'd', diskURI: 'https://x' } }), { name: 'v', azureDisk: { diskName: 'd', diskURI: 'https://x', cachingMode: 'ReadWrite', kind: 'Shared', fsType: 'ext4', readOnly: false } });
  assert.equal(newPod(one({ env: [{ name: 'A', valueFrom: { fileKeyRef: { volumeName: 'v', path: 'p', key: 'k' } } }] })).spec.containers[0]!.env![0]!.valueFrom!.fileKeyRef!.optional, false);
});
