// The server that is fuzzed, in a process of its own: what would end it, or what it says of a request that failed, is told to the parent.
import { subscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import { createApiServer } from '../../../src/server/server.ts';
import { customResourceDefinitions, kinds, namespaces, pods, serviceAccounts } from '../../../src/api/kinds/index.ts';
import type { NodeService } from '../../../src/api/node-service.ts';
import type { ApiRequest, ResourceName } from '../../../src/api/request.ts';
import { systemClock } from '../../../src/base/clock.ts';
import { systemRandom } from '../../../src/base/random.ts';
import type { Log } from '../../../src/base/log.ts';
import { admissions } from '../../../src/server/admission/admissions.ts';
import { createAuthenticator } from '../../../src/server/auth/authenticate.ts';
import { createAuthorizer } from '../../../src/server/auth/authorize.ts';
import { createAuthority, issueCertificate } from '../../../src/server/auth/certificates.ts';
import { createServiceAccountTokens, createSigningKey } from '../../../src/server/auth/service-account-tokens.ts';
import { createStreams } from '../../../src/server/streams/upgrade.ts';
import { openSqliteStore } from '../../../src/store/sqlite/sqlite-store.ts';
import { definitions } from '../registry-model/kinds.ts';

const admin = { username: 'admin', groups: ['system:masters'] };
const never = new AbortController().signal;
const tell = (message: object) => void process.send?.(message);
// Whoever fuzzes it has gone, and nobody is left to tell.
process.once('disconnect', () => process.exit(1));
for (const event of ['uncaughtException', 'unhandledRejection'] as const) process.on(event, (error: Error) => tell({ type: 'broken', text: `${event}: ${error?.stack ?? String(error)}` }));

/** Its containers give back what they are sent. */
const node: NodeService = {
  async *logs() {
    yield Buffer.from('a line\n');
  },
  async exec(_pod, _container, _command, { stdin, stdout }) {
    for await (const chunk of stdin ?? []) stdout?.write(chunk);
    return 0;
  },
  async attach(_pod, _container, { stdin, stdout }) {
    for await (const chunk of stdin ?? []) stdout?.write(chunk);
  },
  checkRunning: () => {},
  usage: async () => ({ node: undefined, pods: [] }),
  page: async () => ({ code: 200, type: 'text/plain', body: Buffer.from('a page') }),
  async portForward(_pod, _port, stream) {
    for await (const chunk of stream) stream.write(chunk);
    stream.end();
  },
};

const store = openSqliteStore(process.argv[2]!);
const authorize = createAuthorizer();
const failures: string[] = [];
const server = await createApiServer(
  {
    store, kinds, clock: systemClock, random: systemRandom, nodes: (name) => (name === 'n1' ? node : undefined), authorize,
    log: { debug() {}, info() {}, warn() {}, error: (message: string, fields?: object) => void failures.push(`${message} ${JSON.stringify(fields)}`), named() { return this; } } as Log,
    authenticate: createAuthenticator({ tokens: new Map() }),
    serviceAccountTokens: createServiceAccountTokens({ signingKeyPem: createSigningKey(), clock: systemClock }),
    admission: admissions({ authorize }), streams: createStreams({ clock: systemClock }),
    serviceRanges: ['10.96.0.0/16'], nodePortRange: { first: 30000, last: 32767 }, version: 'v1.36.0',
  },
  never,
);
const transport = server.transport(admin);
const call = (verb: ApiRequest['verb'], { group, version, plural }: ResourceName, rest: Partial<ApiRequest>) => transport.call<any>({ verb, resource: { group, version, plural }, options: {}, ...rest }, never);
await call('create', namespaces, { body: { metadata: { name: 'default' } } });
await call('create', serviceAccounts, { namespace: 'default', body: { metadata: { name: 'default' } } });
for (const definition of definitions) {
  const made = await call('create', customResourceDefinitions, { body: definition });
  const conditions = [{ type: 'Established', status: 'True', reason: 'x', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' }];
  await call('update', customResourceDefinitions, { name: made.metadata.name, subresource: 'status', body: { ...made, status: { ...made.status, acceptedNames: made.spec.names, conditions } } });
}
const pod = await call('create', pods, { namespace: 'default', body: { metadata: { name: 'running' }, spec: { nodeName: 'n1', containers: [{ name: 'c', image: 'i', stdin: true, ports: [{ containerPort: 80 }] }] } } });
await call('update', pods, { namespace: 'default', name: 'running', subresource: 'status', body: { ...pod, status: { ...pod.status, phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] } } });

const authority = await createAuthority('ca', systemClock);
const own = await issueCertificate(authority, { commonName: 'server', ipAddresses: ['127.0.0.1'], days: 1, usages: ['server'] }, systemClock);
const client = await issueCertificate(authority, { commonName: 'admin', organizations: ['system:masters'], days: 1, usages: ['client'] }, systemClock);
const { port } = await server.listen({ host: '127.0.0.1', port: 0, key: own.keyPem, cert: own.certPem, clientCa: authority.certPem });
tell({ type: 'ready', port, ca: authority.certPem, cert: client.certPem, key: client.keyPem });

/** What is open, by its client's port. */
const sockets = new Map<Socket, number>();
subscribe('net.server.socket', (message) => {
  const { socket } = message as { socket: Socket };
  sockets.set(socket, socket.remotePort ?? 0);
  socket.once('close', () => sockets.delete(socket));
});

process.on('message', (message: { readonly type: 'state' | 'end' }) => {
  if (message.type === 'end') return void server.close().then(() => process.exit(0));
  globalThis.gc?.();
  globalThis.gc?.();
  const open = process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;
  const { user, system } = process.cpuUsage();
  const { heapUsed, external, rss } = process.memoryUsage();
  tell({ type: 'state', heapBytes: heapUsed + external, rssBytes: rss, open, ports: [...sockets.values()], cpuSeconds: (user + system) / 1e6, failures: failures.splice(0) });
});
