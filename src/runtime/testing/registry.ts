// A registry of images on loopback, in the test's own process: enough of the OCI distribution protocol to pull from, with
// a password where wanted, and hands to hold it up, break it and see what it was asked.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tar, type TarEntry } from '../containerd/images/tar.ts';

export interface Registry extends AsyncDisposable {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  /** `METHOD PATH` of all that came in and was let in. */
  readonly asked: readonly string[];
  /** Makes an image of this machine's busybox; gives the digest of its manifest. */
  push(name: string, tag: string, image?: RegistryImage): string;
  /** Pulls of this name wait until the function that is given back is called. */
  hold(name: string): () => void;
  /** From now on every answer is this status; undefined: as usual. */
  breakWith(status: number | undefined): void;
}

export interface RegistryImage {
  /** As an image's configuration has it: User, Entrypoint, Cmd, Env … */
  readonly config?: object;
  readonly files?: readonly TarEntry[];
}

const manifestType = 'application/vnd.oci.image.manifest.v1+json';

/** With a login, only who brings it may pull. */
export async function startRegistry(login?: { user: string; password: string }): Promise<Registry> {
  const blobs = new Map<string, Buffer>();
  const manifests = new Map<string, Buffer>();
  const held = new Map<string, Promise<void>>();
  const asked: string[] = [];
  let broken: number | undefined;
  const wanted = login && `Basic ${Buffer.from(`${login.user}:${login.password}`).toString('base64')}`;

  const server = createServer((request, response) => void answer(request, response).catch(() => response.destroy()));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url!.split('?')[0]!;
    if (broken !== undefined) return void response.writeHead(broken).end();
    if (wanted && request.headers.authorization !== wanted) return void response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="test"' }).end('{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}');
    asked.push(`${request.method} ${path}`);
    if (path === '/v2/') return void response.writeHead(200).end('{}');
    const [, name = '', kind, reference = ''] = /^\/v2\/(.+)\/(manifests|blobs)\/([^/]+)$/.exec(path) ?? [];
    await held.get(name);
    const content = kind === 'manifests' ? manifests.get(`${name} ${reference}`) : blobs.get(reference);
    if (!content) return void response.writeHead(404, { 'Content-Type': 'application/json' }).end(JSON.stringify({ errors: [{ code: kind === 'blobs' ? 'BLOB_UNKNOWN' : 'MANIFEST_UNKNOWN', message: 'not here' }] }));
    response.writeHead(200, { 'Content-Type': kind === 'manifests' ? manifestType : 'application/octet-stream', 'Content-Length': content.length, 'Docker-Content-Digest': digestOf(content) });
    response.end(request.method === 'HEAD' ? undefined : content);
  }

  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    push(name, tag, { config = {}, files = [] } = {}) {
      const blob = (content: Buffer, mediaType: string) => {
        const digest = digestOf(content);
        blobs.set(digest, content);
        return { mediaType, digest, size: content.length };
      };
      const layers = [base(), tar([{ type: 'file', path: 'image-name', mode: 0o644, content: Buffer.from(`${name}:${tag}\n`) }, ...files])].map((layer) => blob(layer, 'application/vnd.oci.image.layer.v1.tar'));
      const architecture = { x64: 'amd64' }[process.arch as string] ?? process.arch;
      const whole = { architecture, os: 'linux', config: { Env: ['PATH=/bin'], ...config }, rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => digest) } };
      const manifest = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: manifestType, config: blob(Buffer.from(JSON.stringify(whole)), 'application/vnd.oci.image.config.v1+json'), layers }));
      for (const reference of [tag, digestOf(manifest)]) manifests.set(`${name} ${reference}`, manifest);
      return digestOf(manifest);
    },
    hold(name) {
      const gate = Promise.withResolvers<void>();
      held.set(name, gate.promise);
      return () => {
        held.delete(name);
        gate.resolve();
      };
    },
    breakWith: (status) => void (broken = status),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

let baseLayer: Buffer | undefined;

/** A shell and what tests run in it. */
function base(): Buffer {
  const applets = ['sh', 'sleep', 'cat', 'echo', 'id', 'env', 'true', 'touch', 'grep', 'pwd', 'ls'];
  return (baseLayer ??= tar([
    { type: 'directory', path: 'bin', mode: 0o755 }, { type: 'directory', path: 'etc', mode: 0o755 }, { type: 'directory', path: 'tmp', mode: 0o1777 },
    { type: 'file', path: 'bin/busybox', mode: 0o755, content: readFileSync('/usr/bin/busybox') },
    { type: 'file', path: 'etc/passwd', mode: 0o644, content: Buffer.from('root:x:0:0:root:/:/bin/sh\npea:x:1234:1235:pea:/:/bin/sh\n') },
    { type: 'file', path: 'etc/group', mode: 0o644, content: Buffer.from('root:x:0:\npod:x:1235:\nextra:x:4567:pea\n') },
    ...applets.map((name): TarEntry => ({ type: 'symlink', path: `bin/${name}`, target: 'busybox' })),
  ]));
}

function digestOf(content: Buffer): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}
