// C29: a client that calls a Service without pause, while all Pods behind it are replaced, loses not one request.
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { pods } from '../../src/api/kinds/pod.ts';
import { services } from '../../src/api/kinds/service.ts';
import { startRealCluster, type RealCluster } from '../support/real-cluster.ts';

const replicas = 5;
const fewestRequests = 5000;
const callers = 4;

const manifest = {
  apiVersion: 'v1', kind: 'List', items: [
    {
      apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' },
      spec: {
        replicas, selector: { matchLabels: { app: 'web' } },
        template: {
          metadata: { labels: { app: 'web' } },
          spec: {
            terminationGracePeriodSeconds: 30,
            containers: [{
              name: 'c', image: 'localhost/busybox', command: ['sh', '-c', 'mkdir /w; hostname > /w/index.html; exec httpd -f -p 8080 -h /w'],
              readinessProbe: { httpGet: { port: 8080 }, periodSeconds: 1 },
              lifecycle: { preStop: { sleep: { seconds: 3 } } },
            }],
          },
        },
      },
    },
    { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' }, spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }] } },
  ],
};

describe('C29 a rolling update', () => {
  let house: RealCluster;
  before(async () => {
    house = await startRealCluster();
    assert.equal((await house.tryKubectl(['apply', '-f', '-'], { input: JSON.stringify(manifest) })).code, 0);
    await house.kubectl('rollout', 'status', 'deployment/web', '--timeout=90s');
  });
  after(() => house?.[Symbol.asyncDispose]());

  test('C29 no request is refused, reset or left without an answer', async () => {
    const signal = AbortSignal.timeout(280_000);
    const { spec: { clusterIP } } = await house.cluster.client.get(services, { namespace: 'default', name: 'web' }, signal);
    const namesNow = async () => (await house.cluster.client.list(pods, { namespace: 'default', labelSelector: 'app=web' }, signal)).items.map(({ metadata }) => metadata.name);
    const old = new Set(await namesNow());
    const failures: string[] = [];
    const answeredBy = new Map<string, number>();
    let answered = 0;
    let isOver = false;
    const call = () => new Promise<void>((resolve) => {
      const failed = (error: Error) => (failures.push(`${answered}: ${error.message}`), resolve());
      const asking = request({ host: clusterIP, port: 80, agent: false, timeout: 20_000 }, (response) => {
        let who = '';
        response.setEncoding('utf8').on('data', (text: string) => (who += text)).on('error', failed).on('end', () => {
          answered++;
          answeredBy.set(who.trim(), (answeredBy.get(who.trim()) ?? 0) + 1);
          resolve();
        });
      });
      asking.on('error', failed).on('timeout', () => asking.destroy(new Error('no answer'))).end();
    });
    const calling = Array.from({ length: callers }, async () => {
      while (!isOver || answered < fewestRequests) await call();
    });
    await house.kubectl('patch', 'deployment', 'web', '-p', '{"spec":{"template":{"metadata":{"annotations":{"round":"2"}}}}}');
    await house.kubectl('rollout', 'status', 'deployment/web', '--timeout=120s');
    for (const name of old) await house.untilGone(name);
    isOver = true;
    await Promise.all(calling);
    console.log(`# ${answered} requests answered while ${replicas} Pods were replaced, ${failures.length} lost`);
    assert.deepEqual(failures, []);
    assert.ok(answered >= fewestRequests);
    const now = await namesNow();
    assert.ok(now.every((name) => !old.has(name)) && now.length === replicas);
    assert.ok(now.some((name) => answeredBy.has(name)) && [...old].some((name) => answeredBy.has(name)), 'old and new Pods have answered');
  });
});
