// persistentVolumeClaim and ephemeral: the volume that a claim is bound to, where it can be had on this node.
import { mkdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isBeingDeleted } from '../../api/meta.ts';
import { claimNameOf, isVolumeOf, modeOf, notForPod } from '../../api/storage/claims.ts';
import { reachesNode } from '../../api/storage/topology.ts';
import type { PersistentVolume, PersistentVolumeClaim, Volume } from '../../api/types.ts';
import { checkHostPath } from './host-path.ts';
import { bindMount, mountsBelow } from './mounts.ts';
import { giveToGroup } from './ownership.ts';
import type { PlaceVolume, PreparedVolume, VolumeWorld } from './volume-kind.ts';

/** The claim has no volume for the Pod (yet): nothing was tried. */
export class ClaimError extends Error {
  override readonly name = 'ClaimError';
}

/** The volume was found and could not be mounted; it goes by its own name then. */
export class MountError extends Error {
  override readonly name = 'MountError';
  readonly volume: string;
  constructor(volume: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.volume = volume;
  }
}

export const claimVolume: PlaceVolume = async (volume, at, world, signal) => {
  const mountOf = (name: string) => join(dirname(dirname(at)), 'kubernetes.io~local-volume', name);
  const claim = await boundClaim(volume, world, mountOf);
  const found = await world.references.persistentVolume(claim.spec.volumeName!);
  const problem = found ? refusalOf(claim, found, volume, world) : `error fetching PV ${claim.spec.volumeName}: persistentvolume ${JSON.stringify(claim.spec.volumeName)} not found`;
  if (problem) throw new ClaimError(problem);
  const { name } = found!.metadata;
  try {
    const prepared = await mount(found!, mountOf(name), world, signal);
    return { ...prepared, readOnly: prepared.readOnly || (volume.persistentVolumeClaim?.readOnly ?? false) };
  } catch (error) {
    throw new MountError(name, (error as Error).message, { cause: error });
  }
};

async function boundClaim(volume: Volume, { pod, references }: VolumeWorld, mountOf: (name: string) => string): Promise<PersistentVolumeClaim> {
  const name = claimNameOf(pod, volume)!;
  const key = `${pod.metadata.namespace}/${name}`;
  const claim = await references.persistentVolumeClaim(name);
  const failed = (why: string) => new ClaimError(`error processing PVC ${key}: ${why}`);
  if (!claim) throw failed(`failed to fetch PVC from API server: persistentvolumeclaim ${JSON.stringify(name)} not found`);
  // A Pod that has it already keeps it, over restarts of its containers and of the agent.
  if (isBeingDeleted(claim) && (await mountsBelow(mountOf(claim.spec.volumeName ?? ''))).length === 0) throw failed('PVC is being deleted');
  const conflict = volume.ephemeral ? notForPod(pod, claim) : undefined;
  if (conflict) throw failed(conflict);
  if (claim.status.phase !== 'Bound' || !claim.spec.volumeName) throw failed('PVC is not bound');
  return claim;
}

function refusalOf(claim: PersistentVolumeClaim, found: PersistentVolume, volume: Volume, { pod, node }: VolumeWorld): string | undefined {
  if (!isVolumeOf(found, claim)) return `PV ${found.metadata.name} spec.ClaimRef.UID ${JSON.stringify(found.spec.claimRef?.uid ?? '')} does not match pvc.UID ${JSON.stringify(claim.metadata.uid)}`;
  if (!reachesNode(found, node)) return `error with node affinity of PV ${found.metadata.name}: no matching NodeSelectorTerms`;
  const all = [...(pod.spec.initContainers ?? []), ...(pod.spec.containers ?? []), ...(pod.spec.ephemeralContainers ?? [])];
  const isBlock = modeOf(found) === 'Block';
  if (isBlock && all.some(({ volumeMounts }) => volumeMounts?.some(({ name }) => name === volume.name))) return `volume ${volume.name} has volumeMode Block, but is specified in volumeMounts`;
  if (!isBlock && all.some(({ volumeDevices }) => volumeDevices?.some(({ name }) => name === volume.name))) return `volume ${volume.name} has volumeMode Filesystem, but is specified in volumeDevices`;
  return undefined;
}

async function mount(found: PersistentVolume, at: string, world: VolumeWorld, signal: AbortSignal): Promise<PreparedVolume> {
  const { local, hostPath } = found.spec;
  const isBlock = modeOf(found) === 'Block';
  const readOnly = found.spec.accessModes?.every((mode) => mode === 'ReadOnlyMany') ?? false;
  if (local && isBlock) return { path: await blockDevice(local.path), readOnly, isBlock };
  if (local) return { path: await bindLocal(local.path, at, world, readOnly, signal), readOnly };
  if (hostPath && !isBlock) {
    await checkHostPath(hostPath.path, hostPath.type);
    return { path: hostPath.path, readOnly };
  }
  throw new Error(`this node has no way to mount ${sourceOf(found.spec)} volumes${isBlock ? ' as block devices' : ''}: it mounts local and hostPath ones`);
}

/** Once for the Pod: whose files they are is not changed again while it runs. */
async function bindLocal(path: string, at: string, { pod }: VolumeWorld, readOnly: boolean, signal: AbortSignal): Promise<string> {
  const kind = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') throw new Error(`local volume path ${JSON.stringify(path)} does not exist`, { cause: error });
    throw error;
  });
  if (kind.isBlockDevice()) throw new Error(`${path} is a block device: this node mounts directories, or devices with volumeMode Block`);
  if ((await mountsBelow(at)).includes(at)) return at;
  if (!readOnly) await giveToGroup(path, pod, false);
  await mkdir(at, { recursive: true, mode: 0o750 });
  await bindMount(path, at, signal);
  return at;
}

async function blockDevice(path: string): Promise<string> {
  const found = await stat(path).catch(() => undefined);
  if (!found?.isBlockDevice()) throw new Error(`${path} is not a block device`);
  return path;
}

/** The field that says where the storage is. */
function sourceOf(spec: PersistentVolume['spec']): string {
  const others = new Set(['accessModes', 'capacity', 'claimRef', 'mountOptions', 'nodeAffinity', 'persistentVolumeReclaimPolicy', 'storageClassName', 'volumeMode', 'volumeAttributesClassName']);
  return Object.entries(spec).find(([key, value]) => !others.has(key) && value)?.[0] ?? 'unknown';
}
