import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import type { LifecycleHandler } from '../../api/types.ts';
import { VirtualClock } from '../../base/virtual-clock.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import { containersOf } from '../pod/containers.ts';
import { container, pod } from '../testing/pods.ts';
import { runHook } from './run-hook.ts';

const signal = new AbortController().signal;
const asked: string[] = [];
let server: Server;
let port = 0;
before(() => new Promise<void>((resolve) => {
  server = createServer((request, response) => {
    asked.push(`${request.url} ${request.headers['user-agent']} ${request.headers['x-own'] ?? ''}`.trim());
    response.writeHead(request.url === '/bad' ? 500 : 200).end();
  }).listen(0, '127.0.0.1', () => ((port = (server.address() as AddressInfo).port), resolve()));
}));
after(() => (server.closeAllConnections(), void server.close()));

async function run(handler: LifecycleHandler, exec?: Runtime['exec'], clock = new VirtualClock()): Promise<string[]> {
  const told: string[] = [];
  const of = pod({ containers: [container('app', { ports: [{ name: 'http', containerPort: port }] })] });
  const target = { runtime: { exec } as Runtime, clock, pod: of, container: containersOf(of).app[0]!, containerId: 'c', podIP: '127.0.0.1' };
  const events = { event: (_about: unknown, type: string, reason: string, message: string) => void told.push(`${type} ${reason} ${message}`), flush: async () => {} };
  await runHook(handler, target, events, signal);
  return told;
}

test('exec: the exit code decides', async () => {
  await run({ exec: { command: ['x'] } }, async () => 0);
  await assert.rejects(run({ exec: { command: ['x'] } }, async (_id, _command, { stdout }) => (stdout!.write('why'), 4)), { name: 'HookError', message: 'why' });
});

test('httpGet: any answer will do; who does not answer fails', async () => {
  await run({ httpGet: { path: '/bad', port: 'http' as never, httpHeaders: [{ name: 'X-Own', value: 'v' }] } });
  assert.equal(asked.pop(), '/bad kube-lifecycle/1.36 v');
  await assert.rejects(run({ httpGet: { path: '/', port: 1 as never } }), /^HookError: Get "http:\/\/127.0.0.1:1\/": dial tcp 127.0.0.1:1: connect: connection refused$/);
  await assert.rejects(run({ httpGet: { path: '/', port: 'none' as never } }), /couldn't find port: none/);
});

test('httpGet over TLS of a server that speaks none: asked in plain, and told', async () => {
  const told = await run({ httpGet: { path: '/plain', port: 'http' as never, scheme: 'HTTPS' } });
  assert.deepEqual(told, [`Warning LifecycleHTTPFallback request to HTTPS lifecycle hook 127.0.0.1:${port} got HTTP response, retry with HTTP succeeded`]);
  assert.equal(asked.pop(), '/plain kube-lifecycle/1.36');
});

test('sleep takes its time and no more; tcpSocket fails, as the API says', async () => {
  const clock = new VirtualClock();
  let slept = false;
  const sleeping = run({ sleep: { seconds: 30 } }, undefined, clock).then(() => (slept = true));
  await clock.advance(29_999);
  assert.equal(slept, false);
  await clock.advance(1);
  await sleeping;
  await assert.rejects(run({ tcpSocket: { port: 80 as never } }), /cannot run handler/);
});
