// projected: several sources in one volume; also the Pod's own token for the API.
import type { PayloadFile } from './atomic-writer.ts';
import { configMapPayload } from './config-map.ts';
import { downwardPayload } from './downward-api.ts';
import { secretPayload } from './secret.ts';
import type { ContentVolume } from './volume-kind.ts';

export const projected: ContentVolume = async (volume, world, signal) => {
  const { sources = [], defaultMode = 0o644 } = volume.projected!;
  const payload = new Map<string, PayloadFile>();
  let refreshAfterMs: number | undefined;
  const add = (files: ReadonlyMap<string, PayloadFile>) => {
    for (const [path, file] of files) payload.set(path, file);
  };
  for (const { configMap, secret, downwardAPI, serviceAccountToken, clusterTrustBundle } of sources) {
    if (clusterTrustBundle && !clusterTrustBundle.optional) throw new Error('this cluster has no ClusterTrustBundles: mark the source as optional, or leave it out');
    if (configMap) add(await configMapPayload(world, configMap.name ?? '', configMap.items, defaultMode, configMap.optional ?? false));
    if (secret) add(await secretPayload(world, secret.name ?? '', secret.items, defaultMode, secret.optional ?? false));
    if (downwardAPI) add(downwardPayload(world, downwardAPI.items ?? [], defaultMode));
    if (serviceAccountToken) {
      const { token, renewAfterMs } = await world.tokens.get(world.pod, serviceAccountToken, signal);
      const mode = world.pod.spec.securityContext?.fsGroup === undefined ? defaultMode : 0o600;
      payload.set(serviceAccountToken.path, { bytes: Buffer.from(token), mode });
      refreshAfterMs = Math.min(refreshAfterMs ?? Infinity, renewAfterMs);
    }
  }
  return { payload, refreshAfterMs };
};
