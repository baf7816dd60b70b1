// secret: its keys as files.
import { chooseItems, type KeyItem } from './key-items.ts';
import type { ContentVolume, VolumeWorld } from './volume-kind.ts';
import type { Payload } from './atomic-writer.ts';

export const secret: ContentVolume = async (volume, world) => {
  const { secretName = '', items, defaultMode, optional } = volume.secret!;
  return { payload: await secretPayload(world, secretName, items, defaultMode ?? 0o644, optional ?? false) };
};

export async function secretPayload({ pod, references }: VolumeWorld, name: string, items: readonly KeyItem[] | undefined, defaultMode: number, optional: boolean): Promise<Payload> {
  const found = await references.secret(name);
  if (!found && !optional) throw new Error(`secret ${JSON.stringify(name)} not found`);
  const data = new Map(Object.entries(found?.data ?? {}).map(([key, text]) => [key, Buffer.from(text, 'base64')] as const));
  try {
    return chooseItems(data, items, defaultMode, optional);
  } catch (error) {
    const message = (error as Error).message.replace('config key', 'secret key');
    throw new Error(`secret ${JSON.stringify(`${pod.metadata.namespace}/${name}`)} ${message}`, { cause: error });
  }
}
