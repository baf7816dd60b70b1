// C2, C3, C24, C29 on several nodes: one beside the API server, two that have joined from machines (network namespaces) of their own. The
// first shares a link with each; those two reach each other only through a router. One link carries packets of 1400 bytes. One leads its
// Services by iptables.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { endpointSlices } from '../../src/api/kinds/endpoint-slice.ts';
import { nodes } from '../../src/api/kinds/node.ts';
import { pods } from '../../src/api/kinds/pod.ts';
import { services } from '../../src/api/kinds/service.ts';
import type { New, Pod, Service } from '../../src/api/types.ts';
import { addMachine, joinLine, joinNode, type JoinedNode, type OtherMachine } from '../support/joined-node.ts';
import { flavours, startKubectl } from '../support/kubectl-process.ts';
import { startCluster } from '../../src/cluster/start-cluster.ts';
import { eventually, isReady, runProgram, startRealCluster, until, type RealCluster } from '../support/real-cluster.ts';
import { fileURLToPath } from 'node:url';

const signal = AbortSignal.timeout(280_000);
const peapod = fileURLToPath(new URL('../../peapod', import.meta.url));
/** Tells who has called, from where, and has something large to give. */
const server = [
  'mkdir -p /w/cgi-bin; hostname > /w/index.html',
  `printf '#!/bin/sh\\nprintf "Content-Type: text/plain\\\\r\\\\n\\\\r\\\\n"; echo "$(hostname) $REMOTE_ADDR"\\n' > /w/cgi-bin/who; chmod +x /w/cgi-bin/who`,
  'head -c 20000000 /dev/urandom > /w/large; md5sum < /w/large > /w/sum',
  'exec httpd -f -p 0.0.0.0:8080 -h /w',
].join('; ');

describe('C3 several nodes', () => {
  let house: RealCluster;
  let machines: OtherMachine[] = [];
  let beta: JoinedNode;
  let gamma: JoinedNode;
  const ip: Record<string, string> = {};
  const port: Record<string, number> = {};

  before(async () => {
    machines = [addMachine(1400), addMachine()];
    const [first, second] = machines as [OtherMachine, OtherMachine];
    // It listens on the first link alone, and there is a way to it from the second.
    house = await startRealCluster({ host: first.here, nodeName: 'alpha' });
    [beta, gamma] = await Promise.all([joinNode(house, 'beta', first, '--proxy-mode', 'iptables'), joinNode(house, 'gamma', second, '--shutdown-grace-period', '20s')]);
    await Promise.all([
      ...['alpha', 'beta', 'gamma'].map((node) => pod(`on-${node}`, node, server, { app: 'web', node })),
      service('web', { type: 'NodePort', selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }] }),
      service('local', { type: 'NodePort', selector: { node: 'beta' }, externalTrafficPolicy: 'Local', ports: [{ port: 80, targetPort: 8080 }] }),
      service('direct', { clusterIP: 'None', selector: { app: 'web' }, ports: [{ port: 8080 }] }),
    ]);
    for (const node of ['alpha', 'beta', 'gamma']) ip[node] = (await house.untilReady(`on-${node}`)).status.podIP!;
    for (const [name, count] of [['web', 3], ['local', 1]] as const) {
      await eventually(`${count} endpoints of ${name}`, async () => {
        const { items } = await house.cluster.client.list(endpointSlices, { namespace: 'default', labelSelector: `kubernetes.io/service-name=${name}` }, signal);
        return items.flatMap(({ endpoints }) => endpoints ?? []).filter(({ conditions }) => conditions?.ready).length === count;
      });
    }
  });
  after(async () => {
    await Promise.all([beta?.leave(), gamma?.leave()]);
    await house?.[Symbol.asyncDispose]();
    for (const machine of machines) machine.remove();
  });

  async function pod(name: string, nodeName: string, script: string, labels: object): Promise<Pod> {
    const spec = { nodeSelector: { 'kubernetes.io/hostname': nodeName }, terminationGracePeriodSeconds: 1, containers: [{ name: 'c', image: 'localhost/busybox', command: ['sh', '-c', script], ...(script === server ? { readinessProbe: { httpGet: { path: '/sum', port: 8080 }, periodSeconds: 1 } } : {}) }] };
    return JSON.parse(await create({ apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'default', labels }, spec })) as Pod;
  }
  async function create(object: object): Promise<string> {
    const made = await house.tryKubectl(['create', '-f', '-', '-o', 'json'], { input: JSON.stringify(object) });
    assert.equal(made.code, 0, made.stderr);
    return made.stdout;
  }
  async function service(name: string, spec: object): Promise<void> {
    const made = await house.cluster.client.create(services, { metadata: { name, namespace: 'default' }, spec } as unknown as New<Service>, signal);
    ip[`svc/${name}`] = made.spec.clusterIP!;
    port[name] = made.spec.ports![0]!.nodePort!;
  }
  const inPod = (node: string, ...command: string[]) => house.kubectl('exec', `on-${node}`, '--', ...command);
  const fetchFrom = (node: string, url: string) => inPod(node, 'wget', '-qO-', url);
  /** From the shell of a joined machine. */
  const fetchAt = (machine: OtherMachine, url: string) => machine.run(process.execPath, '-e', `fetch('${url}', { signal: AbortSignal.timeout(5000) }).then((answer) => answer.text()).then((text) => process.stdout.write(text))`);

  test('each node has a range of its own, and its Pods are of it', async () => {
    const { items } = await house.cluster.client.list(nodes, {}, signal);
    const ranges = new Map(items.map(({ metadata, spec }) => [metadata.name, spec.podCIDR!]));
    assert.deepEqual([...ranges.keys()].sort(), ['alpha', 'beta', 'gamma']);
    assert.equal(new Set(ranges.values()).size, 3);
    for (const [node, range] of ranges) assert.ok(ip[node]!.startsWith(range.replace(/\d+\/24$/, '')), `${node}: ${ip[node]} in ${range}`);
    assert.match(await house.kubectl('get', 'csr'), /kubernetes\.io\/kubelet-serving +system:node:beta +<none> +Approved,Issued/);
  });

  test('C3 every Pod reaches every other, and every node each, without NAT', async () => {
    for (const from of ['alpha', 'beta', 'gamma']) {
      for (const to of ['alpha', 'beta', 'gamma']) {
        if (from !== to) assert.equal(await fetchFrom(from, `http://${ip[to]}:8080/cgi-bin/who`), `on-${to} ${ip[from]}\n`);
      }
    }
    for (const to of ['alpha', 'beta']) assert.equal(await fetchAt(beta.machine, `http://${ip[to]}:8080/`), `on-${to}\n`);
    assert.equal(await (await fetch(`http://${ip['beta']}:8080/cgi-bin/who`)).text(), `on-beta ${beta.machine.here}\n`);
    const node = createServer((socket) => socket.end(`${socket.remoteAddress}`));
    await once(node.listen(0, beta.machine.here), 'listening');
    try {
      assert.equal(await inPod('beta', 'nc', beta.machine.here, String((node.address() as AddressInfo).port)), ip['beta']);
    } finally {
      node.close();
    }
  });

  test('C3 large transfers arrive whole, over each kind of way', async () => {
    for (const [from, to] of [['alpha', 'beta'], ['beta', 'gamma'], ['gamma', 'beta']] as const) {
      const [sum, seen] = [await fetchFrom(from, `http://${ip[to]}:8080/sum`), await inPod(from, 'sh', '-c', `wget -qO- http://${ip[to]}:8080/large | md5sum`)];
      assert.equal(seen, sum, `${from} from ${to}`);
    }
    assert.match(await inPod('beta', 'cat', '/sys/class/net/eth0/mtu'), /^1400/);
    assert.match(await inPod('alpha', 'ping', '-c', '1', '-s', '1372', ip['beta']!), /1 packets received/);
  });

  test('C29 Services answer from Pods of every node, and from the shell of a joined one', async () => {
    for (const node of ['alpha', 'beta', 'gamma']) {
      const seen = new Set<string>();
      await eventually(`all three to answer ${node}`, async () => seen.add((await fetchFrom(node, `http://${ip['svc/web']}/`)).trim()).size === 3);
    }
    const seen = new Set<string>();
    await eventually('all three to answer the shell', async () => seen.add((await fetchAt(beta.machine, `http://${ip['svc/web']}/`)).trim()).size === 3);
  });

  test('C29 a node port answers on every node; with the policy Local only where there is an endpoint, which sees its caller', async () => {
    for (const url of [`http://${beta.machine.there}:${port['web']}/`, `http://${gamma.machine.there}:${port['web']}/`, `http://${beta.machine.there}:${port['local']}/`]) await eventually(`${url} to answer`, () => fetch(url).then(({ ok }) => ok, () => false));
    for (const address of [beta.machine.there, gamma.machine.there]) assert.match(await (await fetch(`http://${address}:${port['web']}/`)).text(), /^on-/);
    assert.match(await fetchAt(beta.machine, `http://${beta.machine.here}:${port['web']}/`), /^on-/);
    assert.equal(await (await fetch(`http://${beta.machine.there}:${port['local']}/cgi-bin/who`)).text(), `on-beta ${beta.machine.here}\n`);
    await assert.rejects(fetchAt(beta.machine, `http://${beta.machine.here}:${port['local']}/`), /Timeout|abort/i);
  });

  test('names, and the API by its Service, from Pods of every node', async () => {
    for (const node of ['alpha', 'beta', 'gamma']) {
      await eventually(`${node} to find web by its name`, async () => (await house.tryKubectl(['exec', `on-${node}`, '--', 'wget', '-qO-', 'http://web.default.svc.cluster.local/'])).stdout.startsWith('on-'));
      await eventually(`${node} to find all three`, async () => {
        const { stdout } = await house.tryKubectl(['exec', `on-${node}`, '--', 'nslookup', 'direct.default.svc.cluster.local']);
        return ['alpha', 'beta', 'gamma'].every((other) => stdout.includes(ip[other]!));
      });
      const address = (await inPod(node, 'sh', '-c', 'echo $KUBERNETES_SERVICE_HOST')).trim();
      await inPod(node, 'sh', '-c', `echo | nc -w 5 ${address} 443`);
    }
  });

  test('C24 logs, exec, cp, port-forward and attach reach a joined node, over SPDY and WebSocket', async () => {
    for (const flavour of flavours) {
      const run = (args: string[], input?: Buffer) => house.tryKubectl(args, { version: flavour.version, input });
      const failed = await run(['exec', 'on-beta', '--', 'sh', '-c', 'echo out; echo err >&2; exit 7']);
      assert.deepEqual([failed.code, failed.stdout], [7, 'out\n'], flavour.name);
      assert.match(failed.stderr, /^err\n/);
      const bytes = Buffer.alloc(3_000_000, 'ab\ncd\0');
      const digest = createHash('md5').update(bytes).digest('hex');
      assert.match((await run(['exec', '-i', 'on-beta', '--', 'md5sum'], bytes)).stdout, new RegExp(`^${digest}`), flavour.name);
      const forward = startKubectl(house, flavour, ['port-forward', 'pod/on-beta', ':8080']);
      const [, local] = await forward.until(/127\.0\.0\.1:(\d+) ->/);
      const [large, sum] = await Promise.all(['large', 'sum'].map(async (file) => Buffer.from(await (await fetch(`http://127.0.0.1:${local}/${file}`)).arrayBuffer())));
      assert.equal(`${createHash('md5').update(large!).digest('hex')}  -\n`, sum!.toString(), flavour.name);
      forward.child.kill();
      await forward.ended;
    }
    await house.kubectl('cp', 'on-beta:/w/sum', `${house.dataDir}/sum`);
    const gone = await house.tryKubectl(['exec', 'on-beta', '-c', 'absent', '--', 'ls']);
    assert.match(gone.stderr, /container absent is not valid for pod on-beta/);
    const broken = await house.tryKubectl(['exec', 'on-beta', '--', '/no/such/program']);
    assert.notEqual(broken.code, 0);
    assert.match(broken.stderr, /no such file or directory/);

    await pod('speaks', 'beta', 'n=0; while :; do n=$((n+1)); echo line $n; sleep 0.1; done', {});
    await house.untilReady('speaks');
    const follow = startKubectl(house, flavours[1]!, ['logs', '-f', 'speaks']);
    await follow.until(/line 3\n/);
    follow.child.kill();
    const attached = startKubectl(house, flavours[1]!, ['attach', 'speaks']);
    await attached.until(/line \d+\n/);
    attached.child.kill();
    assert.match(await house.kubectl('logs', 'speaks', '--tail=1'), /^line \d+\n$/);
  });

  test('metrics and pages of a joined node, and none for who may not have them', async () => {
    assert.equal(await house.kubectl('get', '--raw', '/api/v1/nodes/beta/proxy/healthz'), 'ok');
    assert.match(await house.kubectl('get', '--raw', '/api/v1/nodes/beta/proxy/metrics'), /kubelet_node_name\{node="beta"\} 1/);
    await eventually('use of all nodes to be told', async () => (await house.tryKubectl(['top', 'node', '--no-headers'])).stdout.trim().split('\n').filter((line) => /^(alpha|beta|gamma) +\d+m/.test(line)).length === 3);
    await eventually('use of a Pod to be told', async () => /on-beta/.test((await house.tryKubectl(['top', 'pod', 'on-beta', '--no-headers'])).stdout));
    const url = `https://${beta.machine.there}:10250/pods`;
    const ask = (headers: string) => runProgram('curl', ['-sk', '-H', headers, url], {});
    assert.match((await ask('x: y')).stdout, /"code":401/);
    await house.kubectl('create', 'serviceaccount', 'reader');
    const token = (await house.kubectl('create', 'token', 'reader')).trim();
    assert.match((await ask(`Authorization: Bearer ${token}`)).stdout, /"code":403/);
    await house.kubectl('create', 'clusterrolebinding', 'reader', '--clusterrole=system:kubelet-api-admin', '--serviceaccount=default:reader');
    // Another page: that it may not have this one is remembered for a while.
    assert.match((await runProgram('curl', ['-sk', '-H', `Authorization: Bearer ${token}`, url.replace('pods', 'stats/summary')], {})).stdout, /"nodeName":"beta"/);
  });

  test('C3 a NetworkPolicy holds on every node, for callers of every node', async () => {
    const reaches = async (from: string, to: string) => (await house.tryKubectl(['exec', `on-${from}`, '--', 'sh', '-c', `echo | nc -w 3 ${ip[to]} 8080`])).code === 0;
    const pairs = [['alpha', 'beta'], ['beta', 'alpha'], ['gamma', 'beta'], ['beta', 'gamma']] as const;
    const seen = async () => Promise.all(pairs.map(([from, to]) => reaches(from, to)));
    await eventually('all to be reached', async () => !(await seen()).includes(false));
    const [only, beta, gamma] = ['only-from-gamma', { matchLabels: { node: 'beta' } }, { matchLabels: { node: 'gamma' } }];
    await create({ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name: only }, spec: { podSelector: beta, ingress: [{ from: [{ podSelector: gamma }] }] } });
    await create({ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name: 'nobody' }, spec: { podSelector: gamma, policyTypes: ['Ingress'] } });
    await eventually('policies to hold', async () => JSON.stringify(await seen()) === '[false,true,true,false]');
    await house.kubectl('delete', 'networkpolicy', only, 'nobody');
    await eventually('all to be reached again', async () => !(await seen()).includes(false));
  });

  test('the timeline of a Pod has what its joined node has seen', async () => {
    const { steps } = JSON.parse(await house.kubectl('get', 'podtimelines', 'on-beta', '-o', 'json')) as { steps: { type: string }[] };
    for (const type of ['Bound', 'SandboxStarted']) assert.ok(steps.some((step) => step.type === type), `${type} in ${JSON.stringify(steps)}`);
  });

  test('a node sees what is its own: its Pods and their Secrets, and itself', async () => {
    for (const name of ['used', 'other']) await house.kubectl('create', 'secret', 'generic', name, '--from-literal=k=v');
    const spec = { nodeSelector: { 'kubernetes.io/hostname': 'beta' }, terminationGracePeriodSeconds: 1, containers: [{ name: 'c', image: 'localhost/busybox', command: ['sleep', '1000'], env: [{ name: 'K', valueFrom: { secretKeyRef: { name: 'used', key: 'k' } } }] }] };
    await house.cluster.client.create(pods, { metadata: { name: 'secretive', namespace: 'default' }, spec } as unknown as New<Pod>, signal);
    await house.untilReady('secretive');
    const get = (...what: string[]) => runProgram(peapod, ['kubectl', '--data-dir', house.dataDir, '--kubeconfig', `${beta.dataDir}/node.kubeconfig`, 'get', ...what], {});
    assert.equal((await get('secret', 'used')).code, 0);
    assert.match((await get('secret', 'other')).stderr, /cannot get resource "secrets".*no relationship found between node 'beta' and this object/);
    assert.match((await get('secrets')).stderr, /forbidden/);
    // Of Pods, nodes and volumes it sees its own.
    assert.match((await get('pods', '-A')).stderr, /cannot list resource "pods".*can only list\/watch pods with spec\.nodeName field selector/);
    const own = await get('pods', '-A', '--field-selector', 'spec.nodeName=beta', '-o', 'name');
    assert.equal(own.code, 0, own.stderr);
    assert.match(own.stdout, /pod\/secretive/);
    assert.match((await get('nodes')).stderr, /node 'beta' cannot read all nodes, only its own Node object/);
    assert.equal((await get('node', 'beta')).code, 0);
    assert.match((await get('pv')).stderr, /can only get individual resources of this type/);
  });

  test('C42 killed and started again, a joined node finds its containers as they were', async () => {
    const before = await house.pod('on-beta');
    await beta.signal('SIGKILL');
    await beta.start();
    await eventually('exec to work', async () => (await house.tryKubectl(['exec', 'on-beta', '--', 'true'])).code === 0);
    const found = await house.pod('on-beta');
    assert.deepEqual([found.metadata.uid, found.status.podIP, found.status.containerStatuses![0]!.containerID, found.status.containerStatuses![0]!.restartCount], [before.metadata.uid, before.status.podIP, before.status.containerStatuses![0]!.containerID, 0]);
    assert.equal(await fetchFrom('gamma', `http://${ip['beta']}:8080/`), 'on-beta\n');
  });

  test('what cannot be is refused in one line with a remedy', async () => {
    const line = await joinLine(house);
    const [, address, , token, , hash] = line as [string, string, string, string, string, string];
    const join = (machine: OtherMachine, ...args: string[]) => runProgram('nsenter', [`--net=/run/netns/${machine.namespace}`, peapod, 'join', address, '--data-dir', `${house.dataDir}/refused`, '--node-name', 'delta', ...args], {});
    const [id] = token.split('.');
    for (const [args, why] of [
      [[], /needs a join token\n +.*→ .*peapod token create/],
      [['--token', 'nonsense'], /that is no join token/],
      [['--token', 'aaaaaa.0123456789abcdef'], /does not know the token aaaaaa/],
      [['--token', `${id}.0123456789abcdef`], /the secret of the token .* is wrong/],
      [['--token', token, '--ca-hash', `sha256:${'0'.repeat(64)}`], /has the hash sha256:[0-9a-f]{64}, not sha256:0000/],
      [['--token', token, '--ca-hash', hash, '--node-name', 'beta'], /a node beta is in the cluster already/],
    ] as const) {
      const ran = await join(gamma.machine, ...args);
      assert.equal(ran.code, 1);
      assert.match(ran.stderr, why);
      assert.ok(!ran.stderr.includes('    at '), ran.stderr);
    }
    // Beside the cluster itself, on the same network.
    const beside = await runProgram(peapod, ['join', address, '--token', token, '--data-dir', `${house.dataDir}/beside`, '--node-name', 'delta'], {});
    assert.match(beside.stderr, /this machine already uses .*\n +.*→/);
    const second = await runProgram('nsenter', [`--net=/run/netns/${gamma.machine.namespace}`, peapod, 'join', address, '--data-dir', gamma.dataDir], {});
    assert.match(second.stderr, /a node already runs on/);
  });

  test('a joined node that is stopped ends its Pods first, when it has time for that', async () => {
    await gamma.signal('SIGTERM');
    const { status } = await house.pod('on-gamma');
    assert.deepEqual([status.phase, status.reason], ['Failed', 'Terminated']);
    assert.ok(status.containerStatuses![0]!.state?.terminated);
  });

  test('C42 the control plane stops and starts again: joined nodes and what they run go on', async () => {
    const before = await house.pod('on-beta');
    await house.cluster.stop();
    assert.equal(await (await fetch(`http://${ip['beta']}:8080/`)).text(), 'on-beta\n');
    const again = await startCluster({ dataDir: house.dataDir, host: beta.machine.here, nodeName: 'alpha', logLevel: 'warn' });
    try {
      await pod('later', 'beta', 'sleep 1000', {});
      await until(again, pods, { namespace: 'default', name: 'later' }, isReady);
      await eventually('exec to work', async () => (await house.tryKubectl(['exec', 'on-beta', '--', 'true'])).code === 0);
      const found = (await until(again, pods, { namespace: 'default', name: 'on-beta' }, isReady))!;
      assert.deepEqual([found.metadata.uid, found.status.containerStatuses![0]!.containerID, found.status.containerStatuses![0]!.restartCount], [before.metadata.uid, before.status.containerStatuses![0]!.containerID, 0]);
    } finally {
      await again.stop();
    }
  });
});
