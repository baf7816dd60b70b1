// The tokens of one Pod's service account, by audience and lifetime: each is asked for once and kept until it is time for
// the next, however often the files around it change.
import { serviceAccounts } from '../../api/kinds/service-account.ts';
import type { Pod } from '../../api/types.ts';
import { parseTime, type Clock } from '../../base/clock.ts';
import type { Client } from '../../client/client.ts';

export interface TokenAsked {
  readonly audience?: string;
  readonly expirationSeconds?: number;
}

export interface PodToken {
  readonly token: string;
  /** From now on. */
  readonly renewAfterMs: number;
}

export interface PodTokens {
  /** Throws ApiError. */
  get(pod: Pod, asked: TokenAsked, signal: AbortSignal): Promise<PodToken>;
}

/** As the kubelet renews them: when four fifths of their time are over, and once a day. */
const usedPart = 0.8;
const longestUseMs = 24 * 3_600_000;
const defaultSeconds = 3600;

export function createPodTokens(client: Client, clock: Clock): PodTokens {
  /** As many as the Pod's volumes ask for differently. */
  const kept = new Map<string, { readonly token: string; readonly renewAtMs: number }>();
  return {
    async get(pod, { audience = '', expirationSeconds = defaultSeconds }, signal) {
      const key = `${expirationSeconds} ${audience}`;
      const nowMs = clock.wallMs();
      let one = kept.get(key);
      if (!one || one.renewAtMs <= nowMs) {
        const { token, expirationTimestamp } = await request(client, pod, audience, expirationSeconds, signal);
        one = { token, renewAtMs: nowMs + Math.min((parseTime(expirationTimestamp) - nowMs) * usedPart, longestUseMs) };
        kept.set(key, one);
      }
      return { token: one.token, renewAfterMs: one.renewAtMs - clock.wallMs() };
    },
  };
}

async function request(client: Client, { metadata, spec }: Pod, audience: string, expirationSeconds: number, signal: AbortSignal): Promise<{ token: string; expirationTimestamp: string }> {
  const { name, namespace = '', uid } = metadata;
  const body = {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: { audiences: audience ? [audience] : [], expirationSeconds, boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid } },
  };
  const answer = await client.createSub<{ status: { token: string; expirationTimestamp: string } }>(serviceAccounts, { namespace, name: spec.serviceAccountName || 'default' }, 'token', body, signal);
  return answer.status;
}
