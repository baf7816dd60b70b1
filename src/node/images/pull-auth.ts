// Which of a Pod's pull secrets fit an image. Pure.
import { createHash } from 'node:crypto';
import type { Secret } from '../../api/types.ts';
import type { ImageAuth } from '../../runtime/runtime.ts';

interface DockerEntry {
  readonly username?: string;
  readonly password?: string;
  readonly auth?: string;
  readonly identitytoken?: string;
  readonly registrytoken?: string;
}

/** What to log in with, and which Secret it is of. */
export interface PullCredential {
  readonly auth: ImageAuth;
  readonly secret: { readonly namespace: string; readonly name: string; readonly uid: string };
  /** The same for the same credentials, whichever Secret they are in; tells nothing of them. */
  readonly hash: string;
}

/** The credentials to try for the image, the most particular first. Secrets that cannot be read count as empty. */
export function credentialsFor(image: string, secrets: readonly Secret[]): PullCredential[] {
  const found: { key: string; credential: PullCredential }[] = [];
  for (const secret of secrets) {
    const { namespace = '', name, uid } = secret.metadata;
    for (const [key, entry] of Object.entries(entriesOf(secret))) {
      if (!fits(key, image)) continue;
      const auth = authOf(entry);
      found.push({ key: bareKey(key), credential: { auth, secret: { namespace, name, uid }, hash: hashOf(auth) } });
    }
  }
  return found.sort((a, b) => b.key.length - a.key.length).map(({ credential }) => credential);
}

/** The registry's host and the path in it, as Docker reads a name. */
export function registryOf(image: string): { host: string; path: string } {
  const [first = '', ...rest] = image.split('/');
  const isHost = rest.length > 0 && (first.includes('.') || first.includes(':') || first === 'localhost');
  const name = isHost ? rest.join('/') : rest.length ? image : `library/${image}`;
  return { host: isHost && first !== 'docker.io' ? first : 'index.docker.io', path: name };
}

function fits(key: string, image: string): boolean {
  const { host, path } = registryOf(image);
  const [wantedHost = '', ...wantedPath] = bareKey(key).split('/');
  const aliases: Readonly<Record<string, string>> = { 'docker.io': 'index.docker.io', 'registry-1.docker.io': 'index.docker.io' };
  const [wantedName = '', wantedPort] = (aliases[wantedHost] ?? wantedHost).split(':');
  const [name = '', port] = host.split(':');
  const [pattern, actual] = [wantedName.split('.'), name.split('.')];
  const hostFits = wantedPort === port && pattern.length === actual.length && pattern.every((part, index) => partFits(part, actual[index]!));
  return hostFits && (wantedPath.length === 0 || path.startsWith(wantedPath.join('/')));
}

/** Without scheme, version and closing slash. */
function bareKey(key: string): string {
  return key.replace(/^https?:\/\//, '').replace(/\/v[12]\/?$/, '').replace(/\/$/, '');
}

/** A star stands for any characters within one part of a host name. */
function partFits(pattern: string, part: string): boolean {
  if (!pattern.includes('*')) return pattern === part;
  return new RegExp(`^${pattern.split('*').map((text) => text.replace(/[^a-zA-Z0-9-]/g, '\\$&')).join('.*')}$`).test(part);
}

function entriesOf({ type, data = {} }: Secret): Record<string, DockerEntry> {
  const text = (key: string) => Buffer.from(data[key] ?? '', 'base64').toString();
  try {
    if (type === 'kubernetes.io/dockerconfigjson') return objectOr((JSON.parse(text('.dockerconfigjson')) as { auths?: Record<string, DockerEntry> } | null)?.auths);
    if (type === 'kubernetes.io/dockercfg') return objectOr(JSON.parse(text('.dockercfg')) as Record<string, DockerEntry>);
  } catch {
    // As upstream: a broken secret is as good as none.
  }
  return {};
}

function objectOr(found: Record<string, DockerEntry> | undefined): Record<string, DockerEntry> {
  return Object.fromEntries(Object.entries(found ?? {}).filter(([, entry]) => typeof entry === 'object' && entry !== null));
}

/** No server address goes with it, as with the kubelet: containerd fails on a bare host with a port, and takes others for limits. */
function authOf({ username, password, auth, identitytoken, registrytoken }: DockerEntry): ImageAuth {
  if (auth && !username) {
    const [name = '', ...rest] = Buffer.from(auth, 'base64').toString().split(':');
    return { username: name, password: rest.join(':'), identityToken: identitytoken, registryToken: registrytoken };
  }
  return { username, password, identityToken: identitytoken, registryToken: registrytoken };
}

function hashOf(auth: ImageAuth): string {
  return createHash('sha256').update(JSON.stringify([auth.username, auth.password, auth.identityToken, auth.registryToken])).digest('hex');
}
