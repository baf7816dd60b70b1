// DefaultIngressClass: an Ingress that says nothing of a class gets the default one, if there is one.
import { ApiError } from '../../api/error.ts';
import { defaultClassAnnotation, ingressClasses } from '../../api/kinds/ingress-class.ts';
import { classAnnotation } from '../../api/kinds/ingress/validate.ts';
import type { Ingress } from '../../api/types.ts';
import type { Admission } from './admission.ts';

export const defaultIngressClass: Admission = {
  name: 'DefaultIngressClass',
  handles: ({ verb, kind, subresource }) => verb === 'create' && kind.plural === 'ingresses' && kind.group === 'networking.k8s.io' && !subresource,
  mutate({ draft, kind }, world) {
    const { metadata, spec } = draft as Ingress;
    if ((spec.ingressClassName ?? undefined) !== undefined || metadata.annotations?.[classAnnotation] !== undefined) return;
    const defaults = world.list(ingressClasses).filter((one) => one.metadata.annotations?.[defaultClassAnnotation] === 'true');
    if (defaults.length > 1) throw ApiError.forbidden(kind, metadata.name, `Internal error occurred: ${defaults.length} default IngressClasses were found, only 1 allowed`);
    const [chosen] = defaults;
    if (chosen) spec.ingressClassName = chosen.metadata.name;
  },
};
