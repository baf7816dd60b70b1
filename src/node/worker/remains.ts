// What a Pod leaves in the runtime and on disk once nothing of it runs.
import type { Pod } from '../../api/types.ts';
import type { Observation } from '../../runtime/runtime.ts';
import { logDirectoryOf } from '../carry-out/start-sandbox.ts';
import type { NodeWorld } from '../node-settings.ts';

export async function stopSandboxes({ runtime }: NodeWorld, seen: Observation, signal: AbortSignal): Promise<void> {
  await Promise.all(seen.sandboxes.map(({ id }) => runtime.stopSandbox(id, signal)));
}

/** Sandboxes, which have been stopped, with their containers, and the logs. Idempotent. */
export async function removeRemains(world: NodeWorld, pod: Pod, seen: Observation, signal: AbortSignal): Promise<void> {
  await Promise.all(seen.sandboxes.map(({ id }) => world.runtime.removeSandbox(id, signal)));
  await world.files.removeLogDirectory(logDirectoryOf(world, pod));
}
