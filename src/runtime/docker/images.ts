// The verbs of images, and loading them from archives.
import { createReadStream } from 'node:fs';
import { isImageId, normalizeImageName, parseImageName } from '../image-name.ts';
import { RuntimeError, type ImageAuth, type ImageInfo } from '../runtime.ts';
import { query, unlessGone, type DockerConnection } from './connection.ts';
import type { InspectedImage } from './messages.ts';

export function createImageVerbs(docker: DockerConnection, pauseImage: string) {
  const inspect = (reference: string, signal: AbortSignal) => unlessGone(docker.call<InspectedImage>('GET', `/images/${nameOf(reference)}/json`, undefined, signal));

  return {
    async pullImage(reference: string, auth: ImageAuth | undefined, signal: AbortSignal): Promise<string> {
      const name = normalizeImageName(reference);
      const { domain, path, tag = 'latest', digest } = parseImageName(reference);
      const headers: Record<string, string> = auth ? { 'X-Registry-Auth': authHeader(auth) } : {};
      try {
        const answer = await docker.stream('POST', `/images/create${query({ fromImage: `${domain}/${path}`, tag: digest ?? tag })}`, { headers }, signal);
        for await (const { error } of jsonLines<{ error?: string }>(answer)) if (error) throw new RuntimeError('failed', error);
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof RuntimeError) || error.code === 'unavailable') throw error;
        throw new RuntimeError('pull-failed', error.code === 'not-found' ? `rpc error: code = NotFound desc = ${error.message}` : error.message, { cause: error });
      }
      const image = await inspect(name, signal);
      if (!image) throw new RuntimeError('pull-failed', `rpc error: code = NotFound desc = ${name} is not there after it was pulled`);
      return image.Id;
    },
    async imageStatus(reference: string, signal: AbortSignal): Promise<ImageInfo | undefined> {
      const image = await inspect(reference, signal);
      return image && imageInfo(image, pauseImage);
    },
    async listImages(signal: AbortSignal): Promise<readonly ImageInfo[]> {
      const listed = await docker.call<InspectedImage[]>('GET', '/images/json', undefined, signal);
      return listed.map((image) => imageInfo(image, pauseImage));
    },
    async imageFilesystem(signal: AbortSignal): Promise<string> {
      return (await docker.call<{ DockerRootDir: string }>('GET', '/info', undefined, signal)).DockerRootDir;
    },
    /** By all its names, as CRI removes it; one that containers use stays, which the engine's words tell. */
    async removeImage(reference: string, signal: AbortSignal): Promise<void> {
      const image = await inspect(reference, signal);
      const names = [...(image?.RepoTags ?? []), ...(image?.RepoDigests ?? [])].filter((name) => !name.includes('<none>'));
      for (const name of [...names, ...(image ? [image.Id] : [])]) await unlessGone(docker.call('DELETE', `/images/${name}`, undefined, signal));
    },
    /** `docker save`'s archives; newer engines also read OCI layouts. Resolves with the names that were in it. */
    async loadImages(archive: string, signal: AbortSignal): Promise<readonly string[]> {
      const answer = await docker.stream('POST', '/images/load?quiet=1', { headers: { 'Content-Type': 'application/x-tar' }, body: createReadStream(archive) }, signal);
      const names: string[] = [];
      for await (const { error, stream } of jsonLines<{ error?: string; stream?: string }>(answer)) {
        if (error) throw new RuntimeError('failed', error);
        const loaded = /^Loaded image: (\S+)/.exec(stream ?? '')?.[1];
        if (loaded) names.push(normalizeImageName(loaded));
      }
      return names;
    },
  };
}

function nameOf(reference: string): string {
  return isImageId(reference) ? reference : normalizeImageName(reference);
}

/** The engine reads base64 for URLs, and ignores it without its padding. */
function authHeader(auth: ImageAuth): string {
  return Buffer.from(JSON.stringify(authConfig(auth))).toString('base64').replaceAll('+', '-').replaceAll('/', '_');
}

function authConfig({ username, password, auth, serverAddress, identityToken, registryToken }: ImageAuth): object {
  // Both as one: name:password in base64.
  const [, name, secret] = /^([^:]*):(.*)$/s.exec(auth ? Buffer.from(auth, 'base64').toString() : '') ?? [];
  return { username: username || name, password: password || secret, serveraddress: serverAddress, identitytoken: identityToken, registrytoken: registryToken };
}

/** A list does not tell the user of its images; then it is left out. */
function imageInfo({ Id: id, RepoTags, RepoDigests, Size: sizeBytes, Config }: InspectedImage, pauseImage: string): ImageInfo {
  const full = (names: readonly string[] | null | undefined) => (names ?? []).filter((name) => !name.includes('<none>')).map(fullName);
  const tags = full(RepoTags);
  const user = Config?.User?.split(':')[0] ?? '';
  return {
    id, tags, digests: full(RepoDigests), sizeBytes, pinned: tags.includes(pauseImage),
    ...(Config === undefined ? {} : /^\d*$/.test(user) ? { uid: Number(user) } : { userName: user }),
  };
}

/** The engine leaves out what it takes for granted: `busybox:latest` is docker.io/library/busybox:latest. */
function fullName(name: string): string {
  return normalizeImageName(name);
}

async function* jsonLines<Line>(answer: AsyncIterable<Buffer>): AsyncGenerator<Line> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const part of answer) {
    const lines = (rest + decoder.decode(part, { stream: true })).split('\n');
    rest = lines.pop()!;
    for (const line of lines) if (line.trim() !== '') yield JSON.parse(line) as Line;
  }
  if (rest.trim() !== '') yield JSON.parse(rest) as Line;
}
