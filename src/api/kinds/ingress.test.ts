import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ingress, IngressClass } from '../types.ts';
import { ingressClasses } from './ingress-class.ts';
import { ingresses } from './ingress.ts';

const backend = { service: { name: 'web', port: { number: 80 } } };
const wrong = (spec: object, annotations?: object) => ingresses.validate!({ metadata: { name: 'x', namespace: 'd', annotations }, spec } as unknown as Ingress).map(({ field, message }) => `${field}: ${message}`);
const path = (fields: object) => ({ rules: [{ http: { paths: [{ path: '/', pathType: 'Prefix', backend, ...fields }] } }] });
const at = 'spec.rules[0].http.paths[0]';

test('what is refused of an Ingress, in which words', () => {
  const table: [object, string[]][] = [
    [{ defaultBackend: backend }, []],
    [path({}), []],
    [path({ path: undefined, pathType: 'ImplementationSpecific', backend: { service: { name: 'web', port: { name: 'http' } } } }), []],
    [{}, ['spec: Invalid value: null: either `defaultBackend` or `rules` must be specified']],
    [{ rules: [{ http: {} }] }, ['spec.rules[0].http.paths: Required value']],
    [path({ pathType: undefined }), [`${at}.pathType: Required value: pathType must be specified`]],
    [path({ pathType: 'Glob' }), [`${at}.pathType: Unsupported value: "Glob": supported values: "Exact", "ImplementationSpecific", "Prefix"`]],
    [path({ path: 'a' }), [`${at}.path: Invalid value: "a": must be an absolute path`]],
    [path({ path: '/a//b/..' }), [`${at}.path: Invalid value: "/a//b/..": must not contain '//'`, `${at}.path: Invalid value: "/a//b/..": cannot end with '/..'`]],
    [path({ backend: undefined }), [`${at}.backend: Invalid value: "": resource or service backend is required`]],
    [path({ backend: { ...backend, resource: { kind: 'A', name: 'b' } } }), [`${at}.backend: Invalid value: "": cannot set both resource and service backends`]],
    [path({ backend: { service: { name: 'web' } } }), [`${at}.backend: Required value: port name or number is required`]],
    [path({ backend: { service: { name: 'web', port: { number: 80, name: 'a' } } } }), [`${at}.backend: Invalid value: "": cannot set both port name & port number`]],
    [path({ backend: { service: { port: { number: 70_000 } } } }), [`${at}.backend.service.name: Required value`, `${at}.backend.service.port.number: Invalid value: 70000: must be between 1 and 65535, inclusive`]],
    [{ rules: [{ host: '1.2.3.4' }] }, ['spec.rules[0].host: Invalid value: "1.2.3.4": must be a DNS name, not an IP address']],
    [{ rules: [{ host: 'a.*.b' }] }, [`spec.rules[0].host: Invalid value: "a.*.b": a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character (e.g. '*.example.com', regex used for validation is '\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`]],
  ];
  for (const [spec, causes] of table) assert.deepEqual(wrong(spec), causes, JSON.stringify(spec));
  assert.deepEqual(wrong({ defaultBackend: backend, ingressClassName: 'a' }, { 'kubernetes.io/ingress.class': 'b' }), ['annotations.kubernetes.io/ingress.class: Invalid value: "b": must match `ingressClassName` when both are specified']);
});

test('what is refused of an IngressClass', () => {
  const refused = (spec: object) => ingressClasses.validate!({ metadata: { name: 'x' }, spec } as unknown as IngressClass).map(({ field, message }) => `${field}: ${message}`);
  assert.deepEqual(refused({ controller: 'example.com/it' }), []);
  assert.deepEqual(refused({}), ['spec.controller: Required value']);
  assert.deepEqual(refused({ controller: 'it' }), ['spec.controller: Invalid value: "it": must be a domain-prefixed path (such as "acme.io/foo")']);
  assert.deepEqual(refused({ controller: 'a/b', parameters: { kind: 'A', name: 'b', scope: 'Namespace' } }), ["spec.parameters.namespace: Required value: `parameters.scope` is set to 'Namespace'"]);
  assert.deepEqual(refused({ controller: 'a/b', parameters: { kind: 'A', name: 'b', scope: 'Cluster', namespace: 'n' } }), ["spec.parameters.namespace: Forbidden: `parameters.scope` is set to 'Cluster'"]);
});
