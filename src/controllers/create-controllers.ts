// All controllers, on one set of informers.
import { customResourceDefinitions } from '../api/kinds/custom-resource-definition.ts';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { Runnable } from '../base/runnable.ts';
import type { Client } from '../client/client.ts';
import { createEventRecorder, type EventRecorder } from '../client/event-recorder.ts';
import { createSharedInformers, type SharedInformers } from '../client/shared-informers.ts';
import type { QueueCounts } from '../control/controller.ts';
import { createApiServiceController, type CheckApiService } from './api-service/api-service.ts';
import { createBootstrapSigner } from './bootstrap/bootstrap-signer.ts';
import { createTokenCleaner } from './bootstrap/token-cleaner.ts';
import { createCertificateApprover } from './certificates/approve.ts';
import { createCertificateCleaner } from './certificates/clean.ts';
import { createCertificateSigner, type SignCertificate } from './certificates/sign.ts';
import { AggregatedResources } from '../control/aggregated-resources.ts';
import { createCustomInformers } from '../control/custom-informers.ts';
import { createClusterAuthenticationTrustController, type TrustedAuthorities } from './cluster-authentication-trust/cluster-authentication-trust.ts';
import { createCronJobController } from './cron-job/cron-job.ts';
import type { ControllerDeps } from './deps.ts';
import { createClusterRoleAggregationController } from './cluster-role-aggregation/cluster-role-aggregation.ts';
import { createDaemonSetController } from './daemon-set/daemon-set.ts';
import { createCustomResourceDefinitionController } from './custom-resource-definition/custom-resource-definition.ts';
import { createDeploymentController } from './deployment/deployment.ts';
import { createDisruptionController } from './disruption/disruption.ts';
import { createStaleTargetController } from './disruption/stale-target.ts';
import { createEndpointSliceController } from './endpoint-slice/endpoint-slice.ts';
import { createEndpointSliceMirroringController } from './endpoint-slice-mirroring/endpoint-slice-mirroring.ts';
import { createEndpointsController } from './endpoints/endpoints.ts';
import { createEphemeralVolumeController } from './ephemeral-volume/ephemeral-volume.ts';
import { createGarbageCollector } from './garbage-collector/garbage-collector.ts';
import { createHorizontalPodAutoscalerController } from './horizontal-pod-autoscaler/horizontal-pod-autoscaler.ts';
import { createJobController } from './job/job.ts';
import { createLoadBalancerController } from './load-balancer/load-balancer.ts';
import { createNamespaceController } from './namespace/namespace.ts';
import { createPersistentVolumeControllers } from './persistent-volume/persistent-volume.ts';
import { createNodeIpamController } from './node-ipam/node-ipam.ts';
import type { NodeRanges } from './node-ipam/plan.ts';
import { createNodeLifecycleController, type NodeLifecycleOptions } from './node-lifecycle/node-lifecycle.ts';
import { createPolicyTypeCheckingController } from './policy-type-checking/policy-type-checking.ts';
import { createPodGarbageCollector } from './pod-garbage-collector/pod-garbage-collector.ts';
import { createReplicaController } from './replica-set/replica-set.ts';
import { replicaSetKind, replicationControllerKind } from './replica-set/owner.ts';
import { createResourceQuotaController } from './resource-quota/resource-quota.ts';
import { createRootCaController } from './root-ca/root-ca.ts';
import { createAccountTokenController } from './service-account/account-tokens.ts';
import { createServiceAccountController } from './service-account/service-account.ts';
import { createTokenSecretController, type SignToken } from './service-account/token-secrets.ts';
import { createVolumeProtectionControllers } from './volume-protection/volume-protection.ts';
import { createTaintEvictionController } from './taint-eviction/taint-eviction.ts';
import { createStatefulSetController } from './stateful-set/stateful-set.ts';
import { createTtlAfterFinishedController } from './ttl-after-finished/ttl-after-finished.ts';

export interface ControllersOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** The cluster's certificate authority, PEM. */
  readonly rootCa: string;
  /** The authority's hand; absent: nobody approves or signs requests for certificates. */
  readonly certificates?: {
    readonly sign: SignCertificate;
    /** Names and addresses of the API server. */
    readonly reserved: readonly string[];
  };
  /** Signs the tokens that Secrets hold, and whether every service account gets one; absent: such Secrets stay as they are. */
  readonly tokenSecrets?: { readonly sign: SignToken; readonly forEveryAccount: boolean };
  /** What machines that join are told of the cluster: a kubeconfig without a user. Absent: none can. */
  readonly clusterInfo?: string;
  /** Asks servers of other APIs; absent: nobody looks whether they are there. */
  readonly checkApiService?: CheckApiService;
  /** What those servers are told; absent: nothing. */
  readonly trustedAuthorities?: TrustedAuthorities;
  /** From where nodes that have none get their Pod ranges; absent: from nowhere. */
  readonly nodeRanges?: NodeRanges;
  /** Default: as kube-controller-manager has it. */
  readonly nodeLifecycle?: NodeLifecycleOptions;
  /** So many finished Pods are kept; 0: all. Default: 12,500, as kube-controller-manager has it. */
  readonly terminatedPodGcThreshold?: number;
  /** Those of the process, where there are some; else the controllers run their own. */
  readonly informers?: SharedInformers;
  /** Told of each controller's queue. */
  readonly queues?: QueueCounts;
}

/** At the end, Events have so long to leave. */
const flushMs = 500;

export function createControllers(options: ControllersOptions): Runnable {
  return { name: 'controllers', run: (signal) => runControllers(options, signal) };
}

async function runControllers(options: ControllersOptions, signal: AbortSignal): Promise<void> {
  const { client, clock, random, rootCa } = options;
  const log = options.log.named('controllers');
  const informers = options.informers ?? createSharedInformers(options);
  const recorders = new Map<string, EventRecorder>();
  const aggregated = new AggregatedResources();
  const customInformers = createCustomInformers(informers.of(customResourceDefinitions), aggregated, client, { clock, random, log });
  const deps: ControllerDeps = {
    client,
    informers,
    customInformers,
    aggregated,
    recorderFor: (component) => {
      const recorder = recorders.get(component) ?? createEventRecorder({ client, component, clock, random, log });
      recorders.set(component, recorder);
      return recorder;
    },
    clock,
    random,
    log,
    queues: options.queues,
  };
  const controllers = [
    createServiceAccountController(deps),
    createRootCaController(rootCa, deps),
    ...(options.tokenSecrets ? [createTokenSecretController({ ...options.tokenSecrets, rootCa }, deps)] : []),
    ...(options.tokenSecrets?.forEveryAccount ? [createAccountTokenController({ ...options.tokenSecrets, rootCa }, deps)] : []),
    createClusterRoleAggregationController(deps),
    createReplicaController(replicaSetKind, deps),
    createReplicaController(replicationControllerKind, deps),
    createDeploymentController(deps),
    createStatefulSetController(deps),
    createDaemonSetController(deps),
    createHorizontalPodAutoscalerController(deps),
    createJobController(deps),
    createTtlAfterFinishedController(deps),
    createCronJobController(deps),
    createEndpointsController(deps),
    createEndpointSliceController(deps),
    createEndpointSliceMirroringController(deps),
    createLoadBalancerController(deps),
    createResourceQuotaController(deps),
    customInformers,
    createCustomResourceDefinitionController(deps),
    createPolicyTypeCheckingController(deps),
    createNamespaceController(deps),
    createGarbageCollector(deps),
    createPodGarbageCollector(deps, options.terminatedPodGcThreshold),
    createDisruptionController(deps),
    createStaleTargetController(deps),
    ...createPersistentVolumeControllers(deps),
    ...createVolumeProtectionControllers(deps),
    createEphemeralVolumeController(deps),
    createNodeLifecycleController(deps, options.nodeLifecycle),
    createTaintEvictionController(deps),
    createCertificateCleaner(deps),
    createTokenCleaner(deps),
    ...(options.certificates ? [createCertificateApprover(options.certificates.reserved, deps), createCertificateSigner(options.certificates.sign, deps)] : []),
    ...(options.checkApiService ? [createApiServiceController(options.checkApiService, deps)] : []),
    ...(options.trustedAuthorities ? [createClusterAuthenticationTrustController(options.trustedAuthorities, deps)] : []),
    ...(options.clusterInfo === undefined ? [] : [createBootstrapSigner(options.clusterInfo, deps)]),
    ...(options.nodeRanges ? [createNodeIpamController(options.nodeRanges, deps)] : []),
  ];
  const running = controllers.map((controller) => controller.run(signal));
  if (!options.informers) running.push(informers.run(signal));
  await Promise.all(running);
  const giveUp = new AbortController();
  using _ = clock.schedule(flushMs, () => giveUp.abort());
  await Promise.all([...recorders.values()].map((recorder) => recorder.flush(giveUp.signal)));
}
