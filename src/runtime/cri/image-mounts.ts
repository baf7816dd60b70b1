// The files of an image as a directory of the node. containerd keeps every layer as a snapshot: a view of the last one can
// be mounted by anyone. It stays for as long as the volume does, also when the image itself is removed meanwhile.
import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { RuntimeError, type RuntimeVolumes, type RuntimeVersion, type VolumeFeatures } from '../runtime.ts';
import type { CriConnection } from './connection.ts';

interface SnapshotMount { readonly type: string; readonly source: string; readonly options: readonly string[] }

/** Keeps the view from containerd's garbage collector. */
const rootLabel = 'containerd.io/gc.root';

export function createVolumes(cri: CriConnection, { name, version }: RuntimeVersion): RuntimeVolumes {
  const isContainerd = name === 'containerd';
  let snapshotter: Promise<string> | undefined;

  return {
    async features(signal): Promise<VolumeFeatures> {
      const { runtime_handlers: handlers = [] } = await cri.runtime<{ runtime_handlers?: { name: string; features?: { recursive_read_only_mounts?: boolean } }[] }>('Status', {}, signal);
      const recursiveReadOnly = handlers.find((handler) => handler.name === '')?.features?.recursive_read_only_mounts ?? false;
      return { recursiveReadOnly, images: isContainerd ? 'mounted' : isCrioWithImages(version) ? 'native' : undefined };
    },
    async mountImage(imageId, key, target, signal) {
      const request = { snapshotter: await (snapshotter ??= askSnapshotter(cri, signal)), key };
      const parent = await chainIdOf(cri, imageId, signal);
      const mounts = await cri.snapshots<{ mounts: SnapshotMount[] }>('View', { ...request, parent, labels: { [rootLabel]: 'peapod' } }, signal).catch((error: unknown) => {
        // From a try that was cut off.
        if (error instanceof RuntimeError && error.code === 'already-exists') return cri.snapshots<{ mounts: SnapshotMount[] }>('Mounts', request, signal);
        throw error;
      });
      await mkdir(target, { recursive: true });
      for (const mount of mounts.mounts) await mountView(mount, target, signal);
    },
    async releaseImage(key, signal) {
      if (!isContainerd) return;
      try {
        await cri.snapshots('Remove', { snapshotter: await (snapshotter ??= askSnapshotter(cri, signal)), key }, signal);
      } catch (error) {
        if (!(error instanceof RuntimeError && error.code === 'not-found')) throw error;
      }
    },
  };
}

/** Where the image's layers end; told by the verbose status. */
async function chainIdOf(cri: CriConnection, imageId: string, signal: AbortSignal): Promise<string> {
  const { info } = await cri.image<{ info: Record<string, string> }>('ImageStatus', { image: { image: imageId }, verbose: true }, signal);
  const chainId = (JSON.parse(info['info'] ?? '{}') as { chainID?: string }).chainID;
  if (!chainId) throw new RuntimeError('failed', `the runtime does not tell the layers of image ${imageId}`);
  return chainId;
}

async function askSnapshotter(cri: CriConnection, signal: AbortSignal): Promise<string> {
  const { info } = await cri.runtime<{ info: Record<string, string> }>('Status', { verbose: true }, signal);
  return (JSON.parse(info['config'] ?? '{}') as { containerd?: { snapshotter?: string } }).containerd?.snapshotter || 'overlayfs';
}

/** Layers are named relative to where they all lie: an image has many, and the kernel takes a page of options. */
function mountView({ type, source, options }: SnapshotMount, target: string, signal: AbortSignal): Promise<void> {
  const isBind = type === 'bind';
  const lower = options.find((option) => option.startsWith('lowerdir='))?.slice('lowerdir='.length).split(':') ?? [];
  const root = lower.length > 0 ? dirname(dirname(lower[0]!)) : '/';
  const kept = options.filter((option) => !option.startsWith('lowerdir=') && !['rbind', 'bind', 'ro', 'rw'].includes(option));
  const relative = lower.map((layer) => (layer.startsWith(`${root}/`) ? layer.slice(root.length + 1) : layer));
  const all = [...kept, ...(lower.length > 0 ? [`lowerdir=${relative.join(':')}`] : []), ...(isBind ? ['bind'] : []), 'ro', 'noexec'];
  const args = [...(isBind ? [] : ['-t', type]), '-o', all.join(','), source, target];
  return new Promise((resolve, reject) => {
    execFile('mount', args, { signal, cwd: root }, (error, _out, stderr) => (error ? reject(new RuntimeError('failed', `mount ${args.join(' ')}: ${stderr.trim() || error.message}`, { cause: error })) : resolve()));
  });
}

/** Since CRI-O 1.31 a mount may name an image. */
function isCrioWithImages(version: string): boolean {
  const [major = 0, minor = 0] = version.replace(/^v/, '').split('.').map(Number);
  return major > 1 || (major === 1 && minor >= 31);
}
