// For `peapod down`: ends every container of a cluster that is not running, and removes what it put on the machine.
import { rmSync } from 'node:fs';
import { systemClock } from '../base/clock.ts';
import { silentLog } from '../base/log.ts';
import { createCriRuntime } from '../runtime/cri/cri-runtime.ts';
import { removeAll } from '../runtime/containerd/remove-all.ts';
import type { Layout } from './layout.ts';
import { openLog } from './log-file.ts';
import { containerdOptions } from './machine.ts';
import { podNetworkOf } from './network-choice.ts';
import { removePodRemains } from './pod-remains.ts';
import { readSettings } from './settings.ts';

/** Idempotent. The cluster's state stays, so that a later start runs its Pods anew. */
export async function tearDown(layout: Layout, signal: AbortSignal): Promise<void> {
  const settings = readSettings(layout.settings);
  if (!settings) return;
  const log = openLog(layout.log, 'info', systemClock);
  if (settings.runtimeEndpoint) await removeFrom(settings.runtimeEndpoint, settings.id, signal);
  await removeAll({ ...containerdOptions(layout, systemClock, log), cgroupParent: settings.cgroupParent }, signal);
  removePodRemains(layout.node);
  await podNetworkOf(layout, settings, log).remove(signal);
  rmSync(layout.instance, { force: true });
}

/** From a runtime that is not ours, only what bears this cluster's label. */
async function removeFrom(endpoint: string, owner: string, signal: AbortSignal): Promise<void> {
  const runtime = await createCriRuntime({ endpoint, clock: systemClock, log: silentLog, events: 'auto', owner });
  try {
    for (const { sandboxes } of (await runtime.observeAll(signal)).values()) {
      for (const { id } of sandboxes) {
        await runtime.stopSandbox(id, signal);
        await runtime.removeSandbox(id, signal);
      }
    }
  } finally {
    await runtime.close();
  }
}
