// The IngressClass: who serves the Ingresses that name it.
import type { IngressClass } from '../types.ts';
import { ageColumn, nameColumn, text } from './columns.ts';
import { defineKind } from './define-kind.ts';
import { validateIngressClass } from './ingress/validate.ts';
import { Report } from './validation/report.ts';

/** Peapod's own: a class of this controller is served by the cluster itself. */
export const ownIngressController = 'peapod.dev/ingress';
export const defaultClassAnnotation = 'ingressclass.kubernetes.io/is-default-class';

export const ingressClasses = defineKind<IngressClass>({
  kind: 'IngressClass',
  group: 'networking.k8s.io',
  plural: 'ingressclasses',
  namespaced: false,
  hasGeneration: true,
  defaults({ spec }) {
    if (spec?.parameters) spec.parameters.scope ??= 'Cluster';
  },
  validate: validateIngressClass,
  validateUpdate(after, before) {
    const report = new Report();
    report.immutable('spec.controller', after.spec?.controller, before.spec?.controller);
    return report.causes;
  },
  columns: [
    nameColumn,
    text('Controller', 'Who serves Ingresses of this class.', ({ spec }) => spec?.controller ?? ''),
    text('Parameters', 'An object with more about it.', ({ spec }) => {
      const { kind, apiGroup, name } = spec?.parameters ?? {};
      return kind ? `${kind}${apiGroup ? `.${apiGroup}` : ''}/${name}` : '<none>';
    }),
    ageColumn,
  ],
});
