// C24 exec, attach, cp and port-forward with stock kubectl old and new, over SPDY and over WebSockets, as people use them.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import type { Pod } from '../../src/api/types.ts';
import { flavours, startKubectl, type Flavour, type KubectlProcess } from '../support/kubectl-process.ts';
import { pod } from '../support/manifests.ts';
import { eventually, mainProcess, startRealCluster, type RealCluster } from '../support/real-cluster.ts';

/** Serves a file at 8080; the other container echoes at 9000, by the machine's own Node.js: busybox' nc keeps but one waiting. */
const servers = 'mkdir -p /www; echo hello > /www/index.html; httpd -p 8080 -h /www; ';
const echo = ['chroot', '/host', process.execPath, '-e', 'require("net").createServer({ allowHalfOpen: true }, (s) => s.on("error", () => {}).pipe(s)).listen(9000, () => console.log("listens"))'];
const stays = 'trap "exit 0" TERM; sleep 3600 & wait $!';
const quick = { terminationGracePeriodSeconds: 1 };
const megabytes = 100;

let house: RealCluster;
let served: Pod;
const running: KubectlProcess[] = [];
const folder = mkdtempSync(join(tmpdir(), 'c24-'));

before(async () => {
  house = await startRealCluster();
  const once = flavours.map((_, n) => pod(`once-${n}`, [{ stdin: true, stdinOnce: true, command: ['sh', '-c', 'cat; echo "end of input"'] }], { ...quick, restartPolicy: 'Never' }));
  const items = [
    pod('served', [
      { command: ['sh', '-c', servers + stays] },
      { command: echo, volumeMounts: [{ name: 'host', mountPath: '/host', readOnly: true }], readinessProbe: { tcpSocket: { port: 9000 }, periodSeconds: 1 } },
    ], { ...quick, volumes: [{ name: 'host', hostPath: { path: '/' } }] }, { app: 'served' }),
    pod('ended', [{ command: ['true'] }], { ...quick, restartPolicy: 'Never' }),
    pod('no-image', [{ image: 'localhost/none' }], quick),
    pod('shell', [{ stdin: true, tty: true, command: ['sh'] }], quick),
    ...once,
    { apiVersion: 'v1', kind: 'Service', metadata: { name: 'served' }, spec: { selector: { app: 'served' }, ports: [{ name: 'web', port: 80, targetPort: 8080 }, { name: 'echo', port: 90, targetPort: 9000 }] } },
  ];
  const made = await house.tryKubectl(['create', '-f', '-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }) });
  assert.equal(made.code, 0, made.stderr);
  served = await house.untilReady('served');
  for (const name of ['shell', 'once-0', 'once-1', 'once-2']) await house.untilReady(name);
  await house.untilPod('ended', (now) => now?.status.phase === 'Succeeded');
});
after(async () => {
  for (const { child } of running) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
  await house?.[Symbol.asyncDispose]();
});

function start(flavour: Flavour, args: readonly string[], terminal?: Parameters<typeof startKubectl>[3]): KubectlProcess {
  const started = startKubectl(house, flavour, args, terminal);
  running.push(started);
  return started;
}

/** With its standard input, which is then closed. */
function run(flavour: Flavour, args: readonly string[], input: string | Buffer = '') {
  const started = start(flavour, args);
  started.child.stdin.end(input);
  return started.ended;
}

/** Local ports by those of the Pod, and the process that forwards them. */
async function forward(flavour: Flavour, target: string, ...ports: number[]): Promise<{ forwarding: KubectlProcess; local: (port: number) => number }> {
  const forwarding = start(flavour, ['port-forward', '--address', '127.0.0.1', target, ...ports.map((port) => `:${port}`)]);
  const [found] = await forwarding.until(new RegExp(`(Forwarding from 127.0.0.1:\\d+ -> \\d+\\s+){${ports.length}}`));
  const local = new Map([...found.matchAll(/:(\d+) -> (\d+)/g)].map(([, here, there]) => [Number(there), Number(here)]));
  return { forwarding, local: (port) => local.get(port)! };
}

/** Sends all, reads until the other side closes; `read`: so many bytes are enough. */
async function exchange(port: number, data: Buffer, read: number): Promise<{ bytes: number; sha256: string }> {
  const socket: Socket = connect(port, '127.0.0.1');
  const hash = createHash('sha256');
  let bytes = 0;
  socket.write(data);
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    hash.update(chunk);
    bytes += chunk.length;
    if (bytes >= read) break;
  }
  socket.destroy();
  return { bytes, sha256: hash.digest('hex') };
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

const big = randomBytes(megabytes * 1_000_000);

flavours.forEach((flavour, index) => {
  describe(`C24 ${flavour.name}`, () => {
    test('C24 exec: input that ends, both outputs, exit codes, and what cannot be run', async () => {
      const both = await run(flavour, ['exec', '-i', 'served', '-c', 'c0', '--', 'sh', '-c', 'cat; echo wrong >&2; exit 7'], 'in and out\n');
      assert.deepEqual([both.code, both.stdout, both.stderr.trim()], [7, 'in and out\n', 'wrong\ncommand terminated with exit code 7']);
      assert.match((await run(flavour, ['exec', 'served', '-c', 'c0', '--', 'no-such-command'])).stderr, /exec: "no-such-command": executable file not found in \$PATH/);
      assert.match((await run(flavour, ['exec', 'served', '-c', 'none', '--', 'true'])).stderr, /container (name )?none is not valid for pod served/);
      assert.equal((await run(flavour, ['exec', 'nowhere', '--', 'true'])).stderr.trim(), 'Error from server (NotFound): pods "nowhere" not found');
      const waiting = await run(flavour, ['exec', 'no-image', '--', 'true']);
      const refusal = flavour.name.includes('SPDY') ? 'error: unable to upgrade connection: container not found ("c0")' : 'error: Internal error occurred: unable to upgrade connection: container not found ("c0")';
      assert.deepEqual([waiting.code, waiting.stderr.trim()], [1, refusal]);
      assert.match((await run(flavour, ['exec', 'ended', '--', 'true'])).stderr, /cannot exec into a container in a completed pod; current phase is Succeeded|unable to upgrade connection: container not found/);
    });

    test('C24 exec: a terminal, its size, and that it changes', async () => {
      const resize = join(folder, `resize-${index}`);
      const wait = 'while [ "$(stty size)" = "41 101" ]; do sleep 0.1; done';
      const shell = start(flavour, ['exec', '-it', 'served', '-c', 'c0', '--', 'sh', '-c', `until [ "$(stty size)" = "41 101" ]; do sleep 0.1; done; tty; stty size; ${wait}; stty size; exit 5`], {
        rows: 41, columns: 101, before: `(while ! [ -e ${resize} ]; do sleep 0.1; done; stty -F /dev/tty rows 50 cols 120) &`,
      });
      await shell.until(/\/dev\/pts\/\d+\r?\n41 101/);
      writeFileSync(resize, '');
      await shell.until(/50 120/);
      assert.equal((await shell.ended).code, 5);
    });

    test('C24 exec: a client that is killed leaves nothing behind', async () => {
      const marker = `left-${index}`;
      const sleeping = () => processes(served).filter((line) => line.includes(marker)).length;
      const cat = start(flavour, ['exec', '-i', 'served', '-c', 'c0', '--', 'sh', '-c', `echo begun; cat; : ${marker}`]);
      await cat.until(/begun/);
      // What it starts is still called as itself for a moment.
      await eventually('the command to be there, once', () => sleeping() === 1);
      cat.child.kill('SIGKILL');
      await eventually('the command saw the end of its input', () => sleeping() === 0);
    });

    test('C24 attach: input once, to the end; a terminal that goes on', async () => {
      const attached = await run(flavour, ['attach', '-i', `once-${index}`, '-c', 'c0'], 'said once\n');
      assert.equal(attached.code, 0, attached.stderr);
      await house.untilPod(`once-${index}`, (now) => now?.status.phase === 'Succeeded');
      assert.equal(await house.kubectl('logs', `once-${index}`), 'said once\nend of input\n');
      const shell = start(flavour, ['attach', '-it', 'shell'], { rows: 30, columns: 90 });
      await shell.until(/If you don't see a command prompt/);
      shell.child.stdin.write(`echo $((${index}+40))\r`);
      await shell.until(new RegExp(`^${index + 40}`, 'm'));
      shell.child.kill('SIGKILL');
      assert.match((await run(flavour, ['attach', 'nowhere'])).stderr, /pods "nowhere" not found/);
      assert.match((await run(flavour, ['attach', 'ended'])).stderr, /cannot attach a container in a completed pod; current phase is Succeeded/);
    });

    test('C24 cp both ways, files and directories', async () => {
      const file = join(folder, `file-${index}`);
      writeFileSync(file, randomBytes(300_000));
      assert.equal((await run(flavour, ['cp', file, `served:/tmp/copy-${index}`, '-c', 'c0'])).code, 0);
      assert.equal((await run(flavour, ['exec', 'served', '-c', 'c0', '--', 'sh', '-c', `mkdir -p /tmp/d-${index}/sub; mv /tmp/copy-${index} /tmp/d-${index}/sub/back`])).code, 0);
      const copied = await run(flavour, ['cp', `default/served:tmp/d-${index}`, join(folder, `out-${index}`), '-c', 'c0']);
      assert.equal(copied.code, 0, copied.stderr);
      assert.equal(sha256(readFileSync(join(folder, `out-${index}`, 'sub', 'back'))), sha256(readFileSync(file)));
    });

    test(`C24 ${megabytes} MB through exec, there and back`, async () => {
      const there = await run(flavour, ['exec', '-i', 'served', '-c', 'c0', '--', 'sh', '-c', 'cat > /tmp/big; sha256sum < /tmp/big'], big);
      assert.equal(there.stdout.split(' ')[0], sha256(big), there.stderr);
      const back = startKubectl(house, flavour, ['exec', 'served', '-c', 'c0', '--', 'cat', '/tmp/big']);
      const hash = createHash('sha256');
      back.child.stdout.removeAllListeners('data');
      back.child.stdout.on('data', (chunk: Buffer) => hash.update(chunk));
      assert.equal((await back.ended).code, 0);
      assert.equal(hash.digest('hex'), sha256(big));
    });

    test(`C24 port-forward: several ports, a Service, ${megabytes} MB there and back, a hundred connections, one that is refused`, async () => {
      const { forwarding, local } = await forward(flavour, 'pod/served', 8080, 9000, 7777);
      assert.equal(await (await fetch(`http://127.0.0.1:${local(8080)}/`)).text(), 'hello\n');
      assert.deepEqual(await exchange(local(9000), big, big.length), { bytes: big.length, sha256: sha256(big) });
      const small = Array.from({ length: 100 }, () => randomBytes(20_000));
      const echoed = await Promise.all(small.map((bytes) => exchange(local(9000), bytes, bytes.length)));
      assert.deepEqual(echoed, small.map((bytes) => ({ bytes: bytes.length, sha256: sha256(bytes) })));
      const taken = await run(flavour, ['port-forward', '--address', '127.0.0.1', 'pod/served', `${local(8080)}:8080`]);
      assert.equal(taken.code, 1);
      assert.match(taken.stderr, /address already in use/);
      assert.equal(await text(connect(local(7777), '127.0.0.1').on('error', () => {})).catch(() => ''), '');
      await forwarding.until(/error forwarding port 7777 to pod served, uid [-\w]+: .*[Cc]onnection refused/);
      forwarding.child.kill('SIGINT');
      const service = await forward(flavour, 'service/served', 80);
      assert.equal(await (await fetch(`http://127.0.0.1:${service.local(8080)}/`)).text(), 'hello\n');
      service.forwarding.child.kill('SIGINT');
    });
  });
});

/** The command lines of the processes that share the Pod's network. */
function processes(of: Pod): string[] {
  const pid = mainProcess(house.dataDir, of, 'c0');
  const namespace = readFileSync(`/proc/${pid}/cgroup`, 'utf8').split('\n').find((line) => line.includes('memory') || line.startsWith('0::'))!.split(':')[2]!;
  const root = readFileSync('/proc/mounts', 'utf8').includes(' /sys/fs/cgroup/memory ') ? '/sys/fs/cgroup/memory' : '/sys/fs/cgroup';
  return readFileSync(`${root}${namespace}/cgroup.procs`, 'utf8').trim().split('\n').flatMap((one) => {
    try {
      return [readFileSync(`/proc/${one}/cmdline`, 'utf8').replaceAll('\0', ' ')];
    } catch {
      return [];
    }
  });
}
