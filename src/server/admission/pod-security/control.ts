// What a control of the Pod Security Standards is: one thing that a level forbids, and how that is told.
import type { Container, PodSpec } from '../../../api/types.ts';

/** A Pod, or what the template of one would become. */
export interface Checked {
  readonly annotations: Readonly<Record<string, string>>;
  readonly spec: PodSpec;
}

/** `reason (detail)`; what is wrong with several Pods at once is told by the reasons only. */
export interface Violation {
  readonly reason: string;
  readonly detail: string;
}

export type Check = (pod: Checked) => Violation | undefined;

export interface Control {
  readonly id: string;
  /** A stricter control says it all: the weaker one is not asked beside it. */
  readonly overrides?: string;
  /** The checks with the minor version of Kubernetes since which each holds, rising. */
  readonly since: readonly (readonly [minor: number, check: Check])[];
}

/** Init containers first, as they run. */
export function containersOf({ spec }: Checked): readonly Container[] {
  const { initContainers = [], containers = [], ephemeralContainers = [] } = spec;
  return [...initContainers, ...containers, ...(ephemeralContainers as readonly Container[])];
}

/** `container "a"` or `containers "a", "b"`. */
export function named(word: string, names: readonly string[]): string {
  return `${plural(word, names)} ${quoted(names)}`;
}

export function plural(word: string, of: readonly unknown[], many = `${word}s`): string {
  return of.length === 1 ? word : many;
}

export function quoted(texts: readonly string[]): string {
  return `"${texts.join('", "')}"`;
}

export function distinct(texts: readonly string[]): string[] {
  return [...new Set(texts)].sort();
}

/** Who says it: the Pod, some of its containers, or both: `pod and container "c"`. */
export function setters(isPod: boolean, containers: readonly string[]): string {
  return [...(isPod ? ['pod'] : []), ...(containers.length > 0 ? [named('container', containers)] : [])].join(' and ');
}

/** In a user namespace of its own, root in the Pod is nobody outside. */
export function hasOwnUsers({ spec }: Checked): boolean {
  return spec.hostUsers === false;
}

export function isWindows({ spec }: Checked): boolean {
  return spec.os?.name === 'windows';
}
