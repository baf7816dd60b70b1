// Takes away what is stray: processes first, then networks, then files.
import { execFile } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Clock } from '../../base/clock.ts';
import { leaveNetworks, type CniPlaces } from './leave-networks.ts';
import type { Places } from './places.ts';
import { bundlesDir, filesOfTask, netnsDir, runcDir } from './sights.ts';
import type { Strays } from './strays.ts';
import { killShims, unmountBelow } from './sweep.ts';

export async function removeStrays(strays: Strays, places: Places, cni: CniPlaces, clock: Clock): Promise<void> {
  if (strays.tasks.length > 0) await removeTasks(strays.tasks, places, clock);
  await unmountBelow(netnsDir(places), (path) => strays.networks.includes(path));
  await leaveNetworks(strays.unparted, cni);
  for (const folder of strays.folders) await unmountBelow(folder);
  for (const path of [...strays.networks, ...strays.addresses, ...strays.joined, ...strays.folders]) rmSync(path, { recursive: true, force: true });
}

/** A container's task may be in the shim of a sandbox that lives: then only its own processes end. */
async function removeTasks(ids: readonly string[], places: Places, clock: Clock): Promise<void> {
  await killShims(places, clock, new Set(ids));
  for (const id of ids) {
    // With its processes and cgroup.
    if (existsSync(join(runcDir(places), id))) await promisify(execFile)('runc', ['--root', runcDir(places), 'delete', '--force', id]).catch(() => {});
    await unmountBelow(join(bundlesDir(places), id));
    for (const path of filesOfTask(id, places)) rmSync(path, { recursive: true, force: true });
  }
}
