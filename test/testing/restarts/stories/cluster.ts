// What keeps the cluster itself: namespaces, accounts, nodes and their Pods, what has finished, volumes and who holds them.
import { configMaps, deployments, namespaces, nodes, persistentVolumeClaims, persistentVolumes, pods, serviceAccounts, services, type Deployment, type KubeObject, type Node, type PersistentVolume, type PersistentVolumeClaim } from '../../../../src/testing/index.ts';
import { isBeingDeleted, isTrue } from '../../../../src/api/meta.ts';
import type { Picture } from '../ledger.ts';
import { template, type Story } from '../story.ts';

const app = 'web';
const selector = { matchLabels: { app } };
const within = (picture: Picture, namespace: string) => picture.plurals.flatMap((plural) => picture.of(plural).filter(({ metadata }) => metadata.namespace === namespace).map(({ metadata }) => `${plural} ${metadata.name}`));

const namespace: Story = {
  name: 'a Namespace gets what each has, again when it is lost, is filled, and deleted with all that is in it',
  late: ['namespaces', 'pods', 'serviceaccounts', 'configmaps'],
  begin() {
    const isFurnished = (picture: Picture) => picture.get('serviceaccounts', 'default', 'busy') && picture.get('configmaps', 'kube-root-ca.crt', 'busy');
    return {
      wrong: (picture) => !picture.get('namespaces', 'busy', '') && within(picture, 'busy').length > 0 && `the Namespace is gone, and there are ${within(picture, 'busy').join(', ')}`,
      async tell(world) {
        await world.create(namespaces, 'busy', { spec: {} });
        await world.until('it is furnished', isFurnished);
        const before = [world.picture.get<KubeObject>('serviceaccounts', 'default', 'busy')!, world.picture.get<KubeObject>('configmaps', 'kube-root-ca.crt', 'busy')!];
        await world.delete(serviceAccounts, 'default', {}, 'busy');
        await world.delete(configMaps, 'kube-root-ca.crt', {}, 'busy');
        await world.until('again', (picture) => isFurnished(picture) && picture.get<KubeObject>('serviceaccounts', 'default', 'busy')!.metadata.uid !== before[0]!.metadata.uid && picture.get<KubeObject>('configmaps', 'kube-root-ca.crt', 'busy')!.metadata.uid !== before[1]!.metadata.uid);
        await world.create(deployments, app, { spec: { replicas: 2, selector, template: template(app) } }, 'busy');
        await world.create(services, app, { spec: { selector: { app }, ports: [{ port: 80 }] } }, 'busy');
        await world.until('two', (picture) => picture.get<Deployment>('deployments', app, 'busy')?.status.availableReplicas === 2);
        await world.mark('filled');
        await world.delete(namespaces, 'busy');
        await world.until('gone', (picture) => !picture.get('namespaces', 'busy', '') && within(picture, 'busy').length === 0);
      },
    };
  },
};

const lostNode: Story = {
  name: 'a node is lost: tainted, its Pods evicted and replaced, and collected when it is deleted',
  cluster: { nodes: [{ name: 'node-0', labels: { first: 'yes' } }, { name: 'node-1' }] },
  late: ['pods', 'nodes', 'leases'],
  begin() {
    const node = (picture: Picture) => picture.get<Node>('nodes', 'node-0', '');
    const tolerations = ['not-ready', 'unreachable'].map((what) => ({ key: `node.kubernetes.io/${what}`, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 5 }));
    const preferredDuringSchedulingIgnoredDuringExecution = [{ weight: 100, preference: { matchExpressions: [{ key: 'first', operator: 'Exists' }] } }];
    return {
      wrong: (picture) => picture.active(app).length > 2 && `${picture.active(app).length} are active`,
      async tell(world) {
        await world.create(deployments, app, { spec: { replicas: 2, selector, template: template(app, 'web:1', '', { tolerations, affinity: { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution } } }) } });
        await world.until('two, there', (picture) => picture.ready(app).filter(({ spec }) => spec.nodeName === 'node-0').length === 2);
        world.cluster.node('node-0').kill();
        await world.until('two, elsewhere', (picture) => picture.ready(app).filter(({ spec }) => spec.nodeName === 'node-1').length === 2 && !isTrue(node(picture)?.status.conditions as never, 'Ready') && picture.pods(app).filter(isBeingDeleted).length === 2);
        await world.mark('elsewhere');
        await world.delete(nodes, 'node-0');
        await world.until('collected', (picture) => picture.pods(app).length === 2 && picture.get<Deployment>('deployments', app)?.status.availableReplicas === 2);
      },
    };
  },
};

const finished: Story = {
  name: 'finished Pods beyond the threshold are collected, the oldest first',
  cluster: { terminatedPodGcThreshold: 1 },
  late: ['pods'],
  begin() {
    return {
      wrong: (picture, ledger) => ledger.made.size > 0 && picture.pods('stays').some(isBeingDeleted) && 'one that runs is collected',
      async tell(world) {
        await world.create(pods, 'stays', { spec: template('stays').spec }, 'default', { labels: { app: 'stays' } });
        for (const name of ['first', 'second', 'third']) {
          await world.create(pods, name, { spec: { ...template(app).spec, restartPolicy: 'Never' } }, 'default', { labels: { app }, annotations: { 'simulated.peapod.dev/main': 'run=1s' } });
          await world.cluster.advance(3_000);
        }
        await world.until('one is left', (picture) => picture.pods(app).length === 1 && picture.pods(app)[0]!.metadata.name === 'third');
      },
    };
  },
};

const volumes: Story = {
  name: 'a volume, its claim and a Pod, deleted in the wrong order',
  late: ['pods', 'persistentvolumes', 'persistentvolumeclaims'],
  begin() {
    const claim = (picture: Picture) => picture.get<PersistentVolumeClaim>('persistentvolumeclaims', 'data');
    const volume = (picture: Picture) => picture.get<PersistentVolume>('persistentvolumes', 'disk', '');
    return {
      wrong: (picture) => picture.pods(app).length > 0 && (!claim(picture) || !volume(picture)) && 'a volume in use is gone',
      async tell(world) {
        await world.create(persistentVolumes, 'disk', { spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], storageClassName: 'by-hand', persistentVolumeReclaimPolicy: 'Retain', hostPath: { path: '/disk' } } });
        await world.create(persistentVolumeClaims, 'data', { spec: { accessModes: ['ReadWriteOnce'], storageClassName: 'by-hand', resources: { requests: { storage: '1Gi' } } } });
        await world.until('bound', (picture) => claim(picture)?.status.phase === 'Bound' && volume(picture)?.status.phase === 'Bound');
        await world.create(pods, app, { spec: { ...template(app).spec, volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }] } }, 'default', { labels: { app } });
        await world.until('ready', (picture) => picture.ready(app).length === 1);
        await world.delete(persistentVolumes, 'disk');
        await world.delete(persistentVolumeClaims, 'data');
        await world.mark('they wait');
        await world.delete(pods, app);
        await world.until('all are gone', (picture) => picture.pods(app).length === 0 && !claim(picture) && !volume(picture));
      },
    };
  },
};

export const clusterStories: readonly Story[] = [namespace, lostNode, finished, volumes];
