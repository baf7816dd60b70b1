// Storage classes as everyone reads them: which one a claim or volume is of, and which is the default.
import type { PersistentVolume, PersistentVolumeClaim, StorageClass } from '../types.ts';

/** The class's old place. */
const oldAnnotation = 'volume.beta.kubernetes.io/storage-class';
const defaultAnnotations = ['storageclass.kubernetes.io/is-default-class', 'storageclass.beta.kubernetes.io/is-default-class'];

/** A class that makes no volumes: all of its volumes are made by people. */
export const noProvisioner = 'kubernetes.io/no-provisioner';
/** Peapod's own: a directory on the node where the Pod is. */
export const localPathProvisioner = 'peapod.dev/local-path';

/** '' means: none. */
export function classNameOf({ metadata, spec }: Pick<PersistentVolumeClaim | PersistentVolume, 'metadata' | 'spec'>): string {
  return metadata.annotations?.[oldAnnotation] ?? spec.storageClassName ?? '';
}

/** Whether the claim says nothing of a class, and so takes the default one. */
export function wantsDefaultClass({ metadata, spec }: Pick<PersistentVolumeClaim, 'metadata' | 'spec'>): boolean {
  return metadata.annotations?.[oldAnnotation] === undefined && (spec.storageClassName === undefined || spec.storageClassName === null);
}

export function isDefaultClass({ metadata }: Pick<StorageClass, 'metadata'>): boolean {
  return defaultAnnotations.some((name) => metadata.annotations?.[name] === 'true');
}

/** Of several defaults the newest, then the first by name. */
export function defaultClassOf(classes: readonly StorageClass[]): StorageClass | undefined {
  return classes.filter(isDefaultClass).sort((a, b) => {
    const [left, right] = [a.metadata.creationTimestamp, b.metadata.creationTimestamp];
    if (left !== right) return left > right ? -1 : 1;
    return a.metadata.name < b.metadata.name ? -1 : 1;
  })[0];
}

export function waitsForConsumer(storageClass: StorageClass | undefined): boolean {
  return storageClass?.volumeBindingMode === 'WaitForFirstConsumer';
}
