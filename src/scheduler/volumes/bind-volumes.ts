// Before a Pod is bound to its node its volumes are: writes what was decided, and waits for the controllers to follow.
import { persistentVolumeClaims } from '../../api/kinds/persistent-volume-claim.ts';
import { persistentVolumes } from '../../api/kinds/persistent-volume.ts';
import { annotationOf, boundByController, isFullyBound, selectedNode } from '../../api/storage/claims.ts';
import type { PersistentVolumeClaim } from '../../api/types.ts';
import type { Clock } from '../../base/clock.ts';
import { keyOf, type Client } from '../../client/client.ts';
import type { Informer } from '../../client/informer.ts';
import type { PlacedClaims } from './place-claims.ts';

/** As kube-scheduler's bindTimeoutSeconds. */
const patienceMs = 600_000;

export interface BindVolumesDeps {
  readonly client: Client;
  readonly clock: Clock;
  readonly claims: Informer<PersistentVolumeClaim>;
}

/** Throws when they are not bound in time, or when the provisioner gives the claim back. */
export async function bindVolumes({ bindings, provisions }: PlacedClaims, nodeName: string, deps: BindVolumesDeps, signal: AbortSignal): Promise<void> {
  const { client } = deps;
  await Promise.all([
    ...bindings.map(({ claim, volume }) => {
      if (volume.spec.claimRef?.uid === claim.metadata.uid) return undefined;
      const { namespace, name, uid, resourceVersion } = claim.metadata;
      const claimRef = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace, name, uid, resourceVersion };
      const annotations = { ...volume.metadata.annotations, ...(volume.spec.claimRef ? {} : { [boundByController]: 'yes' }) };
      return client.update(persistentVolumes, { ...volume, metadata: { ...volume.metadata, annotations }, spec: { ...volume.spec, claimRef } }, signal);
    }),
    ...provisions.map((claim) =>
      annotationOf(claim, selectedNode) === nodeName
        ? undefined
        : client.update(persistentVolumeClaims, { ...claim, metadata: { ...claim.metadata, annotations: { ...claim.metadata.annotations, [selectedNode]: nodeName } } }, signal)),
  ]);
  const marked = new Set(provisions.map(({ metadata }) => metadata.uid));
  await Promise.all([...bindings.map(({ claim }) => claim), ...provisions].map((claim) => untilBound(claim, marked.has(claim.metadata.uid), deps, signal)));
}

function untilBound(claim: PersistentVolumeClaim, isProvisioned: boolean, { clock, claims }: BindVolumesDeps, signal: AbortSignal): Promise<void> {
  const key = keyOf(claim);
  return new Promise((resolve, reject) => {
    let wasMarked = false;
    let listener: Disposable | undefined;
    let isOver = false;
    const settle = (act: () => void) => {
      if (isOver) return;
      isOver = true;
      listener?.[Symbol.dispose]();
      timer[Symbol.dispose]();
      signal.removeEventListener('abort', abandon);
      act();
    };
    const abandon = () => settle(() => reject(signal.reason as Error));
    const look = () => {
      const now = claims.get(key);
      if (!now || now.metadata.uid !== claim.metadata.uid) return settle(() => reject(new Error(`binding volumes: persistentvolumeclaim ${JSON.stringify(key.name)} not found`)));
      if (isFullyBound(now) && now.status.phase === 'Bound') return settle(resolve);
      // The provisioner takes the mark off when the node cannot have the volume.
      const isMarked = annotationOf(now, selectedNode) !== undefined;
      if (isProvisioned && wasMarked && !isMarked) return settle(() => reject(new Error(`binding volumes: provisioning failed for PVC ${JSON.stringify(key.name)}`)));
      wasMarked ||= isMarked;
    };
    const timer = clock.schedule(patienceMs, () => settle(() => reject(new Error('binding volumes: context deadline exceeded'))));
    if (signal.aborted) return abandon();
    signal.addEventListener('abort', abandon, { once: true });
    listener = claims.onChange((before, after) => {
      if ((after ?? before)!.metadata.name === key.name && (after ?? before)!.metadata.namespace === key.namespace) look();
    });
    // An informer tells what is there while it subscribes us, before it has given us the subscription.
    if (isOver) (listener as Disposable)[Symbol.dispose]();
  });
}
