import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '../../api/types.ts';
import type { ImageInfo } from '../../runtime/runtime.ts';
import { container, pod } from '../testing/pods.ts';
import { dnsOf, fittingDns, hostnameOf, hostsFile, kernelHostname, parseResolvConf } from './names.ts';
import { containerResources, podResources, qosClassOf, widest } from './resources.ts';
import { containerSecurity } from './security.ts';
import { podRequests } from '../../api/kinds/pod/resources.ts';

const gi = 2 ** 30;
const withResources = (resources: object, more: Partial<Pod['spec']> = {}) => pod({ containers: [container('app', { resources })], ...more });
const full = { limits: { cpu: '500m', memory: '1Gi' }, requests: { cpu: '500m', memory: '1Gi' } };

test('quality of service', () => {
  assert.equal(qosClassOf(pod()), 'BestEffort');
  assert.equal(qosClassOf(withResources(full)), 'Guaranteed');
  assert.equal(qosClassOf(withResources({ limits: full.limits })), 'Guaranteed');
  assert.equal(qosClassOf(withResources({ requests: { cpu: '1' } })), 'Burstable');
  assert.equal(qosClassOf(pod({ containers: [container('a', { resources: full }), container('b')] })), 'Burstable');
});

test('what the kernel is told of a container', () => {
  const of = (resources: object) => {
    const one = withResources(resources);
    return containerResources(one, one.spec.containers[0]!, 4 * gi);
  };
  assert.deepEqual(of(full), { cpuShares: 512, cpuQuotaUs: 50_000, cpuPeriodUs: 100_000, memoryLimitBytes: gi, oomScoreAdj: -997 });
  assert.deepEqual(of({}), { cpuShares: 2, cpuQuotaUs: undefined, cpuPeriodUs: undefined, memoryLimitBytes: undefined, oomScoreAdj: 1000 });
  assert.equal(of({ requests: { memory: '1Gi' } }).oomScoreAdj, 750);
  assert.equal(of({ limits: { cpu: '1m' } }).cpuQuotaUs, 1000);
});

test('on cgroup v2 a container that is short of memory ends as a whole', () => {
  const one = withResources(full);
  assert.deepEqual(containerResources(one, one.spec.containers[0]!, 4 * gi, 2).unified, { 'memory.oom.group': '1' });
  assert.equal(containerResources(one, one.spec.containers[0]!, 4 * gi, 1).unified, undefined);
});

test('resources of the Pod itself stand instead of the sum of its containers\', and for what these do not say', () => {
  const one = withResources({ requests: { memory: '1Gi' } }, { resources: { requests: { cpu: '1', memory: '2Gi' }, limits: { cpu: '2', memory: '2Gi' } } });
  assert.deepEqual(podResources(one), { cpuShares: 1024, cpuQuotaUs: 200_000, cpuPeriodUs: 100_000, memoryLimitBytes: 2 * gi });
  assert.equal(podRequests(one).memory, 2 * gi);
  const { cpuQuotaUs, memoryLimitBytes, oomScoreAdj } = containerResources(one, one.spec.containers[0]!, 4 * gi);
  assert.deepEqual([cpuQuotaUs, memoryLimitBytes, oomScoreAdj], [200_000, 2 * gi, 500]);
});

test('while a Pod is resized there is room for both', () => {
  const less = podResources(withResources(full));
  const more = podResources(withResources({ limits: { cpu: '1', memory: '512Mi' } }));
  assert.deepEqual(widest(less, more), { cpuShares: 1024, cpuQuotaUs: 100_000, cpuPeriodUs: 100_000, memoryLimitBytes: gi });
  assert.equal(widest(less, podResources(withResources({}))).memoryLimitBytes, 0);
});

test('a Pod is limited as a whole only where all its containers are', () => {
  assert.deepEqual(podResources(withResources(full)), { cpuShares: 512, cpuQuotaUs: 50_000, cpuPeriodUs: 100_000, memoryLimitBytes: gi });
  const half = podResources(pod({ containers: [container('a', { resources: full }), container('b')] }));
  assert.deepEqual([half.cpuShares, half.cpuQuotaUs, half.memoryLimitBytes], [512, -1, 0]);
});

test('init containers only peak, sidecars add up', () => {
  const cpu = (amount: string) => ({ resources: { requests: { cpu: amount } } });
  const of = pod({ initContainers: [container('i', cpu('2')), container('s', { ...cpu('300m'), restartPolicy: 'Always' }), container('j', cpu('500m'))], containers: [container('a', cpu('100m')), container('b', cpu('200m'))] });
  assert.equal(podRequests(of).cpu, 2000);
  assert.equal(podRequests(pod({ ...of.spec, initContainers: of.spec.initContainers!.slice(1) })).cpu, 800);
});

test('names', () => {
  assert.deepEqual(hostnameOf(pod({ hostname: 'h', subdomain: 's' }), 'cluster.local'), { hostname: 'h', fqdn: 'h.s.default.svc.cluster.local' });
  assert.equal(kernelHostname(pod({ subdomain: 's', setHostnameAsFQDN: true }), 'cluster.local'), 'web.s.default.svc.cluster.local');
  assert.equal(hostnameOf(pod({}, { metadata: { name: `${'x'.repeat(62)}-y` } }), 'c').hostname, 'x'.repeat(62));
  assert.deepEqual(hostnameOf(pod({ hostnameOverride: 'any.name.at.all', hostname: 'h', subdomain: 's' }), 'c'), { hostname: 'any.name.at.all', fqdn: undefined });
  assert.throws(() => kernelHostname(pod({ hostname: 'x'.repeat(50), subdomain: 's', setHostnameAsFQDN: true }), 'cluster.local'), /FQDN x+\.s\.default\.svc\.cluster\.local is too long \(64 characters is the max, 78 characters requested\)/);
  assert.match(hostsFile(pod({ subdomain: 's', setHostnameAsFQDN: true }), ['10.0.0.9'], 'c'), /\n10\.0\.0\.9\tweb\.s\.default\.svc\.c\tweb\n$/);
  assert.match(hostsFile(pod({ hostAliases: [{ ip: '1.2.3.4', hostnames: ['a', 'b'] }] }), ['10.0.0.9'], 'c'), /\n10\.0\.0\.9\tweb\n\n# Entries added by HostAliases\.\n1\.2\.3\.4\ta\tb\n$/);
});

test('DNS by policy', () => {
  const cluster = { servers: ['10.96.0.10'], domain: 'cluster.local' };
  const node = parseResolvConf('# c\nnameserver 192.0.2.53\nsearch example.com .\noptions edns0\n');
  assert.deepEqual(node, { servers: ['192.0.2.53'], searches: ['example.com'], options: ['edns0'] });
  const first = dnsOf(pod({ dnsPolicy: 'ClusterFirst' }), cluster, node);
  assert.deepEqual(first, { servers: ['10.96.0.10'], searches: ['default.svc.cluster.local', 'svc.cluster.local', 'cluster.local', 'example.com'], options: ['ndots:5'] });
  assert.deepEqual(dnsOf(pod({ dnsPolicy: 'ClusterFirst', hostNetwork: true }), cluster, node), node);
  assert.deepEqual(dnsOf(pod({ dnsPolicy: 'ClusterFirstWithHostNet', hostNetwork: true }), cluster, node), first);
  assert.deepEqual(dnsOf(pod({ dnsPolicy: 'Default' }), cluster, node), node);
  assert.deepEqual(dnsOf(pod({ dnsPolicy: 'None', dnsConfig: { nameservers: ['1.1.1.1'], options: [{ name: 'ndots', value: '2' }, { name: 'debug' }] } }), cluster, node), { servers: ['1.1.1.1'], searches: [], options: ['ndots:2', 'debug'] });
  assert.deepEqual(dnsOf(pod({ dnsConfig: { options: [{ name: 'ndots', value: '1' }] } }), cluster, node).options, ['ndots:1']);
});

test('a resolver takes so much and no more, and what is left out is told', () => {
  const many = { servers: ['1', '2', '3', '4'], searches: Array.from({ length: 33 }, (_, n) => `d${n}`), options: ['ndots:5'] };
  const { dns, omitted } = fittingDns(many);
  assert.deepEqual([dns.servers, dns.searches.length, dns.options], [['1', '2', '3'], 32, ['ndots:5']]);
  assert.match(omitted.join('\n'), /^Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: 1 2 3\nSearch Line limits were exceeded, some search paths have been omitted, the applied search line is: d0 .* d31$/);
  const long = fittingDns({ servers: [], searches: ['a'.repeat(1500), 'b'.repeat(547), 'c'], options: [] });
  assert.equal(long.dns.searches.length, 2);
  assert.deepEqual(fittingDns({ servers: ['1'], searches: [], options: [] }).omitted, []);
});

test('AppArmor and groups as asked', () => {
  const image: ImageInfo = { id: 'i', tags: [], digests: [], sizeBytes: 0, pinned: false, uid: 0 };
  const of = (own: object, whole: object) => containerSecurity(pod({ securityContext: whole }), container('app', { securityContext: own }), image, '/seccomp');
  assert.deepEqual(of({ appArmorProfile: { type: 'Localhost', localhostProfile: 'p' } }, { appArmorProfile: { type: 'RuntimeDefault' } }).appArmor, { type: 'Localhost', name: 'p' });
  assert.deepEqual(of({}, { appArmorProfile: { type: 'RuntimeDefault' } }).appArmor, { type: 'RuntimeDefault' });
  assert.equal(of({ privileged: true }, { appArmorProfile: { type: 'RuntimeDefault' } }).appArmor, undefined);
  assert.equal(of({}, { supplementalGroupsPolicy: 'Strict' }).supplementalGroupsStrict, true);
});

test('security: a container’s own setting wins, and root is refused where it must not be', () => {
  const image = (more: Partial<ImageInfo> = {}): ImageInfo => ({ id: 'i', tags: [], digests: [], sizeBytes: 0, pinned: false, uid: 0, ...more });
  const of = (own: object, whole: object, from = image()) => containerSecurity(pod({ securityContext: whole }), container('app', { securityContext: own }), from, '/seccomp');
  assert.equal(of({ runAsUser: 5 }, { runAsUser: 6 }).runAsUser, 5);
  assert.deepEqual(of({}, { supplementalGroups: [1], fsGroup: 2 }).supplementalGroups, [1, 2]);
  assert.equal(of({ allowPrivilegeEscalation: false }, {}).noNewPrivileges, true);
  assert.deepEqual(of({ privileged: true }, {}).maskedPaths, []);
  assert.deepEqual(of({ seccompProfile: { type: 'Localhost', localhostProfile: 'p.json' } }, {}).seccomp, { type: 'Localhost', path: '/seccomp/p.json' });
  assert.throws(() => of({}, { runAsNonRoot: true }), /container has runAsNonRoot and image will run as root/);
  assert.throws(() => of({ runAsUser: 0 }, { runAsNonRoot: true }), /container's runAsUser breaks non-root policy/);
  assert.throws(() => of({}, { runAsNonRoot: true }, image({ uid: undefined, userName: 'www' })), /non-numeric user \(www\)/);
  assert.equal(of({}, { runAsNonRoot: true }, image({ uid: 33 })).runAsUser, 33);
});
