// A server of another API, as extension servers are: it believes who asks only from whom the front proxy's authority vouches for.
// It keeps Flunders (a custom sample's name for them) in memory.
import { createServer } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { createAuthority, issueCertificate, type KeyedCertificate } from '../../src/server/auth/certificates.ts';
import { systemClock } from '../../src/base/clock.ts';

export const group = 'wardle.example.com';
export const version = 'v1alpha1';
export const flunders = { group, version, plural: 'flunders' };

export interface Asked {
  readonly method: string;
  readonly url: string;
  readonly user: string | undefined;
  readonly groups: string | undefined;
  readonly extra: Readonly<Record<string, string>>;
  readonly authorization: string | undefined;
  readonly auditId: string | undefined;
  /** The name in the certificate of whoever asked; undefined: it was not vouched for. */
  readonly certificate: string | undefined;
}

export interface ExtensionServer extends AsyncDisposable {
  readonly port: number;
  /** For an APIService. */
  readonly caBundle: string;
  readonly asked: readonly Asked[];
  /** Answers nothing but 500 from now on. */
  setBroken(isBroken: boolean): void;
}

type Flunder = Record<string, any>;

/** `serverName`: in its certificate; `SERVICE.NAMESPACE.svc`. */
export async function startExtensionServer(serverName: string, frontProxyCa: string, port = 0, authority?: KeyedCertificate): Promise<ExtensionServer> {
  const ca = authority ?? (await createAuthority('wardle-ca', systemClock));
  const { certPem: cert, keyPem: key } = await issueCertificate(ca, { commonName: serverName, dnsNames: [serverName], days: 1, usages: ['server'] }, systemClock);
  const objects = new Map<string, Flunder>();
  const watchers = new Set<ServerResponse>();
  const asked: Asked[] = [];
  let revision = 1;
  let isBroken = false;

  const tell = (type: string, object: Flunder) => {
    for (const watcher of watchers) watcher.write(`${JSON.stringify({ type, object })}\n`);
  };
  const note = (request: IncomingMessage) => {
    const { headers, method = '', url = '', socket } = request;
    const tls = socket as TLSSocket;
    const extra = Object.fromEntries(Object.entries(headers).filter(([name]) => name.startsWith('x-remote-extra-')).map(([name, value]) => [name.slice(15), String(value)]));
    const one: Asked = { method, url, user: headers['x-remote-user'] as string, groups: headers['x-remote-group'] as string, extra, authorization: headers.authorization, auditId: headers['audit-id'] as string | undefined, certificate: tls.authorized ? String(tls.getPeerCertificate().subject?.CN) : undefined };
    asked.push(one);
    return one;
  };

  const server = createServer({ cert, key, ca: frontProxyCa, requestCert: true, rejectUnauthorized: false }, (request, response) => void handle(request, response));
  server.on('upgrade', (request: IncomingMessage, socket: Duplex) => {
    const { certificate } = note(request);
    socket.on('error', () => {});
    if (certificate !== 'front-proxy-client') return void socket.end('HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\nconnection: close\r\n\r\n');
    socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n');
    socket.pipe(socket);
  });

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const send = (code: number, object: unknown) => {
      response.writeHead(code, { 'content-type': 'application/json' });
      response.end(JSON.stringify(object));
    };
    const refuse = (code: number, reason: string, message: string) => send(code, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', reason, message, code });
    response.setHeader('audit-id', 'of-the-other-server');
    const { certificate } = note(request);
    if (isBroken) return send(500, {});
    if (certificate !== 'front-proxy-client') return refuse(401, 'Unauthorized', 'Unauthorized');
    const { pathname, searchParams } = new URL(request.url!, 'https://x');
    const root = `/apis/${group}/${version}`;
    if (pathname === root) return send(200, resourceList);
    if (pathname === '/openapi/v2') return send(200, openApiV2);
    if (pathname === '/openapi/v3') return send(200, { paths: { [root.slice(1)]: { serverRelativeURL: `/openapi/v3${root}?hash=AB` } } });
    if (pathname === `/openapi/v3${root}`) return send(200, openApiV3);
    const found = new RegExp(`^${root}(?:/namespaces/([^/]+))?/flunders(?:/([^/]+))?$`).exec(pathname);
    if (!found) return refuse(404, 'NotFound', `nothing is at ${pathname}`);
    const [, namespace, name] = found;
    const keyOf = (one: string) => `${namespace}/${one}`;
    if (name === undefined && request.method === 'GET') {
      const items = [...objects.values()].filter(({ metadata }) => namespace === undefined || metadata.namespace === namespace);
      if (searchParams.get('watch')) {
        response.writeHead(200, { 'content-type': 'application/json' });
        response.flushHeaders();
        watchers.add(response);
        response.once('close', () => watchers.delete(response));
        if (!searchParams.get('resourceVersion')) for (const object of items) response.write(`${JSON.stringify({ type: 'ADDED', object })}\n`);
        return;
      }
      if (String(request.headers.accept).includes('as=Table')) return send(200, tableOf(items));
      return send(200, { kind: 'FlunderList', apiVersion: `${group}/${version}`, metadata: { resourceVersion: String(revision) }, items });
    }
    if (request.method === 'POST' || request.method === 'PUT' || request.method === 'PATCH') {
      let text = '';
      for await (const chunk of request) text += String(chunk);
      const body = JSON.parse(text) as Flunder;
      const before = objects.get(keyOf(name ?? body['metadata'].name));
      const metadata = { creationTimestamp: '2026-01-01T00:00:00Z', uid: before?.['metadata'].uid ?? `00000000-0000-4000-8000-${String(++revision).padStart(12, '0')}`, ...before?.['metadata'], ...body['metadata'], namespace, resourceVersion: String(++revision) };
      const object = { kind: 'Flunder', apiVersion: `${group}/${version}`, ...before, ...body, metadata };
      objects.set(keyOf(metadata.name), object);
      tell(before ? 'MODIFIED' : 'ADDED', object);
      return send(before ? 200 : 201, object);
    }
    if (request.method === 'DELETE') {
      const gone = name === undefined ? [...objects.values()].filter(({ metadata }) => metadata.namespace === namespace) : [objects.get(keyOf(name))].filter((one) => one !== undefined);
      if (gone.length === 0 && name !== undefined) return refuse(404, 'NotFound', `flunders.${group} "${name}" not found`);
      for (const object of gone) {
        objects.delete(keyOf(object['metadata'].name));
        tell('DELETED', { ...object, metadata: { ...object['metadata'], resourceVersion: String(++revision) } });
      }
      return send(200, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success' });
    }
    const object = objects.get(keyOf(name!));
    if (!object) return refuse(404, 'NotFound', `flunders.${group} "${name}" not found`);
    return send(200, String(request.headers.accept).includes('as=Table') ? tableOf([object]) : object);
  }

  await new Promise<void>((resolve) => server.listen(port, resolve));
  return {
    port: (server.address() as AddressInfo).port,
    caBundle: Buffer.from(ca.certPem).toString('base64'),
    asked,
    setBroken: (broken) => void (isBroken = broken),
    async [Symbol.asyncDispose]() {
      for (const watcher of watchers) watcher.destroy();
      await new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      });
    },
  };
}

const verbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];
const resourceList = { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: `${group}/${version}`, resources: [{ name: 'flunders', singularName: 'flunder', namespaced: true, kind: 'Flunder', verbs, shortNames: ['fl'], categories: ['all'] }] };

function tableOf(items: readonly Flunder[]): object {
  return {
    kind: 'Table', apiVersion: 'meta.k8s.io/v1', metadata: {},
    columnDefinitions: [{ name: 'Name', type: 'string', format: 'name', description: '', priority: 0 }, { name: 'Reference', type: 'string', format: '', description: '', priority: 0 }],
    rows: items.map((object) => ({ cells: [object['metadata'].name, object['spec']?.reference ?? ''], object: { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object['metadata'] } })),
  };
}

const gvk = [{ group, version, kind: 'Flunder' }];
const schema = { type: 'object', description: 'A flunder, whatever that is.', properties: { apiVersion: { type: 'string' }, kind: { type: 'string' }, metadata: { type: 'object' }, spec: { type: 'object', properties: { reference: { type: 'string', description: 'What it refers to.' } } } }, 'x-kubernetes-group-version-kind': gvk };
const at = `/apis/${group}/${version}/namespaces/{namespace}/flunders`;
const operation = { operationId: 'createFlunder', 'x-kubernetes-action': 'post', 'x-kubernetes-group-version-kind': gvk[0] };
const name = 'com.example.wardle.v1alpha1.Flunder';
const openApiV2 = { swagger: '2.0', info: { title: 'wardle', version: 'v1' }, paths: { [at]: { post: { ...operation, responses: { 200: { description: 'OK', schema: { $ref: `#/definitions/${name}` } } } } }, '/elsewhere': {} }, definitions: { [name]: schema } };
const openApiV3 = { openapi: '3.0.0', info: { title: 'wardle', version: 'v1' }, paths: { [at]: { post: { ...operation, responses: { 200: { description: 'OK', content: { 'application/json': { schema: { $ref: `#/components/schemas/${name}` } } } } } } } }, components: { schemas: { [name]: schema } } };
