import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { WriteContext } from '../../kind.ts';
import type { DeleteOptions } from '../../request.ts';
import type { Binding, Pod, PodSpec } from '../../types.ts';
import { pods } from '../pod.ts';
import { podLimits, podRequests, qosClass } from './resources.ts';

const context: WriteContext = { nowMs: 1_767_225_600_000, uuid: () => '', user: { username: '', groups: [] } };
const now = '2026-01-01T00:00:00Z';

type Fields = Record<string, unknown>;

function podOf(spec: Fields, status: Fields = {}, metadata: Fields = {}): Pod {
  return {
    metadata: { name: 'web', namespace: 'default', uid: 'u1', creationTimestamp: '2025-12-31T23:00:00Z', ...metadata },
    spec: { containers: [{ name: 'c', image: 'i' }], ...spec },
    status,
  } as unknown as Pod;
}

test('what a Pod is given where it says nothing', () => {
  const pod = podOf({
    hostNetwork: true,
    serviceAccount: 'robot',
    containers: [
      {
        name: 'a',
        image: 'registry:5000/a',
        ports: [{ containerPort: 80 }],
        resources: { limits: { cpu: '0.5', memory: '1024Mi' }, requests: { memory: '1n' } },
        env: [{ name: 'N', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
        readinessProbe: { httpGet: { port: 80 } },
      },
      { name: 'b', image: 'b:1.2' },
      { name: 'c', image: 'c@sha256:0' },
      { name: 'd', image: 'd:latest' },
    ],
    volumes: [{ name: 'none' }, { name: 'host', hostPath: { path: '/x' } }, { name: 'config', configMap: { name: 'c' } }, { name: 'token', projected: { sources: [{ serviceAccountToken: { path: 't' } }] } }],
  });
  pods.prepareCreate!(pod, context);
  pods.defaults!(pod);
  const basics = { terminationMessagePath: '/dev/termination-log', terminationMessagePolicy: 'File' };
  assert.deepEqual(JSON.parse(JSON.stringify(pod.spec)), {
    hostNetwork: true,
    serviceAccount: 'robot',
    serviceAccountName: 'robot',
    restartPolicy: 'Always',
    dnsPolicy: 'ClusterFirst',
    schedulerName: 'default-scheduler',
    terminationGracePeriodSeconds: 30,
    securityContext: {},
    enableServiceLinks: true,
    containers: [
      {
        ...basics,
        name: 'a',
        image: 'registry:5000/a',
        imagePullPolicy: 'Always',
        ports: [{ containerPort: 80, hostPort: 80, protocol: 'TCP' }],
        resources: { limits: { cpu: '500m', memory: '1Gi' }, requests: { cpu: '500m', memory: '1m' } },
        env: [{ name: 'N', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.name' } } }],
        readinessProbe: { httpGet: { port: 80, path: '/', scheme: 'HTTP' }, timeoutSeconds: 1, periodSeconds: 10, successThreshold: 1, failureThreshold: 3 },
      },
      { ...basics, name: 'b', image: 'b:1.2', imagePullPolicy: 'IfNotPresent', resources: {} },
      { ...basics, name: 'c', image: 'c@sha256:0', imagePullPolicy: 'IfNotPresent', resources: {} },
      { ...basics, name: 'd', image: 'd:latest', imagePullPolicy: 'Always', resources: {} },
    ],
    volumes: [
      { name: 'none', emptyDir: {} },
      { name: 'host', hostPath: { path: '/x', type: '' } },
      { name: 'config', configMap: { name: 'c', defaultMode: 0o644 } },
      { name: 'token', projected: { defaultMode: 0o644, sources: [{ serviceAccountToken: { path: 't', expirationSeconds: 3600 } }] } },
    ],
  });
  assert.deepEqual(pod.status, { phase: 'Pending', qosClass: 'Burstable' });
});

test('defaults of defaults are the same', () => {
  const pod = podOf({ containers: [{ name: 'c', image: 'i', livenessProbe: { tcpSocket: { port: 1 } }, resources: { limits: { cpu: '1000m' } } }] });
  pods.defaults!(pod);
  const once = structuredClone(pod);
  pods.defaults!(pod);
  assert.deepEqual(pod, once);
});

test('a client cannot set the status of a new Pod, nor the node its spec', () => {
  const pod = podOf({}, { phase: 'Running', podIP: '10.0.0.1' });
  pods.prepareCreate!(pod, context);
  assert.deepEqual(pod.status, { phase: 'Pending' });
  const gated = podOf({ schedulingGates: [{ name: 'a.b/c' }] });
  pods.prepareCreate!(gated, context);
  assert.equal(gated.status.conditions?.[0]?.reason, 'SchedulingGated');

  const before = podOf({ nodeName: 'n1' }, { phase: 'Pending', qosClass: 'BestEffort' }, { deletionTimestamp: now, deletionGracePeriodSeconds: 5 });
  const after = podOf({ nodeName: 'n2' }, { phase: 'Running' });
  pods.prepareStatus!(after, before, context);
  assert.equal(after.spec.nodeName, 'n1');
  assert.equal(after.metadata.deletionTimestamp, now);
  assert.deepEqual(after.status, { phase: 'Running', qosClass: 'BestEffort', observedGeneration: undefined });
});

const classes: readonly (readonly [resources: Fields[], expected: string])[] = [
  [[{}], 'BestEffort'],
  [[{ limits: { 'example.com/gpu': '1' } }], 'BestEffort'],
  [[{ requests: { cpu: '0' } }], 'BestEffort'],
  [[{ requests: { cpu: '1' } }], 'Burstable'],
  [[{ limits: { cpu: '1' } }], 'Burstable'],
  [[{ limits: { cpu: '1', memory: '1Gi' } }], 'Guaranteed'],
  [[{ limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '1000m', memory: '1024Mi' } }], 'Guaranteed'],
  [[{ limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '500m' } }], 'Burstable'],
  [[{ limits: { cpu: '1', memory: '1Gi' } }, {}], 'Burstable'],
];

test('quality of service', () => {
  for (const [resources, expected] of classes) {
    assert.equal(qosClass({ containers: resources.map((own, index) => ({ name: `c${index}`, resources: own })) } as PodSpec), expected, JSON.stringify(resources));
  }
});

test('what a Pod asks of its node', () => {
  const cpu = (amount: string, more: Fields = {}) => ({ name: 'x', resources: { requests: { cpu: amount }, limits: { cpu: amount } }, ...more });
  const sidecar = { restartPolicy: 'Always' };
  const asks = (spec: Fields) => podRequests({ spec: spec as unknown as PodSpec });
  assert.deepEqual(asks({ containers: [{ name: 'c' }] }), {});
  assert.deepEqual(asks({ containers: [{ name: 'c', resources: { requests: { cpu: '250m', memory: '64Mi', 'example.com/gpu': '2' } } }, cpu('1')] }), {
    cpu: 1250,
    memory: 64 * 1024 ** 2,
    'example.com/gpu': 2,
  });
  assert.equal(asks({ containers: [cpu('1')], initContainers: [cpu('3'), cpu('2')] }).cpu, 3000);
  assert.equal(asks({ containers: [cpu('1')], initContainers: [cpu('500m', sidecar), cpu('2')] }).cpu, 2500);
  assert.equal(asks({ containers: [cpu('3')], initContainers: [cpu('2'), cpu('500m', sidecar)] }).cpu, 3500);
  assert.equal(asks({ containers: [cpu('1')], overhead: { cpu: '100m' } }).cpu, 1100);
  assert.equal(asks({ containers: [cpu('1')], resources: { requests: { cpu: '5' } } }).cpu, 5000);
  assert.deepEqual(podLimits({ spec: { containers: [cpu('2')], overhead: { cpu: '100m', memory: '1Mi' } } as unknown as PodSpec }), { cpu: 2100 });
});

const running = { nodeName: 'n1', terminationGracePeriodSeconds: 20 };
const ending = (seconds: number) => ({ deletionTimestamp: now, deletionGracePeriodSeconds: seconds });
const deletions: readonly (readonly [what: string, pod: Pod, options: DeleteOptions, grace: number | 'gone'])[] = [
  ['not bound', podOf({}), {}, 'gone'],
  ['not bound, whatever is asked', podOf({}), { gracePeriodSeconds: 60 }, 'gone'],
  ['finished well', podOf(running, { phase: 'Succeeded' }), {}, 'gone'],
  ['finished badly', podOf(running, { phase: 'Failed' }), { gracePeriodSeconds: 60 }, 'gone'],
  ['its own grace', podOf(running, { phase: 'Running' }), {}, 20],
  ['the default grace', podOf({ nodeName: 'n1' }), {}, 30],
  ['the grace asked for', podOf(running), { gracePeriodSeconds: 5 }, 5],
  ['a longer one', podOf(running), { gracePeriodSeconds: 90 }, 90],
  ['at once', podOf(running), { gracePeriodSeconds: 0 }, 'gone'],
  ['negative', podOf(running), { gracePeriodSeconds: -7 }, 1],
  ['a second time', podOf(running, {}, ending(12)), {}, 12],
  ['shorter', podOf(running, {}, ending(12)), { gracePeriodSeconds: 3 }, 3],
  ['never longer', podOf(running, {}, ending(12)), { gracePeriodSeconds: 60 }, 12],
  ['the node confirms', podOf(running, {}, ending(12)), { gracePeriodSeconds: 0 }, 'gone'],
];

test('C26 C32 what a delete means for a Pod', () => {
  for (const [what, pod, options, grace] of deletions) {
    assert.deepEqual(pods.decideDelete!(pod, options), grace === 'gone' ? { type: 'gone' } : { type: 'graceful', graceSeconds: grace }, what);
  }
});

function bind(pod: Pod, body: Fields): Pod {
  return pods.subresources!.binding!.write(pod, body as unknown as never, context);
}

test('a binding gives a Pod its node', () => {
  const pod = Object.freeze(podOf({}, { phase: 'Pending', conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: 'no room' }] }, { annotations: { a: '1' } }));
  const bound = bind(pod, { metadata: { name: 'web', annotations: { b: '2' }, labels: { l: '3' } }, target: { kind: 'Node', name: 'n1' } } satisfies Partial<Binding> & Fields);
  assert.equal(bound.spec.nodeName, 'n1');
  assert.deepEqual(bound.metadata.annotations, { a: '1', b: '2' });
  assert.deepEqual(bound.metadata.labels, { l: '3' });
  assert.deepEqual(JSON.parse(JSON.stringify(bound.status.conditions)), [{ type: 'PodScheduled', status: 'True', lastTransitionTime: now }]);
  assert.equal(pod.spec.nodeName, undefined);
});

test('a binding that is refused', () => {
  const target = { target: { name: 'n2' } };
  assert.throws(() => bind(podOf({ nodeName: 'n1' }), target), {
    code: 409,
    reason: 'Conflict',
    message: 'Operation cannot be fulfilled on pods/binding "web": pod web is already assigned to node "n1"',
  });
  assert.throws(() => bind(podOf({}, {}, ending(1)), target), { code: 409, message: /pod web is being deleted, cannot be assigned to a host/ });
  assert.throws(() => bind(podOf({ schedulingGates: [{ name: 'g' }] }), target), { code: 409, message: /pod web has non-empty \.spec\.schedulingGates/ });
  assert.throws(() => bind(podOf({}), { ...target, metadata: { uid: 'other' } }), { code: 409, message: /UID in precondition: other, UID in object meta: u1/ });
  assert.throws(() => bind(podOf({}), { target: { kind: 'Minion' } }), { code: 422, message: 'Binding "web" is invalid: [target.kind: Unsupported value: "Minion": supported values: "Node", "<empty>", target.name: Required value]' });
});
