// What a node may run short of, and how each shortage is told: as a resource, and as a condition of the Node. Pure.
import { formatQuantity } from '../../api/quantity.ts';

export const signals = ['memory.available', 'allocatableMemory.available', 'nodefs.available', 'nodefs.inodesFree', 'imagefs.available', 'imagefs.inodesFree', 'pid.available'] as const;
export type Signal = (typeof signals)[number];

export type PressureCondition = 'MemoryPressure' | 'DiskPressure' | 'PIDPressure';
export type ScarceResource = 'memory' | 'ephemeral-storage' | 'inodes' | 'pids';

/** In bytes, inodes or processes. */
export interface Reading {
  readonly available: number;
  readonly capacity: number;
}

/** A signal that the node cannot read is absent, and its thresholds are then never met. */
export type Readings = ReadonlyMap<Signal, Reading>;

export function resourceOf(signal: Signal): ScarceResource {
  switch (signal) {
    case 'memory.available':
    case 'allocatableMemory.available':
      return 'memory';
    case 'nodefs.available':
    case 'imagefs.available':
      return 'ephemeral-storage';
    case 'nodefs.inodesFree':
    case 'imagefs.inodesFree':
      return 'inodes';
    case 'pid.available':
      return 'pids';
  }
}

export function conditionOf(signal: Signal): PressureCondition {
  switch (resourceOf(signal)) {
    case 'memory':
      return 'MemoryPressure';
    case 'ephemeral-storage':
    case 'inodes':
      return 'DiskPressure';
    case 'pids':
      return 'PIDPressure';
  }
}

/** As Kubernetes writes such amounts: bytes with binary suffixes, counts with decimal ones. */
export function amountText(amount: number, resource: ScarceResource): string {
  const format = resource === 'memory' || resource === 'ephemeral-storage' ? 'BinarySI' : 'DecimalSI';
  return formatQuantity({ nano: BigInt(Math.round(amount)) * 1_000_000_000n, format });
}
