// How our own actions, events and statuses that cross each other come out as one observation. The runtime is a script:
// what it would answer, and when. What the real one does is in ../contract.test.ts.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { systemClock } from '../../base/clock.ts';
import { silentLog } from '../../base/log.ts';
import type { ContainerSpec, SandboxSpec } from '../runtime.ts';
import { containerSpec, sandboxSpec } from '../testing/specs.ts';
import type { ContainerdEvent, CriConnection } from './connection.ts';
import { createContainerVerbs } from './containers.ts';
import { runtimeEvents } from './events.ts';
import { podUidLabel } from './labels.ts';
import { Memory } from './memory.ts';
import { createObserver } from './observe.ts';
import { createSandboxVerbs } from './sandboxes.ts';
import { RuntimeError } from '../runtime.ts';

const signal = new AbortController().signal;
const identity = { namespace: 'default', name: 'p', uid: 'uid-p' };
const labels = { [podUidLabel]: identity.uid };
const sandbox = (state: string) => ({ status: { id: 's', state, created_at: 1e6, labels, annotations: {}, metadata: { attempt: 0 }, network: { ip: '10.0.0.2', additional_ips: [] } } });
const container = (state: string, rest: object = {}) => ({
  status: { id: 'c', state, created_at: 1e6, started_at: 2e6, finished_at: 0, exit_code: 0, reason: '', message: '', log_path: '/log', image_ref: '', labels, annotations: {}, metadata: { name: 'main', attempt: 0 }, ...rest },
});

/** A world whose Pod network has events, and whose runtime answers by `script`; what it does not name must not be asked. */
async function aWorld(script: Record<string, () => unknown>) {
  const told: ((event: ContainerdEvent) => void)[] = [];
  const queue: ContainerdEvent[] = [];
  const tell = (topic: string, body: object | string) => {
    const event = { topic, atMs: 5, body } as ContainerdEvent;
    const waiting = told.shift();
    if (waiting) waiting(event);
    else queue.push(event);
  };
  const call = async (name: string) => {
    const answer = script[name];
    assert.ok(answer, `${name} was asked`);
    return answer() as never;
  };
  const cri: CriConnection = {
    runtime: call,
    image: call,
    async *runtimeStream() {},
    containerd: {
      publish: async (topic, text) => tell(topic, text),
      kill: async () => {},
      ended: async () => {},
      containers: async () => [],
      taskIds: async () => [],
      async *subscribe() {
        for (;;) yield queue.shift() ?? (await new Promise<ContainerdEvent>((resolve) => told.push(resolve)));
      },
    },
    snapshots: call,
    close() {},
  };
  const memory = new Memory();
  const lists = { ListPodSandbox: script['ListPodSandbox'], ListContainers: script['ListContainers'] };
  script['ListPodSandbox'] = () => ({ items: [] });
  script['ListContainers'] = () => ({ containers: [] });
  const events = runtimeEvents(cri, memory, 'containerd', systemClock, silentLog, signal);
  assert.deepEqual((await events.next()).value, { type: 'resync' });
  const { observe } = createObserver(cri, memory, undefined);
  assert.deepEqual(await observe(identity.uid, signal), { sandboxes: [], containers: [] });
  // From now on everything is known: a list would be one too many.
  for (const [name, answer] of Object.entries(lists)) {
    if (answer) script[name] = answer;
    else delete script[name];
  }
  const { configOf, ...sandboxes } = createSandboxVerbs(cri, memory, undefined, systemClock);
  const containers = createContainerVerbs(cri, memory, undefined, systemClock, silentLog, configOf);
  const happens = async (topic: string, body: object) => {
    const next = events.next();
    tell(topic, body);
    return (await next).value;
  };
  return {
    script, happens, ...sandboxes, ...containers,
    seen: async () => {
      const { sandboxes: [s], containers: [c] } = await observe(identity.uid, signal);
      return [s && (s.ready ? 'ready' : 'dead'), c && (c.state === 'exited' ? `exited ${c.exitCode}` : c.state)];
    },
  };
}

const started = { RunPodSandbox: () => ({ pod_sandbox_id: 's' }), CreateContainer: () => ({ container_id: 'c' }), StartContainer: () => ({}) };
const sandboxOf = (): SandboxSpec => sandboxSpec(identity, { logDirectory: '/logs', cgroupParent: '/p' });
const containerOf = (): ContainerSpec => containerSpec(identity, 'main', { imageId: 'i', image: 'i' });

async function running(script: Record<string, () => unknown> = {}) {
  const world = await aWorld({ ...started, PodSandboxStatus: () => sandbox('SANDBOX_READY'), ContainerStatus: () => container('CONTAINER_RUNNING'), ...script });
  await world.startSandbox(sandboxOf(), signal);
  await world.createContainer('s', containerOf(), signal);
  await world.startContainer('c', signal);
  return world;
}

it('a Pod is known from our own actions and one status each', async () => {
  const world = await running();
  assert.deepEqual(await world.seen(), ['ready', 'running']);
  delete world.script['PodSandboxStatus'];
  delete world.script['ContainerStatus'];
  assert.deepEqual(await world.seen(), ['ready', 'running'], 'nothing is asked twice');
});

it('a container that ends at once: its status already says so, no event yet', async () => {
  const world = await running({ ContainerStatus: () => container('CONTAINER_EXITED', { exit_code: 3, finished_at: 3e6 }) });
  assert.deepEqual(await world.seen(), ['ready', 'exited 3']);
  assert.deepEqual(await world.happens('/tasks/exit', { container_id: 'c', id: 'c', exit_status: 3 }), { type: 'exited', id: 'c', podUid: identity.uid });
  assert.deepEqual(await world.seen(), ['ready', 'exited 3']);
});

it('a container that ends at once: the event comes first, the status still says running', async () => {
  const world = await running();
  await world.happens('/tasks/exit', { container_id: 'c', id: 'c', exit_status: 4 });
  assert.deepEqual(await world.seen(), ['ready', 'exited 4']);
  world.script['ContainerStatus'] = () => container('CONTAINER_EXITED', { exit_code: 4, finished_at: 3e6, reason: 'OOMKilled' });
  assert.deepEqual(await world.seen(), ['ready', 'exited 4']);
});

it('a container that ends while its status is asked for', async () => {
  const answer = Promise.withResolvers<unknown>();
  const world = await running({ ContainerStatus: () => answer.promise });
  const looking = world.seen();
  await world.happens('/tasks/exit', { container_id: 'c', id: 'c', exit_status: 5 });
  answer.resolve(container('CONTAINER_RUNNING'));
  assert.deepEqual(await looking, ['ready', 'exited 5']);
  world.script['ContainerStatus'] = () => container('CONTAINER_EXITED', { exit_code: 5, finished_at: 3e6 });
  assert.deepEqual(await world.seen(), ['ready', 'exited 5']);
});

it('events of a start come before the answers', async () => {
  const answer = Promise.withResolvers<unknown>();
  const world = await aWorld({ ...started, RunPodSandbox: () => answer.promise, PodSandboxStatus: () => sandbox('SANDBOX_READY') });
  const starting = world.startSandbox(sandboxOf(), signal);
  await world.happens('/tasks/start', { container_id: 's' });
  assert.deepEqual(await world.seen(), [undefined, undefined]);
  answer.resolve({ pod_sandbox_id: 's' });
  await starting;
  assert.deepEqual(await world.seen(), ['ready', undefined]);
});

it('a sandbox that is killed meanwhile is dead, whatever was known of it or is still said of it', async () => {
  const world = await running();
  await world.seen();
  await world.happens('/tasks/exit', { container_id: 'c', id: 'c', exit_status: 137 });
  await world.happens('/tasks/exit', { container_id: 's', id: 's', exit_status: 137 });
  assert.deepEqual(await world.seen(), ['dead', 'exited 137']);
  const early = await aWorld({ ...started, PodSandboxStatus: () => sandbox('SANDBOX_READY') });
  await early.startSandbox(sandboxOf(), signal);
  await early.happens('/tasks/exit', { container_id: 's', id: 's', exit_status: 137 });
  assert.deepEqual(await early.seen(), ['dead', undefined]);
});

it('what we have stopped is asked about again before any event has told of it, and a late answer does not revive it', async () => {
  const world = await running({ StopContainer: () => ({}), StopPodSandbox: () => ({}) });
  await world.seen();
  const late = Promise.withResolvers<unknown>();
  const exited = () => container('CONTAINER_EXITED', { exit_code: 7, finished_at: 3e6 });
  await world.stopContainer('c', 1000, signal);
  world.script['ContainerStatus'] = () => late.promise;
  const looking = world.seen();
  world.script['ContainerStatus'] = exited;
  late.resolve(container('CONTAINER_RUNNING'));
  await looking;
  assert.deepEqual(await world.seen(), ['ready', 'exited 7']);
  await world.stopSandbox('s', signal);
  assert.deepEqual(await world.seen(), ['dead', 'exited 7']);
});

it('a call that was cut off may have made something: the lists tell', async () => {
  const world = await aWorld({
    RunPodSandbox: () => { throw new RuntimeError('unavailable', 'cut off'); },
    ListPodSandbox: () => ({ items: [sandbox('SANDBOX_READY').status] }), ListContainers: () => ({ containers: [] }), PodSandboxStatus: () => sandbox('SANDBOX_READY'),
  });
  await assert.rejects(world.startSandbox(sandboxOf(), signal));
  assert.deepEqual(await world.seen(), ['ready', undefined]);
});

it('what somebody else removed or made is seen', async () => {
  const world = await running();
  await world.seen();
  await world.happens('/containers/delete', { id: 'c' });
  assert.deepEqual(await world.seen(), ['ready', undefined]);
  await world.happens('/tasks/start', { container_id: 'c2' });
  world.script['ListPodSandbox'] = () => ({ items: [sandbox('SANDBOX_READY').status] });
  world.script['ListContainers'] = () => ({ containers: [{ ...container('CONTAINER_RUNNING').status, pod_sandbox_id: 's' }] });
  assert.deepEqual(await world.seen(), ['ready', 'running']);
});
