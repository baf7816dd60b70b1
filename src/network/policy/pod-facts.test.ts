import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EndpointSlice, Pod } from '../../api/types.ts';
import { dnsServers, policyPod } from './pod-facts.ts';

const pod = (spec: object, status: object) => ({ metadata: { uid: 'u', name: 'p', namespace: 'x', labels: { app: 'web' } }, spec: { nodeName: 'a', containers: [], ...spec }, status }) as unknown as Pod;
const running = { phase: 'Running', podIP: '10.0.0.2', podIPs: [{ ip: '10.0.0.2' }, { ip: 'fd00::2' }] };

test('a Pod: both addresses, the ports that have names, of sidecars too', () => {
  const ports = [{ name: 'http', containerPort: 80 }, { containerPort: 81 }];
  const spec = { containers: [{ ports }], initContainers: [{ restartPolicy: 'Always', ports: [{ name: 'dns', containerPort: 53, protocol: 'UDP' }] }] };
  assert.deepEqual(policyPod(pod(spec, running), 'a'), {
    uid: 'u', namespace: 'x', labels: { app: 'web' }, ips: ['10.0.0.2', 'fd00::2'], isLocal: true,
    ports: [{ name: 'dns', protocol: 'udp', port: 53 }, { name: 'http', protocol: 'tcp', port: 80 }],
  });
  assert.equal(policyPod(pod({}, running), 'b')!.isLocal, false);
  assert.deepEqual(policyPod(pod({}, { phase: 'Pending' }), 'a', ['10.0.0.3'])!.ips, ['10.0.0.3'], 'before the API has its address');
  assert.ok(policyPod({ ...pod({}, running), metadata: { ...pod({}, running).metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } }, 'a'), 'one that ends still serves');
});

test('no policy is about Pods on the node\'s network, without an address, or that have ended', () => {
  assert.equal(policyPod(pod({ hostNetwork: true }, running), 'a'), undefined);
  assert.equal(policyPod(pod({}, { phase: 'Pending' }), 'a'), undefined);
  for (const phase of ['Succeeded', 'Failed']) assert.equal(policyPod(pod({}, { ...running, phase }), 'a'), undefined);
});

test('the node\'s own DNS counts as kube-dns, at its ports; where Pods serve it they are what they are', () => {
  const slice = (endpoint: object) => ({ metadata: { uid: 's', name: 'kube-dns' }, endpoints: [endpoint], ports: [{ name: 'dns', protocol: 'UDP', port: 53 }] }) as unknown as EndpointSlice;
  assert.deepEqual(dnsServers(slice({ addresses: ['10.0.0.1'] })), [{
    uid: 's/10.0.0.1', namespace: 'kube-system', labels: { 'k8s-app': 'kube-dns' }, ips: ['10.0.0.1'], isLocal: false,
    ports: [{ name: 'dns', protocol: 'udp', port: 53 }], serves: [{ protocol: 'udp', port: 53 }],
  }]);
  assert.deepEqual(dnsServers(slice({ addresses: ['10.0.0.5'], targetRef: { kind: 'Pod', name: 'coredns' } })), []);
});
