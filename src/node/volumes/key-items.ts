// `items` of ConfigMap and Secret volumes: all keys under their own names, or the chosen ones under chosen paths.
import type { PayloadFile } from './atomic-writer.ts';

export interface KeyItem {
  readonly key: string;
  readonly path: string;
  readonly mode?: number;
}

export function chooseItems(data: ReadonlyMap<string, Uint8Array>, items: readonly KeyItem[] | undefined, defaultMode: number, optional: boolean): Map<string, PayloadFile> {
  const payload = new Map<string, PayloadFile>();
  if (!items?.length) {
    for (const [key, bytes] of data) payload.set(key, { bytes, mode: defaultMode });
    return payload;
  }
  for (const { key, path, mode } of items) {
    const bytes = data.get(key);
    if (bytes) payload.set(path, { bytes, mode: mode ?? defaultMode });
    else if (!optional) throw new Error(`references non-existent config key: ${key}`);
  }
  return payload;
}
