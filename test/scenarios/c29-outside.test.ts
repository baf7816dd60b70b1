// C29: Services from outside: a client in a network namespace of its own, which is no Pod and no node. Whom the server sees, who
// may call, and what a load balancer in front is told of the node's health.
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { get } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { services } from '../../src/api/kinds/service.ts';
import type { Service } from '../../src/api/types.ts';
import { pod } from '../support/manifests.ts';
import { eventually, startRealCluster, until, type RealCluster } from '../support/real-cluster.ts';

const echoServer = fileURLToPath(new URL('../support/echo-server.cjs', import.meta.url));
const id = String(process.pid);
const [namespace, here, there] = [`outside-${id}`, `po${id}a`.slice(0, 15), `po${id}b`.slice(0, 15)];
const [gateway, client, range] = ['198.51.100.1', '198.51.100.2', '198.51.100.0/30'];
const ip = (...args: string[]) => execFileSync('ip', args, { stdio: 'pipe' });

describe('C29 from outside', () => {
  let house: RealCluster;
  let nodeIP: string;
  const signal = AbortSignal.timeout(280_000);

  before(async () => {
    ip('netns', 'add', namespace);
    ip('link', 'add', here, 'type', 'veth', 'peer', 'name', there, 'netns', namespace);
    ip('address', 'add', `${gateway}/30`, 'dev', here);
    ip('link', 'set', here, 'up');
    ip('-n', namespace, 'address', 'add', `${client}/30`, 'dev', there);
    ip('-n', namespace, 'link', 'set', there, 'up');
    ip('-n', namespace, 'route', 'add', 'default', 'via', gateway);
    house = await startRealCluster();
    const echo = { command: ['chroot', '/host', process.execPath, echoServer], volumeMounts: [{ name: 'host', mountPath: '/host', readOnly: true }], readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 } };
    const service = (name: string, spec: object) => ({ apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: 'default' }, spec: { selector: { app: 'echo' }, ...spec } });
    const items = [
      pod('echo', [echo], { terminationGracePeriodSeconds: 1, volumes: [{ name: 'host', hostPath: { path: '/' } }] }, { app: 'echo' }),
      service('cluster', { type: 'LoadBalancer', ports: [{ port: 18_081, targetPort: 8080 }] }),
      service('local', { type: 'LoadBalancer', externalTrafficPolicy: 'Local', ports: [{ port: 18_082, targetPort: 8080 }] }),
      service('few', { type: 'LoadBalancer', loadBalancerSourceRanges: ['203.0.113.0/24'], ports: [{ port: 18_083, targetPort: 8080 }] }),
      service('given', { externalIPs: ['192.0.2.77'], ports: [{ port: 18_084, targetPort: 8080 }] }),
    ];
    const made = await house.tryKubectl(['create', '-f', '-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }) });
    assert.equal(made.code, 0, made.stderr);
    nodeIP = (await house.untilReady('echo')).status.hostIP!;
    for (const name of ['cluster', 'local', 'few']) await balanced(name);
    for (const [host, port] of [[nodeIP, 18_081], [nodeIP, 18_082], [nodeIP, await nodePort('cluster')], [nodeIP, await nodePort('local')], ['192.0.2.77', 18_084]] as const) {
      await eventually(`${host}:${port} to answer`, async () => (await fromOutside(host, port)) !== undefined);
    }
  });
  after(async () => {
    await house?.[Symbol.asyncDispose]();
    ip('netns', 'delete', namespace);
  });

  const nodePort = async (name: string) => (await house.cluster.client.get(services, { namespace: 'default', name }, signal)).spec.ports![0]!.nodePort!;
  const balanced = (name: string) => until(house.cluster, services, { namespace: 'default', name }, (one) => one?.status?.loadBalancer?.ingress?.some(({ ip }) => ip === nodeIP) ?? false);
  const change = (name: string, spec: object) => house.cluster.client.patch(services, { namespace: 'default', name }, { type: 'merge', body: { spec } }, signal) as Promise<Service>;

  /** As whom the server sees the client; undefined: there was no answer, within so long. */
  function fromOutside(host: string, port: number, patienceMs = 15_000): Promise<string | undefined> {
    return new Promise((resolve) => {
      execFile('nsenter', [`--net=/run/netns/${namespace}`, process.execPath, '-e', `fetch('http://${host}:${port}/', { signal: AbortSignal.timeout(${patienceMs}) }).then((answer) => answer.text()).then(console.log)`], (_error, stdout) => {
        try {
          resolve((JSON.parse(stdout) as { from: string }).from);
        } catch {
          resolve(undefined);
        }
      });
    });
  }

  test('C29 with policy Local the server sees the client itself, otherwise the node; by the balancer’s address and by node port', async () => {
    for (const port of [18_082, await nodePort('local')]) assert.equal(await fromOutside(nodeIP, port), client);
    for (const port of [18_081, await nodePort('cluster')]) {
      const seen = await fromOutside(nodeIP, port);
      assert.ok(seen !== undefined && seen !== client, `${port}: ${seen}`);
    }
    assert.notEqual(await fromOutside('192.0.2.77', 18_084), undefined);
  });

  test('C29 source ranges: others get no answer, those within do', async () => {
    assert.equal(await fromOutside(nodeIP, 18_083, 3000), undefined);
    await change('few', { loadBalancerSourceRanges: ['203.0.113.0/24', range] });
    await eventually('the range is let in', async () => (await fromOutside(nodeIP, 18_083, 3000)) !== undefined);
  });

  test('C29 the health check’s port tells whether the node has an endpoint; without one what comes is dropped', async () => {
    const { healthCheckNodePort = 0 } = (await house.cluster.client.get(services, { namespace: 'default', name: 'local' }, signal)).spec;
    const health = () => new Promise<[number, unknown, string | undefined]>((resolve, reject) => {
      get({ host: '127.0.0.1', port: healthCheckNodePort, agent: false }, (answer) => {
        let text = '';
        answer.on('data', (chunk: Buffer) => (text += chunk.toString())).on('end', () => resolve([answer.statusCode!, JSON.parse(text), answer.headers['x-load-balancing-endpoint-weight'] as string]));
      }).on('error', reject);
    });
    const told = (localEndpoints: number) => ({ service: { namespace: 'default', name: 'local' }, localEndpoints, serviceProxyHealthy: true });
    await eventually('the check to succeed', () => health().then(([code]) => code === 200, () => false));
    assert.deepEqual(await health(), [200, told(1), '1']);
    // An endpoint that is elsewhere is none for those from outside.
    const slice = { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: { name: 'local-elsewhere', namespace: 'default', labels: { 'kubernetes.io/service-name': 'local' } }, addressType: 'IPv4', ports: [{ name: '', port: 8080, protocol: 'TCP' }], endpoints: [{ addresses: ['192.0.2.9'], conditions: { ready: true }, nodeName: 'elsewhere' }] };
    const made = await house.tryKubectl(['create', '-f', '-'], { input: JSON.stringify(slice) });
    assert.equal(made.code, 0, made.stderr);
    await house.kubectl('delete', 'pod', 'echo', '--grace-period=1');
    await eventually('the check fails', async () => (await health())[0] === 503);
    assert.deepEqual(await health(), [503, told(0), '0']);
    assert.equal(await fromOutside(nodeIP, 18_082, 3000), undefined);
    await change('local', { externalTrafficPolicy: 'Cluster' });
    await eventually('the port of the check is closed', () => health().then(() => false, () => true));
  });
});
