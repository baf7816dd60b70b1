// A bootstrap token, `abcdef.0123456789abcdef`, as it stands in its Secret; and what is signed with it. Pure.
import { createHmac } from 'node:crypto';
import { parseTime } from '../../base/clock.ts';
import type { Secret } from '../types.ts';

export interface BootstrapToken {
  readonly id: string;
  readonly secret: string;
}

export interface StoredToken extends BootstrapToken {
  /** Undefined: it does not expire. NaN is read as expired long ago. */
  readonly expiresMs: number | undefined;
  readonly usages: readonly ('authentication' | 'signing')[];
  /** Besides system:bootstrappers. */
  readonly groups: readonly string[];
  readonly description: string;
}

export const tokenSecretType = 'bootstrap.kubernetes.io/token';
const groupPattern = /^system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]$/;

export function readBootstrapToken(text: string): BootstrapToken | undefined {
  const match = /^([a-z0-9]{6})\.([a-z0-9]{16})$/.exec(text);
  return match ? { id: match[1]!, secret: match[2]! } : undefined;
}

export function tokenSecretName(id: string): string {
  return `bootstrap-token-${id}`;
}

/** Undefined: the Secret is no token, or is none that can be read. */
export function tokenOfSecret({ type, data, metadata }: Secret): StoredToken | undefined {
  if (type !== tokenSecretType || metadata.namespace !== 'kube-system') return undefined;
  const text = (key: string) => Buffer.from(data?.[key] ?? '', 'base64').toString();
  const [id, secret, expiration, groups] = [text('token-id'), text('token-secret'), text('expiration'), text('auth-extra-groups')];
  if (!readBootstrapToken(`${id}.${secret}`) || metadata.name !== tokenSecretName(id)) return undefined;
  const extra = groups === '' ? [] : [...new Set(groups.split(','))].sort();
  if (extra.some((group) => !groupPattern.test(group))) return undefined;
  const expiresMs = expiration === '' ? undefined : parseTime(expiration);
  return {
    id,
    secret,
    expiresMs: expiresMs !== undefined && Number.isNaN(expiresMs) ? 0 : expiresMs,
    usages: (['authentication', 'signing'] as const).filter((usage) => text(`usage-bootstrap-${usage}`) === 'true'),
    groups: extra,
    description: text('description'),
  };
}

/** A JSON Web Signature without its content (RFC 7515, appendix F): who knows the token knows that who signed knew it. */
export function signedWith({ id, secret }: BootstrapToken, content: string): string {
  const header = base64Url(JSON.stringify({ alg: 'HS256', kid: id }));
  const signature = createHmac('sha256', secret).update(`${header}.${base64Url(content)}`).digest('base64url');
  return `${header}..${signature}`;
}

function base64Url(text: string): string {
  return Buffer.from(text).toString('base64url');
}
