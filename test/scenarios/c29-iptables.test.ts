// C29 where iptables leads Services, in place of nftables: from Pods and from the node, in each IP family that the machine has; on real
// containers.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { get } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { endpointSlices } from '../../src/api/kinds/endpoint-slice.ts';
import { pods } from '../../src/api/kinds/pod.ts';
import { services } from '../../src/api/kinds/service.ts';
import type { New, Pod, Service } from '../../src/api/types.ts';
import { readMachineNetwork } from '../../src/network/pod-network/machine-network.ts';
import { eventually, onDocker, startRealCluster, type RealCluster } from '../support/real-cluster.ts';

const server = 'mkdir -p /w; hostname > /w/index.html; exec httpd -f -p 8080 -h /w';
const signal = AbortSignal.timeout(280_000);
const dualStack = !onDocker && readMachineNetwork().hasIPv6;

describe('C29 Services by iptables', () => {
  let house: RealCluster;
  const ipsOf: Record<string, string[]> = {};
  const portOf: Record<string, number> = {};
  before(async () => {
    house = await startRealCluster({ proxyMode: 'iptables', dualStack });
    const both = { selector: { app: 'web' }, ipFamilyPolicy: 'PreferDualStack' };
    await Promise.all([
      pod('web-0', { app: 'web' }, server),
      pod('web-1', { app: 'web' }, server),
      pod('client', { app: 'client' }, 'sleep 1000'),
      service('web', { ...both, type: 'NodePort', externalIPs: ['192.0.2.198'], ports: [{ name: 'http', port: 80, targetPort: 8080 }] }),
      service('sticky', { ...both, sessionAffinity: 'ClientIP', ports: [{ port: 80, targetPort: 8080 }] }),
      service('local', { ...both, type: 'NodePort', internalTrafficPolicy: 'Local', externalTrafficPolicy: 'Local', ports: [{ port: 80, targetPort: 8080 }] }),
      service('nobody', { selector: { app: 'nobody' }, ipFamilyPolicy: 'PreferDualStack', type: 'NodePort', ports: [{ port: 80 }] }),
    ]);
    for (const name of ['web-0', 'web-1', 'client']) await house.untilReady(name);
    for (const name of ['web', 'sticky', 'local']) {
      await eventually(`both endpoints of ${name}`, async () => {
        const { items } = await house.cluster.client.list(endpointSlices, { namespace: 'default', labelSelector: `kubernetes.io/service-name=${name}` }, signal);
        return items.every(({ endpoints = [] }) => endpoints.filter(({ conditions }) => conditions?.ready).length === 2) && items.length === ipsOf[name]!.length;
      });
      for (const ip of ipsOf[name]!) await eventually(`${ip} to answer`, () => fetchText(urlOf(ip)).then(() => true, () => false));
    }
    // The rules follow the slices a moment later.
    for (const ip of ipsOf['web']!) await eventually(`both endpoints behind ${ip}`, () => seen(20, () => fetchText(urlOf(ip))).then((names) => names.length === 2, () => false));
  });
  after(async () => {
    if (!house) return;
    const { bridge } = settings();
    await house[Symbol.asyncDispose]();
    for (const program of ['iptables-save', 'ip6tables-save']) assert.doesNotMatch(execFileSync(program, { encoding: 'utf8' }), new RegExp(`${bridge.toUpperCase()}-`), 'nothing is left');
  });

  const settings = () => JSON.parse(readFileSync(`${house.dataDir}/cluster.json`, 'utf8')) as { bridge: string };

  async function service(name: string, spec: object): Promise<void> {
    const made = await house.cluster.client.create(services, { metadata: { name, namespace: 'default' }, spec } as unknown as New<Service>, signal);
    ipsOf[name] = made.spec.clusterIPs ?? [];
    portOf[name] = made.spec.ports?.[0]?.nodePort ?? 0;
  }

  async function pod(name: string, labels: object, script: string): Promise<Pod> {
    const container = { name: 'c', image: 'localhost/busybox', command: ['sh', '-c', script] };
    return house.cluster.client.create(pods, { metadata: { name, namespace: 'default', labels }, spec: { terminationGracePeriodSeconds: 1, containers: [container] } } as unknown as New<Pod>, signal);
  }

  const inPod = async (name: string, script: string) => (await house.kubectl('exec', name, '--', 'sh', '-c', script)).trim();
  const urlOf = (host: string, port = 80) => `http://${host.includes(':') ? `[${host}]` : host}:${port}/`;

  function fetchText(url: string): Promise<string> {
    return new Promise((resolve, reject) => {
      get(url, { agent: false, timeout: 20_000 }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk)).on('end', () => resolve(text.trim()));
      }).on('error', reject).on('timeout', function (this: { destroy: (error: Error) => void }) { this.destroy(new Error('timed out')); });
    });
  }

  const seen = async (times: number, call: () => Promise<string>) => [...new Set(await Promise.all(Array.from({ length: times }, call)))].sort();

  test('C29 every endpoint gets its share: from the node, from a Pod, from itself', async () => {
    for (const ip of ipsOf['web']!) {
      assert.deepEqual(await seen(40, () => fetchText(urlOf(ip))), ['web-0', 'web-1']);
      assert.deepEqual([...new Set((await inPod('client', `for i in $(seq 30); do wget -qO- ${urlOf(ip)}; done`)).split('\n'))].sort(), ['web-0', 'web-1']);
      assert.ok((await inPod('web-0', `for i in $(seq 20); do wget -qO- ${urlOf(ip)}; done`)).split('\n').includes('web-0'));
    }
    assert.match(await inPod('client', 'wget -qO- http://web'), /^web-/);
  });

  test('C29 a client keeps its endpoint; policies; ports of the node, on loopback too; outer addresses', async () => {
    for (const ip of ipsOf['sticky']!) assert.equal((await seen(15, () => fetchText(urlOf(ip)))).length, 1);
    for (const ip of ipsOf['local']!) assert.match(await fetchText(urlOf(ip)), /^web-/);
    const hosts = (await house.pod('client')).status.hostIPs!.map(({ ip }) => ip);
    for (const host of ['127.0.0.1', ...hosts]) for (const name of ['web', 'local']) assert.match(await fetchText(urlOf(host, portOf[name])), /^web-/, `${name} at ${host}`);
    assert.match(await inPod('client', `wget -qO- ${urlOf(hosts.at(-1)!, portOf['web'])}`), /^web-/);
    assert.match(await fetchText(urlOf('192.0.2.198')), /^web-/);
  });

  test('C29 what has no endpoint, and what is no Service, is refused at once', async () => {
    for (const ip of ipsOf['nobody']!) await assert.rejects(fetchText(urlOf(ip)), { code: 'ECONNREFUSED' });
    await assert.rejects(fetchText(urlOf('127.0.0.1', portOf['nobody'])), { code: 'ECONNREFUSED' });
    for (const ip of ipsOf['web']!) await assert.rejects(fetchText(urlOf(ip, 8)), { code: 'ECONNREFUSED' });
    assert.match(await inPod('client', `wget -qO- ${urlOf(ipsOf['nobody']![0]!)} 2>&1 || true`), /Connection refused/);
  });

  test('rules that somebody else flushes come back', async () => {
    const prefix = `${settings().bridge.toUpperCase()}-`;
    // Only ours: others use the machine's tables too.
    execFileSync('iptables', ['-w', '-t', 'nat', '-F', `${prefix}SERVICES`]);
    await eventually('the rules are there again', () => fetchText(urlOf(ipsOf['web']![0]!)).then((who) => who.startsWith('web-'), () => false));
    assert.match(execFileSync('iptables', ['-w', '-t', 'nat', '-S', `${prefix}SERVICES`], { encoding: 'utf8' }), /FRONTENDS/);
  });

  test('C42 while Peapod is away traffic flows; one that comes back with nftables leaves no rule of iptables', async () => {
    const { cluster, dataDir } = house;
    const { bridge } = settings();
    await cluster.stop();
    for (const ip of ipsOf['web']!) assert.match(await fetchText(urlOf(ip)), /^web-/);
    house = await startRealCluster({ dataDir, proxyMode: 'nftables' });
    for (const ip of ipsOf['web']!) assert.match(await fetchText(urlOf(ip)), /^web-/);
    assert.doesNotMatch(execFileSync('iptables-save', { encoding: 'utf8' }), new RegExp(`${bridge.toUpperCase()}-`));
    await house.cluster.stop();
    house = await startRealCluster({ dataDir, proxyMode: 'iptables' });
    for (const ip of ipsOf['web']!) assert.match(await fetchText(urlOf(ip)), /^web-/);
    assert.doesNotMatch(execFileSync('nft', ['list', 'tables'], { encoding: 'utf8' }), new RegExp(`peapod-services-${bridge}$`, 'm'));
    await house.kubectl('delete', 'service', 'web', '--wait=false');
    await eventually('a deleted Service is refused', () => fetchText(urlOf(ipsOf['web']![0]!)).then(() => false, (error: { code?: string }) => error.code === 'ECONNREFUSED'));
  });
});
