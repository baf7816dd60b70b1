// C24 what nodes and Pods use, as `kubectl top` old and new asks for it, and the pages of the node and of the API server.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { readExposition } from '../support/exposition.ts';
import { pod } from '../support/manifests.ts';
import { eventually, startRealCluster, type KubectlVersion, type RealCluster } from '../support/real-cluster.ts';

const quick = { terminationGracePeriodSeconds: 1 };

interface PodMetrics { metadata: { name: string }; timestamp: string; window: string; containers: { name: string; usage: { cpu: string; memory: string } }[] }

describe('C24 metrics', () => {
  let house: RealCluster;
  const raw = (path: string) => house.kubectl('get', '--raw', path);
  const page = (path: string) => raw(`/api/v1/nodes/${house.cluster.nodeName}/proxy/${path}`);
  const attempt = (version: KubectlVersion, ...args: string[]) => house.tryKubectl(args, { version });

  before(async () => {
    house = await startRealCluster();
    const probe = { exec: { command: ['true'] }, periodSeconds: 1 };
    const items = [
      pod('busy', [{ command: ['sh', '-c', 'while :; do :; done'], resources: { limits: { cpu: '200m' } } }, {}], quick, { app: 'busy' }),
      pod('probed', [{ readinessProbe: probe }], quick),
    ];
    const made = await house.tryKubectl(['create', '-f', '-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }) });
    assert.equal(made.code, 0, made.stderr);
    await house.untilReady('busy');
    await house.untilReady('probed');
  });
  after(() => house?.[Symbol.asyncDispose]());

  test('C24 a Pod that has just begun is not told of', async () => {
    assert.match((await attempt('1.36', 'get', '--raw', '/apis/metrics.k8s.io/v1beta1/namespaces/default/pods/probed')).stderr, /podmetrics\.metrics\.k8s\.io "default\/probed" not found/);
    assert.match((await attempt('1.20', 'top', 'pod', 'nowhere')).stderr, /\(NotFound\): pods "nowhere" not found/);
  });

  test('C24 the Pod that is busy uses what it is given, by cumulative counts over a window', async () => {
    let found: PodMetrics | undefined;
    await eventually('the busy Pod is told of', async () => {
      const ran = await house.tryKubectl(['get', '--raw', '/apis/metrics.k8s.io/v1beta1/namespaces/default/pods?labelSelector=app%3Dbusy']);
      found = (JSON.parse(ran.stdout) as { items: PodMetrics[] }).items[0];
      return found !== undefined;
    }, 60_000);
    assert.deepEqual(found!.containers.map(({ name }) => name), ['c0', 'c1']);
    const nanoCores = (cpu: string) => (cpu.endsWith('n') ? Number(cpu.slice(0, -1)) : cpu.endsWith('u') ? Number(cpu.slice(0, -1)) * 1e3 : cpu.endsWith('m') ? Number(cpu.slice(0, -1)) * 1e6 : Number(cpu) * 1e9);
    const [busy, idle] = found!.containers.map(({ usage }) => nanoCores(usage.cpu));
    // It has a fifth of a core, and a loaded machine gives it less.
    assert.ok(busy! > 1e6 && busy! < 3e8 && idle! < busy!, JSON.stringify(found));
    assert.match(found!.window, /^[\d.]+s$/);
    assert.match(found!.containers[1]!.usage.memory, /^\d+Ki$|^\d+Mi$/);
  });

  for (const version of ['1.20', '1.36'] as const) {
    test(`C24 kubectl ${version} top`, async () => {
      assert.match((await attempt(version, 'top', 'nodes')).stdout, new RegExp(`^${house.cluster.nodeName} +\\d+m +\\d+% +\\d+Mi +\\d+%`, 'm'));
      assert.match((await attempt(version, 'top', 'pods', '-A')).stdout, /^default +busy +\d+m +\d+Mi/m);
      assert.match((await attempt(version, 'top', 'pod', 'busy', '--containers')).stdout, /^busy +c1 +\d+m +\d+Mi/m);
      assert.match((await attempt(version, 'top', 'pods', '-l', 'app=none')).stderr, /No resources found/);
    });
  }

  test('C24 the Summary, the pages of counts, and what else a kubelet serves', async () => {
    const summary = JSON.parse(await page('stats/summary')) as { node: { nodeName: string; cpu: { usageNanoCores: number } }; pods: { podRef: { name: string }; containers: { name: string }[]; cpu: { usageCoreNanoSeconds: number }; network: { rxBytes: number } }[] };
    assert.equal(summary.node.nodeName, house.cluster.nodeName);
    assert.ok(summary.node.cpu.usageNanoCores > 0);
    const busy = summary.pods.find(({ podRef }) => podRef.name === 'busy')!;
    assert.ok(busy.cpu.usageCoreNanoSeconds > 0 && busy.network.rxBytes >= 0 && busy.containers.length === 2);
    assert.match(await page('metrics/resource'), /^container_cpu_usage_seconds_total\{container="c0",namespace="default",pod="busy"\} [\d.]+ \d+$/m);
    assert.match(await page('metrics/cadvisor'), /^container_network_receive_bytes_total\{.*pod="busy".*interface="eth0"\} \d+/m);
    assert.match(await page('metrics/probes'), /^prober_probe_total\{container="c0",namespace="default",pod="probed",pod_uid="[-\w]+",probe_type="Readiness",result="successful"\} \d+$/m);
    for (const path of ['metrics', 'metrics/probes', 'metrics/resource', 'metrics/cadvisor']) assert.ok(readExposition(await page(path)).size > 0, path);
    assert.match(await page('metrics'), /^kubelet_running_pods 2$/m);
    assert.equal(await page('healthz'), 'ok');
    assert.equal((JSON.parse(await page('configz')) as { kubeletconfig: { maxPods: number } }).kubeletconfig.maxPods, 110);
    assert.equal((JSON.parse(await page('pods')) as { items: object[] }).items.length, 2);
    assert.match(await page('logs/pods/'), /href="default_busy_/);
    assert.match((await attempt('1.36', 'get', '--raw', `/api/v1/nodes/${house.cluster.nodeName}/proxy/logs/pods/..%2f..%2f..%2fcluster.json`)).stderr, /NotFound|not found/);
  });

  test('C24 none of it without leave', async () => {
    const stranger = ['--as', 'stranger'];
    assert.match((await attempt('1.36', 'top', 'nodes', ...stranger)).stderr, /nodes\.metrics\.k8s\.io is forbidden: User "stranger" cannot list resource "nodes" in API group "metrics\.k8s\.io" at the cluster scope/);
    assert.match((await attempt('1.36', 'get', '--raw', `/api/v1/nodes/${house.cluster.nodeName}/proxy/metrics`, ...stranger)).stderr, /cannot get resource "nodes\/proxy"/);
  });

  test('C24 the API server’s own counts', async () => {
    const text = await raw('/metrics');
    for (const line of [/^apiserver_request_total\{code="201",.*resource="pods",.*verb="POST",version="v1"\} [1-9]/m, /^apiserver_request_duration_seconds_bucket\{.*resource="pods",.*le="\+Inf"\} [1-9]/m, /^apiserver_current_inflight_requests\{request_kind="readOnly"\} [1-9]/m, /^apiserver_storage_objects\{resource="pods"\} 2$/m, /^workqueue_adds_total\{name="garbage-collector"\} /m, /^process_cpu_seconds_total [\d.]+$/m]) assert.match(text, line);
  });
});
