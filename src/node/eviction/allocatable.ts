// What of the machine Pods may reserve: without what is reserved for others, and without what must be left so that nobody is
// evicted. Pure.
import type { Allocatable } from '../spec/downward.ts';
import { keptBack, type EvictionPolicy } from './policy.ts';

export function allocatableOf(machine: Allocatable, reserved: Allocatable | undefined, policy: EvictionPolicy): Allocatable {
  return {
    milliCpu: atLeastNone(machine.milliCpu - (reserved?.milliCpu ?? 0)),
    memoryBytes: atLeastNone(machine.memoryBytes - (reserved?.memoryBytes ?? 0) - keptBack(policy, 'memory.available', machine.memoryBytes)),
    ephemeralStorageBytes: atLeastNone(machine.ephemeralStorageBytes - (reserved?.ephemeralStorageBytes ?? 0) - keptBack(policy, 'nodefs.available', machine.ephemeralStorageBytes)),
  };
}

function atLeastNone(amount: number): number {
  return Math.max(0, amount);
}
