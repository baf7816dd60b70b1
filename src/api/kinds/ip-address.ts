// The IPAddress: an address of a Service, named by itself, and who holds it. Data only: the API server keeps account of its own.
import { isIP } from 'node:net';
import type { IPAddress } from '../types.ts';
import { ageColumn, nameColumn, text } from './columns.ts';
import { defineKind } from './define-kind.ts';
import { Report } from './validation/report.ts';

export const ipAddresses = defineKind<IPAddress>({
  kind: 'IPAddress',
  group: 'networking.k8s.io',
  plural: 'ipaddresses',
  shortNames: ['ip'],
  namespaced: false,
  validateName: (name) => (isIP(name) ? [] : ['must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)']),
  defaults(draft) {
    draft.spec ??= {} as IPAddress['spec'];
  },
  validate({ spec: { parentRef } }) {
    const report = new Report();
    if (!parentRef) report.required('spec.parentRef');
    else for (const field of ['resource', 'name'] as const) if (!parentRef[field]) report.required(`spec.parentRef.${field}`);
    return report.causes;
  },
  validateUpdate({ spec }, before) {
    const report = new Report();
    report.immutable('spec.parentRef', spec.parentRef, before.spec.parentRef);
    return report.causes;
  },
  columns: [
    nameColumn,
    text('ParentRef', 'Who holds it.', ({ spec: { parentRef } }) => {
      const { group, resource, namespace, name } = parentRef ?? {};
      return [group ? `${resource}.${group}` : resource, namespace, name].filter(Boolean).join('/');
    }),
    ageColumn,
  ],
});
