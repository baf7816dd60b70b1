// For `peapod down`: ends every container of a cluster that is not running, and removes what it put on the machine.
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../base/clock.ts';
import { silentLog } from '../base/log.ts';
import { dirsOf } from '../node/node-settings.ts';
import { removePodDirectory } from '../node/volumes/pod-volumes.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { removeAll } from '../runtime/containerd/remove-all.ts';
import type { Layout } from './layout.ts';
import { openLog } from './log-file.ts';
import { containerdOptions } from './machine.ts';
import { podNetworkOf } from './network-choice.ts';
import { removePodRemains } from './pod-remains.ts';
import { dockerEndpoint, openDocker, openRuntime, type RuntimeAccess } from './runtime-choice.ts';
import { readSettings, type Settings } from './settings.ts';

/** Idempotent. The cluster's state stays, so that a later start runs its Pods anew. */
export async function tearDown(layout: Layout, signal: AbortSignal): Promise<void> {
  const settings = readSettings(layout.settings);
  if (!settings) return;
  if (settings.noNode) return rmSync(layout.instance, { force: true });
  const log = openLog(layout.log, 'info', systemClock);
  if (settings.runtime === 'docker') await removeFromDocker(settings, signal);
  else if (settings.runtimeEndpoint) await removeFrom(await openRuntime(accessTo(settings, settings.runtimeEndpoint)), layout, signal);
  await removeAll({ ...containerdOptions(layout, systemClock, log), cgroupParent: settings.cgroupParent }, signal);
  removePodRemains(layout.node);
  await podNetworkOf(layout, settings, log).remove(signal);
  rmSync(layout.instance, { force: true });
}

/** From a runtime that is not ours, only what bears this cluster's label. */
async function removeFrom(runtime: Runtime, layout: Layout, signal: AbortSignal): Promise<void> {
  try {
    await removeSandboxes(runtime, signal);
    // With what the runtime keeps for image volumes.
    const { pods } = dirsOf(layout.node);
    for (const uid of existsSync(pods) ? readdirSync(pods) : []) await removePodDirectory(join(pods, uid), runtime, signal);
  } finally {
    await runtime.close();
  }
}

async function removeFromDocker(settings: Settings, signal: AbortSignal): Promise<void> {
  const docker = await openDocker(accessTo(settings, settings.runtimeEndpoint ?? dockerEndpoint), { writesLogs: false });
  try {
    await removeSandboxes(docker, signal);
    await docker.removeNetwork(signal);
  } finally {
    await docker.close();
  }
}

async function removeSandboxes(runtime: Runtime, signal: AbortSignal): Promise<void> {
  for (const { sandboxes } of (await runtime.observeAll(signal)).values()) {
    for (const { id } of sandboxes) {
      await runtime.stopSandbox(id, signal);
      await runtime.removeSandbox(id, signal);
    }
  }
}

function accessTo({ runtime, id }: Settings, endpoint: string): RuntimeAccess {
  return { kind: runtime ?? 'containerd', endpoint, owner: id, clock: systemClock, log: silentLog };
}
