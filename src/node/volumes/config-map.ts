// configMap: its keys as files.
import type { ConfigMap } from '../../api/types.ts';
import { chooseItems, type KeyItem } from './key-items.ts';
import type { ContentVolume, VolumeWorld } from './volume-kind.ts';
import type { Payload } from './atomic-writer.ts';

export const configMap: ContentVolume = async (volume, world) => {
  const { name = '', items, defaultMode, optional } = volume.configMap!;
  return { payload: await configMapPayload(world, name, items, defaultMode ?? 0o644, optional ?? false) };
};

export async function configMapPayload({ pod, references }: VolumeWorld, name: string, items: readonly KeyItem[] | undefined, defaultMode: number, optional: boolean): Promise<Payload> {
  const found = await references.configMap(name);
  if (!found && !optional) throw new Error(`configmap ${JSON.stringify(name)} not found`);
  try {
    return chooseItems(found ? bytesOf(found) : new Map(), items, defaultMode, optional);
  } catch (error) {
    throw new Error(`configmap ${JSON.stringify(`${pod.metadata.namespace}/${name}`)} ${(error as Error).message}`, { cause: error });
  }
}

function bytesOf({ data = {}, binaryData = {} }: ConfigMap): Map<string, Uint8Array> {
  return new Map([
    ...Object.entries(data).map(([key, text]) => [key, Buffer.from(text)] as const),
    ...Object.entries(binaryData).map(([key, text]) => [key, Buffer.from(text, 'base64')] as const),
  ]);
}
