// (b) API rates over HTTPS, driven by wrk (one thread, 32 connections), and how far watchers lag behind.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { configMaps } from '../src/api/kinds/config-map.ts';
import { namespaces } from '../src/api/kinds/namespace.ts';
import { findProgram } from '../src/cluster/requirements.ts';
import { startBareServer } from './bare-server.ts';
import type { Figure } from './main.ts';
import { percentile } from './statistics.ts';
import type { Subject } from './subject.ts';

const seconds = 5;
const namespace = 'bench';
const signal = new AbortController().signal;
const payload = 'x'.repeat(1900);

export async function benchApi(subject: Subject): Promise<Figure[]> {
  await subject.client.create(namespaces, { metadata: { name: namespace }, spec: {} }, signal);
  const one = await subject.client.create(configMaps, { metadata: { name: 'one', namespace }, data: { payload } }, signal);
  const collection = `/api/v1/namespaces/${namespace}/configmaps`;
  await using bareServer = await startBareServer(subject.dataDir, Buffer.from(JSON.stringify(one)));
  const bare = await wrk(subject, '/', 'get', seconds, 32, bareServer.url);
  const get = await wrk(subject, `${collection}/one`, 'get');
  const create = await wrk(subject, collection, 'create');
  const patch = await wrk(subject, collection, 'patch');
  const remove = await wrk(subject, collection, 'delete', 2);
  await subject.client.transport.call({ verb: 'deletecollection', resource: configMaps, namespace, options: {} }, signal);
  const lag = await watchLag(subject);
  await subject.client.transport.call({ verb: 'deletecollection', resource: configMaps, namespace, options: {} }, signal);
  for (let n = 0; n < 5000; n += 50) {
    await Promise.all(Array.from({ length: 50 }, (_, k) => subject.client.create(configMaps, { metadata: { name: `list-${n + k}`, namespace }, data: { payload } }, signal)));
  }
  const list = await wrk(subject, collection, 'get', seconds, 4);
  await subject.client.delete(namespaces, { namespace: '', name: namespace }, {}, signal);
  const rate = (name: string, result: Wrk): Figure => ({ name, value: result.perSecond, unit: '/s', ...(result.failed ? { note: `${result.failed} FAILED` } : {}) });
  return [
    { ...rate('api: a bare server', bare), note: 'HTTPS in Node.js that answers the same bytes, just before' },
    rate('api: get', get),
    { name: 'api: get to bare', value: get.perSecond / bare.perSecond, unit: '×' },
    rate('api: create 2 KB, durable', create),
    rate('api: merge patch', patch),
    rate('api: delete', remove),
    { name: 'api: list 5,000 × 2 KB', value: list.bytesPerSecond / 1e6, unit: 'MB/s' },
    { name: 'api: watch lag p50', value: percentile(lag, 0.5), unit: 'ms', note: `10 watchers, ${lag.length} events, from the create's sending` },
    { name: 'api: watch lag p99', value: percentile(lag, 0.99), unit: 'ms' },
  ];
}

interface Wrk {
  readonly perSecond: number;
  readonly bytesPerSecond: number;
  readonly failed: number;
}

/** `names`: what those begin with that the script makes or changes. */
export async function wrk(subject: Pick<Subject, 'server' | 'token'>, path: string, script: 'get' | 'create' | 'patch' | 'delete', forSeconds = seconds, connections = 32, server = subject.server, names = 'c'): Promise<Wrk> {
  if (!findProgram('wrk')) await promisify(execFile)('apt-get', ['install', '-y', '--no-install-recommends', 'wrk']);
  const lua = fileURLToPath(new URL(`wrk/${script}.lua`, import.meta.url));
  const { stdout } = await promisify(execFile)('wrk', ['-t1', `-c${connections}`, `-d${forSeconds}s`, '-s', lua, server + path, '--', subject.token, path, names]);
  const result = /RESULT (\d+) (\d+) (\d+) (\d+)/.exec(stdout);
  if (!result) throw new Error(`wrk said: ${stdout}`);
  const [requests, microseconds, bytes, failed] = result.slice(1).map(Number) as [number, number, number, number];
  return { perSecond: requests / (microseconds / 1e6), bytesPerSecond: bytes / (microseconds / 1e6), failed };
}

/** Creates at a steady rate; the watchers live in a thread of their own, so that the creating does not delay them. */
async function watchLag(subject: Subject): Promise<number[]> {
  const worker = new Worker(new URL('watchers.ts', import.meta.url), {
    workerData: { server: subject.server, token: subject.token, path: `/api/v1/namespaces/${namespace}/configmaps`, watchers: 10 },
  });
  await new Promise((resolve) => worker.once('message', resolve));
  const perTick = 10;
  for (let tick = 0; tick < 300; tick++) {
    const started = performance.now();
    await Promise.all(Array.from({ length: perTick }, (_, n) => {
      const sentAt = String(performance.timeOrigin + performance.now());
      return subject.client.create(configMaps, { metadata: { name: `lag-${tick}-${n}`, namespace, annotations: { sentAt } }, data: { payload } }, signal);
    }));
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, 10 - (performance.now() - started))));
  }
  const done = new Promise<number[]>((resolve) => worker.once('message', resolve));
  worker.postMessage('stop');
  const lags = await done;
  await worker.terminate();
  return lags;
}
