// C3, C19, C29: in a cluster that was asked for it Pods and Services have addresses of both IP families: told in every place, led by the proxy, named by
// DNS; on real containers.
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { get } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { endpointSlices } from '../../src/api/kinds/endpoint-slice.ts';
import { nodes } from '../../src/api/kinds/node.ts';
import { pods } from '../../src/api/kinds/pod.ts';
import { services } from '../../src/api/kinds/service.ts';
import type { New, Pod, Service } from '../../src/api/types.ts';
import { familyOf } from '../../src/base/ip.ts';
import { readMachineNetwork } from '../../src/network/pod-network/machine-network.ts';
import { eventually, onDocker, startRealCluster, until, type RealCluster } from '../support/real-cluster.ts';

const server = 'mkdir -p /w; hostname > /w/index.html; exec httpd -f -p 8080 -h /w';
const signal = AbortSignal.timeout(280_000);
const skip = onDocker ? 'Pods on Docker have IPv4 alone' : readMachineNetwork().hasIPv6 ? false : 'this machine has no IPv6';
const hostPort = 21_000 + (process.pid % 9000);

describe('C29 both IP families', { skip }, () => {
  let house: RealCluster;
  const ipsOf: Record<string, string[]> = {};
  const portOf: Record<string, number> = {};
  before(async () => {
    house = await startRealCluster({ dualStack: true });
    const probe = { httpGet: { port: 8080, path: '/' }, periodSeconds: 1 };
    await Promise.all([
      pod('web-0', { app: 'web' }, server, { readinessProbe: probe, ports: [{ name: 'http', containerPort: 8080, hostPort }] }),
      pod('web-1', { app: 'web' }, server, { env: ['podIP', 'podIPs', 'hostIPs'].map((field) => ({ name: field, valueFrom: { fieldRef: { fieldPath: `status.${field}` } } })) }),
      pod('client', { app: 'client' }, 'sleep 1000'),
      service('web', { selector: { app: 'web' }, type: 'LoadBalancer', ipFamilyPolicy: 'RequireDualStack', externalTrafficPolicy: 'Local', externalIPs: ['192.0.2.199', '2001:db8:29::9'], ports: [{ name: 'http', port: 8029, targetPort: 'http' }] }),
      service('six', { selector: { app: 'web' }, ipFamilies: ['IPv6'], sessionAffinity: 'ClientIP', ports: [{ port: 80, targetPort: 8080 }] }),
      service('nobody', { selector: { app: 'nobody' }, ipFamilyPolicy: 'PreferDualStack', type: 'NodePort', ports: [{ port: 80 }] }),
      service('direct', { selector: { app: 'web' }, clusterIP: 'None', ipFamilyPolicy: 'PreferDualStack', ports: [{ name: 'http', port: 8080 }] }),
    ]);
    for (const name of ['web-0', 'web-1', 'client']) await house.untilReady(name);
    for (const [name, count] of [['web', 4], ['six', 2], ['direct', 4]] as const) {
      await eventually(`${count} endpoints of ${name}`, async () => {
        const { items } = await house.cluster.client.list(endpointSlices, { namespace: 'default', labelSelector: `kubernetes.io/service-name=${name}` }, signal);
        return items.flatMap(({ endpoints }) => endpoints ?? []).filter(({ conditions }) => conditions?.ready).length === count;
      });
    }
    for (const ip of [...ipsOf['web']!.map((one) => `${one}:8029`), `${ipsOf['six']![0]}:80`]) await eventually(`${ip} to answer`, () => fetchText(urlOf(ip)).then(() => true, () => false));
    for (const ip of ipsOf['web']!) await eventually(`both endpoints behind ${ip}`, () => seen(20, () => fetchText(urlOf(`${ip}:8029`))).then((names) => names.length === 2, () => false));
  });
  after(() => house?.[Symbol.asyncDispose]());

  async function service(name: string, spec: object): Promise<void> {
    const made = await house.cluster.client.create(services, { metadata: { name, namespace: 'default' }, spec } as unknown as New<Service>, signal);
    ipsOf[name] = made.spec.clusterIPs ?? [];
    portOf[name] = made.spec.ports?.[0]?.nodePort ?? 0;
  }

  async function pod(name: string, labels: object, script: string, more: object = {}): Promise<Pod> {
    const container = { name: 'c', image: 'localhost/busybox', command: ['sh', '-c', script], ports: [{ name: 'http', containerPort: 8080 }], ...more };
    return house.cluster.client.create(pods, { metadata: { name, namespace: 'default', labels }, spec: { terminationGracePeriodSeconds: 1, containers: [container] } } as unknown as New<Pod>, signal);
  }

  const inPod = async (name: string, script: string) => (await house.kubectl('exec', name, '--', 'sh', '-c', script)).trim();
  const statusOf = async (name: string) => (await house.pod(name)).status;
  const podIPs = async (name: string) => (await statusOf(name)).podIPs!.map(({ ip }) => ip);
  const hostIP6 = async () => (await statusOf('client')).hostIPs!.map(({ ip }) => ip).find((ip) => familyOf(ip) === 'IPv6')!;

  /** `fd00::1:80` is the port 80 of `fd00::1`. */
  function urlOf(address: string): string {
    const colon = address.lastIndexOf(':');
    const host = address.slice(0, colon);
    return `http://${host.includes(':') ? `[${host}]` : host}${address.slice(colon)}/`;
  }

  function fetchText(url: string): Promise<string> {
    return new Promise((resolve, reject) => {
      get(url, { agent: false, timeout: 20_000 }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk)).on('end', () => resolve(text.trim()));
      }).on('error', reject).on('timeout', function (this: { destroy: (error: Error) => void }) { this.destroy(new Error('timed out')); });
    });
  }

  const seen = async (times: number, call: () => Promise<string>) => [...new Set(await Promise.all(Array.from({ length: times }, call)))].sort();

  test('C3 a Pod has an address of each family, told in its status, its environment, its /etc/hosts and its node', async () => {
    const [four, six] = await podIPs('web-1');
    assert.deepEqual([familyOf(four!), familyOf(six!)], ['IPv4', 'IPv6']);
    const { podIP, hostIP, hostIPs } = await statusOf('web-1');
    assert.deepEqual([podIP, hostIP], [four, hostIPs![0]!.ip]);
    assert.equal(await inPod('web-1', 'echo $podIP $podIPs $hostIPs'), `${four} ${four},${six} ${hostIPs!.map(({ ip }) => ip).join()}`);
    assert.deepEqual((await inPod('web-1', 'grep web-1 /etc/hosts')).split('\n').map((line) => line.split(/\s+/)), [[four, 'web-1'], [six, 'web-1']]);
    const { spec, status } = await house.cluster.client.get(nodes, { namespace: '', name: house.cluster.nodeName }, signal);
    assert.deepEqual([spec.podCIDR, spec.podCIDRs!.map(familyOf)], [spec.podCIDRs![0], ['IPv4', 'IPv6']]);
    assert.deepEqual(status.addresses!.filter(({ type }) => type === 'InternalIP').map(({ address }) => address), hostIPs!.map(({ ip }) => ip));
    // Usable at once, without a wait for duplicates of it.
    assert.doesNotMatch(await inPod('web-1', 'ip -6 address show dev eth0 scope global'), /tentative|dadfailed/);
  });

  test('C3 Pods and node reach it there without NAT', async () => {
    const [, six] = await podIPs('web-0');
    assert.equal(await fetchText(urlOf(`${six}:8080`)), 'web-0');
    assert.equal(await inPod('client', `wget -qO- ${urlOf(`${six}:8080`)}`), 'web-0');
    assert.equal(await fetchText(urlOf(`${await hostIP6()}:${hostPort}`)), 'web-0', 'a port of the node');
  });

  test('C17 probes reach addresses of both', async () => {
    await pod('prober', { app: 'prober' }, 'sleep 1000', { readinessProbe: { httpGet: { host: ipsOf['six']![0], port: 80 }, periodSeconds: 1 }, livenessProbe: { tcpSocket: { host: ipsOf['web']![1], port: 8029 }, periodSeconds: 1 } });
    await house.untilReady('prober');
  });

  test('C29 a Service is led in each of its families: from the node, from Pods, from itself; each endpoint gets its share', async () => {
    const [four, six] = ipsOf['web']!;
    assert.deepEqual([familyOf(four!), familyOf(six!), ipsOf['six']!.map(familyOf)], ['IPv4', 'IPv6', ['IPv6']]);
    for (const ip of [four, six]) assert.deepEqual(await seen(40, () => fetchText(urlOf(`${ip}:8029`))), ['web-0', 'web-1']);
    assert.deepEqual([...new Set((await inPod('client', `for i in $(seq 30); do wget -qO- ${urlOf(`${six}:8029`)}; done`)).split('\n'))].sort(), ['web-0', 'web-1']);
    assert.ok((await inPod('web-0', `for i in $(seq 20); do wget -qO- ${urlOf(`${six}:8029`)}; done`)).split('\n').includes('web-0'), 'a Pod reaches itself');
    assert.equal((await seen(20, () => fetchText(urlOf(`${ipsOf['six']![0]}:80`)))).length, 1, 'a client keeps its endpoint');
  });

  test('C29 ports of the node, outer addresses, those of the load balancer, and its health port', async () => {
    const host = await hostIP6();
    const reached = async (address: string) => assert.match(await fetchText(urlOf(address)), /^web-/, address);
    await reached(`${host}:${portOf['web']}`);
    await reached('2001:db8:29::9:8029');
    const made = await until(house.cluster, services, { namespace: 'default', name: 'web' }, (one) => Boolean(one?.status?.loadBalancer?.ingress?.length));
    const ingress = made!.status.loadBalancer!.ingress!.map(({ ip }) => ip!);
    assert.ok(ingress.includes(host));
    assert.deepEqual(ingress.map(familyOf).sort(), ['IPv4', 'IPv6']);
    await eventually('the address of the balancer to be led', () => fetchText(urlOf(`${host}:8029`)).then((who) => who.startsWith('web-'), () => false));
    assert.match(await inPod('client', `wget -qO- ${urlOf(`${host}:${portOf['web']}`)}`), /^web-/);
    const health = JSON.parse(await fetchText(urlOf(`${host}:${made!.spec.healthCheckNodePort}`)));
    assert.equal(health.localEndpoints, 2, 'a Pod of both families is one endpoint');
  });

  test('C29 what has no endpoint, and what is no Service or Pod, is refused at once', async () => {
    const refused = (url: string, ...codes: string[]) => assert.rejects(fetchText(url), (error: { code?: string }) => codes.includes(error.code ?? ''), url);
    await refused(urlOf(`${ipsOf['nobody']![1]}:80`), 'ECONNREFUSED');
    await refused(urlOf(`${await hostIP6()}:${portOf['nobody']}`), 'ECONNREFUSED');
    const range = ipsOf['six']![0]!.replace(/[0-9a-f]+$/, '');
    await refused(urlOf(`${range}fffe:80`), 'ECONNREFUSED');
    assert.match(await inPod('client', `wget -qO- ${urlOf(`${ipsOf['nobody']![1]}:80`)} 2>&1 || true`), /Connection refused/);
  });

  test('names: AAAA beside A, reverse names, the server itself in both families', async () => {
    const { clusterIPs } = (await house.cluster.client.get(services, { namespace: 'kube-system', name: 'kube-dns' }, signal)).spec;
    assert.deepEqual(clusterIPs!.map(familyOf), ['IPv4', 'IPv6']);
    const both = [...(await podIPs('web-0')), ...(await podIPs('web-1'))].filter((ip) => familyOf(ip) === 'IPv6').sort();
    for (const server of clusterIPs!) {
      const dig = async (...args: string[]) => (await promisify(execFile)('dig', ['+short', '+time=2', '+tries=5', `@${server}`, ...args])).stdout.trim().split('\n').sort();
      assert.deepEqual(await dig('web.default.svc.cluster.local', 'A'), [ipsOf['web']![0]]);
      assert.deepEqual(await dig('web.default.svc.cluster.local', 'AAAA'), [ipsOf['web']![1]]);
      assert.deepEqual(await dig('direct.default.svc.cluster.local', 'AAAA'), both);
      assert.deepEqual(await dig('+tcp', 'six.default.svc.cluster.local', 'AAAA'), ipsOf['six']);
      assert.deepEqual(await dig('-x', ipsOf['six']![0]!), ['six.default.svc.cluster.local.']);
      assert.deepEqual(await dig(`${both[0]!.replaceAll(':', '-')}.default.pod.cluster.local`, 'AAAA'), [both[0]]);
    }
    assert.match(await inPod('client', 'wget -qO- http://six'), /^web-/);
  });

  test('a Service gets its second address when it asks, and loses it', async () => {
    await service('turn', { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }] });
    const patch = async (policy: string) => (await house.cluster.client.patch(services, { namespace: 'default', name: 'turn' }, { type: 'merge', body: { spec: { ipFamilyPolicy: policy } } }, signal)).spec.clusterIPs!;
    const [four, six] = await patch('PreferDualStack');
    assert.equal(four, ipsOf['turn']![0]);
    await eventually('the second to answer', () => fetchText(urlOf(`${six}:80`)).then(() => true, () => false));
    assert.deepEqual(await patch('SingleStack'), [four]);
    await eventually('the second to be refused', () => fetchText(urlOf(`${six}:80`)).then(() => false, (error: { code?: string }) => error.code === 'ECONNREFUSED'));
    assert.match(await fetchText(urlOf(`${four}:80`)), /^web-/);
  });

  test('rules of one family that somebody else deletes come back', async () => {
    const { bridge } = JSON.parse(execFileSync('cat', [`${house.dataDir}/cluster.json`], { encoding: 'utf8' })) as { bridge: string };
    execFileSync('nft', ['delete', 'table', 'ip6', `peapod-services-${bridge}`]);
    await eventually('the rules are there again', () => fetchText(urlOf(`${ipsOf['web']![1]}:8029`)).then((who) => who.startsWith('web-'), () => false));
  });
});
