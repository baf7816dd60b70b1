// All volumes of one Pod: made before its containers, kept true while it lives, gone with it.
import { mkdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Volume } from '../../api/types.ts';
import type { ContainerSpec, Mount, Runtime } from '../../runtime/runtime.ts';
import type { PodContainer } from '../pod/containers.ts';
import { ImageError } from '../images/ensure-image.ts';
import { ConfigError } from '../spec/config-error.ts';
import { expand } from '../spec/expansion.ts';
import { writeAtomically } from './atomic-writer.ts';
import { ClaimError, claimVolume, MountError } from './claim.ts';
import { configMap } from './config-map.ts';
import { downwardAPI } from './downward-api.ts';
import { emptyDir } from './empty-dir.ts';
import { hostPath } from './host-path.ts';
import { imageVolume, releaseImages } from './image.ts';
import { mountsBelow, unmount } from './mounts.ts';
import { giveToGroup } from './ownership.ts';
import { projected } from './projected.ts';
import { secret } from './secret.ts';
import { mountSubPath } from './sub-path.ts';
import type { ContentVolume, PlaceVolume, PreparedVolume, VolumeWorld } from './volume-kind.ts';

const places: Readonly<Record<string, PlaceVolume>> = { emptyDir, hostPath, persistentVolumeClaim: claimVolume, ephemeral: claimVolume, image: imageVolume };
const contents: Readonly<Record<string, ContentVolume>> = { configMap, secret, downwardAPI, projected };

type Device = ContainerSpec['devices'][number];

/** Why a volume could not be made; the message is the one of the FailedMount event. */
export class VolumeError extends Error {
  override readonly name = 'VolumeError';
}

export interface PreparedVolumes {
  readonly byName: ReadonlyMap<string, PreparedVolume>;
  /** Some content must be made anew after this time. */
  readonly refreshAfterMs?: number;
}

/** Reads what content volumes are made of and writes nothing: for nodes without files. Throws VolumeError. */
export async function resolveVolumes(world: VolumeWorld, signal: AbortSignal): Promise<PreparedVolumes> {
  const byName = new Map<string, PreparedVolume>();
  for (const volume of world.pod.spec.volumes ?? []) {
    try {
      const content = contents[kindOf(volume)];
      if (content) await content(volume, world, signal);
      byName.set(volume.name, { path: '', readOnly: content !== undefined });
    } catch (error) {
      if (signal.aborted) throw error;
      throw new VolumeError(`MountVolume.SetUp failed for volume ${JSON.stringify(volume.name)} : ${(error as Error).message}`, { cause: error });
    }
  }
  return { byName };
}

/**
 * Makes what is missing and brings content up to date; may be called again at any time, with the same `made`, which it
 * fills. Throws VolumeError.
 */
export async function prepareVolumes(podDir: string, world: VolumeWorld, made: Map<string, PreparedVolume>, signal: AbortSignal): Promise<PreparedVolumes> {
  const byName = new Map<string, PreparedVolume>();
  let refreshAfterMs: number | undefined;
  await Promise.all(
    (world.pod.spec.volumes ?? []).map(async (volume) => {
      try {
        const { prepared, refresh } = await prepare(volume, podDir, world, made, signal);
        byName.set(volume.name, prepared);
        if (refresh !== undefined) refreshAfterMs = Math.min(refreshAfterMs ?? Infinity, refresh);
      } catch (error) {
        if (signal.aborted || error instanceof ImageError) throw error;
        throw new VolumeError(messageOf(volume.name, error as Error), { cause: error });
      }
    }),
  );
  return { byName, refreshAfterMs };
}

/**
 * The container's mounts of the Pod's volumes. Throws ConfigError; what is wrong with a place inside a volume stays in its
 * `cause`, since it might tell of files of the node.
 */
export async function volumeMounts(podDir: string, container: PodContainer, volumes: PreparedVolumes, environment: ReadonlyMap<string, string>, runtime: Pick<Runtime, 'volumes'>, signal: AbortSignal): Promise<Mount[]> {
  const mounts: Mount[] = [];
  for (const [index, mount] of (container.spec.volumeMounts ?? []).entries()) {
    const volume = volumes.byName.get(mount.name);
    if (!volume || volume.isBlock) throw new ConfigError(`cannot find volume ${JSON.stringify(mount.name)} to mount into container ${JSON.stringify(container.name)}`);
    const subPath = mount.subPathExpr ? expandAll(mount.subPathExpr, environment) : mount.subPath;
    let source = volume.imageId ? (subPath ?? '') : volume.path;
    if (subPath && !volume.imageId) {
      if (subPath.startsWith('/')) throw new ConfigError(`error SubPath \`${subPath}\` must not be an absolute path`);
      if (subPath.split('/').includes('..')) throw new ConfigError(`unable to provision SubPath \`${subPath}\`: must not contain '..'`);
      source = join(podDir, 'volume-subpaths', mount.name, container.name, String(index));
      try {
        await mountSubPath(volume.path, subPath, source, signal);
      } catch (error) {
        if (signal.aborted) throw error;
        throw new ConfigError(`failed to prepare subPath for volumeMount ${JSON.stringify(mount.name)} of container ${JSON.stringify(container.name)}`, { cause: error });
      }
    }
    mounts.push({
      hostPath: source,
      containerPath: mount.mountPath.startsWith('/') ? mount.mountPath : `/${mount.mountPath}`,
      readOnly: (mount.readOnly ?? false) || volume.readOnly,
      propagation: (mount.mountPropagation as Mount['propagation']) ?? 'None',
      ...(volume.imageId ? { imageId: volume.imageId } : {}),
      ...((await isRecursive(mount, runtime, signal)) ? { recursiveReadOnly: true } : {}),
    });
  }
  return mounts;
}

/** Whether what is mounted below is to be read-only too. Throws ConfigError when it must be and cannot. */
async function isRecursive({ name, recursiveReadOnly = 'Disabled' }: { readonly name: string; readonly recursiveReadOnly?: string }, { volumes }: Pick<Runtime, 'volumes'>, signal: AbortSignal): Promise<boolean> {
  if (recursiveReadOnly === 'Disabled') return false;
  const can = (await volumes?.features(signal))?.recursiveReadOnly ?? false;
  if (!can && recursiveReadOnly === 'Enabled') throw new ConfigError(`failed to resolve recursive read-only mode: volume ${JSON.stringify(name)} requested recursive read-only mode, but it is not supported by the runtime`);
  return can;
}

/** The block devices that the container is given. Throws ConfigError. */
export function volumeDevices(container: PodContainer, volumes: PreparedVolumes): Device[] {
  return (container.spec.volumeDevices ?? []).map(({ name, devicePath }) => {
    const volume = volumes.byName.get(name);
    if (!volume?.isBlock) throw new ConfigError(`cannot find volume ${JSON.stringify(name)} to pass into container ${JSON.stringify(container.name)}`);
    return { hostPath: volume.path, containerPath: devicePath, permissions: volume.readOnly ? 'r' : 'mrw' };
  });
}

/** Unmounts and deletes all that the Pod had on the node. Idempotent. */
export async function removePodDirectory(podDir: string, runtime: Pick<Runtime, 'volumes'>, signal: AbortSignal): Promise<void> {
  await removeTree(podDir, () => releaseImages(podDir, basename(podDir), runtime, signal), signal);
}

/** Unmounts all below, then deletes; never deletes across a mount. `unmounted` is run between. */
export async function removeTree(directory: string, unmounted: () => Promise<void>, signal: AbortSignal): Promise<void> {
  for (const point of await mountsBelow(directory)) await unmount(point, signal);
  if ((await mountsBelow(directory)).length > 0) throw new Error(`still mounted below ${directory}`);
  await unmounted();
  await rm(directory, { recursive: true, force: true });
}

/** In the kubelet's words: a claim without a volume is another thing than a volume that cannot be mounted. */
function messageOf(name: string, error: Error): string {
  if (error instanceof ClaimError) return `Unable to attach or mount volumes: unmounted volumes=[${name}], unattached volumes=[], failed to process volumes=[${name}]: ${error.message}`;
  return `MountVolume.SetUp failed for volume ${JSON.stringify(error instanceof MountError ? error.volume : name)} : ${error.message}`;
}

async function prepare(volume: Volume, podDir: string, world: VolumeWorld, made: Map<string, PreparedVolume>, signal: AbortSignal): Promise<{ prepared: PreparedVolume; refresh?: number }> {
  const known = made.get(volume.name);
  if (known) return { prepared: known };
  const kind = kindOf(volume);
  const at = join(podDir, 'volumes', `kubernetes.io~${kind.replace(/[A-Z]+/g, (capital) => `-${capital.toLowerCase()}`)}`, volume.name);
  const place = places[kind];
  if (place) {
    const prepared = await place(volume, at, world, signal);
    made.set(volume.name, prepared);
    return { prepared };
  }
  const { payload, refreshAfterMs } = await contents[kind]!(volume, world, signal);
  await mkdir(at, { recursive: true });
  await writeAtomically(at, payload, (directory) => giveToGroup(directory, world.pod, true), world.clock);
  return { prepared: { path: at, readOnly: true }, refresh: refreshAfterMs };
}

function kindOf(volume: Volume): string {
  const kind = Object.entries(volume).find(([key, value]) => key !== 'name' && value !== undefined && value !== null)?.[0] ?? 'emptyDir';
  if (!(kind in places) && !(kind in contents)) throw new Error(`this node has no way to mount ${kind} volumes`);
  return kind;
}

function expandAll(text: string, environment: ReadonlyMap<string, string>): string {
  const expanded = expand(text, environment);
  const missing = /\$\(([^)]*)\)/.exec(expanded);
  if (missing) throw new ConfigError(`missing value for ${JSON.stringify(missing[1])}`);
  return expanded;
}
