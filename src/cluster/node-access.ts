// Who may come to a node's own port: as at a kubelet with --authorization-mode=Webhook, the API server says, and its answers hold
// for a while.
import { ApiError } from '../api/error.ts';
import { subjectAccessReviews, tokenReviews } from '../api/kinds/reviews.ts';
import type { UserInfo } from '../api/kind.ts';
import type { Clock } from '../base/clock.ts';
import type { Client } from '../client/client.ts';

export interface NodeAccess {
  /** Throws ApiError Forbidden. */
  check(user: UserInfo, method: string, path: string, signal: AbortSignal): Promise<void>;
  /** Whose token it is; undefined: nobody's. */
  userOf(token: string, signal: AbortSignal): Promise<UserInfo | undefined>;
}

/** As the kubelet's authorization.webhook.cacheAuthorizedTTL and cacheUnauthorizedTTL, and authentication's cacheTTL. */
const allowedMs = 300_000;
const refusedMs = 30_000;
const tokenMs = 120_000;
/** When as many answers are kept, all are forgotten. */
const keptAtMost = 1000;

interface Kept<T> {
  readonly answer: T;
  readonly untilMs: number;
}

export function createNodeAccess(nodeName: string, client: Client, clock: Clock): NodeAccess {
  const decisions = new Map<string, Kept<boolean>>();
  const users = new Map<string, Kept<UserInfo | undefined>>();

  async function mayUse(user: UserInfo, verb: string, subresource: string, signal: AbortSignal): Promise<boolean> {
    const key = JSON.stringify([user.username, user.groups, verb, subresource]);
    const known = kept(decisions, key, clock);
    if (known) return known.answer;
    const spec = { user: user.username, groups: [...user.groups], uid: user.uid, extra: user.extra, resourceAttributes: { verb, group: '', version: 'v1', resource: 'nodes', subresource, name: nodeName } };
    const { status } = (await client.create(subjectAccessReviews as never, { metadata: {}, spec } as never, signal)) as { status?: { allowed?: boolean } };
    return keep(decisions, key, status?.allowed === true, clock.wallMs() + (status?.allowed ? allowedMs : refusedMs));
  }

  return {
    async check(user, method, path, signal) {
      const verb = verbs[method] ?? 'get';
      for (const subresource of subresourcesOf(path)) if (await mayUse(user, verb, subresource, signal)) return;
      throw new ApiError(403, 'Forbidden', `Forbidden (user=${user.username}, verb=${verb}, resource=nodes, subresource(s)=[${subresourcesOf(path).join(' ')}])`);
    },
    async userOf(token, signal) {
      const known = kept(users, token, clock);
      if (known) return known.answer;
      const { status } = (await client.create(tokenReviews as never, { metadata: {}, spec: { token } } as never, signal)) as { status?: { authenticated?: boolean; user?: UserInfo } };
      const user = status?.authenticated ? ({ groups: [], ...status.user } as UserInfo) : undefined;
      return keep(users, token, user, clock.wallMs() + tokenMs);
    },
  };
}

const verbs: Readonly<Record<string, string>> = { POST: 'create', GET: 'get', HEAD: 'get', PUT: 'update', PATCH: 'patch', DELETE: 'delete' };

/** Any of these is enough; `proxy` is for all. */
function subresourcesOf(path: string): readonly string[] {
  switch (path.split('/')[1]) {
    case 'stats':
    case 'peapod':
      return ['stats', 'proxy'];
    case 'metrics':
      return ['metrics', 'proxy'];
    case 'logs':
      return ['log', 'proxy'];
    case 'healthz':
      return ['healthz', 'proxy'];
    case 'configz':
      return ['configz', 'proxy'];
    case 'pods':
    case 'runningpods':
      return ['pods', 'proxy'];
    default:
      return ['proxy'];
  }
}

function kept<T>(from: Map<string, Kept<T>>, key: string, clock: Clock): Kept<T> | undefined {
  const found = from.get(key);
  return found && found.untilMs > clock.wallMs() ? found : undefined;
}

function keep<T>(to: Map<string, Kept<T>>, key: string, answer: T, untilMs: number): T {
  if (to.size >= keptAtMost) to.clear();
  to.set(key, { answer, untilMs });
  return answer;
}
