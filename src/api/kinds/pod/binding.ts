// `pods/NAME/binding`: how a scheduler gives a Pod to a node.
import { ApiError } from '../../error.ts';
import type { Subresource, WriteContext } from '../../kind.ts';
import { isBeingDeleted, withCondition } from '../../meta.ts';
import type { Binding, Pod, PodCondition } from '../../types.ts';
import { Report } from '../validation/report.ts';

export const binding: Subresource<Pod> = {
  group: '',
  version: 'v1',
  kind: 'Binding',
  verbs: ['create'],
  keepsGeneration: true,
  write: bind,
};

function bind(pod: Pod, body: Binding, { nowMs }: WriteContext): Pod {
  const { name } = pod.metadata;
  const report = new Report();
  const target = body.target ?? {};
  if (target.kind && target.kind !== 'Node') report.notSupported('target.kind', target.kind, ['Node', '<empty>']);
  if (!target.name) report.required('target.name');
  if (report.causes.length > 0) throw ApiError.invalid({ group: '', kind: 'Binding' }, name, report.causes);

  const conflict = (why: string) => ApiError.conflict({ plural: 'pods/binding' }, name, why);
  const { uid, annotations, labels } = body.metadata ?? {};
  if (uid && uid !== pod.metadata.uid) {
    throw conflict(`Precondition failed: UID in precondition: ${uid}, UID in object meta: ${pod.metadata.uid}`);
  }
  if (isBeingDeleted(pod)) throw conflict(`pod ${name} is being deleted, cannot be assigned to a host`);
  if (pod.spec.nodeName) throw conflict(`pod ${name} is already assigned to node ${JSON.stringify(pod.spec.nodeName)}`);
  if (pod.spec.schedulingGates?.length) throw conflict(`pod ${name} has non-empty .spec.schedulingGates`);

  const scheduled: PodCondition = { type: 'PodScheduled', status: 'True', observedGeneration: pod.metadata.generation };
  const { reason: _reason, message: _message, ...others } = pod.status.conditions?.find(({ type }) => type === 'PodScheduled') ?? scheduled;
  // Whatever node was kept for it, it has one now.
  const { nominatedNodeName: _nominated, ...status } = pod.status;
  const conditions = (pod.status.conditions ?? []).map((condition) => (condition.type === 'PodScheduled' ? others : condition));
  return {
    ...pod,
    metadata: {
      ...pod.metadata,
      ...(annotations ? { annotations: { ...pod.metadata.annotations, ...annotations } } : {}),
      ...(labels ? { labels: { ...pod.metadata.labels, ...labels } } : {}),
    },
    spec: { ...pod.spec, nodeName: target.name },
    status: { ...status, conditions: [...withCondition(conditions, scheduled, nowMs)] },
  };
}
