// The Pod: the smallest thing that is created, scheduled and run.
import type { DeleteDecision, WriteContext } from '../kind.ts';
import { isPodFinished } from '../meta.ts';
import type { DeleteOptions } from '../request.ts';
import { formatTime } from '../../base/clock.ts';
import type { Pod } from '../types.ts';
import { defineKind } from './define-kind.ts';
import { binding } from './pod/binding.ts';
import { podColumns } from './pod/columns.ts';
import { defaultPod } from './pod/defaults.ts';
import { ephemeralContainers } from './pod/ephemeral-containers.ts';
import { resize } from './pod/resize.ts';
import { validatePodStatus, validatePodUpdate } from './pod/validate-update.ts';
import { validateNewPod, validatePod } from './pod/validate.ts';
import { podWarnings } from './pod/warnings.ts';

export const pods = defineKind<Pod>({
  kind: 'Pod',
  shortNames: ['po'],
  categories: ['all'],
  hasStatus: true,
  hasGeneration: true,
  connects: ['log', 'exec', 'attach', 'portforward', 'proxy'],
  subresources: {
    binding,
    ephemeralcontainers: ephemeralContainers,
    resize,
    // Answered by server/registry/evict.ts, since a delete is its outcome.
    eviction: { group: 'policy', version: 'v1', kind: 'Eviction', verbs: ['create'], write: (pod) => pod },
  },
  defaults: defaultPod,
  prepareCreate,
  prepareUpdate(draft, before) {
    draft.status = before.status;
  },
  prepareStatus,
  validate: (pod) => (isNew(pod) ? [...validatePod(pod), ...validateNewPod(pod)] : validatePod(pod)),
  validateUpdate: validatePodUpdate,
  validateStatus: validatePodStatus,
  // Updates of Pods come mostly from programs.
  warnings: (pod, before) => (before ? [] : podWarnings(pod)),
  decideDelete,
  filedBy: 'spec.nodeName',
  selectableFields: {
    'spec.nodeName': ({ spec }) => spec.nodeName ?? '',
    'spec.restartPolicy': ({ spec }) => spec.restartPolicy ?? '',
    'spec.schedulerName': ({ spec }) => spec.schedulerName ?? '',
    'spec.serviceAccountName': ({ spec }) => spec.serviceAccountName ?? '',
    'spec.hostNetwork': ({ spec }) => String(spec.hostNetwork ?? false),
    'status.phase': ({ status }) => status.phase ?? '',
    'status.podIP': ({ status }) => status.podIPs?.[0]?.ip ?? status.podIP ?? '',
    'status.nominatedNodeName': ({ status }) => status.nominatedNodeName ?? '',
  },
  columns: podColumns,
});

function prepareCreate(draft: Pod, { nowMs }: WriteContext): void {
  draft.status = { phase: 'Pending' };
  if (!draft.spec?.schedulingGates?.length) return;
  draft.status.conditions = [
    {
      type: 'PodScheduled',
      status: 'False',
      reason: 'SchedulingGated',
      message: 'Scheduling is blocked due to non-empty scheduling gates',
      lastTransitionTime: formatTime(nowMs),
    },
  ];
}

/** The node may write a Pod's status and nothing else: neither its owners, its end, nor its class. */
function prepareStatus(draft: Pod, before: Pod): void {
  draft.spec = before.spec;
  draft.metadata.ownerReferences = before.metadata.ownerReferences;
  draft.metadata.deletionTimestamp = before.metadata.deletionTimestamp;
  draft.metadata.deletionGracePeriodSeconds = before.metadata.deletionGracePeriodSeconds;
  draft.status.qosClass = before.status.qosClass;
  draft.status.observedGeneration ??= before.status.observedGeneration;
}

/** Not stored yet. */
function isNew({ metadata }: Pod): boolean {
  return !metadata.resourceVersion || metadata.resourceVersion === '0';
}

const defaultGraceSeconds = 30;

/**
 * Without a node, or when it has finished, nobody needs to end a Pod. Otherwise it gets its grace, which a second delete
 * may shorten but not lengthen. Grace 0 removes the object at once; that is what kubectl's `--force` sends, and without
 * `--force` kubectl itself sends 1 instead.
 */
function decideDelete(pod: Pod, options: DeleteOptions): DeleteDecision {
  if (!pod.spec.nodeName || isPodFinished(pod)) return { type: 'gone' };
  const { deletionTimestamp, deletionGracePeriodSeconds: already } = pod.metadata;
  const asked = options.gracePeriodSeconds ?? already ?? pod.spec.terminationGracePeriodSeconds ?? defaultGraceSeconds;
  const positive = asked < 0 ? 1 : asked;
  const graceSeconds = deletionTimestamp ? Math.min(positive, already ?? positive) : positive;
  return graceSeconds === 0 ? { type: 'gone' } : { type: 'graceful', graceSeconds };
}
