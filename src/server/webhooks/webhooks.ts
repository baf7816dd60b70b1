// The plug-ins MutatingAdmissionWebhook and ValidatingAdmissionWebhook: webhooks that configurations name are asked before a
// write. Where there are none, a look at an empty list is all that it costs.
import { ApiError } from '../../api/error.ts';
import type { Kind } from '../../api/kind.ts';
import { mutatingWebhookConfigurations, validatingWebhookConfigurations, type Webhook } from '../../api/kinds/webhook-configuration.ts';
import { draftOf, sameJson } from '../../api/meta.ts';
import { applyJsonPatch } from '../../api/patch/json-patch.ts';
import { isObject } from '../../api/patch/json.ts';
import type { KubeObject } from '../../api/types.ts';
import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { Random } from '../../base/random.ts';
import type { Admission, AdmissionRequest, AdmissionWorld } from '../admission/admission.ts';
import type { AdmissionMetrics, WebhookType } from '../admission/admission-metrics.ts';
import { changeDraft, shown, throughOf } from '../admission/change-draft.ts';
import type { Authorize } from '../auth/access.ts';
import type { Convert } from '../registry/versions.ts';
import { compileConditions, lookupFor, verdictOf, type Condition } from './conditions.ts';
import { compileMatch, type Match } from './match.ts';
import { denial, requestOf, responseOf, reviewOf, type AdmissionResponse } from './review.ts';
import type { WebhookClient } from './webhook-client.ts';

export interface WebhookDeps {
  readonly client: WebhookClient;
  readonly clock: Clock;
  readonly metrics: AdmissionMetrics;
  readonly random: Random;
  readonly authorize: Authorize;
  readonly versionsOf: (kind: Kind) => readonly Kind[];
  readonly convert: Convert;
  readonly log: Log;
}

interface Hook {
  readonly webhook: Webhook;
  readonly matches: Match;
  readonly conditions: readonly Condition[];
}

export interface Webhooks {
  readonly plugins: readonly Admission[];
  /** The configurations as they are now. */
  setMutating(configurations: readonly KubeObject[]): void;
  setValidating(configurations: readonly KubeObject[]): void;
}

export const webhookKinds = { mutating: mutatingWebhookConfigurations, validating: validatingWebhookConfigurations };

export function createWebhooks(deps: WebhookDeps): Webhooks {
  let mutating: readonly Hook[] = [];
  let validating: readonly Hook[] = [];
  /** In the order of their configurations' names. */
  const hooksOf = (configurations: readonly KubeObject[]) =>
    [...configurations]
      .sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
      .flatMap((configuration) => (configuration as { webhooks?: Webhook[] }).webhooks ?? [])
      .map((webhook): Hook => ({ webhook, matches: compileMatch(webhook, deps.versionsOf), conditions: compileConditions(webhook.matchConditions ?? []) }));

  return {
    setMutating: (configurations) => void (mutating = hooksOf(configurations)),
    setValidating: (configurations) => void (validating = hooksOf(configurations)),
    plugins: [
      {
        name: 'MutatingAdmissionWebhook',
        isElsewhere: true,
        handles: ({ verb }) => mutating.length > 0 && verb !== 'delete',
        mutate: (request, world) => mutateAll(mutating, request, world, deps),
      },
      {
        name: 'ValidatingAdmissionWebhook',
        isElsewhere: true,
        handles: ({ verb }) => validating.length > 0 || (verb === 'delete' && mutating.length > 0),
        async validate(request, world) {
          // Of a deletion nothing can be changed, but it can be refused.
          if (request.verb === 'delete') await mutateAll(mutating, request, world, deps);
          await Promise.all(validating.map((hook) => ask(hook, 'validating', request, world, deps)));
        },
      },
    ],
  };
}

async function mutateAll(hooks: readonly Hook[], request: AdmissionRequest, world: AdmissionWorld, deps: WebhookDeps): Promise<void> {
  const again: { readonly hook: Hook; readonly left: KubeObject | undefined }[] = [];
  for (const hook of hooks) {
    const answer = await ask(hook, 'admit', request, world, deps);
    if (!answer) continue;
    apply(hook, request, answer, deps);
    if ((hook.webhook as { reinvocationPolicy?: string }).reinvocationPolicy === 'IfNeeded') again.push({ hook, left: request.draft && draftOf(request.draft) });
  }
  for (const { hook, left } of again) {
    if (sameJson(left, request.draft)) continue;
    const answer = await ask(hook, 'admit', request, world, deps);
    if (answer) apply(hook, request, answer, deps);
  }
}

/** Undefined: it was not asked, or could not be and need not. Throws ApiError when it refuses. */
async function ask({ webhook, matches, conditions }: Hook, type: WebhookType, request: AdmissionRequest, world: AdmissionWorld, deps: WebhookDeps): Promise<{ response: AdmissionResponse; as: Kind } | undefined> {
  const { name, failurePolicy = 'Fail', timeoutSeconds = 10, sideEffects, admissionReviewVersions, clientConfig } = webhook;
  const as = matches(request, world);
  if (!as) return undefined;
  const { metrics } = deps;
  const { verb } = request;
  const uid = deps.random.uuid();
  let response: AdmissionResponse;
  try {
    const objects = await objectsAs(as, request, deps);
    const review = requestOf(request, as, uid, objects);
    if (conditions.length > 0) {
      const verdict = verdictOf(conditions, lookupFor(request, () => review, deps.authorize));
      if (verdict === 'not met') return undefined;
      if (verdict !== 'met') {
        if (failurePolicy === 'Ignore') return undefined;
        throw ApiError.forbidden(request.kind, request.name, verdict.error);
      }
    }
    if (request.dryRun && sideEffects !== 'None' && sideEffects !== 'NoneOnDryRun') throw ApiError.badRequest(`admission webhook ${JSON.stringify(name)} does not support dry run`);
    const { version, review: body } = reviewOf(admissionReviewVersions, review);
    const startedMs = deps.clock.monotonicMs();
    const told = (isRejected: boolean) => metrics.webhook(name, type, verb, isRejected, deps.clock.monotonicMs() - startedMs);
    response = await deps.client.post(clientConfig, body, timeoutSeconds * 1000).then((answer) => responseOf(answer, version, uid)).catch((error: unknown) => {
      told(failurePolicy !== 'Ignore');
      throw error;
    });
    told(!response.allowed);
  } catch (error) {
    if (error instanceof ApiError) throw error;
    const why = `failed calling webhook ${JSON.stringify(name)}: failed to call webhook: ${(error as Error).message}`;
    deps.log.warn('a webhook could not be called', { webhook: name, error });
    if (failurePolicy === 'Ignore') {
      metrics.failedOpen(name, type);
      return undefined;
    }
    metrics.rejected(name, type, verb, 'calling_webhook_error', 0);
    throw new ApiError(500, 'InternalError', `Internal error occurred: ${why}`, { causes: [{ message: why }] });
  }
  for (const text of response.warnings ?? []) request.warnings?.push(text);
  for (const [key, value] of Object.entries(response.auditAnnotations ?? {})) request.annotate?.(`${name}/${key}`, String(value));
  if (!response.allowed) {
    const refusal = denial(name, response);
    metrics.rejected(name, type, verb, 'no_error', refusal.code);
    throw refusal;
  }
  return { response, as };
}

/** The objects in the version that the webhook asks for. */
async function objectsAs(as: Kind, request: AdmissionRequest, deps: WebhookDeps): Promise<{ object?: KubeObject; oldObject?: KubeObject }> {
  const { kind, verb, draft, before } = request;
  const through = throughOf(request);
  // Of a kind of its own: Bindings, Evictions, what a connection is asked for by.
  if (verb === 'connect' || (through && !through.read)) return { object: draft };
  const apiVersion = as.group ? `${as.group}/${as.version}` : as.version;
  const turn = async (object: KubeObject | undefined) => {
    if (!object) return undefined;
    if (as.storedAs) return as.storedAs.fromStored(object);
    if (as.version === kind.version) return { ...object, kind: as.kind, apiVersion };
    return kind.custom?.conversion ? (await deps.convert(kind, [object], as.version))[0] : { ...object, apiVersion };
  };
  const [object, oldObject] = await Promise.all([turn(draft), turn(before)]);
  return { ...(object ? { object } : {}), ...(oldObject ? { oldObject } : {}) };
}

function apply({ webhook: { name } }: Hook, request: AdmissionRequest, { response, as }: { readonly response: AdmissionResponse; readonly as: Kind }, { clock, random }: WebhookDeps): void {
  if (!response.patch) return;
  if (!request.draft) throw ApiError.of(new Error(`admission webhook ${JSON.stringify(name)} attempted to modify the object, which is not supported for this operation`));
  let patched: unknown;
  try {
    patched = applyJsonPatch(shown(request, as, request.draft), JSON.parse(Buffer.from(response.patch, 'base64').toString()));
  } catch (error) {
    const causes = error instanceof ApiError ? error.details?.causes : undefined;
    throw ApiError.of(new Error(causes?.[0]?.message ?? (error as Error).message));
  }
  if (!isObject(patched)) throw ApiError.of(new Error('the patch leaves no object'));
  changeDraft(request, as, patched, { nowMs: clock.wallMs(), user: request.user, uuid: random.uuid });
}
