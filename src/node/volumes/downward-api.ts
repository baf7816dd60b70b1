// downwardAPI: fields of the Pod itself as files.
import { fieldText, resourceText } from '../spec/downward.ts';
import type { Payload, PayloadFile } from './atomic-writer.ts';
import type { ContentVolume, VolumeWorld } from './volume-kind.ts';

interface DownwardItem {
  readonly path: string;
  readonly mode?: number;
  readonly fieldRef?: { readonly fieldPath: string };
  readonly resourceFieldRef?: { readonly containerName?: string; readonly resource: string; readonly divisor?: string };
}

export const downwardAPI: ContentVolume = async (volume, world) => {
  const { items = [], defaultMode } = volume.downwardAPI!;
  return { payload: downwardPayload(world, items, defaultMode ?? 0o644) };
};

export function downwardPayload({ pod, facts, allocatable }: VolumeWorld, items: readonly DownwardItem[], defaultMode: number): Payload {
  const payload = new Map<string, PayloadFile>();
  for (const { path, mode, fieldRef, resourceFieldRef } of items) {
    const text = fieldRef
      ? fieldText(pod, fieldRef.fieldPath, facts)
      : resourceText(pod, resourceFieldRef?.containerName ?? '', resourceFieldRef?.resource ?? '', resourceFieldRef?.divisor, allocatable);
    payload.set(path, { bytes: Buffer.from(text), mode: mode ?? defaultMode });
  }
  return payload;
}
