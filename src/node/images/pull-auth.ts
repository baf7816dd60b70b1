// Which of a Pod's pull secrets fit an image. Pure.
import type { Secret } from '../../api/types.ts';
import type { ImageAuth } from '../../runtime/runtime.ts';

interface DockerEntry {
  readonly username?: string;
  readonly password?: string;
  readonly auth?: string;
  readonly identitytoken?: string;
  readonly registrytoken?: string;
}

/** The credentials to try for the image, the most particular first. Secrets that cannot be read count as empty. */
export function authsFor(image: string, secrets: readonly Secret[]): ImageAuth[] {
  const found: { key: string; auth: ImageAuth }[] = [];
  for (const secret of secrets) {
    for (const [key, entry] of Object.entries(entriesOf(secret))) {
      if (fits(key, image)) found.push({ key, auth: authOf(entry) });
    }
  }
  return found.sort((a, b) => b.key.length - a.key.length).map(({ auth }) => auth);
}

/** The registry's host and the path in it, as Docker reads a name. */
export function registryOf(image: string): { host: string; path: string } {
  const [first = '', ...rest] = image.split('/');
  const isHost = rest.length > 0 && (first.includes('.') || first.includes(':') || first === 'localhost');
  return isHost ? { host: first, path: rest.join('/') } : { host: 'index.docker.io', path: rest.length ? image : `library/${image}` };
}

function fits(key: string, image: string): boolean {
  const { host, path } = registryOf(image);
  const [wantedHost = '', ...wantedPath] = key.replace(/^https?:\/\//, '').replace(/\/v[12]\/?$/, '').replace(/\/$/, '').split('/');
  const aliases: Readonly<Record<string, string>> = { 'docker.io': 'index.docker.io', 'registry-1.docker.io': 'index.docker.io' };
  const pattern = (aliases[wantedHost] ?? wantedHost).split('.');
  const actual = host.split('.');
  const hostFits = pattern.length === actual.length && pattern.every((part, index) => part === '*' || part === actual[index]);
  return hostFits && (wantedPath.length === 0 || path.startsWith(wantedPath.join('/')));
}

function entriesOf({ type, data = {} }: Secret): Record<string, DockerEntry> {
  const text = (key: string) => Buffer.from(data[key] ?? '', 'base64').toString();
  try {
    if (type === 'kubernetes.io/dockerconfigjson') return (JSON.parse(text('.dockerconfigjson')) as { auths?: Record<string, DockerEntry> }).auths ?? {};
    if (type === 'kubernetes.io/dockercfg') return JSON.parse(text('.dockercfg')) as Record<string, DockerEntry>;
  } catch {
    // As upstream: a broken secret is as good as none.
  }
  return {};
}

/** No server address goes with it, as with the kubelet: containerd fails on a bare host with a port, and takes others for limits. */
function authOf({ username, password, auth, identitytoken, registrytoken }: DockerEntry): ImageAuth {
  if (auth && !username) {
    const [name = '', ...rest] = Buffer.from(auth, 'base64').toString().split(':');
    return { username: name, password: rest.join(':'), identityToken: identitytoken, registryToken: registrytoken };
  }
  return { username, password, identityToken: identitytoken, registryToken: registrytoken };
}
