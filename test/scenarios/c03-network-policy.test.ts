// C3, NetworkPolicy: who reaches whom, by packets, on real Pods: nine of them in three namespaces, each pair over TCP and UDP; through
// Services, ports of the node and from outside; and what becomes of rules, connections and Pods when something changes.
import assert from 'node:assert/strict';
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { readFileSync } from 'node:fs';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { namespaces } from '../../src/api/kinds/namespace.ts';
import { networkPolicies } from '../../src/api/kinds/network-policy.ts';
import { pods } from '../../src/api/kinds/pod.ts';
import { services } from '../../src/api/kinds/service.ts';
import type { Namespace, NetworkPolicy, New, Pod, Service } from '../../src/api/types.ts';
import { readMachineNetwork } from '../../src/network/pod-network/machine-network.ts';
import { eventually, isReady, mainProcess, onDocker, startRealCluster, until, type RealCluster } from '../support/real-cluster.ts';
import { waits } from '../support/manifests.ts';

const signal = AbortSignal.timeout(280_000);
const spaces = ['x', 'y', 'z'] as const;
const letters = ['a', 'b', 'c'] as const;

/** Serves TCP on 80 and 81 and UDP on 80; for each line of targets it tells which of them answered it. */
const prober = `
const net = require('net'), dgram = require('dgram');
for (const port of [80, 81]) net.createServer((socket) => socket.on('error', () => {}).on('data', (data) => socket.write(data)).write('hello')).listen(port, '::');
const server = dgram.createSocket('udp4').on('message', (message, from) => server.send(message, from.port, from.address)); server.bind(80);
const patienceMs = 900;
const tcp = ({ ip, port }) => new Promise((resolve) => {
  const socket = net.connect(port, ip).on('data', () => end(true)).on('error', () => end(false));
  const timer = setTimeout(() => end(false), patienceMs);
  const end = (reached) => { clearTimeout(timer); socket.destroy(); resolve(reached); };
});
const udp = ({ ip, port }) => new Promise((resolve) => {
  const socket = dgram.createSocket('udp4').on('message', () => end(true)).on('error', () => {});
  const say = () => socket.send('x', port, ip, () => {});
  const [again, timer] = [setInterval(say, 250), setTimeout(() => end(false), patienceMs)];
  const end = (reached) => { clearInterval(again); clearTimeout(timer); socket.close(); resolve(reached); };
  say();
});
const name = async ({ ip, name }) => { const resolver = new (require('dns').promises.Resolver)({ timeout: 300, tries: 3 }); resolver.setServers([ip]); return resolver.resolve4(name).then(() => true, () => false); };
require('readline').createInterface({ input: process.stdin }).on('line', async (line) => console.log(JSON.stringify(await Promise.all(JSON.parse(line).map((target) => ({ tcp, udp, name })[target.protocol](target))))));
console.log('[]');`;

interface Target {
  readonly protocol: 'tcp' | 'udp' | 'name';
  readonly ip: string;
  readonly port?: number;
  readonly name?: string;
}
interface Place {
  readonly ns: string;
  readonly pod: string;
  readonly ip: string;
  /** Where the machine has IPv6. */
  readonly ip6?: string | undefined;
  probe(targets: readonly Target[]): Promise<boolean[]>;
}
interface Attempt {
  readonly from: Place;
  readonly to: Place;
  readonly protocol: 'tcp' | 'udp';
  readonly port: number;
  readonly family: 4 | 6;
}

describe('C3 NetworkPolicy', { skip: onDocker && 'the rules are the same whatever the runtime' }, () => {
  let house: RealCluster;
  let table: string;
  const places: Place[] = [];
  const children: ChildProcess[] = [];
  const place = (name: string) => places.find(({ ns, pod }) => `${ns}/${pod}` === name)!;
  const outside = `peapod-outside-${process.pid}`;
  const far = `198.18.${process.pid % 250}`;
  const link = `ppout${process.pid % 100_000}`;
  before(async () => {
    house = await startRealCluster({ dualStack: !onDocker && readMachineNetwork().hasIPv6 });
    table = `peapod-policies-${(JSON.parse(readFileSync(`${house.dataDir}/cluster.json`, 'utf8')) as { bridge: string }).bridge}`;
    for (const ns of spaces) await house.cluster.client.create(namespaces, { metadata: { name: ns, labels: { ns } } } as unknown as New<Namespace>, signal);
    const all = spaces.flatMap((ns) => letters.map((pod) => ({ ns, pod })));
    await Promise.all(all.map(({ ns, pod }) => create(ns, pod, { pod })));
    places.push(...(await Promise.all(all.map(async ({ ns, pod }) => ({ ns, pod, ...(await proberIn(await ready(ns, pod))) })))));
  });
  after(async () => {
    for (const child of children) child.kill('SIGKILL');
    for (const args of [['netns', 'delete', outside], ['link', 'delete', link]]) {
      try {
        execFileSync('ip', args, { stdio: 'ignore' });
      } catch {
        // It was not made, or went with the other.
      }
    }
    await house?.[Symbol.asyncDispose]();
  });

  async function create(namespace: string, name: string, labels: Record<string, string>, more: object = {}): Promise<Pod> {
    const container = { name: 'c', image: 'localhost/busybox', command: waits, ports: [{ name: 'first', containerPort: 80 }, { name: 'second', containerPort: 81 }], ...more };
    return house.cluster.client.create(pods, { metadata: { name, namespace, labels }, spec: { terminationGracePeriodSeconds: 1, restartPolicy: 'Never', containers: [container] } } as unknown as New<Pod>, signal);
  }
  const ready = async (namespace: string, name: string) => (await until(house.cluster, pods, { namespace, name }, isReady))!;

  async function proberIn(pod: Pod): Promise<Omit<Place, 'ns' | 'pod'>> {
    return { ...(await startProber(['nsenter', '-t', String(mainProcess(house.dataDir, pod, 'c')), '-n'], pod.status.podIP!)), ip6: pod.status.podIPs?.[1]?.ip };
  }

  async function startProber(within: readonly string[], ip: string): Promise<Pick<Place, 'ip' | 'probe'>> {
    const child = spawn(within[0]!, [...within.slice(1), process.execPath, '-e', prober], { stdio: ['pipe', 'pipe', 'inherit'] });
    children.push(child);
    const lines = createInterface({ input: child.stdout });
    await once(lines, 'line');
    return {
      ip,
      async probe(targets) {
        const answer = once(lines, 'line', { signal });
        child.stdin.write(`${JSON.stringify(targets)}\n`);
        return JSON.parse(String((await answer)[0])) as boolean[];
      },
    };
  }

  async function put(namespace: string, name: string, spec: object): Promise<void> {
    await house.cluster.client.create(networkPolicies, { metadata: { name, namespace }, spec } as unknown as New<NetworkPolicy>, signal);
  }

  async function withPolicies(policies: readonly (readonly [namespace: string, spec: object])[], run: () => Promise<void>): Promise<void> {
    for (const [at, [namespace, spec]] of policies.entries()) await put(namespace, `p${at}`, spec);
    try {
      await run();
    } finally {
      for (const [at, [namespace]] of policies.entries()) await house.cluster.client.delete(networkPolicies, { namespace, name: `p${at}` }, {}, signal);
    }
  }

  const kinds = [['tcp', 80, 4], ['tcp', 81, 4], ['udp', 80, 4], ['tcp', 80, 6]] as const;

  /** Every pair, until all are as `allows` says; a Pod always reaches itself. */
  async function matrix(allows: (attempt: Attempt) => boolean): Promise<void> {
    let wrong: string[] = [];
    await eventually('every pair to be as it should', async () => {
      const tried = kinds.filter(([, , family]) => family === 4 || places.every(({ ip6 }) => ip6));
      const seen = await Promise.all(places.map((from) => from.probe(places.flatMap((to) => tried.map(([protocol, port, family]) => ({ protocol, port, ip: family === 4 ? to.ip : to.ip6! }))))));
      wrong = places.flatMap((from, row) => places.flatMap((to, column) => tried.flatMap(([protocol, port, family], at) => {
        const expected = from === to || allows({ from, to, protocol, port, family });
        const reached = seen[row]![column * tried.length + at];
        return reached === expected ? [] : [`${from.ns}/${from.pod} ${reached ? 'reaches' : 'does not reach'} ${to.ns}/${to.pod} at ${port}/${protocol} over IPv${family}`];
      })));
      return wrong.length === 0;
    }).catch((error: unknown) => {
      throw new Error(wrong.join('\n'), { cause: error });
    });
  }

  const isA = ({ ns, pod }: Place) => ns === 'x' && pod === 'a';
  const aboutA = { podSelector: { matchLabels: { pod: 'a' } } };
  const inSpace = (ns: string) => ({ namespaceSelector: { matchLabels: { ns } } });
  const tables = () => execFileSync('nft', ['list', 'tables'], { encoding: 'utf8' });
  const isThere = () => tables().includes(table);

  test('without a policy everybody reaches everybody, and there is no rule', async () => {
    await matrix(() => true);
    assert.ok(!isThere());
  });

  test('a namespace that lets nobody in, and one whose Pods may go nowhere', async () => {
    await withPolicies([['x', { podSelector: {} }], ['y', { podSelector: {}, policyTypes: ['Egress'] }]], () => matrix(({ from, to }) => to.ns !== 'x' && from.ns !== 'y'));
    await eventually('the rules to be gone', () => !isThere());
  });

  test('from a namespace; from Pods by label; from Pods of some namespaces', async () => {
    await withPolicies([['x', { ...aboutA, ingress: [{ from: [inSpace('y')] }] }], ['x', { ...aboutA, policyTypes: ['Egress'] }]], () => matrix(({ from, to }) => (!isA(to) || from.ns === 'y') && !isA(from)));
    const someC = { podSelector: { matchLabels: { pod: 'c' } }, namespaceSelector: { matchExpressions: [{ key: 'ns', operator: 'In', values: ['y', 'z'] }] } };
    await withPolicies([['x', { ...aboutA, ingress: [{ from: [{ podSelector: { matchLabels: { pod: 'b' } } }, someC] }] }]], () =>
      matrix(({ from, to }) => !isA(to) || (from.ns === 'x' ? from.pod === 'b' : from.pod === 'c')));
  });

  test('ranges of addresses with exceptions, in and out', async () => {
    const range = `${place('x/a').ip.replace(/\d+$/, '0')}/24`;
    const but = (name: string) => ({ ipBlock: { cidr: range, except: [`${place(name).ip}/32`] } });
    await withPolicies([['x', { ...aboutA, ingress: [{ from: [but('y/b')] }], egress: [{ to: [but('z/c')] }] }]], () =>
      // Addresses of the other family are in no range of this one.
      matrix(({ from, to, family }) => (!isA(to) || (family === 4 && from !== place('y/b'))) && (!isA(from) || (family === 4 && to !== place('z/c')))));
  });

  test('ports: one, a range, by name, of a protocol; towards Pods of a namespace', async () => {
    await withPolicies([
      ['x', { ...aboutA, ingress: [{ ports: [{ port: 81, endPort: 90 }] }, { from: [inSpace('z')], ports: [{ protocol: 'UDP' }] }] }],
      ['y', { podSelector: {}, egress: [{ to: [inSpace('x')], ports: [{ port: 'second' }] }, { to: [{ podSelector: {} }], ports: [{ protocol: 'UDP', port: 80 }] }], policyTypes: ['Egress'] }],
      ['z', { podSelector: { matchLabels: { pod: 'b' } }, ingress: [{ ports: [{ port: 'first' }] }] }],
    ], () => matrix(({ from, to, protocol, port }) => {
      const mayEnter = isA(to) ? port === 81 || (from.ns === 'z' && protocol === 'udp') : to === place('z/b') ? protocol === 'tcp' && port === 80 : true;
      const mayLeave = from.ns !== 'y' || (to.ns === 'x' && protocol === 'tcp' && port === 81) || (to.ns === 'y' && protocol === 'udp');
      return mayEnter && mayLeave;
    }));
  });

  test('labels of Pods and namespaces that change', async () => {
    await withPolicies([['x', { ...aboutA, ingress: [{ from: [inSpace('trusted')] }] }]], async () => {
      await matrix(({ to }) => !isA(to));
      await house.kubectl('label', 'namespace', 'z', 'ns=trusted', '--overwrite');
      await house.kubectl('label', 'pod', '-n', 'x', 'b', 'pod=a', '--overwrite');
      await matrix(({ from, to }) => !(to.ns === 'x' && to.pod !== 'c') || from.ns === 'z');
      await house.kubectl('label', 'namespace', 'z', 'ns=z', '--overwrite');
      await house.kubectl('label', 'pod', '-n', 'x', 'b', 'pod=b', '--overwrite');
    });
    await matrix(() => true);
  });

  test('DNS is what it is elsewhere: Pods of kube-system to which the way out must be open', async () => {
    const { clusterIP } = (await house.cluster.client.get(services, { namespace: 'kube-system', name: 'kube-dns' }, signal)).spec;
    const ask = async (from: Place) => (await from.probe([{ protocol: 'name', ip: clusterIP!, name: 'kubernetes.default.svc.cluster.local' }]))[0]!;
    const toDns = { to: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'kube-system' } }, podSelector: { matchLabels: { 'k8s-app': 'kube-dns' } } }], ports: [{ port: 53, protocol: 'UDP' }] };
    assert.equal(await ask(place('x/a')), true);
    await withPolicies([['x', { ...aboutA, policyTypes: ['Egress'] }]], async () => {
      await eventually('x/a to have no names', async () => !(await ask(place('x/a'))));
      assert.equal(await ask(place('x/b')), true);
      await put('x', 'names', { ...aboutA, policyTypes: ['Egress'], egress: [toDns] });
      await eventually('x/a to have names', () => ask(place('x/a')));
      await matrix(({ from }) => !isA(from));
      await house.cluster.client.delete(networkPolicies, { namespace: 'x', name: 'names' }, {}, signal);
    });
  });

  test('through Services and ports of the node: from Pods, from the node, from outside', async () => {
    const made = await house.cluster.client.create(services, { metadata: { name: 'a', namespace: 'x' }, spec: { type: 'NodePort', selector: { pod: 'a' }, ports: [{ port: 8000, targetPort: 80 }] } } as unknown as New<Service>, signal);
    const { hostIP } = (await ready('x', 'a')).status;
    const ip = (...args: string[]) => execFileSync('ip', args);
    ip('netns', 'add', outside);
    ip('link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', outside);
    ip('address', 'add', `${far}.1/30`, 'dev', link);
    ip('link', 'set', link, 'up');
    for (const args of [['address', 'add', `${far}.2/30`, 'dev', 'eth0'], ['link', 'set', 'eth0', 'up'], ['route', 'add', 'default', 'via', `${far}.1`]]) ip('-n', outside, ...args);
    const world: Place = { ns: '', pod: 'outside', ...(await startProber(['ip', 'netns', 'exec', outside], `${far}.2`)) };
    const node: Place = { ns: '', pod: 'node', ...(await startProber(['env'], '127.0.0.1')) };
    const byService: Target = { protocol: 'tcp', ip: made.spec.clusterIP!, port: 8000 };
    const byNode: Target = { protocol: 'tcp', ip: hostIP!, port: made.spec.ports![0]!.nodePort! };
    const direct: Target = { protocol: 'tcp', ip: place('x/a').ip, port: 80 };
    const callers = [place('x/a'), place('x/b'), place('y/a'), node, world];
    const reach = (expected: boolean[][]) => eventually('the callers to be let in or not', async () => {
      const seen = await Promise.all(callers.map((from) => from.probe([byService, byNode, direct])));
      return JSON.stringify(seen) === JSON.stringify(expected);
    });
    const [all, none] = [[true, true, true], [false, false, false]];
    await eventually('the Service to answer', async () => (await place('y/a').probe([byService]))[0]!);
    // From outside the Service's address is not asked for: it is of the cluster.
    const open = await world.probe([byService, byNode, direct]);
    assert.equal(open[1], true);
    await withPolicies([['x', { ...aboutA, ingress: [{ from: [inSpace('y')] }] }]], () => reach([all, none, all, all, none]));
    await withPolicies([['x', { ...aboutA, ingress: [{ from: [{ ipBlock: { cidr: `${far}.0/30` } }] }] }]], () => reach([all, none, none, all, open]));
    await withPolicies([['x', { podSelector: { matchLabels: { pod: 'b' } }, policyTypes: ['Egress'] }]], () => reach([all, none, all, all, open]));
  });

  test('what a policy denies ends, replies to what it allows do not, and what was cut goes on when the policy goes', async () => {
    const script = `const socket = require('net').connect(80, '${place('x/a').ip}').on('data', (data) => console.log(String(data))); setInterval(() => socket.write('more'), 100); setTimeout(() => {}, 1e6)`;
    const child = spawn('nsenter', ['-t', String(mainProcess(house.dataDir, await ready('y', 'a'), 'c')), '-n', process.execPath, '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    children.push(child);
    let heard = 0;
    child.stdout.on('data', () => heard++);
    const goesOn = () => {
      const before = heard;
      return eventually('more to be heard', () => heard > before + 2);
    };
    await goesOn();
    await withPolicies([['x', { ...aboutA, policyTypes: ['Egress'] }], ['x', { ...aboutA, ingress: [{ from: [inSpace('y')] }] }]], async () => {
      await matrix(({ from, to }) => !isA(from) && (!isA(to) || from.ns === 'y'));
      await goesOn();
    });
    await withPolicies([['x', aboutA]], async () => {
      await matrix(({ to }) => !isA(to));
      const before = heard;
      await place('x/b').probe([{ protocol: 'tcp', ip: place('x/a').ip, port: 80 }]);
      assert.equal(heard, before);
    });
    await goesOn();
    child.kill('SIGKILL');
  });

  test('a new Pod is isolated before its first packet, and known to others before its first call', async () => {
    await withPolicies([
      ['y', { podSelector: { matchLabels: { kind: 'shut' } }, policyTypes: ['Egress'] }],
      ['x', { ...aboutA, ingress: [{ from: [{ podSelector: { matchLabels: { kind: 'caller' } }, namespaceSelector: {} }] }] }],
    ], async () => {
      await matrix(({ to }) => !isA(to));
      const call = (ip: string, patience: number) => ({ command: ['sh', '-c', `echo GET | timeout ${patience} nc ${ip} 80 | grep -m1 -q hello`], ports: [] });
      const names = Array.from({ length: 6 }, (_, at) => `new-${at}`);
      await Promise.all(names.flatMap((name) => [create('y', `${name}-shut`, { kind: 'shut' }, call(place('z/a').ip, 2)), create('y', `${name}-caller`, { kind: 'caller' }, call(place('x/a').ip, 10))]));
      const ended = async (name: string) => (await until(house.cluster, pods, { namespace: 'y', name }, (pod) => ['Succeeded', 'Failed'].includes(pod?.status.phase ?? '')))!.status.phase;
      const phases = await Promise.all(names.flatMap((name) => [ended(`${name}-shut`), ended(`${name}-caller`)]));
      assert.deepEqual(phases, names.flatMap(() => ['Failed', 'Succeeded']));
    });
  });

  test('rules that somebody else deletes, or empties, come back', async () => {
    await withPolicies([['x', aboutA]], async () => {
      await matrix(({ to }) => !isA(to));
      const listed = () => {
        try {
          return execFileSync('nft', ['list', 'table', 'inet', table], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
        } catch {
          return '';
        }
      };
      for (const command of ['delete', 'flush']) {
        execFileSync('nft', [command, 'table', 'inet', table]);
        await eventually(`the rules after ${command}`, () => listed().includes('vmap @ingress-4') && listed().includes(`${place('x/a').ip} : goto`));
        await matrix(({ to }) => !isA(to));
      }
    });
  });

  test('C42 while Peapod is away policies hold; when it is back it follows again; `down` leaves nothing', async () => {
    const { cluster, dataDir } = house;
    await put('x', 'shut', aboutA);
    await matrix(({ to }) => !isA(to));
    await cluster.stop();
    await matrix(({ to }) => !isA(to));
    house = await startRealCluster({ dataDir });
    await matrix(({ to }) => !isA(to));
    await house.cluster.client.delete(networkPolicies, { namespace: 'x', name: 'shut' }, {}, signal);
    await matrix(() => true);
    await eventually('the rules to be gone', () => !isThere());
    await put('x', 'shut', aboutA);
    await eventually('the rules to be there', isThere);
    await house.cluster.down();
    assert.ok(!isThere());
  });
});
