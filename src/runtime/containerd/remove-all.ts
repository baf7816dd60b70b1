// For `peapod down`: ends everything a private containerd runs, and containerd, and leaves nothing of it in the machine
// but files under its directory. First the orderly way, through the runtime; then whatever may be left is swept up.
import { existsSync, rmSync } from 'node:fs';
import { describe } from '../../base/log.ts';
import { createCriRuntime } from '../cri/cri-runtime.ts';
import { placesOf } from './places.ts';
import { startPrivateContainerd, type PrivateContainerdOptions } from './private-containerd.ts';
import { endContainerd, readPidFile } from './process.ts';
import { killCgroups, killShims, removeCgroups, unmountBelow } from './sweep.ts';
import { startTicks } from './machine.ts';

/** `cgroupParent`: as in the sandboxes' specs; what is under it is killed and removed. Throws only for a bug: what goes wrong is logged and swept over. */
export async function removeAll(options: PrivateContainerdOptions & { readonly cgroupParent?: string }, signal: AbortSignal): Promise<void> {
  const { log, clock, cgroupParent } = options;
  const places = placesOf(options.dataDir);
  if (existsSync(places.root)) {
    try {
      await removeThroughRuntime(options, signal);
    } catch (error) {
      log.warn('not everything could be removed through containerd, sweeping up', { error: describe(error) });
    }
  }
  const left = readPidFile(places);
  if (left && startTicks(left.pid) === left.startTicks) await endContainerd(places, left, clock);

  if (cgroupParent) await killCgroups(cgroupParent, clock);
  await killShims(places, clock);
  await unmountBelow(places.directory);
  if (cgroupParent) await removeCgroups(cgroupParent, clock);
  for (const path of [places.state, places.runc, places.socketDirectory, places.socketRecord, places.pidFile, places.starting]) if (path) rmSync(path, { recursive: true, force: true });
}

const atOnce = 8;

async function removeThroughRuntime(options: PrivateContainerdOptions, signal: AbortSignal): Promise<void> {
  const containerd = await startPrivateContainerd(options, signal);
  try {
    const runtime = await createCriRuntime({ endpoint: containerd.endpoint, clock: options.clock, log: options.log, events: 'auto' });
    try {
      const ids = [...(await runtime.observeAll(signal)).values()].flatMap(({ sandboxes }) => sandboxes.map(({ id }) => id));
      const remove = async () => {
        for (let id = ids.pop(); id !== undefined; id = ids.pop()) {
          await runtime.stopSandbox(id, signal);
          await runtime.removeSandbox(id, signal);
        }
      };
      await Promise.all(Array.from({ length: atOnce }, remove));
    } finally {
      await runtime.close();
    }
  } finally {
    await containerd.stop();
  }
}
