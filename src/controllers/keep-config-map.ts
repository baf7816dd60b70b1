// A ConfigMap that always says the same, whatever others do to it.
import { isReason } from '../api/error.ts';
import { configMaps as configMapResource } from '../api/kinds/config-map.ts';
import { sameJson } from '../api/meta.ts';
import type { ObjectKey } from '../api/request.ts';
import type { ConfigMap } from '../api/types.ts';
import type { Client } from '../client/client.ts';
import type { Informer } from '../client/informer.ts';

/** One that was changed meanwhile throws Conflict, and is tried again by whoever calls; for one that goes or comes meanwhile there is another call. */
export async function keepConfigMap(client: Client, configMaps: Informer<ConfigMap>, key: ObjectKey, data: Record<string, string>, signal: AbortSignal, annotations?: Record<string, string>): Promise<void> {
  const present = configMaps.get(key);
  try {
    if (!present) await client.create(configMapResource, { metadata: { ...key, ...(annotations ? { annotations } : {}) }, data }, signal);
    else if (!sameJson(present.data, data)) await client.update(configMapResource, { ...present, data }, signal);
  } catch (error) {
    if (!isReason(error, 'AlreadyExists', 'NotFound')) throw error;
  }
}
