// ServiceAccount: every Pod acts as one; it must exist, lends the Pod its image pull secrets, and its token to each container.
import type { Clock } from '../../base/clock.ts';
import { randomSuffix, type Random } from '../../base/random.ts';
import { serviceAccounts } from '../../api/kinds/index.ts';
import type { Pod, ServiceAccount, Volume } from '../../api/types.ts';
import type { Admission, AdmissionRequest, AdmissionWorld } from './admission.ts';
import { forbidden } from './forbidden.ts';

const mirrorAnnotation = 'kubernetes.io/config.mirror';

/** A namespace's `default` account is made by a controller a moment after the namespace: so it is waited for, a second in all. */
const waitsMs: readonly number[] = [2, 5, 10, 20, 50, 100, 200, 300, 300];

export function serviceAccount(clock: Clock, random: Random): Admission {
  const lend = (pod: Pod, account: ServiceAccount) => {
    if (pod.spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true) mountToken(pod, random);
    lendPullSecrets(pod, account);
  };
  return {
    name: 'ServiceAccount',
    handles: ({ verb, kind, subresource }) => verb === 'create' && kind.plural === 'pods' && kind.group === '' && !subresource,
    mutate(request, world) {
      const pod = request.draft as Pod;
      if (pod.metadata.annotations?.[mirrorAnnotation] !== undefined) return checkMirror(request, pod);
      const name = (pod.spec.serviceAccountName ||= pod.spec.serviceAccount || 'default');
      // The old name of the field, which the API still shows.
      pod.spec.serviceAccount = name;
      const found = world.get(serviceAccounts, { namespace: request.namespace, name });
      if (found) return lend(pod, found);
      if (name !== 'default') throw missing(request, name);
      return waitFor(clock, request, world, name).then((appeared) => lend(pod, appeared));
    },
  };
}

async function waitFor(clock: Clock, request: AdmissionRequest, world: AdmissionWorld, name: string): Promise<ServiceAccount> {
  const never = new AbortController().signal;
  for (const waitMs of waitsMs) {
    await clock.sleep(waitMs, never);
    const found = world.get(serviceAccounts, { namespace: request.namespace, name });
    if (found) return found;
  }
  throw missing(request, name);
}

function missing(request: AdmissionRequest, name: string) {
  return forbidden(request, `error looking up service account ${request.namespace}/${name}: serviceaccount ${JSON.stringify(name)} not found`);
}

/** A mirror Pod shows what a node runs by itself; the node must find its spec unchanged. */
function checkMirror(request: AdmissionRequest, { spec }: Pod): void {
  if (spec.serviceAccountName) throw forbidden(request, 'a mirror pod may not reference service accounts');
  if (spec.volumes?.some((volume) => volume.secret)) throw forbidden(request, 'a mirror pod may not reference secrets');
  if (spec.volumes?.some((volume) => volume.projected?.sources?.some((source) => source.serviceAccountToken))) throw forbidden(request, 'a mirror pod may not use ServiceAccountToken volume projections');
}

function lendPullSecrets({ spec }: Pod, { imagePullSecrets }: ServiceAccount): void {
  if (!spec.imagePullSecrets?.length && imagePullSecrets?.length) spec.imagePullSecrets = imagePullSecrets.map((secret) => ({ ...secret }));
}

const mountPath = '/var/run/secrets/kubernetes.io/serviceaccount';
const volumePrefix = 'kube-api-access-';

/** Into every container that has nothing there yet; a volume that bears our prefix is taken to be ours. The Pod is not validated yet. */
function mountToken({ spec }: Pod, random: Random): void {
  const name = spec.volumes?.find((volume) => volume.name?.startsWith(volumePrefix))?.name;
  const mount = { name: name ?? volumePrefix + randomSuffix(random), readOnly: true, mountPath };
  let isNeeded = false;
  for (const container of [...(spec.initContainers ?? []), ...(spec.containers ?? [])]) {
    if (container.volumeMounts?.some((other) => other.mountPath === mountPath)) continue;
    container.volumeMounts = [...(container.volumeMounts ?? []), { ...mount }];
    isNeeded = true;
  }
  if (isNeeded && name === undefined) spec.volumes = [...(spec.volumes ?? []), tokenVolume(mount.name)];
}

/** With the time by which the API knows that it is ours, and all defaults: admission comes after them. */
function tokenVolume(name: string): Volume {
  return {
    name,
    projected: {
      sources: [
        { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } },
        { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
        { downwardAPI: { items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }] } },
      ],
      defaultMode: 0o644,
    },
  };
}
