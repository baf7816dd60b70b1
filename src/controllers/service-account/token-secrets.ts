// Fills Secrets of type kubernetes.io/service-account-token for the account that each names, and takes them away with it.
import { ApiError, isReason } from '../../api/error.ts';
import { secrets as secretResource } from '../../api/kinds/secret.ts';
import { serviceAccounts as accountResource } from '../../api/kinds/service-account.ts';
import { isBeingDeleted, sameJson } from '../../api/meta.ts';
import type { ObjectKey } from '../../api/request.ts';
import type { Secret, ServiceAccount } from '../../api/types.ts';
import type { Runnable } from '../../base/runnable.ts';
import { keyOf } from '../../client/client.ts';
import { createController, itself, trigger, type Next } from '../../control/controller.ts';
import type { ControllerDeps } from '../deps.ts';

export const tokenType = 'kubernetes.io/service-account-token';
export const accountName = 'kubernetes.io/service-account.name';
export const accountUid = 'kubernetes.io/service-account.uid';

export interface TokenSecretOptions {
  /** PEM. */
  readonly rootCa: string;
  readonly sign: SignToken;
}

export type SignToken = (token: { readonly namespace: string; readonly account: { readonly name: string; readonly uid: string }; readonly secret: string }) => Promise<string>;

export function createTokenSecretController(options: TokenSecretOptions, deps: ControllerDeps): Runnable {
  const { client } = deps;
  const secrets = deps.informers.of(secretResource);
  const accounts = deps.informers.of(accountResource);
  const byAccount = 'tokenSecretsByAccount';
  secrets.addIndexes({ [byAccount]: tokensByAccount });

  async function reconcile(key: ObjectKey, signal: AbortSignal): Promise<Next> {
    const secret = secrets.get(key);
    if (!secret) return forget(key, signal);
    const name = secret.metadata.annotations?.[accountName];
    if (secret.type !== tokenType || !name || isBeingDeleted(secret)) return 'await-change';
    const account = await accountOf(secret, name, signal);
    if (!account) {
      await gone(client.delete(secretResource, key, { preconditions: { uid: secret.metadata.uid } }, signal));
      return 'await-change';
    }
    const filled = await fill(secret, account, options);
    if (filled) await gone(client.update(secretResource, filled, signal));
    return 'await-change';
  }

  /** One that this informer has not seen yet may be there all the same. */
  async function accountOf({ metadata: { namespace, annotations } }: Secret, name: string, signal: AbortSignal): Promise<ServiceAccount | undefined> {
    const isMeant = (account: ServiceAccount | undefined) => account !== undefined && (annotations?.[accountUid] ?? account.metadata.uid) === account.metadata.uid;
    const known = accounts.get({ namespace: namespace!, name });
    if (isMeant(known)) return known;
    const live = await gone(client.get(accountResource, { namespace: namespace!, name }, signal));
    return isMeant(live) ? live : undefined;
  }

  /** An account no longer lists a Secret that is gone. */
  async function forget({ namespace, name }: ObjectKey, signal: AbortSignal): Promise<Next> {
    for (const account of accounts.list(namespace)) {
      if (!account.secrets?.some((one) => one.name === name)) continue;
      await gone(client.update(accountResource, { ...account, secrets: account.secrets.filter((one) => one.name !== name) }, signal));
    }
    return 'await-change';
  }

  return createController(
    {
      name: 'serviceaccount-token-controller',
      triggers: [
        trigger(secrets, (before, after) => ((after ?? before)?.type === tokenType ? itself(before, after) : [])),
        trigger(accounts, (before, after) => {
          if (before && after && before.metadata.uid === after.metadata.uid) return [];
          const { namespace, name } = (after ?? before)!.metadata;
          return secrets.by(byAccount, `${namespace}/${name}`).map(keyOf);
        }),
      ],
      reconcile,
    },
    deps,
  );
}

function tokensByAccount({ type, metadata: { namespace, annotations } }: Secret): readonly string[] {
  const name = type === tokenType ? annotations?.[accountName] : undefined;
  return name ? [`${namespace}/${name}`] : [];
}

/** Undefined: it has all that it should. What is wrong is put right; a token that is there stays. */
async function fill(secret: Secret, { metadata: { name, uid } }: ServiceAccount, { rootCa, sign }: TokenSecretOptions): Promise<Secret | undefined> {
  const { data, metadata } = secret;
  const namespace = metadata.namespace!;
  const wanted = {
    ...data,
    'ca.crt': base64(rootCa),
    namespace: base64(namespace),
    token: data?.['token'] || base64(await sign({ namespace, account: { name, uid }, secret: metadata.name })),
  };
  const annotations = { ...metadata.annotations, [accountName]: name, [accountUid]: uid };
  if (sameJson(data, wanted) && sameJson(metadata.annotations, annotations)) return undefined;
  return { ...secret, metadata: { ...metadata, annotations }, data: wanted };
}

export function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

/** Undefined when what it was about is no more, or another. */
export async function gone<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (isReason(error, 'NotFound') || (error instanceof ApiError && error.reason === 'Conflict' && /precondition/i.test(error.message))) return undefined;
    throw error;
  }
}
