// projected: several sources in one volume; also the Pod's own token for the API.
import { serviceAccounts } from '../../api/kinds/service-account.ts';
import { parseTime } from '../../base/clock.ts';
import type { PayloadFile } from './atomic-writer.ts';
import { configMapPayload } from './config-map.ts';
import { downwardPayload } from './downward-api.ts';
import { secretPayload } from './secret.ts';
import type { ContentVolume, VolumeWorld } from './volume-kind.ts';

export const projected: ContentVolume = async (volume, world, signal) => {
  const { sources = [], defaultMode = 0o644 } = volume.projected!;
  const payload = new Map<string, PayloadFile>();
  let refreshAfterMs: number | undefined;
  const add = (files: ReadonlyMap<string, PayloadFile>) => {
    for (const [path, file] of files) payload.set(path, file);
  };
  for (const { configMap, secret, downwardAPI, serviceAccountToken } of sources) {
    if (configMap) add(await configMapPayload(world, configMap.name ?? '', configMap.items, defaultMode, configMap.optional ?? false));
    if (secret) add(await secretPayload(world, secret.name ?? '', secret.items, defaultMode, secret.optional ?? false));
    if (downwardAPI) add(downwardPayload(world, downwardAPI.items ?? [], defaultMode));
    if (serviceAccountToken) {
      const { token, lifetimeMs } = await requestToken(world, serviceAccountToken, signal);
      const mode = world.pod.spec.securityContext?.fsGroup === undefined ? defaultMode : 0o600;
      payload.set(serviceAccountToken.path, { bytes: Buffer.from(token), mode });
      refreshAfterMs = Math.min(refreshAfterMs ?? Infinity, lifetimeMs * 0.8);
    }
  }
  return { payload, refreshAfterMs };
};

async function requestToken({ pod, client, clock }: VolumeWorld, { audience, expirationSeconds = 3600 }: { audience?: string; expirationSeconds?: number }, signal: AbortSignal): Promise<{ token: string; lifetimeMs: number }> {
  const request = {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: {
      audiences: audience ? [audience] : [],
      expirationSeconds,
      boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: pod.metadata.name, uid: pod.metadata.uid },
    },
  };
  const key = { namespace: pod.metadata.namespace ?? '', name: pod.spec.serviceAccountName || 'default' };
  const answer = await client.createSub<{ status: { token: string; expirationTimestamp: string } }>(serviceAccounts, key, 'token', request, signal);
  return { token: answer.status.token, lifetimeMs: parseTime(answer.status.expirationTimestamp) - clock.wallMs() };
}
