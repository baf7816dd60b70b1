// The files of this machine.
import { mkdirSync, readFileSync } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { hostsMount, terminationFile } from '../carry-out/node-files.ts';
import { localUse } from '../eviction/local-use.ts';
import { readLog } from '../logs/read-log.ts';
import { rotateLogs } from '../logs/rotate-logs.ts';
import { parseResolvConf } from '../spec/names.ts';
import { prepareVolumes, removePodDirectory, volumeDevices, volumeMounts } from '../volumes/pod-volumes.ts';
import { terminationMessage } from '../worker/termination-message.ts';
import type { PodFiles } from './pod-files.ts';

export const realPodFiles: PodFiles = {
  makeDirectories(dirs) {
    for (const directory of Object.values(dirs)) mkdirSync(directory, { recursive: true, mode: 0o755 });
  },
  podUids: (dirs) => readdir(dirs.pods),
  logDirectories: async ({ logs }) => new Map((await readdir(logs)).map((name) => [name.slice(name.lastIndexOf('_') + 1), join(logs, name)])),
  /** Read each time: DHCP may have changed it. */
  dns() {
    try {
      return parseResolvConf(readFileSync('/etc/resolv.conf', 'utf8'));
    } catch {
      return { servers: [], searches: [], options: [] };
    }
  },
  async makeLogDirectory(path) {
    await mkdir(path, { recursive: true, mode: 0o755 });
  },
  removeLogDirectory: (path) => rm(path, { recursive: true, force: true }),
  prepareVolumes,
  async containerFiles({ podDir, pod, container, podIPs, volumes, environment }, world, signal) {
    const [prepared, variables, hosts, messageFile] = await Promise.all([
      volumes(),
      environment(),
      hostsMount(podDir, pod, container, podIPs, world.dns.domain),
      terminationFile(podDir, container, world.random),
    ]);
    const mounts = await volumeMounts(podDir, container, prepared, variables, world.runtime, signal);
    return { mounts: hosts ? [...mounts, hosts] : mounts, devices: volumeDevices(container, prepared), terminationFile: messageFile, annotations: {} };
  },
  removePodDirectory,
  terminationMessage,
  readLog: (_state, source, options, signal) => readLog(source, options, signal),
  pullRecords: (dirs) => dirs.imagePulls,
  localUse,
  keepBounded: rotateLogs,
};
