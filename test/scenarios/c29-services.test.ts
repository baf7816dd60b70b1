// C3, C29: Services lead to their Pods, from Pods and from the node, by address, by name and by port of the node; counted in
// connections, on real containers.
import assert from 'node:assert/strict';
import { execFile, execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { get } from 'node:http';
import { connect, type Socket } from 'node:net';
import { promisify } from 'node:util';
import { endpointSlices } from '../../src/api/kinds/endpoint-slice.ts';
import { pods } from '../../src/api/kinds/pod.ts';
import { services } from '../../src/api/kinds/service.ts';
import type { New, Pod, Service } from '../../src/api/types.ts';
import { eventually, isReady, mainProcess, startRealCluster, until, type RealCluster } from '../support/real-cluster.ts';

const server = 'mkdir -p /w; hostname > /w/index.html; exec httpd -f -p 8080 -h /w';
const signal = AbortSignal.timeout(280_000);

describe('C29 Services', () => {
  let house: RealCluster;
  before(async () => {
    house = await startRealCluster();
    await Promise.all([
      ...['web-0', 'web-1', 'web-2'].map((name) => pod(name, { app: 'web' }, server)),
      pod('client', { app: 'client' }, 'sleep 1000'),
      service('web', { selector: { app: 'web' }, type: 'NodePort', ports: [{ name: 'http', port: 80, targetPort: 'http' }] }),
      service('sticky', { selector: { app: 'web' }, sessionAffinity: 'ClientIP', ports: [{ port: 80, targetPort: 8080 }] }),
      service('local', { selector: { app: 'web' }, internalTrafficPolicy: 'Local', ports: [{ port: 80, targetPort: 8080 }] }),
      service('nobody', { selector: { app: 'nobody' }, type: 'NodePort', ports: [{ port: 80 }] }),
      service('direct', { selector: { app: 'web' }, clusterIP: 'None', ports: [{ name: 'http', port: 8080 }] }),
      service('world', { type: 'ExternalName', externalName: 'web.default.svc.cluster.local' }),
    ]);
    for (const name of ['web-0', 'web-1', 'web-2', 'client']) await house.untilReady(name);
    await endpointsOf('web', 3);
    await endpointsOf('sticky', 3);
    await endpointsOf('local', 3);
    await until(house.cluster, services, { namespace: 'default', name: 'web' }, (one) => Boolean(one?.spec.ports?.[0]?.nodePort));
    await eventually('all of the Service to answer', () => counted(30, () => fetchText(`http://${ipOf.web}`)).then(({ size }) => size === 3, () => false));
  });
  after(() => house?.[Symbol.asyncDispose]());

  const ipOf: Record<string, string> = {};
  const portOf: Record<string, number> = {};

  async function service(name: string, spec: object): Promise<void> {
    const made = await house.cluster.client.create(services, { metadata: { name, namespace: 'default' }, spec } as unknown as New<Service>, signal);
    ipOf[name] = made.spec.clusterIP ?? '';
    portOf[name] = made.spec.ports?.[0]?.nodePort ?? 0;
  }

  async function pod(name: string, labels: object, script: string, more: { lifecycle?: object } = {}): Promise<Pod> {
    const container = { name: 'c', image: 'localhost/busybox', command: ['sh', '-c', script], ports: [{ name: 'http', containerPort: 8080 }], ...more };
    return house.cluster.client.create(pods, { metadata: { name, namespace: 'default', labels }, spec: { terminationGracePeriodSeconds: more.lifecycle ? 25 : 1, containers: [container] } } as unknown as New<Pod>, signal);
  }

  /** Until so many endpoints of the Service are ready. */
  async function endpointsOf(name: string, count: number): Promise<void> {
    await eventually(`${count} endpoints of ${name}`, async () => {
      const { items } = await house.cluster.client.list(endpointSlices, { namespace: 'default', labelSelector: `kubernetes.io/service-name=${name}` }, signal);
      return items.flatMap(({ endpoints }) => endpoints ?? []).filter(({ conditions }) => conditions?.ready).length === count;
    });
  }

  const inPod = async (name: string, script: string) => (await house.kubectl('exec', name, '--', 'sh', '-c', script)).trim();

  function fetchText(url: string): Promise<string> {
    return new Promise((resolve, reject) => {
      get(url, { agent: false, timeout: 20_000 }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk)).on('end', () => resolve(text.trim()));
      }).on('error', reject).on('timeout', function (this: { destroy: (error: Error) => void }) { this.destroy(new Error('timed out')); });
    });
  }

  async function counted(times: number, call: () => Promise<string>): Promise<Map<string, number>> {
    const counts = new Map<string, number>();
    for (let n = 0; n < times; n++) {
      const who = await call();
      counts.set(who, (counts.get(who) ?? 0) + 1);
    }
    return counts;
  }

  test('C29 every endpoint gets its share: by address from the node, by name from a Pod', async () => {
    const fromNode = await counted(120, () => fetchText(`http://${ipOf['web']}`));
    assert.deepEqual([...fromNode.keys()].sort(), ['web-0', 'web-1', 'web-2']);
    // Of 120 by chance fewer than 15 for one is rarer than one in a million.
    for (const [name, count] of fromNode) assert.ok(count >= 15, `${name} got ${count} of 120`);
    const fromPod = (await inPod('client', 'for i in $(seq 60); do wget -qO- http://web; done')).split('\n');
    assert.deepEqual([...new Set(fromPod)].sort(), ['web-0', 'web-1', 'web-2']);
  });

  test('C29 a port of the node, on loopback and on its own address', async () => {
    assert.match(await fetchText(`http://127.0.0.1:${portOf['web']}`), /^web-/);
    const { podIP, hostIP } = (await house.pod('client')).status;
    assert.ok(podIP);
    assert.match(await fetchText(`http://${hostIP}:${portOf['web']}`), /^web-/);
    assert.match(await inPod('client', `wget -qO- http://${hostIP}:${portOf['web']}`), /^web-/);
  });

  test('C3 a Pod that calls another by a Service is seen with its own address; one that calls itself is answered', async () => {
    await pod('echo', { app: 'echo' }, 'sleep 1000');
    await service('echo', { selector: { app: 'echo' }, ports: [{ port: 80, targetPort: 8080 }] });
    const script = `require('net').createServer((socket) => socket.end(socket.remoteAddress)).listen(8080, '0.0.0.0')`;
    const server = spawn('nsenter', ['-t', String(mainProcess(house.dataDir, await house.untilReady('echo'), 'c')), '-n', process.execPath, '-e', script]);
    try {
      const { podIP } = (await house.pod('client')).status;
      await eventually('the Pod to see the caller', async () => (await inPod('client', 'nc -w 3 echo 80 </dev/null || true')) === podIP);
    } finally {
      server.kill('SIGKILL');
    }
    const own = await inPod('web-0', 'for i in $(seq 30); do wget -qO- http://web; done');
    assert.ok(own.split('\n').includes('web-0'), own);
  });

  test('a client keeps its endpoint where it asked for that', async () => {
    const seen = await counted(20, () => fetchText(`http://${ipOf['sticky']}`));
    assert.equal(seen.size, 1);
    assert.equal(new Set((await inPod('client', 'for i in $(seq 20); do wget -qO- http://sticky; done')).split('\n')).size, 1);
    assert.match(await fetchText(`http://${ipOf['local']}`), /^web-/);
  });

  test('what has no endpoint, and what is no Service, is refused at once', async () => {
    const refused = (url: string) => assert.rejects(fetchText(url), { code: 'ECONNREFUSED' });
    await refused(`http://${ipOf['nobody']}`);
    await refused(`http://127.0.0.1:${portOf['nobody']}`);
    const free = ipOf['web']!.replace(/\d+$/, (last) => String((Number(last) + 77) % 250));
    if (!Object.values(ipOf).includes(free)) await refused(`http://${free}:8`);
    assert.match(await inPod('client', `wget -qO- http://${ipOf['nobody']} 2>&1 || true`), /Connection refused/);
  });

  test('names: Services, headless ones, Pods, aliases, the world', async () => {
    const dns = (await house.cluster.client.get(services, { namespace: 'kube-system', name: 'kube-dns' }, signal)).spec.clusterIP!;
    const dig = async (...args: string[]) => (await promisify(execFile)('dig', ['+short', '+time=2', '+tries=5', `@${dns}`, ...args])).stdout.trim().split('\n').sort();
    const addresses = (await Promise.all(['web-0', 'web-1', 'web-2'].map(house.pod))).map(({ status }) => status.podIP!).sort();
    assert.deepEqual(await dig('web.default.svc.cluster.local'), [ipOf['web']]);
    assert.deepEqual(await dig('direct.default.svc.cluster.local'), addresses);
    assert.deepEqual(await dig('+tcp', 'direct.default.svc.cluster.local'), addresses);
    assert.deepEqual(await dig('-x', ipOf['web']!), ['web.default.svc.cluster.local.']);
    assert.deepEqual(await dig('_http._tcp.web.default.svc.cluster.local', 'SRV'), ['0 100 80 web.default.svc.cluster.local.']);
    assert.deepEqual(await dig(`${addresses[0]!.replaceAll('.', '-')}.default.pod.cluster.local`), [addresses[0]]);
    assert.deepEqual(await dig('world.default.svc.cluster.local'), [ipOf['web'], 'web.default.svc.cluster.local.'].sort());
    assert.deepEqual((await dig('kubernetes.default.svc.cluster.local')).length, 1);
    // From within, as resolv.conf says: glibc, by search domain.
    assert.equal(await inPod('client', 'ping -c1 -W1 web 2>/dev/null | head -1 | sed "s/.*(\\(.*\\)).*/\\1/"'), ipOf['web']);
    assert.match(await inPod('client', 'wget -qO- http://world:80'), /^web-/);
  });

  test('C29 a Pod that ends is left out at once; where none is ready, one that still serves gets what comes', async () => {
    await pod('closing', { app: 'closing' }, server, { lifecycle: { preStop: { sleep: { seconds: 20 } } } });
    await service('closing', { selector: { app: 'closing' }, ports: [{ port: 80, targetPort: 8080 }] });
    const made = await house.untilReady('closing');
    await eventually('it answers', () => fetchText(`http://${ipOf['closing']}`).then((who) => who === 'closing', () => false));
    await house.cluster.client.delete(pods, { namespace: 'default', name: 'closing' }, { gracePeriodSeconds: 25 }, signal);
    await house.untilPod('closing', (one) => !isReady(one));
    await endpointsOf('closing', 0);
    assert.equal(await fetchText(`http://${ipOf['closing']}`), 'closing');
    await pod('successor', { app: 'closing' }, server);
    await house.untilReady('successor');
    await eventually('the successor alone answers', async () => [...(await counted(10, () => fetchText(`http://${ipOf['closing']}`))).keys()].join() === 'successor');
    assert.ok(made.status.podIP);
    await house.cluster.client.delete(pods, { namespace: 'default', name: 'closing' }, { gracePeriodSeconds: 0 }, signal);
  });

  test('a UDP client that goes on sending reaches the new endpoint', async () => {
    const servers: ChildProcess[] = [];
    // busybox has no UDP server: one of the test's own, in the Pod's network.
    const talk = async (name: string) => {
      await pod(name, { app: 'talk' }, 'sleep 1000');
      const pid = mainProcess(house.dataDir, await house.untilReady(name), 'c');
      const script = `const s = require('dgram').createSocket('udp4'); s.on('message', (_, from) => s.send('${name}', from.port, from.address)); s.bind(9000)`;
      servers.push(spawn('nsenter', ['-t', String(pid), '-n', process.execPath, '-e', script]));
    };
    await service('talk', { selector: { app: 'talk' }, ports: [{ name: 'udp', protocol: 'UDP', port: 9000 }] });
    await talk('talk-0');
    await endpointsOf('talk', 1);
    const socket = createSocket('udp4');
    try {
      const heard = new Set<string>();
      socket.on('message', (message) => heard.add(String(message).trim()));
      const say = () => void socket.send('x', 9000, ipOf['talk']!);
      await eventually('talk-0 answers', () => (say(), heard.has('talk-0')));
      await talk('talk-1');
      await house.kubectl('delete', 'pod', 'talk-0', '--grace-period=1');
      await eventually('talk-1 answers the same socket', () => (say(), heard.has('talk-1')));
    } finally {
      socket.close();
      for (const server of servers) server.kill('SIGKILL');
    }
  });

  test('C29 a thousand connections at once, sizes about that of a packet, and a large transfer, through a Service', async () => {
    // A server of the test's own in each Pod's network: it says who it is, and then all that it is told.
    const servers: ChildProcess[] = [];
    const script = (name: string) => `
      require('net').createServer((socket) => { socket.on('error', () => {}); socket.write('${name}\\n'); socket.pipe(socket); }).listen(9100, '0.0.0.0', 2048, () => console.log('ready'));
      const s = require('dgram').createSocket('udp4'); s.on('message', (message, from) => s.send(message, from.port, from.address)); s.bind(9100)`;
    const names = ['bulk-0', 'bulk-1'];
    await service('bulk', { selector: { app: 'bulk' }, ports: [{ name: 'tcp', port: 9100 }, { name: 'udp', protocol: 'UDP', port: 9100 }] });
    for (const name of names) await pod(name, { app: 'bulk' }, 'sleep 1000');
    const sockets: Socket[] = [];
    const open = () => new Promise<{ socket: Socket; who: string }>((resolve, reject) => {
      const socket = connect(9100, ipOf['bulk']!, () => socket.once('data', (data) => resolve({ socket, who: String(data).trim() })));
      socket.once('error', reject);
      sockets.push(socket);
    });
    const echoed = async (socket: Socket, parts: readonly Buffer[]) => {
      const hash = createHash('sha256');
      const wanted = parts.reduce((sum, part) => sum + part.length, 0);
      const whole = new Promise<string>((resolve, reject) => {
        let received = 0;
        socket.once('close', () => reject(new Error(`closed after ${received} of ${wanted} bytes`)));
        socket.on('data', function take(data: Buffer) {
          hash.update(data);
          if ((received += data.length) < wanted) return;
          socket.off('data', take);
          resolve(hash.digest('hex'));
        });
      });
      for (const part of parts) if (!socket.write(part)) await once(socket, 'drain');
      return whole;
    };
    const digest = (parts: readonly Buffer[]) => parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest('hex');
    try {
      for (const name of names) {
        const server = spawn('nsenter', ['-t', String(mainProcess(house.dataDir, await house.untilReady(name), 'c')), '-n', process.execPath, '-e', script(name)]);
        servers.push(server);
        await once(server.stdout!, 'data');
      }
      await endpointsOf('bulk', 2);
      await eventually('the Service to lead to both', async () => new Set((await Promise.all(Array.from({ length: 16 }, open))).map(({ who }) => who)).size === 2);
      const all = await Promise.all(Array.from({ length: 1000 }, open));
      // Of 1,000 by chance fewer than 400 for one of two is rarer than one in a million.
      for (const name of names) assert.ok(all.filter(({ who }) => who === name).length >= 400, name);
      const told = all.map(({ socket }, n) => [socket, [Buffer.from(`connection ${n}`)]] as const);
      assert.deepEqual(await Promise.all(told.map(([socket, parts]) => echoed(socket, parts))), told.map(([, parts]) => digest(parts)), 'each is answered while all are open');
      for (const size of [1, 1348, 1400, 1448, 1449, 1460, 1500, 1501, 9000, 65_536]) {
        const parts = [randomBytes(size)];
        assert.equal(await echoed(all[0]!.socket, parts), digest(parts), `${size} bytes`);
      }
      const large = Array.from({ length: 64 }, () => randomBytes(1 << 20));
      assert.equal(await echoed(all[1]!.socket, large), digest(large));
      const udp = createSocket('udp4');
      udp.connect(9100, ipOf['bulk']!);
      await once(udp, 'connect');
      for (const size of [1, 1372, 1373, 1472, 1473, 9000]) {
        const part = randomBytes(size);
        let back: Buffer | undefined;
        udp.on('message', (message) => (back = message));
        await eventually(`a datagram of ${size} bytes to come back`, () => (udp.send(part), back?.equals(part) ?? false));
      }
      udp.close();
    } finally {
      for (const socket of sockets) socket.destroy();
      for (const server of servers) server.kill('SIGKILL');
    }
  });

  test('rules that somebody else deletes come back', async () => {
    const { bridge } = JSON.parse(execFileSync('cat', [`${house.dataDir}/cluster.json`], { encoding: 'utf8' })) as { bridge: string };
    const table = `peapod-services-${bridge}`;
    execFileSync('nft', ['delete', 'table', 'ip', table]);
    await eventually('the rules are there again', () => fetchText(`http://${ipOf['web']}`).then((who) => who.startsWith('web-'), () => false));
    const listed = execFileSync('nft', ['list', 'map', 'ip', table, 'services'], { encoding: 'utf8' });
    assert.ok(listed.includes(ipOf['web']!));
  });

  test('C42 while Peapod is away traffic flows; when it is back it follows again', async () => {
    const { cluster, dataDir } = house;
    await cluster.stop();
    assert.match(await fetchText(`http://${ipOf['web']}`), /^web-/);
    const again = await startRealCluster({ dataDir });
    house = again;
    assert.match(await fetchText(`http://${ipOf['web']}`), /^web-/);
    await house.kubectl('delete', 'pod', 'web-0', '--grace-period=1');
    await endpointsOf('web', 2);
    await eventually('web-0 is left out', async () => [...(await counted(20, () => fetchText(`http://${ipOf['web']}`))).keys()].sort().join() === 'web-1,web-2');
    await house.kubectl('delete', 'service', 'web', '--wait=false');
    await eventually('a deleted Service is refused', () => fetchText(`http://${ipOf['web']}`).then(() => false, (error: { code?: string }) => error.code === 'ECONNREFUSED'));
  });
});
