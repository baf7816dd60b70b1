// A server of custom.metrics.k8s.io and external.metrics.k8s.io, as adapters are: it believes who asks only with a front proxy's
// certificate, answers what it was told to measure, and nothing else.
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { createServer } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { systemClock } from '../../src/base/clock.ts';
import { createAuthority, issueCertificate } from '../../src/server/auth/certificates.ts';

export interface MetricsAdapter extends AsyncDisposable {
  readonly port: number;
  readonly caBundle: string;
  /** Paths with their queries, decoded. */
  readonly asked: readonly string[];
  /** What it measures from now on, by `namespaces/default/pods/NAME/METRIC` and the like; of `external`, by `default/METRIC`, one value for each series. */
  readonly values: Map<string, string>;
  readonly series: Map<string, readonly { readonly labels: Readonly<Record<string, string>>; readonly value: string }[]>;
}

export async function startMetricsAdapter(serverName: string, frontProxyCa: string): Promise<MetricsAdapter> {
  const ca = await createAuthority('adapter-ca', systemClock);
  const { certPem: cert, keyPem: key } = await issueCertificate(ca, { commonName: serverName, dnsNames: [serverName], days: 1, usages: ['server'] }, systemClock);
  const asked: string[] = [];
  const values = new Map<string, string>();
  const series: MetricsAdapter['series'] = new Map();

  const server = createServer({ cert, key, ca: frontProxyCa, requestCert: true, rejectUnauthorized: false }, (request: IncomingMessage, response: ServerResponse) => {
    const send = (code: number, object: unknown) => {
      response.writeHead(code, { 'content-type': 'application/json' });
      response.end(JSON.stringify(object));
    };
    const url = new URL(request.url!, 'https://x');
    const path = decodeURIComponent(url.pathname);
    const [, root, group, version, ...rest] = path.split('/');
    if (!(request.socket as TLSSocket).authorized) return send(401, { kind: 'Status', status: 'Failure', reason: 'Unauthorized', message: 'Unauthorized', code: 401 });
    if (root !== 'apis' || rest.length === 0) return send(root === 'apis' ? 200 : 404, { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: `${group}/${version}`, resources: [{ name: group === 'custom.metrics.k8s.io' ? 'pods/hits' : 'queue', singularName: '', namespaced: true, kind: 'MetricValueList', verbs: ['get'] }] });
    asked.push(decodeURIComponent(request.url!));
    const list = (items: readonly object[]) => send(200, { kind: 'MetricValueList', apiVersion: `${group}/${version}`, metadata: {}, items });
    const none = () => send(404, { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: 'NotFound', message: `the server could not find the metric ${rest.at(-1)} for ${rest.slice(2, -1).join(' ')}`, code: 404 });
    if (group === 'external.metrics.k8s.io') {
      const wanted = url.searchParams.get('labelSelector');
      const found = (series.get(`${rest[1]}/${rest[2]}`) ?? []).filter(({ labels }) => !wanted || wanted.split(',').every((term) => labels[term.split('=')[0]!] === term.split('=')[1]));
      return list(found.map(({ labels, value }) => ({ metricName: rest[2], metricLabels: labels, timestamp: '2026-01-01T00:00:00Z', value })));
    }
    const described = (name: string, value: string) => ({ describedObject: { kind: 'Pod', namespace: rest[1], name, apiVersion: '/v1' }, ...(version === 'v1beta1' ? { metricName: rest.at(-1) } : { metric: { name: rest.at(-1) } }), timestamp: '2026-01-01T00:00:00Z', value });
    if (rest[3] !== '*') {
      const value = values.get(rest.join('/'));
      return value === undefined ? none() : list([described(rest.at(-2)!, value)]);
    }
    const before = `${rest.slice(0, 3).join('/')}/`;
    const found = [...values].filter(([at]) => at.startsWith(before) && at.endsWith(`/${rest.at(-1)}`));
    return found.length === 0 ? none() : list(found.map(([at, value]) => described(at.split('/')[3]!, value)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    caBundle: Buffer.from(ca.certPem).toString('base64'),
    asked,
    values,
    series,
    async [Symbol.asyncDispose]() {
      await new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      });
    },
  };
}
