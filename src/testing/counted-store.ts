// A store that knows how many answers it owes.
import type { Store } from '../store/store.ts';

export interface CountedStore extends Store {
  readonly owed: number;
}

export function countedStore(store: Store): CountedStore {
  let owed = 0;
  const counted = <Args extends unknown[], T>(call: (...args: Args) => Promise<T>) => async (...args: Args): Promise<T> => {
    owed++;
    try {
      return await call(...args);
    } finally {
      owed--;
    }
  };
  return {
    get owed() { return owed; },
    get: counted(store.get.bind(store)),
    list: counted(store.list.bind(store)),
    swap: counted(store.swap.bind(store)),
    watch: (prefix, after, signal) => store.watch(prefix, after, signal),
    follow: counted(store.follow.bind(store)),
    revision: counted(store.revision.bind(store)),
    compact: counted(store.compact.bind(store)),
    close: () => store.close(),
  };
}
