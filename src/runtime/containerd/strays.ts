// What calls that were cut off have left on the machine, told from what is in use or still being made: pure.
//
// Something is stray that
//   · was there before: then no call that is under way can be making it, for all that were have ended since,
//   · is still there, and
//   · has no record in containerd that was asked for after both.
// A task is stray too that has a record and yet is none of those containerd has loaded: its record will go, and its shim would not.
import type { Sights } from './sights.ts';

/** containerd's own records. */
export interface Records {
  /** Sandboxes and containers, each with its OCI specification as JSON. */
  readonly containers: readonly { readonly id: string; readonly spec: string }[];
  /** Those that have a task. */
  readonly taskIds: readonly string[];
}

export interface Strays {
  readonly tasks: readonly string[];
  readonly networks: readonly string[];
  /** Files. */
  readonly addresses: readonly string[];
  readonly joined: readonly string[];
  readonly folders: readonly string[];
  /** Sandboxes that never left their network. */
  readonly unparted: readonly string[];
}

/** `settled`: calls of an earlier process of ours, of which we know nothing, have ended too; then a process does not make a task without one in containerd less stray. */
export function straysOf(before: Sights, now: Sights, { containers, taskIds }: Records, settled: boolean): Strays {
  const recorded = new Set(containers.map(({ id }) => id));
  const loaded = new Set(taskIds);
  const isUnloaded = (id: string) => !loaded.has(id) && (settled || !(before.tasks.get(id) && now.tasks.get(id)));
  const unowned = (field: 'addresses' | 'joined' | 'folders') => [...now[field]].filter(([path, id]) => before[field].get(path) === id && !recorded.has(id));
  const [addresses, joined, folders] = [unowned('addresses'), unowned('joined'), unowned('folders')];
  return {
    tasks: [...now.tasks.keys()].filter((id) => before.tasks.has(id) && (!recorded.has(id) || isUnloaded(id))),
    networks: now.networks.filter((path) => before.networks.includes(path) && !containers.some(({ spec }) => spec.includes(path))),
    addresses: addresses.map(([path]) => path),
    joined: joined.map(([path]) => path),
    folders: folders.map(([path]) => path),
    unparted: [...new Set([...addresses, ...joined].map(([, id]) => id))].filter((id) => id !== ''),
  };
}

export function isNothing(strays: Strays): boolean {
  return Object.values(strays).every((found: readonly string[]) => found.length === 0);
}
