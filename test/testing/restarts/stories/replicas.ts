// ReplicationController and ReplicaSet, and Deployments over them.
import { deployments, pods, replicaSets, replicationControllers, type Deployment, type Pod, type ReplicaSet, type ReplicationController } from '../../../../src/testing/index.ts';
import { conditionOf, controllerOf, isBeingDeleted } from '../../../../src/api/meta.ts';
import type { Picture } from '../ledger.ts';
import { template, type Story } from '../story.ts';

const app = 'web';
const spec = (replicas: number, image?: string, more: object = {}) => ({ spec: { replicas, selector: { matchLabels: { app } }, template: template(app, image), ...more } });

const adoption: Story = {
  name: 'a ReplicationController adopts, replaces, lets go and shrinks',
  late: ['pods', 'replicationcontrollers'],
  begin() {
    const rc = (picture: Picture) => picture.get<ReplicationController>('replicationcontrollers', app);
    const settled = (picture: Picture, replicas: number) => picture.ready(app).length === replicas && picture.pods(app).length === replicas && rc(picture)?.status.readyReplicas === replicas;
    return {
      wrong: (picture) => picture.active(app).length > 2 && `${picture.active(app).length} are active`,
      async tell(world) {
        await world.create(pods, 'own', { spec: template(app).spec }, 'default', { labels: { app } });
        await world.until('it is ready', (picture) => picture.ready(app).length === 1);
        // Everyone has heard of it.
        await world.cluster.advance(2_000);
        await world.create(replicationControllers, app, { spec: { replicas: 2, selector: { app }, template: template(app) } });
        await world.until('two', (picture) => settled(picture, 2));
        await world.mark('adopted');
        await world.delete(pods, 'own');
        await world.until('replaced', (picture) => settled(picture, 2) && !picture.get('pods', 'own'));
        const [strange] = world.picture.active(app);
        await world.patch(pods, strange!.metadata.name, { metadata: { labels: { app: 'strange' } } });
        await world.until('let go', (picture) => settled(picture, 2) && picture.pods('strange').every((pod) => !controllerOf(pod)));
        await world.patch(replicationControllers, app, { spec: { replicas: 1 } });
        await world.until('shrunk', (picture) => settled(picture, 1));
        await world.mark('shrunk');
        await world.delete(replicationControllers, app);
        await world.until('gone', (picture) => picture.pods(app).length === 0 && !rc(picture));
      },
    };
  },
};

const collection: Story = {
  name: 'the garbage collector: background, foreground, orphans',
  late: ['pods', 'replicasets'],
  begin: () => ({
    wrong(picture, ledger) {
      const set = picture.get('replicasets', 'foreground');
      const wasThere = ledger.madeOf<ReplicaSet>('replicasets').some(({ metadata }) => metadata.name === 'foreground');
      if (wasThere && !set && picture.pods('foreground').length > 0) return 'what was to go first is still there';
      return picture.pods('orphan').some(isBeingDeleted) && 'an orphan is ended';
    },
    async tell(world) {
      for (const [name, propagationPolicy] of [['background', 'Background'], ['foreground', 'Foreground'], ['orphan', 'Orphan']] as const) {
        await world.create(replicaSets, name, { spec: { replicas: 2, selector: { matchLabels: { app: name } }, template: template(name) } });
        await world.until('two', (picture) => picture.ready(name).length === 2 && picture.get<ReplicaSet>('replicasets', name)?.status.readyReplicas === 2);
        await world.delete(replicaSets, name, { propagationPolicy });
        await world.until('it is gone', (picture) => !picture.get('replicasets', name) && (propagationPolicy === 'Orphan' ? picture.pods(name).every((pod) => !controllerOf(pod)) : picture.pods(name).length === 0));
      }
    },
  }),
};

const isComplete = (picture: Picture, replicas: number, image: string) => {
  const found = picture.get<Deployment>('deployments', app);
  const { replicas: all, updatedReplicas, availableReplicas, observedGeneration } = found?.status ?? {};
  return all === replicas && updatedReplicas === replicas && availableReplicas === replicas && observedGeneration === found!.metadata.generation && found!.spec.template.spec!.containers[0]!.image === image
    && conditionOf(found!.status.conditions, 'Progressing')?.reason === 'NewReplicaSetAvailable' && picture.pods(app).length === replicas;
};

const rollout: Story = {
  name: 'a Deployment is rolled out, rolled back, and deleted in the foreground',
  late: ['pods', 'replicasets', 'deployments'],
  begin() {
    let isUp = false;
    return {
      wrong(picture) {
        if (picture.active(app).length > 4) return `${picture.active(app).length} are active, one more than maxSurge allows`;
        return isUp && picture.ready(app).length < 3 && `only ${picture.ready(app).length} are ready`;
      },
      async tell(world) {
        const strategy = { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } };
        await world.create(deployments, app, spec(3, 'web:1', { strategy, revisionHistoryLimit: 1 }));
        await world.until('up', (picture) => isComplete(picture, 3, 'web:1'));
        isUp = true;
        await world.mark('up');
        for (const image of ['web:2', 'web:3', 'web:2']) {
          await world.patch(deployments, app, { spec: { template: template(app, image) } });
          await world.until(`rolled out: ${image}`, (picture) => isComplete(picture, 3, image));
        }
        await world.mark('rolled back');
        isUp = false;
        await world.patch(deployments, app, { spec: { replicas: 1 } });
        await world.until('shrunk', (picture) => isComplete(picture, 1, 'web:2'));
        await world.delete(deployments, app, { propagationPolicy: 'Foreground' });
        await world.until('gone', (picture) => picture.pods(app).length === 0 && picture.of('replicasets').length === 0 && picture.of('deployments').length === 0);
      },
    };
  },
};

const recreation: Story = {
  name: 'a Deployment that recreates',
  late: ['pods', 'replicasets', 'deployments'],
  begin: () => ({
    wrong: (picture) => new Set(picture.pods(app).map(({ metadata }: Pod) => metadata.labels?.['pod-template-hash'])).size > 1 && 'old and new live together',
    async tell(world) {
      await world.create(deployments, app, spec(2, 'web:1', { strategy: { type: 'Recreate' } }));
      await world.until('up', (picture) => isComplete(picture, 2, 'web:1'));
      await world.patch(deployments, app, { spec: { template: template(app, 'web:2') } });
      await world.until('recreated', (picture) => isComplete(picture, 2, 'web:2'));
    },
  }),
};

export const replicaStories: readonly Story[] = [adoption, collection, rollout, recreation];
