// C33: kill -9 of Peapod, and of containerd, while Pods end. After the restart each ending is taken up with its full grace,
// and finished; nothing is left over.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, before, describe, test } from 'node:test';
import { pods } from '../../src/api/kinds/pod.ts';
import type { Container } from '../../src/api/types.ts';
import { clientFor } from '../../src/cluster/client-for.ts';
import { clockMs, Endings, type Behaviour } from '../support/endings.ts';
import { eventually, runProgram } from '../support/real-cluster.ts';
import { leftSince, takeSnapshot, type Snapshot } from '../support/machine-state.ts';

const peapod = fileURLToPath(new URL('../../peapod', import.meta.url));
const signal = new AbortController().signal;
const soonMs = 60_000;

describe('C33 killed while Pods end', () => {
  let dataDir: string;
  let endings: Endings;
  let connection: ReturnType<typeof clientFor>;
  let empty: Snapshot;
  const run = async (...args: string[]) => {
    const ran = await runProgram(peapod, args, {});
    assert.equal(ran.code, 0, ran.stderr);
  };
  const up = () => run('up', '--data-dir', dataDir, '--detach');
  const kill = async (pid: number) => {
    process.kill(pid, 'SIGKILL');
    await eventually(`process ${pid} to be dead`, () => !existsSync(`/proc/${pid}`));
  };
  const killPeapod = () => kill((JSON.parse(readFileSync(join(dataDir, 'instance.json'), 'utf8')) as { pid: number }).pid);
  const containerdPid = () => (JSON.parse(readFileSync(join(dataDir, 'containerd', 'containerd.pid'), 'utf8')) as { pid: number }).pid;
  const create = async (name: string, containers: Record<string, Behaviour>, spec: object = {}, metadata: object = {}) => {
    const own = Object.entries(containers).map(([container, behaviour]) => endings.container(name, container, behaviour));
    await connection.client.create(pods, { metadata: { name, namespace: 'default', ...metadata }, spec: { volumes: endings.volumes, ...spec, containers: own } } as never, signal);
  };
  const sidecar = (pod: string, name: string, behaviour: Behaviour): Container => ({ ...endings.container(pod, name, behaviour), restartPolicy: 'Always' });
  /** From the first time of one thing to the last of another. */
  const between = (name: string, from: string, to: string, leastSeconds: number) => {
    const ms = endings.after(name, to, 'last', from);
    assert.ok(ms >= leastSeconds * 1000 - clockMs && ms < soonMs, `${to} came ${ms} ms after ${from}, not ${leastSeconds} s or more:\n${endings.story(name)}`);
  };
  const nothingIsLeft = async () => {
    const places = [join(dataDir, 'node', 'pods'), join(dataDir, 'node', 'logs')];
    for (const place of places) await eventually(`${place} to be empty`, () => readdirSync(place).length === 0);
    let left: Partial<Snapshot> = {};
    await eventually('nothing to be left', () => {
      const { mounts, networkNamespaces, links, cgroups, processes } = leftSince(empty, dataDir);
      const own = (lines: string[] | undefined) => (lines ?? []).filter((line) => !/(dist\/cli\.js|bin\/containerd|^\d+ containerd) /.test(line));
      left = { mounts: own(mounts), networkNamespaces: own(networkNamespaces), links: own(links), cgroups: own(cgroups), processes: own(processes) };
      return Object.values(left).every((lines) => lines.length === 0);
    }).catch((error: unknown) => Promise.reject(new Error(`${String(error)}: ${JSON.stringify(left, null, 1)}`)));
  };

  before(async () => {
    dataDir = mkdtempSync(join(process.env['PEAPOD_TEST_DIR'] ?? tmpdir(), 'peapod-'));
    await up();
    connection = clientFor(join(dataDir, 'admin.kubeconfig'));
    endings = new Endings(connection.client, dataDir);
    await create('first', { c: { term: 'ends' } });
    await endings.until('first', 'Ready');
    await endings.delete('first');
    await endings.until('first', 'gone');
    empty = takeSnapshot();
  });
  after(async () => {
    await endings?.[Symbol.asyncDispose]();
    await connection?.[Symbol.asyncDispose]();
    await run('down', '--data-dir', dataDir, '--purge');
    rmSync(dataDir, { recursive: true, force: true });
  });

  /** Pods at each step of their ending at once; gives their names. */
  const atEachStep = async (round: string) => {
    const name = (what: string) => `${what}-${round}`;
    await create(name('in-hook'), { c: { term: 'ends', hookSeconds: 9 } }, { terminationGracePeriodSeconds: 60 });
    await create(name('signalled'), { c: { term: 'ignores' } }, { terminationGracePeriodSeconds: 10 });
    await create(name('overran'), { c: { term: 'ignores', hookSeconds: 600 } }, { terminationGracePeriodSeconds: 8 });
    await create(name('between'), { quick: { term: 'ends' }, slow: { term: 'ignores' } }, { terminationGracePeriodSeconds: 9, initContainers: [sidecar(name('between'), 'side', { term: 'ends' })] });
    await create(name('just-told'), { c: { term: 'ends', hookSeconds: 1 } });
    await create(name('forced'), { c: { term: 'ignores' } }, { terminationGracePeriodSeconds: 600 });
    await create(name('held'), { c: { term: 'ends' } }, {}, { finalizers: ['example.com/hold'] });
    const all = ['in-hook', 'signalled', 'overran', 'between', 'just-told', 'forced', 'held'].map(name);
    for (const one of all) await endings.until(one, 'Ready');
    await Promise.all([...all.slice(0, 4), name('held')].map((one) => endings.delete(one)));
    await Promise.all([
      endings.until(name('in-hook'), 'c hook begins'),
      endings.until(name('signalled'), 'c TERM'),
      endings.until(name('overran'), 'c hook begins'),
      endings.until(name('between'), 'quick process gone'),
      endings.until(name('held'), 'c process gone'),
    ]);
    await endings.delete(name('just-told'));
    await endings.delete(name('forced'), { gracePeriodSeconds: 0 });
    return all;
  };
  const allEnded = async (round: string, all: readonly string[]) => {
    const name = (what: string) => `${what}-${round}`;
    await connection.client.patch(pods, { namespace: 'default', name: name('held') }, { type: 'merge', body: { metadata: { finalizers: null } } }, signal);
    for (const one of all) await endings.until(one, 'gone');
    await endings.until(name('forced'), 'c process gone');
    between(name('in-hook'), 'back', 'c TERM', 9);
    between(name('signalled'), 'back', 'c process gone', 10);
    between(name('overran'), 'back', 'c TERM', 8);
    between(name('overran'), 'back', 'c process gone', 8 + 2);
    between(name('between'), 'back', 'slow process gone', 9);
    between(name('between'), 'slow process gone', 'side process gone', 0);
    assert.equal(endings.of(name('in-hook')).filter(({ what }) => what === 'c hook begins').length, 2, 'the hook is run anew');
    await nothingIsLeft();
  };

  test('C33 Peapod killed with Pods at each step of their ending', async () => {
    const all = await atEachStep('peapod');
    await killPeapod();
    for (const one of all) endings.note(one, 'killed');
    await new Promise((resolve) => setTimeout(resolve, 500));
    for (const one of all) endings.note(one, 'back');
    await up();
    await allEnded('peapod', all);
  });

  test('C33 containerd killed with Pods at each step of their ending', async () => {
    const all = await atEachStep('containerd');
    const pid = containerdPid();
    for (const one of all) endings.note(one, 'back');
    await kill(pid);
    await allEnded('containerd', all);
    assert.notEqual(containerdPid(), pid);
  });

  test('C33 Peapod, and containerd, killed from one step to the next of an ending that is quick', async () => {
    for (const victim of ['peapod', 'containerd', 'both']) {
      const names = Array.from({ length: 5 }, (_, n) => `quick-${victim}-${n}`);
      for (const name of names) await create(name, { c: { term: 'ends' } });
      for (const name of names) await endings.until(name, 'Ready');
      // One after the other, so that at one moment each is at another step.
      for (const name of names) {
        await endings.delete(name);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      if (victim !== 'peapod') await kill(containerdPid());
      if (victim !== 'containerd') {
        await killPeapod();
        await up();
      }
      for (const name of names) await endings.until(name, 'gone');
      await nothingIsLeft();
    }
  });
});
