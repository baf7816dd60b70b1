// Join tokens of a running cluster: made, shown and taken back through its API, as kubeadm's `token` commands do.
import { randomInt } from 'node:crypto';
import { isReason } from '../api/error.ts';
import { tokenOfSecret, tokenSecretName, tokenSecretType, type StoredToken } from '../api/certificates/bootstrap-token.ts';
import { secrets } from '../api/kinds/secret.ts';
import type { New, Secret } from '../api/types.ts';
import { formatTime, type Clock } from '../base/clock.ts';
import type { Client } from '../client/client.ts';

const namespace = 'kube-system';
const alphabet = 'abcdefghijklmnopqrstuvwxyz0123456789';

/** `ttlMs`: 0: it does not expire. */
export async function createJoinToken(client: Client, { ttlMs, description }: { readonly ttlMs: number; readonly description?: string }, clock: Clock, signal: AbortSignal): Promise<string> {
  const [id, secret] = [characters(6), characters(16)];
  const stringData = {
    'token-id': id,
    'token-secret': secret,
    'usage-bootstrap-authentication': 'true',
    'usage-bootstrap-signing': 'true',
    ...(ttlMs > 0 ? { expiration: formatTime(clock.wallMs() + ttlMs) } : {}),
    ...(description ? { description } : {}),
  };
  await client.create(secrets, { metadata: { name: tokenSecretName(id), namespace }, type: tokenSecretType, stringData } as New<Secret>, signal);
  return `${id}.${secret}`;
}

export async function listJoinTokens(client: Client, signal: AbortSignal): Promise<StoredToken[]> {
  const { items } = await client.list(secrets, { namespace, fieldSelector: `type=${tokenSecretType}` }, signal);
  return items.flatMap((secret) => tokenOfSecret(secret) ?? []);
}

/** False: there is none. */
export async function deleteJoinToken(client: Client, id: string, signal: AbortSignal): Promise<boolean> {
  try {
    await client.delete(secrets, { namespace, name: tokenSecretName(id) }, {}, signal);
    return true;
  } catch (error) {
    if (isReason(error, 'NotFound')) return false;
    throw error;
  }
}

/** From the system's own source of chance: these are secrets. */
function characters(length: number): string {
  return Array.from({ length }, () => alphabet[randomInt(alphabet.length)]).join('');
}
