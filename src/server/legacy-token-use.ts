// Notes on a Secret the day on which its token was last used, once a day, so that it can be seen which tokens nobody needs.
import { secrets } from '../api/kinds/index.ts';
import type { Secret } from '../api/types.ts';
import { formatTime } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { identities } from './auth/authorize.ts';
import { patch } from './registry/patch.ts';
import type { Registry } from './registry/registry.ts';

const label = 'kubernetes.io/legacy-token-last-used';

/** Nobody waits for it: the request that came with the token goes on. */
export function trackLegacyTokens(registry: Registry, log: Log): (secret: Secret) => void {
  const beingNoted = new Set<string>();
  return ({ metadata: { namespace = '', name, uid, labels } }) => {
    const today = formatTime(registry.clock.wallMs()).slice(0, 10);
    if (labels?.[label] === today || beingNoted.has(uid)) return;
    beingNoted.add(uid);
    const body = { value: { metadata: { uid, labels: { [label]: today } } }, isOwn: true, duplicates: [] };
    patch(registry, { kind: secrets, namespace, name, subresource: undefined, options: { fieldManager: 'kube-apiserver' }, body, patchType: 'merge', user: identities.apiServer, warnings: [] })
      .catch((error: unknown) => log.warn('the use of a token could not be noted', { namespace, secret: name, error }))
      .finally(() => beingNoted.delete(uid));
  };
}
