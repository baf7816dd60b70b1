// Admission of what Pods say of their simulated containers: a script that makes no sense is refused when it is written,
// and not found out on some node.
import { ApiError, type FieldCause } from '../api/error.ts';
import type { Pod } from '../api/types.ts';
import { parseScript, scriptAnnotation, scriptOfImage, ScriptError } from '../runtime/simulated/script.ts';
import type { Admission } from '../server/admission/admission.ts';

export const simulatedScripts: Admission = {
  name: 'SimulatedScripts',
  handles: ({ verb, kind, subresource }) => (verb === 'create' || verb === 'update') && kind.plural === 'pods' && kind.group === '' && !subresource,
  validate({ kind, draft, before }) {
    const { metadata, spec } = draft as Pod;
    const causes: FieldCause[] = [];
    const check = (read: () => unknown) => {
      try {
        read();
      } catch (error) {
        if (!(error instanceof ScriptError)) return;
        causes.push({ reason: 'FieldValueInvalid', field: error.path, message: error.problem });
      }
    };
    const old = (before as Pod | undefined)?.metadata.annotations;
    const names = [...(spec.initContainers ?? []), ...spec.containers].map(({ name }) => name);
    for (const [key, text] of Object.entries(metadata.annotations ?? {})) {
      if (!key.startsWith(scriptAnnotation) || old?.[key] === text) continue;
      const path = `metadata.annotations[${key}]`;
      if (!names.includes(key.slice(scriptAnnotation.length))) causes.push({ reason: 'FieldValueNotFound', field: path, message: `Not found: there is no container ${JSON.stringify(key.slice(scriptAnnotation.length))}` });
      else check(() => parseScript(text, path, 'container'));
    }
    for (const list of before ? [] : (['initContainers', 'containers'] as const)) {
      for (const [index, { image = '' }] of (spec[list] ?? []).entries()) check(() => scriptOfImage(image, `spec.${list}[${index}].image`));
    }
    if (causes.length > 0) throw ApiError.invalid(kind, metadata.name ?? '', causes);
  },
};
