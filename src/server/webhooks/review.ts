// AdmissionReview: what a webhook is told of a write, and what it may answer.
import { ApiError } from '../../api/error.ts';
import type { Kind } from '../../api/kind.ts';
import type { KubeObject, Status } from '../../api/types.ts';
import type { AdmissionRequest } from '../admission/admission.ts';

export interface AdmissionResponse {
  /** For the audit log, under the webhook's name. */
  readonly auditAnnotations?: Readonly<Record<string, string>>;
  readonly uid?: string;
  readonly allowed?: boolean;
  readonly status?: Partial<Status>;
  readonly patchType?: string;
  /** A JSON patch, in base64. */
  readonly patch?: string;
  readonly warnings?: readonly string[];
}

/** `as`: the version in which the webhook asks for the object, with the objects in it. */
export function requestOf(request: AdmissionRequest, as: Kind, uid: string, objects: { readonly object?: KubeObject | null; readonly oldObject?: KubeObject | null }): object {
  const { kind, verb, subresource, namespace, name, draft, user, dryRun } = request;
  const own = request.as ?? kind;
  const through = subresource ? kind.subresources?.[subresource] : undefined;
  const gvk = (of: Kind) => (verb === 'connect' ? { group: '', version: 'v1', kind: draft!.kind } : through ? { group: through.group, version: through.version, kind: through.kind } : { group: of.group, version: of.version, kind: of.kind });
  const gvr = (of: Kind) => ({ group: of.group, version: of.version, resource: of.plural });
  const shown = (object: KubeObject | null | undefined) => (object && through?.read ? through.read(object) : (object ?? null));
  const options = { create: 'CreateOptions', update: 'UpdateOptions', delete: 'DeleteOptions', connect: undefined }[verb];
  return {
    uid,
    kind: gvk(as),
    resource: gvr(as),
    ...(subresource ? { subResource: subresource } : {}),
    requestKind: gvk(own),
    requestResource: gvr(own),
    ...(subresource ? { requestSubResource: subresource } : {}),
    ...(name ? { name } : {}),
    ...(kind.plural === 'namespaces' && kind.group === '' ? { namespace: name } : namespace ? { namespace } : {}),
    operation: verb.toUpperCase(),
    userInfo: user,
    object: verb === 'delete' ? null : shown(objects.object),
    oldObject: verb === 'create' ? null : shown(objects.oldObject),
    dryRun,
    options: options ? { kind: options, apiVersion: 'meta.k8s.io/v1' } : null,
  };
}

/** The newest version of reviews that both sides know. */
export function reviewOf(versions: readonly string[], request: object): { readonly version: string; readonly review: object } {
  const version = versions.find((one) => one === 'v1' || one === 'v1beta1') ?? 'v1';
  return { version, review: { kind: 'AdmissionReview', apiVersion: `admission.k8s.io/${version}`, request } };
}

/** Throws Error for what is no answer to the review. */
export function responseOf(answer: unknown, version: string, uid: string): AdmissionResponse {
  const review = answer as { kind?: string; apiVersion?: string; response?: AdmissionResponse } | null;
  if (!review || typeof review !== 'object' || !review.response) throw new Error('webhook response was absent');
  const { response } = review;
  if (version === 'v1') {
    if (review.apiVersion !== 'admission.k8s.io/v1' || review.kind !== 'AdmissionReview') throw new Error(`expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got ${review.apiVersion ?? ''}, Kind=${review.kind ?? ''}`);
    if (response.uid !== uid) throw new Error(`expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(response.uid ?? '')}`);
    if (response.patch && response.patchType !== 'JSONPatch') throw new Error('webhook returned response.patch but not response.patchType');
    if (response.patchType && !response.patch) throw new Error('webhook returned response.patchType but not response.patch');
  }
  return response;
}

export function denial(name: string, { status = {} }: AdmissionResponse): ApiError {
  const by = `admission webhook ${JSON.stringify(name)} denied the request`;
  const message = status.message ? `${by}: ${status.message}` : status.reason ? `${by}: ${status.reason}` : `${by} without explanation`;
  return new ApiError(Math.max(status.code ?? 0, 400), status.reason ?? '', message, status.details);
}
