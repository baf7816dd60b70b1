// C2 to C4: one address for the containers of a Pod, another for each Pod, no NAT between them, and ports of the node.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { events } from '../../src/api/kinds/event.ts';
import { pods } from '../../src/api/kinds/pod.ts';
import type { New, Pod } from '../../src/api/types.ts';
import { machineAddress } from '../../src/cluster/machine-address.ts';
import { pod } from '../support/manifests.ts';
import { eventually, mainProcess, runProgram, startRealCluster, type RealCluster } from '../support/real-cluster.ts';

const signal = AbortSignal.timeout(280_000);
/** Tells its clients from where it sees them. */
const tells = (port: number) => ['sh', '-c', `mkdir -p /tmp/cgi-bin; printf '#!/bin/sh\\necho Content-Type: text/plain; echo; echo $REMOTE_ADDR\\n' > /tmp/cgi-bin/from; chmod +x /tmp/cgi-bin/from; trap "exit 0" TERM; httpd -f -p ${port} -h /tmp & wait`];

describe('C2–C4 the network of Pods', () => {
  let house: RealCluster;
  let tcpPort: number;
  let localPort: number;
  let udpPort: number;
  before(async () => {
    [house, tcpPort, localPort, udpPort] = [await startRealCluster(), await freePort(), await freePort(), await freePort()];
    const ready = { readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 } };
    const made = [
      pod('server', [{ name: 'a', command: tells(8080), ...ready }, { name: 'b' }], quick),
      pod('client', [{ name: 'a' }], quick),
      pod('ported', [
        { name: 'a', command: tells(8080), ...ready, ports: [{ containerPort: 8080, hostPort: tcpPort }, { containerPort: 8080, hostPort: localPort, hostIP: '127.0.0.1' }] },
        { name: 'b', ports: [{ containerPort: 5353, hostPort: udpPort, protocol: 'UDP' }] },
      ], quick),
    ];
    await Promise.all(made.map((one) => house.cluster.client.create(pods, one as unknown as New<Pod>, signal)));
    await Promise.all(made.map((one) => house.untilReady(one.metadata.name)));
  });
  after(() => house?.[Symbol.asyncDispose]());

  const quick = { terminationGracePeriodSeconds: 1 };
  const inside = async (name: string, container: string, ...command: string[]) => {
    const { code, stdout, stderr } = await house.tryKubectl(['exec', name, '-c', container, '--', ...command]);
    assert.equal(code, 0, `${command.join(' ')}: ${stderr}`);
    return stdout.trim();
  };
  const askInside = async (name: string, container: string, url: string) => plain(await inside(name, container, 'wget', '-qO-', url));
  const ipOf = async (name: string) => (await house.pod(name)).status.podIP!;
  /** From the node, with the same client. */
  const ask = async (host: string, port: number) => {
    const { code, stdout, stderr } = await runProgram('busybox', ['wget', '-qO-', `http://${host}:${port}/cgi-bin/from`], {}, undefined, AbortSignal.timeout(5_000));
    if (code !== 0) throw new Error(stderr);
    return plain(stdout);
  };

  test('C2 all of a Pod’s containers are on one node, scheduled at once', async () => {
    const server = await house.pod('server');
    assert.equal(server.spec.nodeName, house.cluster.nodeName);
    assert.equal(server.status.conditions!.filter(({ type }) => type === 'PodScheduled').length, 1);
    for (const container of ['a', 'b']) assert.equal(readlinkSync(`/proc/${mainProcess(house.dataDir, server, container)}/ns/net`), readlinkSync(`/proc/${mainProcess(house.dataDir, server, 'a')}/ns/net`));
    assert.notEqual(readlinkSync(`/proc/${mainProcess(house.dataDir, server, 'a')}/ns/net`), readlinkSync('/proc/self/ns/net'));
  });

  test('C3 each Pod has an address of its own, which its containers have and no other', async () => {
    const ips = await Promise.all(['server', 'client', 'ported'].map(ipOf));
    assert.equal(new Set(ips).size, 3);
    for (const container of ['a', 'b']) assert.match(await inside('server', container, 'ip', '-4', '-o', 'addr', 'show', 'dev', 'eth0'), new RegExp(` ${ips[0]}/`));
    const one = await house.pod('server');
    assert.deepEqual(one.status.podIPs!.filter(({ ip }) => ip.includes('.')), [{ ip: ips[0] }]);
  });

  test('C3 Pods and nodes reach a Pod without NAT: it sees who they are', async () => {
    const [server, client] = await Promise.all(['server', 'client'].map(ipOf));
    const url = `http://${server}:8080/cgi-bin/from`;
    assert.equal(await askInside('client', 'a', url), client);
    // Also itself, by its own address.
    assert.equal(await askInside('server', 'b', url), server);
    const gateway = server!.replace(/\d+$/, '1');
    assert.equal(await ask(server!, 8080), gateway, 'the node has its own address in the Pods’ network');
  });

  test('C3 an address is free again when its Pod is gone, and not before', async () => {
    const taken = new Set(await Promise.all(['server', 'client', 'ported'].map(ipOf)));
    for (let turn = 0; turn < 2; turn++) {
      await house.cluster.client.create(pods, pod('passing', [{ name: 'a' }], quick) as unknown as New<Pod>, signal);
      const ip = (await house.untilReady('passing')).status.podIP!;
      assert.ok(!taken.has(ip), ip);
      await house.kubectl('delete', 'pod', 'passing', '--now');
    }
  });

  test('C4 containers of a Pod reach each other on localhost and share its ports; other Pods have their own', async () => {
    assert.equal(await askInside('server', 'b', 'http://127.0.0.1:8080/cgi-bin/from'), '127.0.0.1');
    const second = await house.tryKubectl(['exec', 'server', '-c', 'b', '--', 'httpd', '-f', '-p', '8080']);
    assert.match(second.stderr, /Address already in use/);
    const none = await house.tryKubectl(['exec', 'client', '-c', 'a', '--', 'wget', '-qO-', 'http://127.0.0.1:8080/']);
    assert.match(none.stderr, /Connection refused/);
  });

  test('C4 a hostPort leads to the Pod from the node, over TCP and UDP, on the address that it names', async () => {
    const node = machineAddress();
    assert.match(await ask('127.0.0.1', tcpPort), /^\d+(\.\d+){3}$/);
    assert.match(await ask('127.0.0.1', localPort), /^\d+(\.\d+){3}$/);
    if (node !== '127.0.0.1') {
      assert.match(await ask(node, tcpPort), /^\d+(\.\d+){3}$/);
      await assert.rejects(ask(node, localPort), 'hostIP 127.0.0.1 is for nobody else');
      // Also from another Pod; the plugin answers for it, so that the way back leads through the node.
      assert.match(await askInside('client', 'a', `http://${node}:${tcpPort}/cgi-bin/from`), /^\d+(\.\d+){3}$/);
    }
    assert.equal(await udpEcho(mainProcess(house.dataDir, await house.pod('ported'), 'b'), udpPort), 'are you there?');
  });

  test('C4 a hostPort is closed when its Pod is gone', async () => {
    await house.kubectl('delete', 'pod', 'ported', '--now');
    await assert.rejects(ask('127.0.0.1', tcpPort));
    await house.cluster.client.create(pods, pod('next-on-port', [{ name: 'a', command: tells(9090), ports: [{ containerPort: 9090, hostPort: tcpPort }] }], quick) as unknown as New<Pod>, signal);
    await house.untilReady('next-on-port');
    await eventually('the port leads to the next Pod', () => ask('127.0.0.1', tcpPort).then(() => true, () => false));
  });

  test('a Pod with limits of bandwidth receives and sends no faster; a limit that is none is an event', async () => {
    const limits = (ingress: string, egress: string) => ({ 'kubernetes.io/ingress-bandwidth': ingress, 'kubernetes.io/egress-bandwidth': egress });
    const made = [
      pod('slow', [{ name: 'a', command: tells(8080), readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 } }], quick, undefined, limits('4M', '8M')),
      pod('wrong', [{ name: 'a' }], quick, undefined, limits('4M', '1')),
    ];
    await Promise.all(made.map((one) => house.cluster.client.create(pods, one as unknown as New<Pod>, signal)));
    const slow = await house.untilReady('slow');
    for (const name of ['server', 'slow']) await inside(name, 'a', 'dd', 'if=/dev/zero', 'of=/tmp/megabyte', 'bs=1000000', 'count=1');
    const secondsFor = async (from: string, to: string) => {
      const beganMs = performance.now();
      await inside(to, 'a', 'wget', '-qO/dev/null', `http://${await ipOf(from)}:8080/megabyte`);
      return (performance.now() - beganMs) / 1000;
    };
    // A megabyte is 8 Mbit, of which a tenth of a second's worth may come at once. Slower it may be, on a machine that is busy.
    const [received, sent] = [await secondsFor('server', 'slow'), await secondsFor('slow', 'client')];
    assert.ok(received > 1.8, `8 Mbit were received in ${received} s`);
    assert.ok(sent > 0.85, `8 Mbit were sent in ${sent} s`);
    const queues = async (one: Pod) => (await runProgram('nsenter', ['-t', String(mainProcess(house.dataDir, one, 'a')), '-n', 'tc', 'qdisc', 'show', 'dev', 'eth0'], {})).stdout;
    assert.match(await queues(slow), /^qdisc tbf .* rate 8Mbit burst 100000b lat 25ms/);
    assert.doesNotMatch(await queues(await house.pod('server')), /tbf/);
    await eventually('the event', async () => (await house.cluster.client.list(events, { namespace: 'default', fieldSelector: 'involvedObject.name=wrong' }, signal)).items.some(({ reason, message }) => reason === 'FailedCreatePodSandBox' && message === 'Failed to create pod sandbox: resource is unreasonably small (< 1kbit)'));
    await Promise.all(made.map(({ metadata: { name } }) => house.cluster.client.delete(pods, { namespace: 'default', name }, {}, signal)));
  });
});

/** An IPv4 address as a server of both kinds writes it: `[::ffff:10.0.0.1]`. */
function plain(address: string): string {
  return address.trim().replace(/^\[::ffff:(.*)\]$/, '$1');
}

/** No image here has a server of datagrams, so one is started beside the container's process, in its network. Sends until an answer comes. */
async function udpEcho(beside: number, port: number): Promise<string> {
  const program = "const s = require('dgram').createSocket('udp4'); s.on('message', (m, from) => s.send(m, from.port, from.address)); s.bind(5353)";
  const server = spawn('nsenter', ['--target', String(beside), '--net', process.execPath, '-e', program], { stdio: 'ignore' });
  const socket = createSocket('udp4');
  try {
    const answer = once(socket, 'message', { signal: AbortSignal.timeout(20_000) });
    let answered = false;
    answer.then(() => (answered = true), () => {});
    await Promise.race([answer, eventually('the port to answer', () => {
      socket.send('are you there?', port, '127.0.0.1');
      return answered;
    }, 20_000)]);
    return String((await answer)[0]);
  } finally {
    socket.close();
    server.kill();
    await once(server, 'exit');
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '0.0.0.0');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
