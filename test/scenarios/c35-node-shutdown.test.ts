// C35: a node that is set to, and is told to stop, ends its Pods first: ordinary ones, then critical ones, each within its time.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, before, describe, test } from 'node:test';
import { nodes } from '../../src/api/kinds/node.ts';
import { pods } from '../../src/api/kinds/pod.ts';
import type { Pod } from '../../src/api/types.ts';
import { clientFor } from '../../src/cluster/client-for.ts';
import { clockMs, Endings, type Behaviour } from '../support/endings.ts';
import { eventually, runProgram } from '../support/real-cluster.ts';

const peapod = fileURLToPath(new URL('../../peapod', import.meta.url));
const signal = new AbortController().signal;

describe('C35 the shutdown of a node', () => {
  let dataDir: string;
  let endings: Endings;
  let connection: ReturnType<typeof clientFor>;
  let pid: number;
  const up = async () => {
    const ran = await runProgram(peapod, ['up', '--data-dir', dataDir, '--detach', '--shutdown-grace-period', '7s', '--shutdown-grace-period-critical-pods', '3s'], {});
    assert.equal(ran.code, 0, ran.stderr);
    pid = (JSON.parse(readFileSync(join(dataDir, 'instance.json'), 'utf8')) as { pid: number }).pid;
  };
  const create = async (name: string, behaviour: Behaviour, spec: object = {}) => {
    const container = endings.container(name, 'c', behaviour);
    await connection.client.create(pods, { metadata: { name, namespace: 'default' }, spec: { volumes: endings.volumes, ...spec, containers: [container] } } as never, signal);
  };
  const all = async () => new Map((await connection.client.list(pods, { namespace: 'default' }, signal)).items.map((pod): [string, Pod] => [pod.metadata.name, pod]));

  before(async () => {
    dataDir = mkdtempSync(join(process.env['PEAPOD_TEST_DIR'] ?? tmpdir(), 'peapod-'));
    await up();
    connection = clientFor(join(dataDir, 'admin.kubeconfig'));
    endings = new Endings(connection.client, dataDir);
  });
  after(async () => {
    await endings?.[Symbol.asyncDispose]();
    await connection?.[Symbol.asyncDispose]();
    const ran = await runProgram(peapod, ['down', '--data-dir', dataDir, '--purge'], {});
    assert.equal(ran.code, 0, ran.stderr);
    rmSync(dataDir, { recursive: true, force: true });
  });

  test('C35 ordinary Pods end first, critical ones last; then it stops, and tells of it when it is back', async () => {
    await create('quick', { term: 'ends' });
    await create('ignoring', { term: 'ignores' }, { terminationGracePeriodSeconds: 600 });
    await create('critical', { term: 'ends' }, { priorityClassName: 'system-node-critical' });
    await create('critical-ignoring', { term: 'ignores' }, { priorityClassName: 'system-cluster-critical', terminationGracePeriodSeconds: 600 });
    const names = ['quick', 'ignoring', 'critical', 'critical-ignoring'];
    for (const name of names) await endings.until(name, 'Ready');
    for (const name of names) endings.watchProcesses(name, (await all()).get(name)!);
    for (const name of names) endings.note(name, 'asked');
    process.kill(pid, 'SIGTERM');

    const nodeName = [...(await all()).values()][0]!.spec.nodeName!;
    await eventually('the node not to be ready', async () => (await connection.client.get(nodes, { namespace: '', name: nodeName }, signal)).status.conditions!.some(({ type, status, message }) => type === 'Ready' && status === 'False' && message === 'node is shutting down'));
    await create('late', { term: 'ends' }, { nodeName });
    await eventually('the late one to be refused', async () => (await all()).get('late')?.status.reason === 'NodeShutdown');
    await eventually('Peapod to stop', () => !existsSync(`/proc/${pid}`), 60_000);

    for (const name of names) await endings.until(name, 'c process gone');
    const at = (name: string, what: string) => endings.after(name, what);
    const stories = () => names.map((name) => `${name}\n${endings.story(name)}`).join('\n');
    for (const name of ['quick', 'ignoring']) assert.ok(at(name, 'c TERM') < at('critical', 'c TERM'), stories());
    assert.ok(at('ignoring', 'c process gone') >= 4000 - clockMs, stories());
    assert.ok(at('critical', 'c TERM') >= 4000 - clockMs, stories());
    assert.ok(at('critical-ignoring', 'c process gone') >= 7000 - clockMs, stories());
    assert.equal(endings.of('late').some(({ what }) => what === 'c starts'), false);

    await up();
    const found = await all();
    for (const name of names) {
      const { status } = found.get(name)!;
      assert.deepEqual([status.phase, status.reason, status.message], ['Failed', 'Terminated', 'Pod was terminated in response to imminent node shutdown.'], name);
      assert.ok(status.conditions!.some(({ type, status: is, reason }) => type === 'DisruptionTarget' && is === 'True' && reason === 'TerminationByKubelet'), name);
    }
    await create('next', { term: 'ends' });
    await endings.until('next', 'Ready');
  });

  test('C35 a command that makes no sense is refused', async () => {
    for (const [flags, words] of [[['--shutdown-grace-period', '5'], /whole seconds/], [['--shutdown-grace-period', '5s', '--shutdown-grace-period-critical-pods', '6s'], /part of the whole/], [['--shutdown-grace-period', '5s', '--shutdown-grace-period-by-pod-priority', '0=5s'], /given twice/], [['--shutdown-grace-period-by-pod-priority', '0=5s,0=6s'], /each priority once/], [['--shutdown-grace-period-by-pod-priority', 'high=5s'], /a priority and a duration/]] as const) {
      const ran = await runProgram(peapod, ['up', '--data-dir', `${dataDir}-none`, ...flags], {});
      assert.notEqual(ran.code, 0);
      assert.match(ran.stderr, words);
    }
  });
});
