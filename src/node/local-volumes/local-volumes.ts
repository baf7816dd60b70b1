// Makes and deletes the node's own volumes: the node that has the directory does both, and nobody else touches it.
import { chmod, mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isReason } from '../../api/error.ts';
import { persistentVolumeClaims as claimResource } from '../../api/kinds/persistent-volume-claim.ts';
import { persistentVolumes as volumeResource } from '../../api/kinds/persistent-volume.ts';
import { storageClasses as classResource } from '../../api/kinds/storage-class.ts';
import { isBeingDeleted } from '../../api/meta.ts';
import type { ObjectKey } from '../../api/request.ts';
import { nodeField, provisionerProtection } from '../../api/storage/claims.ts';
import { classNameOf, localPathProvisioner } from '../../api/storage/classes.ts';
import type { PersistentVolume, PersistentVolumeClaim } from '../../api/types.ts';
import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { Random } from '../../base/random.ts';
import type { Runnable } from '../../base/runnable.ts';
import { keyOf, keyText, type Client } from '../../client/client.ts';
import { createInformer } from '../../client/create-informer.ts';
import { aboutOf, createEventRecorder } from '../../client/event-recorder.ts';
import { createController, itself, trigger, type Next } from '../../control/controller.ts';
import { removeTree } from '../volumes/pod-volumes.ts';
import { directoryFor, endOf, isAskedFor, localVolume, whyNot } from './local-volume.ts';

export interface LocalVolumesDeps {
  readonly nodeName: string;
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Below it one directory per volume. */
  readonly root: string;
}

/** At the end, Events have so long to leave. */
const flushMs = 500;

export function createLocalVolumes(deps: LocalVolumesDeps): Runnable {
  const { nodeName, client, clock, log, root } = deps;
  const ofThisNode = { fieldSelector: `${nodeField}=${nodeName}` };
  const claims = createInformer(client, claimResource, ofThisNode, deps);
  const volumes = createInformer(client, volumeResource, ofThisNode, deps);
  const recorder = createEventRecorder({ ...deps, component: `${localPathProvisioner}_${nodeName}`, host: nodeName });

  async function makeFor(key: ObjectKey, signal: AbortSignal): Promise<Next> {
    const claim = claims.get(key);
    if (!claim || !isAskedFor(claim, nodeName)) return 'await-change';
    const className = classNameOf(claim);
    const tell = (type: 'Normal' | 'Warning', reason: string, message: string) => recorder.event(aboutOf(claimResource, claim), type, reason, message);
    try {
      tell('Normal', 'Provisioning', `External provisioner is provisioning volume for claim "${keyText(key)}"`);
      const why = whyNot(claim);
      if (why) {
        tell('Warning', 'ProvisioningFailed', `failed to provision volume with StorageClass ${JSON.stringify(className)}: ${why}`);
        return 'await-change';
      }
      const made = await make(claim, className, signal);
      tell('Normal', 'ProvisioningSucceeded', `Successfully provisioned volume ${made}`);
    } catch (error) {
      if (!signal.aborted) tell('Warning', 'ProvisioningFailed', `failed to provision volume with StorageClass ${JSON.stringify(className)}: ${(error as Error).message}`);
      throw error;
    }
    return 'await-change';
  }

  /** The directory first: a volume that can be seen can be used. */
  async function make(claim: PersistentVolumeClaim, className: string, signal: AbortSignal): Promise<string> {
    const storageClass = await client.get(classResource, { namespace: '', name: className }, signal);
    const path = directoryFor(claim, root);
    await mkdir(dirname(path), { recursive: true, mode: 0o711 });
    await mkdir(path, { recursive: true });
    await chmod(path, 0o777);
    const volume = localVolume(claim, storageClass, nodeName, path);
    try {
      await client.create(volumeResource, volume as never, signal);
    } catch (error) {
      if (!isReason(error, 'AlreadyExists')) throw error;
    }
    return volume.metadata.name;
  }

  async function end(key: ObjectKey, signal: AbortSignal): Promise<Next> {
    const volume = volumes.get(key);
    const how = volume && endOf(volume, root);
    if (!volume || !how) return 'await-change';
    try {
      // What someone mounted below is taken away first; the rest is deleted, and never across a mount.
      if (how === 'delete') await removeTree(volume.spec.local!.path, async () => {}, signal);
    } catch (error) {
      if (!signal.aborted) recorder.event(aboutOf(volumeResource, volume), 'Warning', 'VolumeFailedDelete', (error as Error).message);
      throw error;
    }
    log.info('a local volume has ended', { volume: volume.metadata.name, how });
    await letGo(volume, how, signal);
    return 'await-change';
  }

  async function letGo(volume: PersistentVolume, how: 'delete' | 'let-go', signal: AbortSignal): Promise<void> {
    try {
      const finalizers = (volume.metadata.finalizers ?? []).filter((name) => name !== provisionerProtection);
      // Asked for first: with no finalizer left, an object that is being deleted is gone.
      if (how === 'delete' && !isBeingDeleted(volume)) await client.delete(volumeResource, keyOf(volume), { preconditions: { uid: volume.metadata.uid } }, signal);
      if (finalizers.length === volume.metadata.finalizers?.length) return;
      const newest = await client.get(volumeResource, keyOf(volume), signal);
      await client.update(volumeResource, { ...newest, metadata: { ...newest.metadata, finalizers: (newest.metadata.finalizers ?? []).filter((name) => name !== provisionerProtection) } }, signal);
    } catch (error) {
      if (!isReason(error, 'NotFound')) throw error;
    }
  }

  return {
    name: 'local-volumes',
    async run(signal) {
      await Promise.all([
        claims.run(signal),
        volumes.run(signal),
        createController({ name: 'local-volume-provisioner', triggers: [trigger(claims, (before, after) => (after && isAskedFor(after, nodeName) ? itself(before, after) : []))], reconcile: makeFor }, deps).run(signal),
        createController({ name: 'local-volume-deleter', triggers: [trigger(volumes, (before, after) => (after && endOf(after, root) ? itself(before, after) : []))], reconcile: end }, deps).run(signal),
      ]);
      const giveUp = new AbortController();
      using _ = clock.schedule(flushMs, () => giveUp.abort());
      await recorder.flush(giveUp.signal);
    },
  };
}
