// The plug-in MutatingAdmissionPolicy: expressions that give what an object is to be given, or a JSON patch.
import { ApiError } from '../../api/error.ts';
import { compileStored, OverBudget, type Program } from '../../api/cel/program.ts';
import { Duration, EvaluationError, Fields, Optional, showDuration, showTimestamp, Timestamp, Uint } from '../../api/cel/values.ts';
import type { Kind, WriteContext } from '../../api/kind.ts';
import { draftOf, sameJson } from '../../api/meta.ts';
import { applyJsonPatch } from '../../api/patch/json-patch.ts';
import { isObject } from '../../api/patch/json.ts';
import { mergeTyped } from '../../api/patch/typed-values.ts';
import { typeOf, type Shaped } from '../../api/schema/schema.ts';
import type { KubeObject, MutatingAdmissionPolicy, MutatingAdmissionPolicyBinding } from '../../api/types.ts';
import type { Clock } from '../../base/clock.ts';
import type { Random } from '../../base/random.ts';
import type { AdmissionRequest, AdmissionWorld } from '../admission/admission.ts';
import { changeDraft, shapeOfDraft, shown } from '../admission/change-draft.ts';
import { forbidden } from '../admission/forbidden.ts';
import { casesOf, PolicySet, type Bound, type PolicyDeps, type PolicyPlugin } from './policy.ts';

type Binding = MutatingAdmissionPolicyBinding;

interface Compiled extends Bound<MutatingAdmissionPolicy, Binding> {
  readonly mutations: readonly { readonly isJsonPatch: boolean; readonly program: Program }[];
}

export interface MutationDeps extends PolicyDeps {
  readonly clock: Clock;
  readonly random: Random;
}

export type MutatingPolicies = PolicyPlugin<MutatingAdmissionPolicy, Binding>;

export function createMutatingPolicies(deps: MutationDeps): MutatingPolicies {
  const set = new PolicySet<MutatingAdmissionPolicy, Binding, Compiled>(deps, (bound) => ({
    ...bound,
    mutations: (bound.policy.spec.mutations ?? []).map(({ patchType, jsonPatch, applyConfiguration }) => ({
      isJsonPatch: patchType === 'JSONPatch',
      program: compileStored((patchType === 'JSONPatch' ? jsonPatch : applyConfiguration)!.expression!, bound.names),
    })),
  }));
  return {
    ...set.setters,
    plugin: {
      name: 'MutatingAdmissionPolicy',
      handles: ({ verb }) => set.compiled.length > 0 && verb !== 'delete',
      mutate(request, world) {
        const again: { readonly one: Compiled; readonly left: KubeObject }[] = [];
        for (const one of set.compiled) {
          mutate(one, request, world, deps);
          if (one.policy.spec.reinvocationPolicy === 'IfNeeded') again.push({ one, left: draftOf(request.draft!) });
        }
        for (const { one, left } of again) if (!sameJson(left, request.draft)) mutate(one, request, world, deps);
      },
    },
  };
}

function mutate(compiled: Compiled, request: AdmissionRequest, world: AdmissionWorld, deps: MutationDeps): void {
  const isStrict = compiled.policy.spec.failurePolicy !== 'Ignore';
  const refuse = (binding: Binding | undefined, message: string) => {
    if (isStrict) throw forbidden(request, `policy '${compiled.policy.metadata.name}' with binding '${binding?.metadata.name ?? ''}' denied request: ${message}`);
  };
  compiled.mutations.forEach(({ program, isJsonPatch }) => {
    // Each mutation sees what those before it have left.
    for (const outcome of casesOf(compiled, request, world, deps)) {
      if (outcome.type === 'error') {
        refuse(outcome.binding, outcome.message);
        continue;
      }
      const { binding, as, lookup, budget } = outcome.of;
      try {
        change(request, as, isJsonPatch, plain(program.run(lookup, budget)), { nowMs: deps.clock.wallMs(), user: request.user, uuid: deps.random.uuid });
      } catch (error) {
        if (!(error instanceof EvaluationError) && !(error instanceof OverBudget) && !(error instanceof ApiError)) throw error;
        const why = error instanceof ApiError ? (error.details?.causes?.[0]?.message ?? error.message) : error.message;
        refuse(binding, `expression '${program.text}' resulted in error: ${why}`);
      }
    }
  });
}

function change(request: AdmissionRequest, as: Kind, isJsonPatch: boolean, result: unknown, context: WriteContext): void {
  const before = shown(request, as, request.draft!);
  const shape = shapeOfDraft(request, as);
  if (!isJsonPatch && !shape) throw new EvaluationError(`no corresponding type for /v1, Kind=${request.draft!.kind}`);
  const changed = isJsonPatch ? applyJsonPatch(before, result) : merged(shape!, before, result);
  if (!isObject(changed)) throw new EvaluationError('the mutation leaves no object');
  changeDraft(request, as, changed, context);
}

/** As server-side apply would merge it, lists by their keys. */
function merged(shape: Shaped, draft: object, result: unknown): unknown {
  if (!isObject(result)) throw new EvaluationError('must evaluate to Object but got another type');
  for (const field of ['apiVersion', 'kind', 'metadata.name'] as const) {
    if (field !== 'metadata.name' && result[field] !== undefined) throw new EvaluationError(`.${field}: may not mutate ${field}`);
  }
  return mergeTyped(draft, result, typeOf(shape));
}

/** A value of CEL as JSON. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (value instanceof Uint) return Number(value.value);
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Map) return Object.fromEntries([...(value as Map<unknown, unknown>)].map(([key, one]) => [String(key), plain(one)]));
  if (value instanceof Fields) return Object.fromEntries([...value.fields].map(([key, one]) => [key, plain(one)]));
  if (value instanceof Optional) return value.hasValue ? plain(value.value) : null;
  if (value instanceof Timestamp) return showTimestamp(value);
  if (value instanceof Duration) return showDuration(value);
  return value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value;
}
