// `peapod image`: the node's images, through the runtime itself, so that it works without any registry.
import { systemClock } from '../../base/clock.ts';
import { silentLog } from '../../base/log.ts';
import { layoutOf } from '../../cluster/layout.ts';
import { runningInstance } from '../../cluster/instance.ts';
import { openRuntime, type OpenRuntime, type RuntimeAccess } from '../../cluster/runtime-choice.ts';
import { UserError } from '../../cluster/user-error.ts';
import { normalizeImageName } from '../../runtime/image-name.ts';
import type { ImageInfo } from '../../runtime/runtime.ts';

export async function loadImages(dataDir: string, files: readonly string[]): Promise<void> {
  await withRuntime(dataDir, async (runtime, signal) => {
    for (const file of files) {
      const names = await runtime.loadImages(file, signal).catch((error: unknown) => {
        throw new UserError(`${file} could not be loaded`, 'give an archive as `docker save` or `skopeo copy … oci-archive:` writes it', { cause: error });
      });
      for (const name of names) process.stdout.write(`loaded ${name}\n`);
    }
  });
}

export function listImages(dataDir: string, output: 'text' | 'json'): Promise<void> {
  return withRuntime(dataDir, async (runtime, signal) => {
    const images = await runtime.listImages(signal);
    if (output === 'json') return void process.stdout.write(`${JSON.stringify(images, null, 2)}\n`);
    const rows = images.flatMap((image) => (image.tags.length > 0 ? image.tags : ['<none>']).map((tag) => [tag, shortId(image), megabytes(image)]));
    const all = [['IMAGE', 'ID', 'SIZE'], ...rows.toSorted((a, b) => a[0]!.localeCompare(b[0]!))];
    const widths = [0, 1].map((column) => Math.max(...all.map((row) => row[column]!.length)));
    for (const row of all) process.stdout.write(`${row[0]!.padEnd(widths[0]!)}   ${row[1]!.padEnd(widths[1]!)}   ${row[2]}\n`);
  });
}

export function removeImages(dataDir: string, names: readonly string[]): Promise<void> {
  return withRuntime(dataDir, async (runtime, signal) => {
    for (const name of names) {
      if (!(await runtime.imageStatus(name, signal))) throw new UserError(`there is no image ${normalizeImageName(name)}`, 'see them with: peapod image ls');
      await runtime.removeImage(name, signal);
      process.stdout.write(`removed ${normalizeImageName(name)}\n`);
    }
  });
}

async function withRuntime(dataDir: string, work: (runtime: OpenRuntime, signal: AbortSignal) => Promise<void>): Promise<void> {
  const runtime = await openRuntime({ ...runtimeOf(dataDir), clock: systemClock, log: silentLog });
  try {
    await work(runtime, new AbortController().signal);
  } finally {
    await runtime.close();
  }
}

function runtimeOf(dataDir: string): Pick<RuntimeAccess, 'kind' | 'endpoint'> {
  const running = runningInstance(layoutOf(dataDir).instance);
  if (!running) throw new UserError(`no cluster runs on ${dataDir}`, 'start one with: peapod up');
  return { kind: running.runtime ?? 'containerd', endpoint: running.runtimeEndpoint };
}

function shortId(image: ImageInfo): string {
  return image.id.replace(/^sha256:/, '').slice(0, 12);
}

function megabytes(image: ImageInfo): string {
  return `${(image.sizeBytes / 1e6).toFixed(1)} MB`;
}
