// Certificates by server name, from the Secrets that Ingresses name. Each Secret is watched alone, for as long as it is named,
// and what it says from then on is used for the next handshake.
import { createSecureContext, type SecureContext } from 'node:tls';
import { secrets } from '../../api/kinds/secret.ts';
import type { Ingress, Secret } from '../../api/types.ts';
import type { Client } from '../../client/client.ts';
import { createInformer, type InformerDeps } from '../../client/create-informer.ts';
import type { Informer } from '../../client/informer.ts';

export interface Keyed {
  readonly cert: Buffer;
  readonly key: Buffer;
}

export interface Certificates {
  /** Which hosts of which Ingresses want which Secrets; the older Ingress first. */
  want(ingresses: readonly Ingress[]): void;
  /** Undefined: none is for this name. */
  contextFor(serverName: string | undefined): SecureContext | undefined;
  /** For clients that name no host: that of an entry without hosts, or the only one. */
  readonly fallback: Keyed | undefined;
  /** What is wrong with a Secret that an Ingress names; undefined: nothing, or it is not known yet. */
  problem(namespace: string, secretName: string): { readonly reason: string; readonly message: string } | undefined;
  close(): Promise<void>;
}

interface Watched {
  readonly informer: Informer<Secret>;
  readonly stop: AbortController;
  readonly ended: Promise<void>;
  made?: { readonly secret: Secret; readonly keyed?: Keyed; readonly context?: SecureContext; readonly why?: string };
}

export function createCertificates(client: Client, deps: InformerDeps, changed: () => void): Certificates {
  const watched = new Map<string, Watched>();
  const ending = new Set<Promise<void>>();
  /** From a host, or `*.example.com`, to a Secret's key; '' is for any host. */
  let byHost = new Map<string, string>();

  function watch(key: string): Watched {
    const [namespace = '', name = ''] = key.split('/');
    const informer = createInformer(client, secrets, { namespace, fieldSelector: `metadata.name=${name}` }, deps);
    const stop = new AbortController();
    const one: Watched = { informer, stop, ended: informer.run(stop.signal).catch(() => {}) };
    informer.onChange(() => changed());
    void informer.synced.then(() => stop.signal.aborted || changed());
    return one;
  }

  function made(key: string): Watched['made'] {
    const one = watched.get(key);
    const secret = one?.informer.list()[0];
    if (!one || !secret) return undefined;
    if (one.made?.secret !== secret) one.made = { secret, ...read(secret) };
    return one.made;
  }

  return {
    want(ingresses) {
      const wanted = new Map<string, string>();
      const keys = new Set<string>();
      for (const { metadata, spec } of ingresses) {
        for (const { hosts = [], secretName } of spec.tls ?? []) {
          if (!secretName) continue;
          const key = `${metadata.namespace}/${secretName}`;
          keys.add(key);
          for (const host of hosts.length > 0 ? hosts : ['']) if (!wanted.has(host.toLowerCase())) wanted.set(host.toLowerCase(), key);
        }
      }
      byHost = wanted;
      for (const [key, one] of watched) {
        if (keys.has(key)) continue;
        watched.delete(key);
        one.stop.abort();
        const ended = one.ended.finally(() => ending.delete(ended));
        ending.add(ended);
      }
      for (const key of keys) if (!watched.has(key)) watched.set(key, watch(key));
    },
    contextFor(serverName = '') {
      const name = serverName.toLowerCase();
      const dot = name.indexOf('.');
      for (const host of [name, dot > 0 ? `*${name.slice(dot)}` : '', '']) {
        const key = byHost.get(host);
        const context = key === undefined ? undefined : made(key)?.context;
        if (context) return context;
      }
      return undefined;
    },
    get fallback() {
      const keys = new Set(byHost.values());
      const key = byHost.get('') ?? (keys.size === 1 ? [...keys][0] : undefined);
      return key === undefined ? undefined : made(key)?.keyed;
    },
    problem(namespace, secretName) {
      const key = `${namespace}/${secretName}`;
      if (!watched.get(key)?.informer.hasSynced) return undefined;
      const one = made(key);
      if (!one) return { reason: 'MissingSecret', message: `Secret ${JSON.stringify(secretName)} does not exist: its hosts have no certificate` };
      return one.why === undefined ? undefined : { reason: 'BadCertificate', message: `Secret ${JSON.stringify(secretName)}: ${one.why}` };
    },
    async close() {
      this.want([]);
      await Promise.all(ending);
    },
  };
}

function read({ data = {} }: Secret): { keyed?: Keyed; context?: SecureContext; why?: string } {
  const [cert, key] = [data['tls.crt'], data['tls.key']];
  if (!cert || !key) return { why: 'it has no tls.crt and tls.key' };
  try {
    const keyed = { cert: Buffer.from(cert, 'base64'), key: Buffer.from(key, 'base64') };
    return { keyed, context: createSecureContext(keyed) };
  } catch (error) {
    return { why: `its certificate and key cannot be used: ${(error as Error).message}` };
  }
}
