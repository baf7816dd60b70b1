// Image names as people write them and as registries and runtimes mean them: `busybox` is
// `docker.io/library/busybox:latest`. The grammar is that of the distribution project's reference package.
import { RuntimeError } from './runtime.ts';

export interface ImageName {
  /** Host, and port if any: `docker.io`, `localhost:5000`. */
  readonly domain: string;
  readonly path: string;
  readonly tag?: string;
  /** `sha256:…` */
  readonly digest?: string;
}

const domainPart = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])';
const domainPattern = new RegExp(`^(?:${domainPart}(?:\\.${domainPart})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?$`);
const pathPart = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
const pathPattern = new RegExp(`^${pathPart}(?:/${pathPart})*$`);
const tagPattern = /^\w[\w.-]{0,127}$/;
const digestPattern = /^[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}$/;
const digestLengths: Readonly<Record<string, number>> = { sha256: 64, sha384: 96, sha512: 128 };
const longestNameCharacters = 255;

/** Throws RuntimeError `invalid-image` in the words that the kubelet uses. */
export function parseImageName(text: string): ImageName {
  const refuse = (why: string) =>
    new RuntimeError('invalid-image', `Failed to apply default image tag ${JSON.stringify(text)}: couldn't parse image name ${JSON.stringify(text)}: ${why}`);
  if (/^[a-f0-9]{64}$/.test(text)) throw refuse(`invalid repository name (${text}), cannot specify 64-byte hexadecimal strings`);

  const [beforeDigest, digest] = splitOnce(text, '@');
  if (digest !== undefined && !isDigest(digest)) throw refuse('invalid reference format');
  const slash = beforeDigest!.lastIndexOf('/');
  const colon = beforeDigest!.indexOf(':', slash + 1);
  const name = colon < 0 ? beforeDigest! : beforeDigest!.slice(0, colon);
  const tag = colon < 0 ? undefined : beforeDigest!.slice(colon + 1);
  const { domain, path } = splitDomain(name);

  if (/[A-Z]/.test(path) && domainPattern.test(domain) && pathPattern.test(path.toLowerCase())) throw refuse('invalid reference format: repository name (' + path + ') must be lowercase');
  if (!domainPattern.test(domain) || !pathPattern.test(path) || (tag !== undefined && !tagPattern.test(tag))) throw refuse('invalid reference format');
  if (path.length > longestNameCharacters) throw refuse(`repository name must not be more than ${longestNameCharacters} characters`);
  return { domain, path, ...(tag === undefined ? {} : { tag }), ...(digest === undefined ? {} : { digest }) };
}

/** The full name, with `:latest` where neither tag nor digest is given. A digest makes the tag needless: it is dropped. */
export function normalizeImageName(text: string): string {
  const { domain, path, tag, digest } = parseImageName(text);
  return digest ? `${domain}/${path}@${digest}` : `${domain}/${path}:${tag ?? 'latest'}`;
}

/** Whether this is an image's id rather than a name. */
export function isImageId(text: string): boolean {
  return /^(?:sha256:)?[a-f0-9]{64}$/.test(text);
}

/** What stands before the first slash is a host only if it looks like one: `a/b` is on Docker Hub, `a.b/c` is not. */
function splitDomain(name: string): { domain: string; path: string } {
  const slash = name.indexOf('/');
  const first = slash < 0 ? '' : name.slice(0, slash);
  const isHost = slash >= 0 && (/[.:]/.test(first) || first === 'localhost' || first !== first.toLowerCase());
  const domain = isHost ? (first === 'index.docker.io' ? 'docker.io' : first) : 'docker.io';
  const path = isHost ? name.slice(slash + 1) : name;
  return { domain, path: domain === 'docker.io' && !path.includes('/') ? `library/${path}` : path };
}

function isDigest(text: string): boolean {
  const [algorithm, hex] = splitOnce(text, ':');
  const length = digestLengths[algorithm!];
  return digestPattern.test(text) && (length === undefined || (hex!.length === length && hex === hex!.toLowerCase()));
}

function splitOnce(text: string, separator: string): string[] {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}
