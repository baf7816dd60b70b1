// What the tests of the contract have: a Pod each, and containers made to do what a test wants.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock as clock } from '../../base/clock.ts';
import type { ContainerSpec, ContainerState, PodIdentity, Runtime, SandboxSpec } from '../runtime.ts';
import { containerSpec, sandboxSpec } from './specs.ts';

export interface World {
  readonly runtime: Runtime;
  /** The same runtime as another process would see it, which remembers nothing of what this one did. */
  readonly afresh: () => Promise<Runtime>;
  /** An image with busybox' shell. */
  readonly image: string;
  readonly logs: string;
  readonly cgroupParent: string;
  /** How containers are made to do what a test wants; absent: by commands of the image's shell. */
  readonly acts?: Acts;
  /** The text of the logs of a Pod's containers; absent: of the file of the one. */
  readonly logOf?: (podUid: string) => string;
  /** Set where the containers of a sandbox have a UTS namespace each, all with the sandbox' host name. */
  readonly ownUtsNamespaces?: true;
  /** Set where the engine does not learn of the kernel's kill when the container's end comes first; then it is plain 137. */
  readonly mayMissOom?: true;
}

/** What a test's container is to do. */
export interface Acts {
  readonly runs: Partial<ContainerSpec>;
  ends(exitCode: number, afterMs?: number): Partial<ContainerSpec>;
  readonly isNotThere: Partial<ContainerSpec>;
  readonly takesAllMemory: Partial<ContainerSpec>;
  /** Says `ready`, and ends with 7 at SIGTERM. */
  readonly heeds: Partial<ContainerSpec>;
  /** Says `ready`, and lives on after SIGTERM. */
  readonly heedless: Partial<ContainerSpec>;
}

const shellActs: Acts = {
  runs: { command: ['sleep', '1000'] },
  ends: (exitCode, afterMs = 0) => ({ command: ['sh', '-c', `sleep ${afterMs / 1000}; exit ${exitCode}`] }),
  isNotThere: { command: ['/no/such/thing'] },
  takesAllMemory: { command: ['tail', '/dev/zero'] },
  heeds: { command: ['sh', '-c', 'trap "exit 7" TERM; echo ready; while :; do sleep 0.05; done'] },
  heedless: { command: ['sh', '-c', 'trap "echo no" TERM; echo ready; while :; do sleep 0.05; done'] },
};

export const signal = AbortSignal.timeout(280_000);
/** How long what follows from an event may take. */
const soonMs = 90_000;

/** A Pod's sandbox, removed at the end of the test. */
export async function aPod(world: World, name: string, rest: Partial<SandboxSpec> = {}) {
  const { runtime } = world;
  const identity: PodIdentity = { namespace: 'default', name, uid: `uid-${name}` };
  const logs = join(world.logs, name);
  mkdirSync(logs, { recursive: true });
  const sandbox = await runtime.startSandbox(sandboxSpec(identity, { logDirectory: logs, cgroupParent: world.cgroupParent, ...rest }), signal);
  const observe = () => runtime.observe(identity.uid, signal);

  const create = async (spec: Partial<ContainerSpec>, containerName = 'main') => {
    const image = (await runtime.imageStatus(world.image, signal))!;
    return runtime.createContainer(sandbox, containerSpec(identity, containerName, { imageId: image.id, image: world.image, ...spec }), signal);
  };
  const log = () => world.logOf?.(identity.uid) ?? readFileSync(join(logs, 'main.log'), 'utf8');
  return {
    world, identity, logs, sandbox, observe, create, acts: world.acts ?? shellActs,
    async run(spec: Partial<ContainerSpec>, containerName = 'main'): Promise<string> {
      const id = await create(spec, containerName);
      await runtime.startContainer(id, signal);
      return id;
    },
    until: (id: string, wanted: ContainerState['state'], also: (state: ContainerState) => boolean = () => true) =>
      eventually(async () => (await observe()).containers.find((state) => state.id === id && state.state === wanted && also(state))),
    log,
    logged: (text: string) => eventually(() => {
      try {
        return log().includes(text);
      } catch {
        return false;
      }
    }),
    async [Symbol.asyncDispose]() {
      await runtime.stopSandbox(sandbox, signal);
      await runtime.removeSandbox(sandbox, signal);
    },
  };
}

export async function namespaces({ runtime }: World, id: string): Promise<Record<string, string>> {
  const { output } = await runtime.execSync(id, ['sh', '-c', 'for kind in net ipc uts pid mnt; do echo $kind $(readlink /proc/self/ns/$kind); done'], 10_000, signal);
  return Object.fromEntries(output.trim().split('\n').map((line) => line.split(' ')));
}

export async function eventually<Found>(look: () => Found | Promise<Found>): Promise<NonNullable<Found>> {
  for (const untilMs = clock.monotonicMs() + soonMs; ; await clock.sleep(10, signal)) {
    const found = await look();
    if (found) return found;
    assert.ok(clock.monotonicMs() < untilMs, 'it did not come to that');
  }
}

export async function timed(work: () => Promise<unknown>): Promise<number> {
  const fromMs = clock.monotonicMs();
  await work();
  return clock.monotonicMs() - fromMs;
}

export function pick({ exitCode, reason, name, attempt, image }: ContainerState) {
  return { exitCode, reason, name, attempt, image };
}
