// StatefulSet and DaemonSet.
import { daemonSets, persistentVolumes, statefulSets, type DaemonSet, type PersistentVolumeClaim, type Pod, type StatefulSet } from '../../../../src/testing/index.ts';
import { isPodActive, isPodReady } from '../../../../src/api/meta.ts';
import type { Picture } from '../ledger.ts';
import { template, type Story, type World } from '../story.ts';

const app = 'db';
const setOf = (picture: Picture) => picture.get<StatefulSet>('statefulsets', app);
const imageOf = (pod: Pod | undefined) => pod?.spec.containers[0]!.image;
const images = (picture: Picture) => [0, 1, 2].map((n) => (picture.get<Pod>('pods', `${app}-${n}`) ? imageOf(picture.get<Pod>('pods', `${app}-${n}`)) : '-')).join();
const isWhole = (picture: Picture, replicas: number) => picture.ready(app).length === replicas && picture.pods(app).length === replicas && setOf(picture)?.status.readyReplicas === replicas && setOf(picture)?.status.observedGeneration === setOf(picture)?.metadata.generation;

const volumeClaimTemplates = [{ metadata: { name: 'data' }, spec: { accessModes: ['ReadWriteOnce'], storageClassName: 'by-hand', resources: { requests: { storage: '1Gi' } } } }];

async function addVolumes(world: World, count: number): Promise<void> {
  for (let n = 0; n < count; n++) {
    await world.create(persistentVolumes, `disk-${n}`, { spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], storageClassName: 'by-hand', persistentVolumeReclaimPolicy: 'Retain', hostPath: { path: `/disk-${n}` } } });
  }
}

const ordered: Story = {
  name: 'a StatefulSet in its order: claims, partition, scale, end',
  late: ['pods', 'statefulsets', 'controllerrevisions', 'persistentvolumeclaims'],
  begin() {
    let phase: 'coming up' | 'up' | 'going' = 'coming up';
    return {
      wrong(picture) {
        const isGood = (n: number) => {
          const pod = picture.get<Pod>('pods', `${app}-${n}`);
          return pod !== undefined && isPodReady(pod);
        };
        if (phase === 'up' && [0, 1, 2].filter((n) => !isGood(n) || !isPodActive(picture.get<Pod>('pods', `${app}-${n}`)!)).length > 1) return 'more than one is away';
        if (phase !== 'coming up') return undefined;
        const newest = Math.max(-1, ...[0, 1, 2].filter((n) => picture.get('pods', `${app}-${n}`)));
        for (let n = 0; n < newest; n++) if (!isGood(n)) return `${app}-${newest} came before ${app}-${n} was ready`;
        return undefined;
      },
      async tell(world) {
        await addVolumes(world, 3);
        const persistentVolumeClaimRetentionPolicy = { whenScaled: 'Delete', whenDeleted: 'Retain' };
        await world.create(statefulSets, app, { spec: { replicas: 3, serviceName: app, selector: { matchLabels: { app } }, template: template(app), volumeClaimTemplates, persistentVolumeClaimRetentionPolicy } });
        await world.until('up', (picture) => isWhole(picture, 3));
        phase = 'up';
        await world.mark('up');
        await world.patch(statefulSets, app, { spec: { template: template(app, 'web:2'), updateStrategy: { rollingUpdate: { partition: 2 } } } });
        await world.until('one is updated', (picture) => images(picture) === 'web:1,web:1,web:2' && isWhole(picture, 3) && setOf(picture)?.status.updatedReplicas === 1);
        await world.patch(statefulSets, app, { spec: { updateStrategy: { rollingUpdate: { partition: 0 } } } });
        await world.until('all are updated', (picture) => images(picture) === 'web:2,web:2,web:2' && isWhole(picture, 3) && setOf(picture)?.status.currentRevision === setOf(picture)?.status.updateRevision);
        await world.mark('updated');
        phase = 'going';
        await world.patch(statefulSets, app, { spec: { replicas: 1 } });
        await world.until('shrunk', (picture) => isWhole(picture, 1) && picture.of<PersistentVolumeClaim>('persistentvolumeclaims').length === 1);
        await world.delete(statefulSets, app);
        await world.until('gone', (picture) => picture.pods(app).length === 0 && !setOf(picture) && picture.of('controllerrevisions').length === 0);
      },
    };
  },
};

const parallel: Story = {
  name: 'a StatefulSet all at once, and back to its first template',
  late: ['pods', 'statefulsets', 'controllerrevisions'],
  begin: () => ({
    async tell(world) {
      await world.create(statefulSets, app, { spec: { replicas: 3, podManagementPolicy: 'Parallel', serviceName: app, selector: { matchLabels: { app } }, template: template(app) } });
      await world.until('up', (picture) => isWhole(picture, 3));
      for (const image of ['web:2', 'web:1']) {
        await world.patch(statefulSets, app, { spec: { template: template(app, image) } });
        await world.until(image, (picture) => images(picture) === [image, image, image].join() && isWhole(picture, 3) && setOf(picture)?.status.currentRevision === setOf(picture)?.status.updateRevision);
      }
      await world.mark('back');
      await world.patch(statefulSets, app, { spec: { replicas: 0 } });
      await world.until('empty', (picture) => picture.pods(app).length === 0 && setOf(picture)?.status.replicas === 0);
    },
  }),
};

function daemons(name: string, rollingUpdate: object, most: number, leastReady: number): Story {
  return {
    name,
    cluster: { nodes: 3 },
    late: ['pods', 'daemonsets', 'controllerrevisions'],
    begin() {
      let isUp = false;
      const set = (picture: Picture) => picture.get<DaemonSet>('daemonsets', app);
      const isRolledOut = (picture: Picture, image: string) => picture.ready(app).length === 3 && picture.pods(app).length === 3 && picture.pods(app).every((pod) => imageOf(pod) === image)
        && set(picture)?.status.updatedNumberScheduled === 3 && set(picture)?.status.numberAvailable === 3 && set(picture)?.status.observedGeneration === set(picture)?.metadata.generation;
      return {
        wrong(picture) {
          const counts = new Map<string, number>();
          for (const pod of picture.active(app)) if (pod.spec.nodeName) counts.set(pod.spec.nodeName, (counts.get(pod.spec.nodeName) ?? 0) + 1);
          for (const [node, count] of counts) if (count > most) return `${count} are on ${node}`;
          return isUp && picture.ready(app).length < leastReady && `only ${picture.ready(app).length} are ready`;
        },
        async tell(world) {
          await world.create(daemonSets, app, { spec: { selector: { matchLabels: { app } }, template: template(app), updateStrategy: { type: 'RollingUpdate', rollingUpdate } } });
          await world.until('up', (picture) => isRolledOut(picture, 'web:1'));
          isUp = true;
          await world.patch(daemonSets, app, { spec: { template: template(app, 'web:2') } });
          await world.until('updated', (picture) => isRolledOut(picture, 'web:2'));
          isUp = false;
          await world.mark('updated');
          await world.delete(daemonSets, app);
          await world.until('gone', (picture) => picture.pods(app).length === 0 && !set(picture));
        },
      };
    },
  };
}

export const setStories: readonly Story[] = [
  ordered,
  parallel,
  daemons('a DaemonSet, updated node by node', { maxUnavailable: 1 }, 1, 2),
  daemons('a DaemonSet, updated with a surge', { maxSurge: 1, maxUnavailable: 0 }, 2, 3),
];
