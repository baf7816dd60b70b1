import assert from 'node:assert/strict';
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { silentLog } from '../../base/log.ts';
import { readMachineNetwork } from './machine-network.ts';
import { claimPodNetwork, createPodNetwork, type PodNetwork } from './pod-network.ts';
import { portmapLeftovers } from './rules.ts';

const skip = process.getuid?.() === 0 ? false : 'needs root: it makes links and routes';
const plugins = ['/opt/cni/bin', '/usr/lib/cni', '/usr/libexec/cni'].find((folder) => existsSync(join(folder, 'bridge')))!;
const skip6 = !readMachineNetwork().hasIPv6;
const signal = AbortSignal.timeout(280_000);
const hostPort = 20_000 + (process.pid % 10_000);

describe('the Pod network', { skip }, () => {
  const directory = mkdtempSync(join(tmpdir(), 'peapod-network-'));
  const namespaces: string[] = [];
  const servers: ChildProcess[] = [];
  let network: PodNetwork;
  let other: PodNetwork;
  before(async () => {
    network = createPodNetwork({ plan: claimPodNetwork({ ipv6: !skip6 }), dataDir: join(directory, 'a'), filter: 'nftables', log: silentLog });
    other = createPodNetwork({ plan: claimPodNetwork({ ipv6: !skip6 }), dataDir: join(directory, 'b'), filter: 'nftables', log: silentLog });
    await network.prepare(signal);
    await other.prepare(signal);
  });
  after(async () => {
    for (const server of servers) server.kill('SIGKILL');
    for (const name of namespaces) execFileSync('ip', ['netns', 'delete', name]);
    // With time of their own, so that a test that took too long leaves nothing.
    await network.remove(AbortSignal.timeout(120_000));
    await other.remove(AbortSignal.timeout(120_000));
    rmSync(directory, { recursive: true });
  });

  /** A namespace that joins the network as the runtime would do it for a Pod, with a server that tells its caller's address. */
  const join_ = async (name: string, portMappings: object[] = []) => {
    const namespace = `peapod-test-${process.pid}-${name}`;
    execFileSync('ip', ['netns', 'add', namespace]);
    namespaces.push(namespace);
    const list = JSON.parse(readFileSync(join(network.cniConfDir, '10-peapod.conflist'), 'utf8'));
    let prevResult: { ips: { address: string }[] } | undefined;
    for (const plugin of list.plugins) {
      const input = JSON.stringify({ cniVersion: list.cniVersion, name: list.name, ...plugin, runtimeConfig: { portMappings }, prevResult });
      const env = { CNI_COMMAND: 'ADD', CNI_CONTAINERID: namespace, CNI_NETNS: `/var/run/netns/${namespace}`, CNI_IFNAME: 'eth0', CNI_PATH: plugins, PATH: process.env['PATH'] };
      prevResult = JSON.parse(execFileSync(join(plugins, plugin.type), { input, env, encoding: 'utf8' }));
    }
    await serve(namespace);
    const [address, address6] = prevResult!.ips.map(({ address }) => address.replace(/\/.*/, ''));
    return { namespace, address: address!, address6 };
  };

  const serve = async (namespace: string) => {
    const server = spawn('ip', ['netns', 'exec', namespace, process.execPath, '-e', `require('net').createServer((socket) => socket.end(socket.remoteAddress)).listen(8080, () => console.log('ready'))`]);
    servers.push(server);
    await new Promise((resolve) => server.stdout!.once('data', resolve));
  };

  it('joins Pods to each other and to the node, without NAT', async () => {
    const [a, b] = [await join_('a'), await join_('b')];
    assert.notEqual(a.address, b.address);
    assert.equal(await callerSeenBy(a.address, 8080), network.gateway);
    assert.equal(callFrom(b.namespace, a.address), b.address);
    if (skip6) return;
    assert.equal(await callerSeenBy(a.address6!, 8080), network.gateway6);
    assert.equal(callFrom(b.namespace, a.address6!), b.address6);
  });

  it('a Pod speaks to the world by the address of the machine, in both families', async () => {
    const world = `peapod-test-${process.pid}-world`;
    // Of this process alone: the test may run twice at once on one machine.
    const [net, net6] = [`198.18.${process.pid % 256}`, `2001:db8:${(process.pid % 65_536).toString(16)}`];
    const [near, far] = [`ppw${process.pid}`, `ppx${process.pid}`];
    execFileSync('ip', ['netns', 'add', world]);
    namespaces.push(world);
    execFileSync('ip', ['link', 'add', near, 'type', 'veth', 'peer', 'name', far, 'netns', world]);
    execFileSync('ip', ['address', 'add', `${net}.1/24`, 'dev', near]);
    execFileSync('ip', ['netns', 'exec', world, 'ip', 'address', 'add', `${net}.2/24`, 'dev', far]);
    execFileSync('ip', ['address', 'add', `${net6}::1/64`, 'dev', near, 'nodad']);
    execFileSync('ip', ['netns', 'exec', world, 'ip', 'address', 'add', `${net6}::2/64`, 'dev', far, 'nodad']);
    execFileSync('ip', ['link', 'set', near, 'up']);
    execFileSync('ip', ['netns', 'exec', world, 'ip', 'link', 'set', far, 'up']);
    await serve(world);
    const pod = await join_('wanderer');
    assert.equal(callFrom(pod.namespace, `${net}.2`), `${net}.1`);
    if (!skip6) assert.equal(callFrom(pod.namespace, `${net6}::2`), `${net6}::1`);
  });

  it('maps a port of the node to a Pod', async () => {
    await join_('mapped', [{ hostPort, containerPort: 8080, protocol: 'tcp' }]);
    assert.match(await callerSeenBy('127.0.0.1', hostPort), /\d+\.\d+\.\d+\.\d+$/);
    if (!skip6) assert.match(await callerSeenBy(network.gateway6!, hostPort), /^fd/);
  });

  it('leaves a second network in peace', () => {
    assert.notEqual(network.plan.bridge, other.plan.bridge);
    assert.notEqual(network.plan.podRange, other.plan.podRange);
    assert.notEqual(network.plan.serviceRange, other.plan.serviceRange);
  });

  it('lets no packet for Pods or Services leave by the default route, even without its bridge', () => {
    execFileSync('ip', ['link', 'delete', other.plan.bridge]);
    for (const address of [other.gateway, other.plan.serviceRange.replace(/\/.*/, ''), ...(skip6 ? [] : [other.gateway6!, `${other.plan.serviceRange6!.replace(/\/.*/, '')}77`])]) {
      assert.throws(() => execFileSync('ip', ['route', 'get', address], { stdio: 'pipe' }), /unreachable|No route/i);
    }
  });

  it('is made whole by preparing again', async () => {
    await other.prepare(signal);
    await other.prepare(signal);
    assert.ok(execFileSync('ip', ['route', 'get', other.gateway], { encoding: 'utf8' }).includes('local'));
    assert.match(execFileSync('ip', ['route', 'get', other.plan.serviceRange.replace(/\/.*/, '')], { encoding: 'utf8' }), new RegExp(`dev ${other.plan.bridge} src ${other.gateway} `));
  });

  it('leads what goes from Pod to Pod through the packet rules, on its own bridge only', () => {
    for (const family of ['iptables', 'ip6tables']) assert.equal(readFileSync(`/sys/class/net/${network.plan.bridge}/bridge/nf_call_${family}`, 'utf8').trim(), '1');
  });

  it('leaves nothing behind, even of Pods that never left it', async () => {
    await network.remove(signal);
    await network.remove(signal);
    assert.ok(!readdirSync('/sys/class/net').includes(network.plan.bridge));
    assert.equal(execFileSync('ip', ['route', 'show', 'root', network.plan.podRange], { encoding: 'utf8' }), '');
    assert.equal(execFileSync('ip', ['route', 'show', 'root', network.plan.serviceRange], { encoding: 'utf8' }), '');
    for (const range of [network.plan.podRange6, network.plan.serviceRange6]) if (range) assert.equal(execFileSync('ip', ['-6', 'route', 'show', 'root', range], { encoding: 'utf8' }), '');
    const rules = execFileSync('nft', ['list', 'ruleset'], { encoding: 'utf8' });
    for (const trace of [`"${network.plan.bridge}"`, `${network.plan.bridge} `, network.plan.podRange.replace(/\d+\/.*/, ''), `dport ${hostPort}`]) assert.ok(!rules.includes(trace), `${trace} in\n${rules}`);
    assert.deepEqual(readdirSync(join(directory, 'a')), []);
  });
});

it('portmap leftovers: our chains go, the common ones only when nobody else uses them', () => {
  const saved = (rest: string) => `*nat
:PREROUTING ACCEPT [0:0]
:CNI-HOSTPORT-DNAT - [0:0]
:CNI-DN-aaa - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT
-A CNI-HOSTPORT-DNAT -p tcp -m comment --comment "dnat name: \\"peapod0\\" id: \\"x\\"" -m multiport --dports 80 -j CNI-DN-aaa
${rest}-A CNI-DN-aaa -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.85.0.2:80
COMMIT
`;
  assert.equal(portmapLeftovers(saved(''), 'peapod0'), `*nat
-D PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT
-F CNI-DN-aaa
-F CNI-HOSTPORT-DNAT
-X CNI-DN-aaa
-X CNI-HOSTPORT-DNAT
COMMIT
`);
  const others = '-A CNI-HOSTPORT-DNAT -p tcp -m comment --comment "dnat name: \\"podman\\" id: \\"y\\"" -j CNI-DN-bbb\n';
  assert.match(portmapLeftovers(saved(others), 'peapod0')!, /-D CNI-HOSTPORT-DNAT .*peapod0.*\n-F CNI-DN-aaa\n-X CNI-DN-aaa\n/);
  assert.equal(portmapLeftovers(saved(others), 'peapod1'), undefined);
});

/** From a namespace; `::ffff:` before an IPv4 address is left out. */
function callFrom(namespace: string, host: string): string {
  const script = `require('net').connect(8080, '${host}').on('data', (data) => console.log(String(data)))`;
  return execFileSync('ip', ['netns', 'exec', namespace, process.execPath, '-e', script], { encoding: 'utf8' }).trim().replace('::ffff:', '');
}

function callerSeenBy(host: string, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    connect(port, host).on('data', (data) => resolve(String(data).replace('::ffff:', ''))).on('error', reject);
  });
}
