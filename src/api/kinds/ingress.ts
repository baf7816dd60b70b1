// The Ingress: which hosts and paths of HTTP lead to which Services. Who serves it says its class.
import type { Ingress } from '../types.ts';
import { ageColumn, nameColumn, text } from './columns.ts';
import { defineKind } from './define-kind.ts';
import { classAnnotation, validateIngress, validateIngressStatus } from './ingress/validate.ts';

export const ingresses = defineKind<Ingress>({
  kind: 'Ingress',
  group: 'networking.k8s.io',
  plural: 'ingresses',
  shortNames: ['ing'],
  hasStatus: true,
  hasGeneration: true,
  prepareCreate(draft) {
    draft.spec ??= {};
    draft.status = { loadBalancer: {} };
  },
  prepareUpdate(draft, before) {
    draft.status = before.status;
  },
  prepareStatus(draft, before) {
    draft.spec = before.spec;
  },
  validate: validateIngress,
  validateStatus: validateIngressStatus,
  warnings: ({ metadata }, before) =>
    before === undefined && metadata.annotations?.[classAnnotation] !== undefined ? [`annotation ${JSON.stringify(classAnnotation)} is deprecated, please use 'spec.ingressClassName' instead`] : [],
  columns: [
    nameColumn,
    text('Class', 'Who serves it.', ({ spec }) => spec.ingressClassName ?? '<none>'),
    text('Hosts', 'The names that it is for.', hostsOf),
    text('Address', 'Where it is reached.', ({ status }) => (status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip || hostname || '').sort().join(',')),
    text('Ports', 'The ports where it is served.', ({ spec }) => (spec.tls?.length ? '80, 443' : '80')),
    ageColumn,
  ],
});

const mostHosts = 3;

function hostsOf({ spec }: Ingress): string {
  const hosts = (spec.rules ?? []).flatMap(({ host }) => (host ? [host] : []));
  if (hosts.length === 0) return '*';
  const shown = hosts.slice(0, mostHosts).join(',');
  return hosts.length > mostHosts ? `${shown} + ${hosts.length - mostHosts} more...` : shown;
}
