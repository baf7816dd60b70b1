// Claims, volumes and classes as the scheduler believes them to be: what the informers told, and which volumes and nodes
// it has promised to claims a moment ago (assumed) and not yet seen written.
import type { PersistentVolume, PersistentVolumeClaim, StorageClass } from '../../api/types.ts';
import { keyOf, keyText } from '../../client/client.ts';
import { annotationOf, selectedNode } from '../../api/storage/claims.ts';
import type { PlacedClaims } from './place-claims.ts';

export interface VolumeSource {
  claim(namespace: string, name: string): PersistentVolumeClaim | undefined;
  volume(name: string): PersistentVolume | undefined;
  readonly volumes: () => readonly PersistentVolume[];
  storageClass(name: string): StorageClass | undefined;
}

const nothing: VolumeSource = { claim: () => undefined, volume: () => undefined, volumes: () => [], storageClass: () => undefined };

export class VolumeView {
  readonly source: VolumeSource;
  /** Volumes by name, and the UID of the Pod for which they are promised. */
  readonly #taken = new Map<string, string>();
  /** Claims by key: the node that they are promised to, and for which Pod. */
  readonly #nodes = new Map<string, { readonly nodeName: string; readonly podUid: string }>();

  constructor(source: VolumeSource = nothing) {
    this.source = source;
  }

  get taken(): ReadonlySet<string> {
    return new Set(this.#taken.keys());
  }

  /** Where the claim's volume is to be made; undefined: that is open. */
  nodeOf(claim: PersistentVolumeClaim): string | undefined {
    return annotationOf(claim, selectedNode) ?? this.#nodes.get(keyText(keyOf(claim)))?.nodeName;
  }

  assume(podUid: string, nodeName: string, { bindings, provisions }: PlacedClaims): void {
    for (const { volume } of bindings) this.#taken.set(volume.metadata.name, podUid);
    for (const claim of [...provisions, ...bindings.map((one) => one.claim)]) this.#nodes.set(keyText(keyOf(claim)), { nodeName, podUid });
  }

  /** What was promised for the Pod is written, or will not be. */
  forget(podUid: string): void {
    for (const [name, uid] of this.#taken) if (uid === podUid) this.#taken.delete(name);
    for (const [key, promise] of this.#nodes) if (promise.podUid === podUid) this.#nodes.delete(key);
  }
}
