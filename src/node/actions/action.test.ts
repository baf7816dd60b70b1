import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { systemClock as clock } from '../../base/clock.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import { containersOf } from '../pod/containers.ts';
import { container, pod } from '../testing/pods.ts';
import { perform, type ActionTarget, type Handler } from './action.ts';

const signal = new AbortController().signal;
let port = 0;
const server = createServer((request, response) => {
  if (request.url === '/away') return void response.writeHead(302, { location: '/?ok' }).end();
  if (request.url === '/abroad') return void response.writeHead(302, { location: 'http://example.com/' }).end('elsewhere');
  if (request.url === '/round') return void response.writeHead(302, { location: '/round' }).end();
  if (request.url === '/never') return;
  const ok = request.url?.includes('ok') && request.headers['user-agent'] === 'kube-probe/1.36';
  response.writeHead(ok ? 200 : 500).end(String(request.headers['x-own']));
});
before(() => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => ((port = (server.address() as AddressInfo).port), resolve()))));
after(() => server.closeAllConnections());
after(() => server.close());

function act(handler: Handler, timeoutMs = 60_000, exec?: Runtime['exec']) {
  const of = pod({ containers: [container('app', { ports: [{ name: 'http', containerPort: port }] })] });
  const target = { runtime: { exec } as Runtime, clock, pod: of, container: containersOf(of).app[0]!, containerId: 'c', podIP: '127.0.0.1' } satisfies ActionTarget;
  return perform(handler, target, timeoutMs, 'kube-probe/1.36', signal);
}

test('httpGet: status decides, headers are sent, a port may be named', async () => {
  assert.deepEqual(await act({ httpGet: { path: '/?ok', port: 'http' as never, httpHeaders: [{ name: 'X-Own', value: 'v' }] } }), { outcome: 'success', output: 'v' });
  assert.deepEqual(await act({ httpGet: { path: '/', port: port as never } }), { outcome: 'failure', output: 'HTTP probe failed with statuscode: 500' });
  assert.equal((await act({ httpGet: { path: '/away', port: port as never } })).outcome, 'success');
  assert.deepEqual(await act({ httpGet: { path: '/abroad', port: port as never } }), { outcome: 'success', isDoubtful: true, output: 'Probe terminated redirects, Response body: elsewhere' });
  assert.deepEqual(await act({ httpGet: { path: '/round', port: port as never } }), { outcome: 'failure', output: `Get "http://127.0.0.1:${port}/round": stopped after 10 redirects` });
  assert.equal((await act({ httpGet: { path: '/', port: 'nothing' as never } })).outcome, 'unknown');
});

test('httpGet: who does not answer, or does not listen', async () => {
  assert.deepEqual(await act({ httpGet: { path: '/never', port: port as never } }, 50), { outcome: 'failure', output: `Get "http://127.0.0.1:${port}/never": context deadline exceeded (Client.Timeout exceeded while awaiting headers)` });
  assert.deepEqual(await act({ httpGet: { path: '/', port: 1 as never } }), { outcome: 'failure', output: 'Get "http://127.0.0.1:1/": dial tcp 127.0.0.1:1: connect: connection refused' });
});

test('tcpSocket', async () => {
  assert.equal((await act({ tcpSocket: { port: port as never } })).outcome, 'success');
  assert.deepEqual(await act({ tcpSocket: { port: 1 as never } }), { outcome: 'failure', output: 'dial tcp 127.0.0.1:1: connect: connection refused' });
});

test('exec: the exit code decides, the output is kept, time is limited', async () => {
  const prints = (code: number): Runtime['exec'] => async (_id, _command, { stdout }) => (stdout!.write('words'), code);
  assert.deepEqual(await act({ exec: { command: ['x'] } }, 60_000, prints(0)), { outcome: 'success', output: 'words' });
  assert.deepEqual(await act({ exec: { command: ['x'] } }, 60_000, prints(1)), { outcome: 'failure', output: 'words' });
  assert.deepEqual(await act({ exec: { command: ['x', 'y'] } }, 50, () => new Promise(() => {})), { outcome: 'failure', output: 'command timed out: "x y" timed out after 0.05s' });
  assert.equal((await act({ exec: { command: ['x'] } }, 50, () => Promise.reject(new Error('down')))).outcome, 'unknown');
});
