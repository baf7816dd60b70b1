import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EndpointSlice, Ingress, Service } from '../../api/types.ts';
import { backendFor } from './backends.ts';
import { buildRoutes } from './routes.ts';

type PathText = `${'=' | '^' | '~'}${string}`;
const types = { '=': 'Exact', '^': 'Prefix', '~': 'ImplementationSpecific' } as const;

/** `paths`: a mark for the type, the path; each leads to a Service named as given. */
function ingress(name: string, rules: Record<string, Record<PathText, string>>, fallback?: string, created = '2026-01-01T00:00:00Z'): Ingress {
  const backend = (service: string) => ({ service: { name: service, port: { number: 80 } } });
  return {
    metadata: { name, namespace: 'd', creationTimestamp: created },
    spec: {
      ...(fallback ? { defaultBackend: backend(fallback) } : {}),
      rules: Object.entries(rules).map(([host, paths]) => ({
        ...(host === '-' ? {} : { host }),
        http: { paths: Object.entries(paths).map(([text, service]) => ({ pathType: types[text[0] as '='], path: text.slice(1), backend: backend(service) })) },
      })),
    },
  } as unknown as Ingress;
}

const found = (ingresses: Ingress[], host: string, path: string) => buildRoutes(ingresses).match(host, path)?.service;

test('paths: whole segments, the longest first, exact before prefix (the table of Kubernetes’ documentation)', () => {
  const table: [PathText[], string, PathText | undefined][] = [
    [['^/'], '/any/path', '^/'],
    [['=/foo'], '/foo', '=/foo'],
    [['=/foo'], '/bar', undefined],
    [['=/foo'], '/foo/', undefined],
    [['=/foo/'], '/foo', undefined],
    [['^/foo'], '/foo', '^/foo'],
    [['^/foo'], '/foo/', '^/foo'],
    [['^/foo/'], '/foo', '^/foo/'],
    [['^/foo/'], '/foo/', '^/foo/'],
    [['^/aaa/bb'], '/aaa/bbb', undefined],
    [['^/aaa/bbb'], '/aaa/bbb', '^/aaa/bbb'],
    [['^/aaa/bbb/'], '/aaa/bbb', '^/aaa/bbb/'],
    [['^/aaa/bbb'], '/aaa/bbb/', '^/aaa/bbb'],
    [['^/aaa/bbb'], '/aaa/bbb/ccc', '^/aaa/bbb'],
    [['^/aaa/bbb'], '/aaa/bbbxyz', undefined],
    [['^/', '^/aaa'], '/aaa/ccc', '^/aaa'],
    [['^/', '^/aaa', '^/aaa/bbb'], '/aaa/bbb', '^/aaa/bbb'],
    [['^/', '^/aaa', '^/aaa/bbb'], '/ccc', '^/'],
    [['^/foo', '=/foo'], '/foo', '=/foo'],
    [['~/foo'], '/foo/bar', '~/foo'],
    [['^/Foo'], '/foo', undefined],
  ];
  for (const [paths, path, wanted] of table) assert.equal(found([ingress('one', { '-': Object.fromEntries(paths.map((text) => [text, text])) })], 'a.b', path), wanted, `${paths} ${path}`);
});

test('hosts: whole, then with a star for one label, then any; then what is left over', () => {
  const all = [ingress('one', { 'foo.bar.com': { '^/a': 'whole' }, '*.bar.com': { '^/': 'star' }, '-': { '^/any': 'any' } }, 'rest'), ingress('two', {}, 'later', '2026-02-01T00:00:00Z')];
  const table: [string, string, string | undefined][] = [
    ['foo.bar.com', '/a/b', 'whole'],
    ['foo.bar.com', '/c', 'star'],
    ['x.bar.com', '/', 'star'],
    ['x.y.bar.com', '/', 'rest'],
    ['bar.com', '/any', 'any'],
    ['other', '/none', 'rest'],
  ];
  for (const [host, path, wanted] of table) assert.equal(found(all, host, path), wanted, `${host}${path}`);
  assert.equal(found([ingress('one', { 'a.b': { '^/x': 'x' } })], 'a.b', '/y'), undefined);
});

test('of two Ingresses that say the same the older one', () => {
  const [old, young] = [ingress('z', { h: { '^/a/': 'old' } }, undefined, '2026-01-01T00:00:00Z'), ingress('a', { h: { '^/a': 'young', '^/b': 'b' } }, undefined, '2026-01-02T00:00:00Z')];
  for (const order of [[old, young], [young, old]]) assert.deepEqual([found(order, 'h', '/a'), found(order, 'h', '/b')], ['old', 'b']);
});

test('endpoints: those that are ready; where none is, those that serve while they end; and what is missing', () => {
  const service = { spec: { ports: [{ name: 'web', port: 80 }, { name: 'tls', port: 443, appProtocol: 'https' }] } } as unknown as Service;
  const slice = (conditions: object[]) => [{ addressType: 'IPv4', ports: [{ name: 'web', port: 8080 }, { name: 'tls', port: 8443 }], endpoints: conditions.map((one, n) => ({ addresses: [`10.0.0.${n}`], conditions: one })) }] as unknown as EndpointSlice[];
  const ready = { ready: true, serving: true, terminating: false };
  const ending = { ready: false, serving: true, terminating: true };
  const dead = { ready: false, serving: false, terminating: true };
  const of = (port: string | number, conditions: object[]) => {
    const backend = backendFor('s', port, service, slice(conditions));
    return backend.type === 'missing' ? backend.why : [backend.protocol, ...backend.endpoints.map(({ ip, port }) => `${ip}:${port}`)].join(' ');
  };
  assert.equal(of(80, [ready, ending, dead]), 'http 10.0.0.0:8080');
  assert.equal(of('web', [dead, ending]), 'http 10.0.0.1:8080');
  assert.equal(of('tls', [ready]), 'https 10.0.0.0:8443');
  assert.equal(of(443, [dead]), 'https');
  assert.equal(of(81, [ready]), 'Service "s" has no port 81');
  assert.equal((backendFor('s', 80, undefined, []) as { why: string }).why, 'Service "s" does not exist');
});
