// How a value lies in the store, where that is not as it is.
//
// What is encrypted begins with `k8s:enc:PROVIDER:v1:KEY:`, as Kubernetes has it in etcd; what follows, which there are bytes, is
// base64 here, since the store holds text. The key of the store is bound into what aesgcm writes, so that nobody can move it.

export interface Transformer {
  /** What all begins with that it writes; '' for text that is written as it is. */
  readonly prefix: string;
  write(clear: string, key: string): string;
  /** Throws when it was written by another key, or bent. */
  read(stored: string, key: string): string;
}

export const encryptedPrefix = 'k8s:enc:';

export const identity: Transformer = {
  prefix: '',
  write: (clear) => clear,
  read(stored) {
    if (stored.startsWith(encryptedPrefix)) throw new Error('identity transformer tried to read encrypted data');
    return stored;
  },
};

/** What is stored cannot be read by any key that was given. */
export class Unreadable extends Error {
  override readonly name = 'Unreadable';
  /** `k8s:enc:aesgcm:v1:key1:`; '' when it cannot be told. */
  readonly writtenBy: string;
  constructor(key: string, stored: string, cause: Error) {
    super(`unable to transform key ${JSON.stringify(key)}: ${cause.message}`, { cause });
    this.writtenBy = /^k8s:enc:[^:]*:v1:[^:]*:/.exec(stored)?.[0] ?? '';
  }
}

/** Writes with the first; reads with whichever wrote it. There is at least one. */
export function firstOf(transformers: readonly Transformer[]): Transformer {
  const [first] = transformers;
  return {
    prefix: first!.prefix,
    write: (clear, key) => first!.write(clear, key),
    read(stored, key) {
      let why: Error | undefined;
      // Two keys of one name are allowed: each is tried.
      for (const one of transformers) {
        if (!stored.startsWith(one.prefix)) continue;
        try {
          return one.read(stored, key);
        } catch (error) {
          why ??= error as Error;
        }
      }
      throw new Unreadable(key, stored, why ?? new Error('no matching prefix found'));
    },
  };
}
