// The questions that are answered and not stored: who am I, whose token is this, may someone do something, what may I do.
import { ApiError } from '../api/error.ts';
import type { UserInfo } from '../api/kind.ts';
import { Report } from '../api/kinds/validation/report.ts';
import type { KubeObject } from '../api/types.ts';
import { formatTime } from '../base/clock.ts';
import type { Access, Authorize } from './auth/access.ts';
import { receiveAs } from './registry/receive.ts';
import type { Answer, Registry, WriteRequest } from './registry/registry.ts';
import type { UnstoredKinds } from './unstored.ts';

interface FieldSelector {
  readonly rawSelector?: string;
  readonly requirements?: readonly { readonly key: string; readonly operator: string; readonly values?: readonly string[] }[];
}

interface AccessSpec {
  readonly resourceAttributes?: { readonly namespace?: string; readonly verb?: string; readonly group?: string; readonly resource?: string; readonly subresource?: string; readonly name?: string; readonly fieldSelector?: FieldSelector } | null;
  readonly nonResourceAttributes?: { readonly path?: string; readonly verb?: string } | null;
}
interface SubjectSpec extends AccessSpec {
  readonly user?: string;
  readonly groups?: readonly string[];
  readonly uid?: string;
  readonly extra?: UserInfo['extra'];
}
type Review<Spec> = KubeObject & { spec?: Spec };

/** Whose token it is for any of the audiences; of none: for this server. Undefined: nobody's. */
export type TokenOwner = (token: string, audiences: readonly string[]) => UserInfo | undefined | Promise<UserInfo | undefined>;

export function reviews(authorize: Authorize, ownerOf: TokenOwner): UnstoredKinds {
  const answer = <Spec>(decide: (spec: Spec, request: WriteRequest, registry: Registry, review: KubeObject) => object | Promise<object>) => ({
    async create(registry: Registry, request: WriteRequest): Promise<Answer> {
      const { draft, warnings } = receiveAs(request.kind, request.body, request.options.fieldValidation);
      const review = draft as Review<Spec>;
      const { kind, apiVersion, metadata } = review;
      const status = await decide(review.spec ?? ({} as Spec), request, registry, review);
      return { type: 'object', code: 201, object: { kind, apiVersion, metadata, ...(review.spec ? { spec: review.spec } : {}), status }, warnings };
    },
  });
  const verdict = (spec: AccessSpec, user: UserInfo) => {
    const decision = authorize(accessOf(spec, user));
    return decision.reason ? { allowed: decision.allowed, reason: decision.reason } : { allowed: decision.allowed };
  };
  const ofSubject = (spec: SubjectSpec, { kind }: WriteRequest) => {
    refuse(kind, spec, (report) => {
      if (!spec.user && !spec.groups?.length) report.invalid('spec.user', spec.user ?? '', 'at least one of user or group must be specified');
    });
    return verdict(spec, { username: spec.user ?? '', uid: spec.uid, groups: spec.groups ?? [], extra: spec.extra });
  };
  return {
    'authentication.k8s.io/selfsubjectreviews': answer((_spec, { user }, { clock }, { metadata }) => {
      metadata.creationTimestamp = formatTime(clock.wallMs());
      return { userInfo: user };
    }),
    'authentication.k8s.io/tokenreviews': answer(async ({ token = '', audiences = [] }: { token?: string; audiences?: string[] }) => {
      if (!token) throw ApiError.badRequest('token is required for TokenReview in authentication');
      const fitting: string[] = [];
      let user: UserInfo | undefined;
      if (audiences.length === 0) user = await ownerOf(token, audiences);
      for (const audience of audiences) {
        const found = await ownerOf(token, [audience]);
        if (found) fitting.push(audience);
        user ??= found;
      }
      return user ? { authenticated: true, user, ...(audiences.length > 0 ? { audiences: fitting } : {}) } : { user: {}, error: 'invalid bearer token' };
    }),
    'authorization.k8s.io/selfsubjectaccessreviews': answer((spec: AccessSpec, { kind, user }) => {
      refuse(kind, spec);
      return verdict(spec, user);
    }),
    'authorization.k8s.io/subjectaccessreviews': answer(ofSubject),
    'authorization.k8s.io/localsubjectaccessreviews': answer((spec: SubjectSpec, request) => {
      const { namespace, kind } = request;
      const asked = spec.resourceAttributes?.namespace ?? '';
      if (spec.resourceAttributes && asked !== namespace) throw ApiError.badRequest(`spec.resourceAttributes.namespace must match namespace: ${namespace}`);
      if (spec.nonResourceAttributes) refuse(kind, {}, (report) => report.invalid('spec.nonResourceAttributes', spec.nonResourceAttributes, 'disallowed on this kind of request'));
      return ofSubject(spec, request);
    }),
    'authorization.k8s.io/selfsubjectrulesreviews': answer(({ namespace }: { namespace?: string }, { user }) => {
      if (!namespace) throw ApiError.badRequest('no namespace on request');
      const { rules = [], incomplete = false, error } = authorize.rulesFor?.(user, namespace) ?? { incomplete: true };
      return {
        resourceRules: rules.filter(({ resources }) => resources).map(({ verbs, apiGroups, resources, resourceNames }) => ({ verbs, apiGroups, resources, resourceNames })),
        nonResourceRules: rules.filter(({ nonResourceURLs }) => nonResourceURLs).map(({ verbs, nonResourceURLs }) => ({ verbs, nonResourceURLs })),
        incomplete,
        ...(error ? { evaluationError: error } : {}),
      };
    }),
  };
}

function accessOf({ resourceAttributes, nonResourceAttributes }: AccessSpec, user: UserInfo): Access {
  if (nonResourceAttributes) return { user, verb: nonResourceAttributes.verb ?? '', path: nonResourceAttributes.path ?? '' };
  const { namespace, verb = '', group = '', resource = '', subresource, name, fieldSelector } = resourceAttributes ?? {};
  return { user, verb, resource: { group, plural: resource }, subresource: subresource || undefined, namespace: namespace || undefined, name: name || undefined, fieldSelector: fieldSelector && selectorText(fieldSelector) };
}

/** What requires more than one value narrows to none that could be told apart: it is left out. */
function selectorText({ rawSelector, requirements = [] }: FieldSelector): string {
  return rawSelector ?? requirements.filter(({ operator, values }) => operator === 'In' && values?.length === 1).map(({ key, values }) => `${key}=${values![0]}`).join(',');
}

/** Throws ApiError Invalid unless it is asked about just one of the two. */
function refuse(kind: WriteRequest['kind'], { resourceAttributes, nonResourceAttributes }: AccessSpec, more: (report: Report) => void = () => {}): void {
  const report = new Report();
  if (resourceAttributes && nonResourceAttributes) report.invalid('spec.nonResourceAttributes', nonResourceAttributes, 'cannot be specified in combination with resourceAttributes');
  if (!resourceAttributes && !nonResourceAttributes) report.invalid('spec.resourceAttributes', null, 'exactly one of nonResourceAttributes or resourceAttributes must be specified');
  more(report);
  if (report.causes.length > 0) throw ApiError.invalid(kind, '', report.causes);
}
