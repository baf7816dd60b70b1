// An image archive in OCI's layout, as one tar, with the index that older Docker engines read: pure.
import { createHash } from 'node:crypto';
import { tar, type TarEntry } from './tar.ts';

export interface ImageContent {
  /** Full names, with tags. */
  readonly names: readonly string[];
  readonly files: readonly TarEntry[];
  readonly entrypoint?: readonly string[];
  readonly cmd?: readonly string[];
  readonly env?: readonly string[];
  /** Such as SIGUSR1. */
  readonly stopSignal?: string;
}

export interface OciArchive {
  readonly bytes: Buffer;
  /** For each name the image's ids: the digest of its configuration, and that of its manifest, by which newer Docker engines go. */
  readonly ids: Readonly<Record<string, readonly string[]>>;
}

export function ociArchive(images: readonly ImageContent[]): OciArchive {
  const blobs = new Map<string, Buffer>();
  const add = (mediaType: string, content: Buffer) => {
    const hex = createHash('sha256').update(content).digest('hex');
    blobs.set(hex, content);
    return { mediaType, digest: `sha256:${hex}`, size: content.length };
  };
  const ids: Record<string, readonly string[]> = {};
  const dockerIndex: object[] = [];
  const manifests = images.flatMap((image) => {
    const layer = add('application/vnd.oci.image.layer.v1.tar', tar(image.files));
    const config = add('application/vnd.oci.image.config.v1+json', json({
      architecture: architectures[process.arch] ?? process.arch,
      os: 'linux',
      config: { Entrypoint: image.entrypoint, Cmd: image.cmd, Env: image.env, StopSignal: image.stopSignal },
      rootfs: { type: 'layers', diff_ids: [layer.digest] },
    }));
    const mediaType = 'application/vnd.oci.image.manifest.v1+json';
    const manifest = add(mediaType, json({ schemaVersion: 2, mediaType, config, layers: [layer] }));
    dockerIndex.push({ Config: pathOf(config.digest), RepoTags: image.names, Layers: [pathOf(layer.digest)] });
    return image.names.map((name) => {
      ids[name] = [config.digest, manifest.digest];
      return { ...manifest, annotations: { 'io.containerd.image.name': name, 'org.opencontainers.image.ref.name': name } };
    });
  });
  const file = (path: string, content: Buffer): TarEntry => ({ type: 'file', path, mode: 0o644, content });
  const bytes = tar([
    file('oci-layout', json({ imageLayoutVersion: '1.0.0' })),
    file('index.json', json({ schemaVersion: 2, manifests })),
    file('manifest.json', json(dockerIndex)),
    ...[...blobs].map(([hex, content]) => file(`blobs/sha256/${hex}`, content)),
  ]);
  return { bytes, ids };
}

/** Go's names for what Node.js calls otherwise. */
const architectures: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386', arm64: 'arm64', arm: 'arm', ppc64: 'ppc64le' };

function pathOf(digest: string): string {
  return `blobs/${digest.replace(':', '/')}`;
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}
