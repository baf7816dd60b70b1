// Writes into the status of ValidatingAdmissionPolicies what their expressions do not find in the kinds that they name.
import { celTypeOf } from '../../api/custom/cel-schema.ts';
import type { JsonSchema } from '../../api/custom/json-schema.ts';
import { isObjectType, objectOf } from '../../api/cel/types.ts';
import { isReason } from '../../api/error.ts';
import { validatingAdmissionPolicies } from '../../api/kinds/admission-policy.ts';
import { customResourceDefinitions } from '../../api/kinds/custom-resource-definition.ts';
import { kindOf, kinds } from '../../api/kinds/index.ts';
import type { Kind } from '../../api/kind.ts';
import { sameJson } from '../../api/meta.ts';
import { celTypeOfDefinition } from '../../api/schema/cel-type.ts';
import type { ObjectKey } from '../../api/request.ts';
import type { CustomResourceDefinition } from '../../api/types.ts';
import type { Runnable } from '../../base/runnable.ts';
import { createController, itself, trigger, type Next } from '../../control/controller.ts';
import type { ControllerDeps } from '../deps.ts';
import { expressionWarnings, type TypedKind, type TypeSource } from './check-types.ts';

export function createPolicyTypeCheckingController(deps: ControllerDeps): Runnable {
  const policies = deps.informers.of(validatingAdmissionPolicies);
  const definitions = deps.informers.of(customResourceDefinitions);
  const source = typeSource(() => definitions.list());

  async function reconcile(key: ObjectKey, signal: AbortSignal): Promise<Next> {
    const policy = policies.get(key);
    if (!policy) return 'await-change';
    const warnings = expressionWarnings(policy, source);
    const status = { ...policy.status, observedGeneration: policy.metadata.generation, typeChecking: warnings.length > 0 ? { expressionWarnings: warnings } : {} };
    if (sameJson(status, policy.status)) return 'await-change';
    try {
      await deps.client.updateStatus(validatingAdmissionPolicies, { ...policy, status } as typeof policy, signal);
    } catch (error) {
      if (!isReason(error, 'NotFound')) throw error;
    }
    return 'await-change';
  }

  return createController(
    {
      name: 'validatingadmissionpolicy-status-controller',
      triggers: [trigger(policies, itself), trigger(definitions, () => policies.list().map(({ metadata }) => ({ namespace: '', name: metadata.name })))],
      reconcile,
    },
    deps,
  );
}

function typeSource(definitions: () => readonly CustomResourceDefinition[]): TypeSource {
  return {
    ofResource(group, version, plural) {
      const kind = kindOf({ group, version, plural });
      if (kind) return typed(kind);
      const found = definitions().find(({ spec }) => spec.group === group && spec.names.plural === plural);
      return found && typedVersion(found, version);
    },
    ofKind(apiVersion, name) {
      const at = apiVersion.lastIndexOf('/');
      const [group, version] = [apiVersion.slice(0, Math.max(0, at)), apiVersion.slice(at + 1)];
      const kind = kinds.find((one) => one.group === group && one.version === version && one.kind === name);
      if (kind) return typed(kind).type;
      const found = definitions().find(({ spec }) => spec.group === group && spec.names.kind === name);
      return found && typedVersion(found, version)?.type;
    },
  };
}

function typed({ group, version, kind, schemaName }: Kind): TypedKind {
  return { group, version, kind, type: celTypeOfDefinition(schemaName) };
}

/** Of a custom kind, with all that every object has. */
function typedVersion({ spec }: CustomResourceDefinition, version: string): TypedKind | undefined {
  const schema = spec.versions.find(({ name, served }) => name === version && served)?.schema?.openAPIV3Schema;
  const type = schema && celTypeOf(schema as JsonSchema, true);
  if (!type || !isObjectType(type)) return undefined;
  const metadata = celTypeOfDefinition('io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta');
  return { group: spec.group, version, kind: spec.names.kind, type: objectOf(type.name, new Map([...type.fields, ['metadata', metadata]])) };
}
