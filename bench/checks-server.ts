// One of the two servers that `checks.ts` puts side by side, in a process of its own: on a store on the disk, over HTTPS.
import { registerHooks } from 'node:module';
import { clusterRoleBindings, kinds, namespaces } from '../src/api/kinds/index.ts';
import { systemClock } from '../src/base/clock.ts';
import { silentLog } from '../src/base/log.ts';
import { systemRandom } from '../src/base/random.ts';
import { admissions } from '../src/server/admission/admissions.ts';
import { createAuthenticator } from '../src/server/auth/authenticate.ts';
import { createAuthorizer } from '../src/server/auth/authorize.ts';
import { createAuthority, issueCertificate } from '../src/server/auth/certificates.ts';
import { createServiceAccountTokens, createSigningKey } from '../src/server/auth/service-account-tokens.ts';
import { createStreams } from '../src/server/streams/upgrade.ts';
import { openSqliteStore } from '../src/store/sqlite/sqlite-store.ts';

const [file, mode, token, namespace] = process.argv.slice(2) as [string, 'with' | 'without', string, string];
if (mode === 'without') {
  // Nothing in the product switches the book of managers off; here nobody keeps it.
  registerHooks({
    load(url, context, next) {
      if (!url.endsWith('/server/registry/track.ts')) return next(url, context);
      const loaded = next(url, context);
      return { ...loaded, source: `${String(loaded.source).replace('export function track(', 'export function track() {}\nfunction keptBook(')}` };
    },
  });
}
const { createApiServer } = await import('../src/server/server.ts');
const never = new AbortController().signal;
const authorize = mode === 'with' ? createAuthorizer() : Object.assign(() => ({ allowed: true }) as const, {});
const server = await createApiServer(
  {
    store: openSqliteStore(file), kinds, clock: systemClock, random: systemRandom, log: silentLog, nodes: () => undefined, authorize,
    authenticate: createAuthenticator({ tokens: new Map([[token, { username: 'bench', groups: ['system:authenticated'] }]]) }),
    serviceAccountTokens: createServiceAccountTokens({ signingKeyPem: createSigningKey(), clock: systemClock }),
    admission: mode === 'with' ? admissions({ authorize }) : [], streams: createStreams({ clock: systemClock }),
    serviceRanges: ['10.96.0.0/16'], nodePortRange: { first: 30000, last: 32767 }, version: 'v1.36.0',
  },
  never,
);
const transport = server.transport({ username: 'admin', groups: ['system:masters'] });
const create = ({ group, version, plural }: typeof namespaces, body: object) => transport.call({ verb: 'create', resource: { group, version, plural }, options: {}, body }, never);
await create(namespaces, { metadata: { name: namespace } });
await create(clusterRoleBindings as never, { metadata: { name: 'bench' }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' }, subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'bench' }] });
const authority = await createAuthority('ca', systemClock);
const own = await issueCertificate(authority, { commonName: 'server', ipAddresses: ['127.0.0.1'], days: 1, usages: ['server'] }, systemClock);
const { port } = await server.listen({ host: '127.0.0.1', port: 0, key: own.keyPem, cert: own.certPem, clientCa: authority.certPem });
process.send?.({ url: `https://127.0.0.1:${port}` });
process.on('message', () => {
  const { user, system } = process.cpuUsage();
  process.send?.({ cpuMs: (user + system) / 1000 });
});
process.on('disconnect', () => process.exit(0));
