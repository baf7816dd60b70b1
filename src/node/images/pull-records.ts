// Who may use the images that this node has pulled: with which credentials each was pulled, kept on disk, so that a Pod
// without them does not get a private image only because another Pod has fetched it. Images that were never pulled here
// (loaded by hand, or by a node that kept no records) are everybody's.
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { normalizeImageName } from '../../runtime/image-name.ts';
import type { PullCredential } from './pull-auth.ts';

/** How one name of an image was pulled: with no credentials, then all may use it, or with one of these. */
export interface NamePulls {
  readonly anybody: boolean;
  readonly secrets: readonly { readonly namespace: string; readonly name: string; readonly uid: string; readonly hash: string }[];
}

export interface PullRecord {
  readonly imageId: string;
  /** By the image's name without tag and digest. */
  readonly names: Readonly<Record<string, NamePulls>>;
}

export type Access = 'granted' | 'pull-to-see';

/** What a Pod with these credentials may do with an image that is present. Pure. `record` undefined: never pulled here. */
export function accessTo(record: PullRecord | undefined, repository: string, credentials: readonly PullCredential[]): Access {
  if (!record) return 'granted';
  const pulls = record.names[repository];
  if (!pulls) return 'pull-to-see';
  if (pulls.anybody) return 'granted';
  return credentials.some(({ hash }) => pulls.secrets.some((known) => known.hash === hash)) ? 'granted' : 'pull-to-see';
}

/** The record after one more pull. Pure; the newest secrets are kept. */
export function afterPull(record: PullRecord | undefined, imageId: string, repository: string, credential: PullCredential | undefined): PullRecord {
  const before = record?.names[repository] ?? { anybody: false, secrets: [] };
  const others = credential ? before.secrets.filter(({ uid }) => uid !== credential.secret.uid) : before.secrets;
  const pulls: NamePulls = credential ? { ...before, secrets: [...others, { ...credential.secret, hash: credential.hash }].slice(-mostSecrets) } : { ...before, anybody: true };
  return { imageId, names: { ...record?.names, [repository]: pulls } };
}

const mostSecrets = 100;

/** `docker.io/library/busybox` of `busybox:1`. */
export function repositoryOf(image: string): string {
  return normalizeImageName(image).replace(/@.*$/, '').replace(/:[^:/]*$/, '');
}

export class PullRecords {
  readonly #directory: string | undefined;
  readonly #records = new Map<string, PullRecord>();
  /** Names whose pull has begun and not ended, as far as the disk knows: after a crash nobody can say who may use what came of it. */
  readonly #begun = new Map<string, number>();

  /** Without a directory they last as long as the agent. */
  constructor(directory: string | undefined) {
    this.#directory = directory;
    if (directory === undefined) return;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    for (const file of readdirSync(directory)) {
      const found = read(join(directory, file));
      if (!found) rmSync(join(directory, file), { force: true });
      else if ('imageId' in found) this.#records.set(found.imageId, found);
      else this.#begun.set(found.pulling, 1);
    }
  }

  /** Undefined: this node has not pulled it, as far as it knows. */
  of(imageId: string, image: string): PullRecord | undefined {
    return this.#records.get(imageId) ?? (this.#begun.has(normalizeImageName(image)) ? { imageId, names: {} } : undefined);
  }

  begin(image: string): void {
    const pulling = normalizeImageName(image);
    const count = this.#begun.get(pulling) ?? 0;
    this.#begun.set(pulling, count + 1);
    if (count === 0) this.#write(`pulling ${pulling}`, { pulling });
  }

  /** After `begin`, when the pull has failed: what is there is what was there before. */
  failed(image: string): void {
    const pulling = normalizeImageName(image);
    const count = (this.#begun.get(pulling) ?? 1) - 1;
    if (count > 0) return void this.#begun.set(pulling, count);
    this.#begun.delete(pulling);
    this.#remove(`pulling ${pulling}`);
  }

  /** After `begin`, when it has succeeded. */
  pulled(image: string, imageId: string, credential: PullCredential | undefined): void {
    const record = afterPull(this.#records.get(imageId), imageId, repositoryOf(image), credential);
    this.#records.set(imageId, record);
    this.#write(imageId, record);
    this.failed(image);
  }

  imageIds(): string[] {
    return [...this.#records.keys()];
  }

  /** Of images that are no longer there. */
  forget(imageIds: readonly string[]): void {
    for (const id of imageIds) {
      if (this.#records.delete(id)) this.#remove(id);
    }
  }

  #write(key: string, content: object): void {
    const path = this.#path(key);
    if (path === undefined) return;
    writeFileSync(`${path}.new`, JSON.stringify(content), { mode: 0o600 });
    renameSync(`${path}.new`, path);
  }

  #remove(key: string): void {
    const path = this.#path(key);
    if (path !== undefined) rmSync(path, { force: true });
  }

  #path(key: string): string | undefined {
    return this.#directory && join(this.#directory, createHash('sha256').update(key).digest('hex'));
  }
}

function read(path: string): PullRecord | { readonly pulling: string } | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as PullRecord;
  } catch {
    return undefined;
  }
}
