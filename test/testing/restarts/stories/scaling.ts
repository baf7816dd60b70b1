// HorizontalPodAutoscaler, PodDisruptionBudget, ResourceQuota, and the endpoints of Services.
import { deployments, endpoints, horizontalPodAutoscalers, podDisruptionBudgets, pods, replicaSets, resourceQuotas, services, type Deployment, type Endpoints, type EndpointSlice, type HorizontalPodAutoscaler, type PodDisruptionBudget, type ReplicaSet, type ResourceQuota } from '../../../../src/testing/index.ts';
import { isReason } from '../../../../src/api/error.ts';
import type { Picture } from '../ledger.ts';
import { template, type Story } from '../story.ts';

const app = 'web';
const never = new AbortController().signal;
const selector = { matchLabels: { app } };
const own = (script = '', resources?: object) => template(app, 'web:1', script, resources ? { containers: [{ name: 'main', image: 'web:1', resources }] } : {});

const autoscaler: Story = {
  name: 'a HorizontalPodAutoscaler, up to its most, and down to a smaller one',
  late: ['pods', 'deployments', 'horizontalpodautoscalers'],
  begin() {
    let most = 3;
    const deployment = (picture: Picture) => picture.get<Deployment>('deployments', app);
    const scaler = (picture: Picture) => picture.get<HorizontalPodAutoscaler>('horizontalpodautoscalers', app);
    const is = (picture: Picture, count: number) => picture.ready(app).length === count && picture.pods(app).length === count && deployment(picture)?.spec.replicas === count && deployment(picture)?.status.availableReplicas === count && scaler(picture)?.status.currentReplicas === count;
    return {
      wrong: (picture) => (deployment(picture)?.spec.replicas ?? 0) > most && `${deployment(picture)?.spec.replicas} are wanted`,
      async tell(world) {
        await world.create(deployments, app, { spec: { replicas: 1, selector, template: own('cpu=200m', { requests: { cpu: '100m' } }) } });
        const metrics = [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } } }];
        await world.create(horizontalPodAutoscalers, app, { spec: { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: app }, maxReplicas: 3, metrics } });
        await world.until('three', (picture) => is(picture, 3));
        await world.mark('three');
        await world.patch(horizontalPodAutoscalers, app, { spec: { maxReplicas: 2 } });
        await world.until('two', (picture) => is(picture, 2));
        most = 2;
      },
    };
  },
};

const budget: Story = {
  name: 'a PodDisruptionBudget, while Pods are evicted one after the other',
  late: ['pods', 'replicasets'],
  begin() {
    let isUp = false;
    return {
      wrong: (picture) => isUp && picture.ready(app).length < 2 && `only ${picture.ready(app).length} are left`,
      async tell(world) {
        await world.create(podDisruptionBudgets, app, { spec: { minAvailable: 2, selector } });
        await world.create(replicaSets, app, { spec: { replicas: 3, selector, template: own() } });
        const counted = (picture: Picture) => {
          const { currentHealthy, disruptionsAllowed, expectedPods } = picture.get<PodDisruptionBudget>('poddisruptionbudgets', app)?.status ?? {};
          return picture.ready(app).length === 3 && picture.get<ReplicaSet>('replicasets', app)?.status.readyReplicas === 3 && currentHealthy === 3 && disruptionsAllowed === 1 && expectedPods === 3;
        };
        await world.until('counted', counted);
        isUp = true;
        for (const { metadata: { name, namespace } } of world.picture.active(app)) {
          await world.cluster.runUntil(async () => {
            try {
              await world.cluster.client.createSub(pods, { name, namespace: namespace ?? '' }, 'eviction', { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace } } as never, never);
              return true;
            } catch (error) {
              if (isReason(error, 'NotFound')) return true;
              if (isReason(error, 'TooManyRequests', 'ServiceUnavailable')) return false;
              throw error;
            }
          }, { what: `${name} is evicted` });
        }
        await world.until('counted again', (picture) => counted(picture) && picture.pods(app).length === 3);
      },
    };
  },
};

const quota: Story = {
  name: 'a ResourceQuota that is less than is wanted, and then more',
  late: ['pods', 'resourcequotas', 'replicasets'],
  begin() {
    let most = 2;
    const found = (picture: Picture) => picture.get<ResourceQuota>('resourcequotas', 'few');
    return {
      wrong: (picture) => picture.pods(app).length > most && `${picture.pods(app).length} are there`,
      async tell(world) {
        await world.create(resourceQuotas, 'few', { spec: { hard: { pods: '2' } } });
        await world.until('counted', (picture) => found(picture)?.status.used?.['pods'] === '0');
        await world.create(replicaSets, app, { spec: { replicas: 3, selector, template: own() } });
        await world.until('two', (picture) => picture.ready(app).length === 2 && found(picture)?.status.used?.['pods'] === '2' && picture.get<ReplicaSet>('replicasets', app)?.status.conditions?.some(({ type }) => type === 'ReplicaFailure'));
        await world.mark('two');
        most = 3;
        await world.patch(resourceQuotas, 'few', { spec: { hard: { pods: '3' } } });
        await world.until('three', (picture) => picture.ready(app).length === 3 && found(picture)?.status.used?.['pods'] === '3' && !picture.get<ReplicaSet>('replicasets', app)?.status.conditions?.length);
        await world.patch(replicaSets, app, { spec: { replicas: 1 } });
        await world.until('one', (picture) => picture.pods(app).length === 1 && found(picture)?.status.used?.['pods'] === '1');
      },
    };
  },
};

const serving: Story = {
  name: 'endpoints and slices of Services, and those written by hand',
  late: ['pods', 'services', 'endpoints', 'endpointslices'],
  begin() {
    const slices = (picture: Picture, name: string) => picture.of<EndpointSlice>('endpointslices').filter(({ metadata }) => metadata.labels?.['kubernetes.io/service-name'] === name);
    const ready = (picture: Picture, name: string) => slices(picture, name).flatMap((slice) => slice.endpoints ?? []).filter(({ conditions }) => conditions?.ready !== false).length;
    const addresses = (picture: Picture, name: string) => (picture.get<Endpoints>('endpoints', name)?.subsets ?? []).flatMap((subset) => subset.addresses ?? []).length;
    const serve = (picture: Picture, count: number) => picture.ready(app).length === count && picture.pods(app).length === count && ready(picture, app) === count && addresses(picture, app) === count;
    return {
      async tell(world) {
        await world.create(services, app, { spec: { selector: { app }, ports: [{ port: 80 }] } });
        await world.create(replicaSets, app, { spec: { replicas: 3, selector, template: own() } });
        await world.until('three serve', (picture) => serve(picture, 3));
        await world.create(services, 'elsewhere', { spec: { ports: [{ port: 80 }] } });
        await world.create(endpoints, 'elsewhere', { subsets: [{ addresses: [{ ip: '192.0.2.1' }, { ip: '192.0.2.2' }], ports: [{ port: 80 }] }] });
        await world.until('mirrored', (picture) => ready(picture, 'elsewhere') === 2);
        await world.mark('all serve');
        await world.patch(replicaSets, app, { spec: { replicas: 1 } });
        await world.patch(endpoints, 'elsewhere', { subsets: [{ addresses: [{ ip: '192.0.2.1' }], ports: [{ port: 80 }] }] });
        await world.until('one serves', (picture) => serve(picture, 1) && ready(picture, 'elsewhere') === 1);
        await world.mark('one serves');
        for (const name of [app, 'elsewhere']) await world.delete(services, name);
        await world.until('nobody is led there', (picture) => slices(picture, app).length + slices(picture, 'elsewhere').length === 0 && !picture.get('endpoints', app));
      },
    };
  },
};

export const scalingStories: readonly Story[] = [autoscaler, budget, quota, serving];
