// The Node: a machine that runs Pods.
import { conditionOf } from '../meta.ts';
import { labelValue, qualifiedName } from '../names.ts';
import type { Node, Taint } from '../types.ts';
import { ageColumn, nameColumn, text, wide } from './columns.ts';
import { defineKind } from './define-kind.ts';
import { taintEffects } from './pod/validate-scheduling.ts';
import { checkAmount } from './pod/validate-resources.ts';
import { Report } from './validation/report.ts';
import { checkCidr } from './validation/rules.ts';

export const nodes = defineKind<Node>({
  kind: 'Node',
  shortNames: ['no'],
  connects: ['proxy'],
  namespaced: false,
  hasStatus: true,
  defaults(draft) {
    draft.spec ??= {};
    draft.status ??= {};
    if (!draft.status.allocatable && draft.status.capacity) draft.status.allocatable = { ...draft.status.capacity };
    if (draft.spec.podCIDR && !draft.spec.podCIDRs?.length) draft.spec.podCIDRs = [draft.spec.podCIDR];
    else if (draft.spec.podCIDRs?.[0]) draft.spec.podCIDR ||= draft.spec.podCIDRs[0];
  },
  // A node registers itself with its status: unlike other kinds it keeps it on create.
  prepareUpdate(draft, before) {
    draft.status = before.status;
  },
  prepareStatus(draft, before) {
    draft.spec = before.spec;
  },
  validate({ spec, status }) {
    const report = new Report();
    checkTaints(report, 'metadata.taints', spec.taints);
    spec.podCIDRs?.forEach((cidr, index) => checkCidr(report, `spec.podCIDRs[${index}]`, cidr));
    checkCapacity(report, status);
    return report.causes;
  },
  validateUpdate({ spec }, before) {
    const report = new Report();
    const old = before.spec;
    if (old.podCIDRs?.length && (spec.podCIDRs ?? []).join() !== old.podCIDRs.join()) {
      report.forbidden('spec.podCIDRs', 'node updates may not change podCIDR except from "" to valid');
    }
    if (old.providerID && spec.providerID !== old.providerID) {
      report.forbidden('spec.providerID', 'node updates may not change providerID except from "" to valid');
    }
    return report.causes;
  },
  validateStatus({ status }) {
    const report = new Report();
    checkCapacity(report, status);
    status.addresses?.forEach((address, index) => {
      const isFirst = status.addresses!.findIndex((other) => other.type === address.type && other.address === address.address) === index;
      if (!isFirst) report.duplicate(`status.addresses[${index}]`, address);
    });
    return report.causes;
  },
  selectableFields: { 'spec.unschedulable': ({ spec }) => String(spec.unschedulable ?? false) },
  columns: [
    nameColumn,
    text('Status', 'Whether the node is ready, and whether Pods may be bound to it.', statusOf),
    text('Roles', 'What its labels say it is for.', rolesOf),
    ageColumn,
    text('Version', 'The version of its node agent.', ({ status }) => status.nodeInfo?.kubeletVersion ?? ''),
    wide(text('Internal-IP', 'Its address within the cluster.', (node) => addressOf(node, 'InternalIP'))),
    wide(text('External-IP', 'Its address from outside.', (node) => addressOf(node, 'ExternalIP'))),
    wide(text('OS-Image', 'Its operating system.', ({ status }) => status.nodeInfo?.osImage || '<unknown>')),
    wide(text('Kernel-Version', 'Its kernel.', ({ status }) => status.nodeInfo?.kernelVersion || '<unknown>')),
    wide(text('Container-Runtime', 'What runs its containers.', ({ status }) => status.nodeInfo?.containerRuntimeVersion || '<unknown>')),
  ],
});

function checkTaints(report: Report, field: string, taints: readonly Taint[] | undefined): void {
  const seen = new Set<string>();
  taints?.forEach((taint, index) => {
    const at = `${field}[${index}]`;
    report.follows(`${at}.key`, taint.key ?? '', qualifiedName);
    const wrong = labelValue(taint.value ?? '');
    if (wrong.length > 0) report.invalid(`${at}.value`, taint.value, wrong.join(';'));
    report.requiredWord(`${at}.effect`, taint.effect, taintEffects);
    const key = `${taint.key}:${taint.effect}`;
    if (seen.has(key)) report.duplicate(at, taint, 'taints must be unique by key and effect pair');
    seen.add(key);
  });
}

function checkCapacity(report: Report, status: Node['status']): void {
  for (const part of ['capacity', 'allocatable'] as const) {
    for (const resource in status[part]) checkAmount(report, `status.${part}.${resource}`, resource, status[part][resource]!);
  }
}

function statusOf({ spec, status }: Node): string {
  const ready = conditionOf(status.conditions, 'Ready');
  const word = !ready ? 'Unknown' : ready.status === 'True' ? 'Ready' : 'NotReady';
  return spec.unschedulable ? `${word},SchedulingDisabled` : word;
}

const rolePrefix = 'node-role.kubernetes.io/';

function rolesOf({ metadata }: Node): string {
  const roles = new Set<string>();
  for (const [key, value] of Object.entries(metadata.labels ?? {})) {
    if (key.startsWith(rolePrefix) && key.length > rolePrefix.length) roles.add(key.slice(rolePrefix.length));
    else if (key === 'kubernetes.io/role' && value) roles.add(value);
  }
  return [...roles].sort().join(',') || '<none>';
}

function addressOf({ status }: Node, type: string): string {
  return status.addresses?.find((address) => address.type === type)?.address ?? '<none>';
}
