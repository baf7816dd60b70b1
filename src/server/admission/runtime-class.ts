// RuntimeClass: a Pod may only ask for a class that there is. There is none yet.
import type { Pod } from '../../api/types.ts';
import type { Admission } from './admission.ts';
import { forbidden } from './forbidden.ts';

export const runtimeClass: Admission = {
  name: 'RuntimeClass',
  handles: ({ verb, kind, subresource }) => verb === 'create' && kind.plural === 'pods' && kind.group === '' && !subresource,
  validate(request) {
    const { runtimeClassName } = (request.draft as Pod).spec;
    if (runtimeClassName) throw forbidden(request, `pod rejected: RuntimeClass "${runtimeClassName}" not found`);
  },
};
