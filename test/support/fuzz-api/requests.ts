// HTTP requests by chance: first one that the API would take, made of discovery and its schema, then broken in some way.
import { deflateSync, gzipSync } from 'node:zlib';
import { sampleOf } from '../../control/samples.ts';
import type { Chance } from '../registry-model/chance.ts';
import { Values, type Schema } from './values.ts';

export interface FuzzedRequest {
  readonly what: string;
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: Buffer | undefined;
}

export interface ServedResource {
  readonly prefix: string;
  readonly name: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly apiVersion: string;
  readonly subresources: readonly string[];
  readonly schema: Schema | undefined;
}

const queries: Readonly<Record<string, readonly string[]>> = {
  labelSelector: ['a=b', 'a in (b,c)', '!a', 'a in (', '=', ',,,', 'a=b,'.repeat(3000), '%00', 'a notin ()', 'ä=ö'],
  fieldSelector: ['metadata.name=a', 'metadata.namespace!=x', 'spec.nodeName=', 'nothing=1', '=', 'metadata.name==a,metadata.name=b', '\\', 'metadata.name=\\'],
  resourceVersion: ['0', '1', '-1', '99999999999999999999999', 'x', '1.5', '1e3', ' 1'],
  resourceVersionMatch: ['Exact', 'NotOlderThan', 'x'],
  limit: ['1', '0', '-1', '999999999999999999', 'x', '1.0', '9999999999999999999999'],
  continue: ['x', 'eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MSwic3RhcnQiOiJhXHUwMDAwIn0', 'eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6LTEsInN0YXJ0IjoiXHUwMDAwIn0', 'eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MWUzMDAsInN0YXJ0IjoiXHUwMDAwIn0', '{}', '%ff'],
  timeoutSeconds: ['1', '0', '-5', '99999999999', 'x'],
  watch: ['false', '0', 'x'],
  allowWatchBookmarks: ['true', 'x'],
  sendInitialEvents: ['true', 'false', 'x'],
  dryRun: ['All', 'x', ''],
  fieldManager: ['m', 'x'.repeat(129), '\n', 'ü'],
  fieldValidation: ['Strict', 'Warn', 'Ignore', 'x'],
  force: ['true', 'x'],
  pretty: ['true', 'x'],
  includeObject: ['None', 'Object', 'Metadata', 'x'],
  gracePeriodSeconds: ['0', '1', '-1', 'x', '99999999999999999'],
  propagationPolicy: ['Orphan', 'Foreground', 'Background', 'x'],
  orphanDependents: ['true', 'x'],
  container: ['c', 'x', ''],
  command: ['sh', ''],
  tailLines: ['1', '-1', 'x'],
  exclude: ['ping', 'x'],
  verbose: [''],
};

const accepts = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf', 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json', 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io', 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io', 'application/json;as=Table;v=v9;g=meta.k8s.io', '*/*', 'text/html', ';;;', 'application/json;q=0', 'application/json;as=', 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList', 'application/vnd.kubernetes.protobuf;stream=watch', 'application/cbor', 'a/b,'.repeat(500)];
const contentTypes = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf', 'application/json; charset=utf-16', 'text/plain', '', 'application/x-www-form-urlencoded', 'application/apply-patch+yaml', 'application/merge-patch+json', 'application/cbor'];
const oddHeaders: readonly (readonly [string, readonly string[]])[] = [
  ['accept-encoding', ['gzip', 'gzip;q=0', 'br', '*', 'identity;q=0']], ['content-encoding', ['gzip', 'deflate', 'br', 'x']], ['range', ['bytes=0-1', 'bytes=-1', 'x']],
  ['if-none-match', ['*', '"x"', 'x']], ['expect', ['100-continue']], ['user-agent', ['curl/8', 'kubectl/v1.20', 'x'.repeat(5000), '']], ['impersonate-user', ['bob', '', 'system:serviceaccount:default:default', 'system:node:n1']],
  ['impersonate-group', ['system:masters', '']], ['impersonate-uid', ['1']], ['impersonate-extra-a%20b', ['x']], ['authorization', ['Bearer x', 'Bearer', 'Basic eDp4', 'Bearer a.b.c', `Bearer ${'x'.repeat(9000)}`]],
  ['audit-id', ['x', 'y'.repeat(999)]], ['x-forwarded-for', ['127.0.0.1']], ['origin', ['null']], ['content-length', ['0']], ['traceparent', ['00-x']],
];
const patchTypes = ['application/json-patch+json', 'application/merge-patch+json', 'application/strategic-merge-patch+json', 'application/apply-patch+yaml'];
const pointers = ['/metadata/labels', '/metadata/labels/a', '/spec', '/spec/containers/0', '/spec/containers/-', '/spec/containers/-1', '/spec/containers/99999999999', '/__proto__/x', '/constructor/prototype/x', '', '/', '//', '/~', '/~2', '/metadata/~0~1', '/metadata/name', '/metadata/uid', '/metadata/resourceVersion', '/metadata/managedFields', '/metadata/finalizers', '/metadata/ownerReferences', '/status', '/kind', 'x', '/data/a', '/metadata/creationTimestamp'];
const directives = [{ $patch: 'replace' }, { $patch: 'delete' }, { $patch: 'merge' }, { $patch: 'x' }, { $retainKeys: ['a'] }, { $retainKeys: 1 }, { '$setElementOrder/containers': [{ name: 'c' }] }, { '$setElementOrder/containers': 1 }, { '$deleteFromPrimitiveList/finalizers': ['a'] }, { '$deleteFromPrimitiveList/finalizers': null }];

/** Not asked for: they would lead out of the process, or are made for the canary. */
const untouched = new Set(['proxy']);

export class Requests {
  readonly #chance: Chance;
  readonly #values: Values;
  readonly #resources: readonly ServedResource[];
  /** Changed now and then: a namespace that has been deleted refuses whatever comes. */
  namespace = 'default';

  constructor(chance: Chance, resources: readonly ServedResource[], schemas: Readonly<Record<string, Schema>>) {
    this.#chance = chance;
    this.#values = new Values(chance, schemas);
    this.#resources = resources;
  }

  next(): FuzzedRequest {
    switch (this.#chance.weighted({ create: 30, update: 12, patch: 25, read: 18, delete: 5, path: 8, document: 3, subresource: 8 })) {
      case 'create': return this.#write('create', 'POST');
      case 'update': return this.#write('update', 'PUT');
      case 'patch': return this.#patch();
      case 'read': return this.#finish('read', this.#chance.of(['GET', 'GET', 'GET', 'HEAD']), this.#pathOf(this.#resource(), this.#chance.oneIn(2)), {}, undefined);
      case 'delete': return this.#delete();
      case 'path': return this.#oddPath();
      case 'document': return this.#finish('document', this.#chance.of(['GET', 'GET', 'HEAD', 'POST', 'OPTIONS', 'TRACE']), this.#chance.of(['/', '/api', '/apis', '/apis/apps', '/api/v1', '/openapi/v2', '/openapi/v3', '/openapi/v3/apis/apps/v1', '/openapi/v3/x', '/version', '/healthz', '/livez/ping', '/readyz/x', '/metrics', '/openid/v1/jwks', '/.well-known/openid-configuration', '/logs', '/debug/pprof', '/swagger.json']), {}, undefined);
      case 'subresource': return this.#subresource();
    }
  }

  #resource(): ServedResource {
    return this.#chance.of(this.#resources);
  }

  #name(): string {
    return this.#chance.of(['n0', 'n1', 'n2', 'running', 'default']);
  }

  #pathOf({ prefix, name, namespaced }: ServedResource, isNamed: boolean): string {
    const place = namespaced && !this.#chance.oneIn(8) ? `/namespaces/${this.namespace}` : '';
    return `${prefix}${place}/${name}${isNamed ? `/${this.#name()}` : ''}`;
  }

  /** One that is as it should be, one with some fields more, or whatever the schema allows. */
  #object({ schema, kind, apiVersion }: ServedResource): any {
    const chance = this.#chance;
    const made = this.#values.ofSchema(schema) as any;
    const random = typeof made === 'object' && made !== null && !Array.isArray(made) ? made : {};
    const { name, ...sample } = structuredClone(sampleOf(apiVersion.includes('/') ? apiVersion.split('/')[0]! : '', apiVersion.split('/').at(-1)!, kind)) as any;
    const base = chance.oneIn(3) ? random : chance.oneIn(2) ? sample : { ...sample, spec: sample.spec && random.spec ? { ...sample.spec, ...Object.fromEntries(Object.entries(random.spec).slice(0, 1 + chance.below(3)).filter(([field]) => sample.spec[field] === undefined)) } : sample.spec };
    const metadata = { ...(chance.oneIn(4) ? random.metadata : {}), ...base.metadata, name: name && chance.oneIn(2) ? name : this.#name(), namespace: undefined };
    return { ...base, apiVersion, kind, metadata };
  }

  #write(what: string, method: string): FuzzedRequest {
    const resource = this.#resource();
    const object = this.#object(resource);
    for (let left = this.#chance.of([0, 0, 1, 2, 3]); left > 0; left--) this.#values.mutate(object);
    const path = this.#pathOf(resource, what === 'update');
    if (what === 'update' && this.#chance.oneIn(2)) object.metadata = { ...object.metadata, name: path.slice(path.lastIndexOf('/') + 1) };
    return this.#finish(what, method, path, ...this.#encoded(object));
  }

  /** A body, most often as it should be. */
  #encoded(object: unknown): [Record<string, string>, Buffer] {
    const chance = this.#chance;
    const text = JSON.stringify(object) ?? '';
    const json = { 'content-type': 'application/json' };
    switch (chance.below(40)) {
      case 0: return [json, Buffer.from(text.slice(0, chance.below(text.length)))];
      case 1: return [json, Buffer.concat([Buffer.from(text.slice(0, 20)), Buffer.from([0xff, 0xfe, 0xc0]), Buffer.from(text.slice(20))])];
      case 2: return [json, Buffer.from(text.replace('{', `{"kind":"x","metadata":{},"__proto__":{"x":1},`))];
      case 3: return [json, Buffer.from(`${'[{"a":'.repeat(50_000)}`)];
      case 4: return [json, Buffer.from(`{"metadata":${'{"a":'.repeat(400)}1${'}'.repeat(401)}`)];
      case 5: return [json, Buffer.from(text.replaceAll(/\d+/g, '1e999'))];
      case 6: return [{ ...json, 'content-encoding': 'gzip' }, gzipSync(text)];
      case 7: return [{ ...json, 'content-encoding': 'gzip' }, gzipSync(Buffer.alloc(20 * 1024 * 1024))];
      case 8: return [{ ...json, 'content-encoding': 'deflate' }, deflateSync(text)];
      case 9: return [{ 'content-type': 'application/yaml' }, Buffer.from(`a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e]\ng: [*f,*f,*f,*f,*f,*f,*f]`)];
      case 10: return [{ 'content-type': 'application/yaml' }, Buffer.from(text)];
      case 11: return [{ 'content-type': 'application/yaml' }, Buffer.from(chance.of(['a: &x\n  b: *x', '--- a\n--- b', '!!js/function x', '? [a]\n: b', '<<: *nothing', 'a: !!binary x', `${'- '.repeat(10_000)}a`, '{a: 1, a: 2}', '%YAML 9\n---\n', '\t', '...', 'a: .inf', '__proto__: {x: 1}', `${'{a: '.repeat(3000)}`]))];
      case 12: return [{ 'content-type': 'application/vnd.kubernetes.protobuf' }, this.#protobuf()];
      case 13: return [{ 'content-type': chance.of(contentTypes) }, Buffer.from(text)];
      case 14: return [json, Buffer.from(chance.of(['', 'null', '[]', '1', '"x"', '{}', '\ufeff{}', '{"a":1}{"b":2}', 'nul', '{"metadata":null}', '{"metadata":[]}', '{"kind":1}', '{"kind":{}}', '{"apiVersion":[]}']))];
      default: return [json, Buffer.from(text)];
    }
  }

  #protobuf(): Buffer {
    const chance = this.#chance;
    const bytes = Buffer.from(Array.from({ length: chance.below(80) }, () => chance.below(256)));
    const inner = Buffer.concat([Buffer.from([0x0a, 0x0e, 0x0a, 0x02]), Buffer.from('v1'), Buffer.from([0x12, 0x09]), Buffer.from('ConfigMap'), Buffer.from([0x12, Math.min(bytes.length, 127)]), bytes]);
    return Buffer.concat([Buffer.from(chance.oneIn(6) ? 'k8s' : 'k8s\0'), chance.oneIn(3) ? bytes : inner]);
  }

  #patch(): FuzzedRequest {
    const chance = this.#chance;
    const resource = this.#resource();
    const type = chance.of(patchTypes);
    const path = this.#pathOf(resource, true) + (chance.oneIn(6) ? `/${chance.of(resource.subresources.length > 0 ? resource.subresources : ['status'])}` : '');
    const value = () => (chance.oneIn(2) ? this.#values.any() : this.#values.ofSchema(resource.schema));
    let patch: any;
    if (type === patchTypes[0]) patch = chance.oneIn(8) ? this.#values.any() : Array.from({ length: 1 + chance.below(4) }, () => ({ op: chance.of(['add', 'remove', 'replace', 'move', 'copy', 'test', 'x']), path: chance.of(pointers), from: chance.of(pointers), ...(chance.oneIn(5) ? {} : { value: value() }) }));
    else {
      patch = this.#object(resource);
      if (chance.oneIn(2)) Object.assign(chance.of([patch, patch.metadata, patch.spec ?? patch, patch.spec?.template?.spec ?? patch]), chance.of(directives));
      for (let left = chance.below(3); left > 0; left--) this.#values.mutate(patch);
      if (chance.oneIn(15)) patch = this.#values.any();
    }
    const [headers, body] = this.#encoded(patch);
    const isPlain = headers['content-type'] === 'application/json';
    return this.#finish('patch', 'PATCH', path, { ...headers, ...(isPlain ? { 'content-type': type } : {}) }, body, type === patchTypes[3] && !chance.oneIn(5) ? { fieldManager: 'fuzz', force: 'true' } : {});
  }

  #delete(): FuzzedRequest {
    const chance = this.#chance;
    const resource = this.#resource();
    const isNamed = !chance.oneIn(5);
    const options = chance.oneIn(2) ? undefined : { kind: 'DeleteOptions', apiVersion: 'v1', gracePeriodSeconds: chance.of([0, 1, -1, 'x', 1e99]), propagationPolicy: chance.of(['Orphan', 'Foreground', 'x', undefined]), preconditions: chance.of([{ uid: 'x' }, { resourceVersion: 1 }, {}, null, 'x']), dryRun: chance.of([['All'], 'All', [1], undefined]) };
    const path = isNamed || resource.name !== 'namespaces' ? this.#pathOf(resource, isNamed) : this.#pathOf(resource, true);
    return options ? this.#finish('delete', 'DELETE', path, ...this.#encoded(options)) : this.#finish('delete', 'DELETE', path, {}, undefined);
  }

  #subresource(): FuzzedRequest {
    const chance = this.#chance;
    const resource = chance.of(this.#resources.filter(({ subresources }) => subresources.length > 0));
    const subresource = chance.of(resource.subresources);
    if (untouched.has(subresource)) return this.#finish('subresource', 'GET', `${this.#pathOf(resource, true)}x/proxy`, {}, undefined);
    const path = `${this.#pathOf(resource, true)}/${subresource}`;
    if (chance.oneIn(3)) return this.#finish('subresource', 'GET', path, {}, undefined);
    const bodies: Record<string, unknown> = {
      scale: { kind: 'Scale', apiVersion: 'autoscaling/v1', metadata: { name: 'n0' }, spec: { replicas: chance.of([1, -1, 'x', 1e20]) } },
      binding: { kind: 'Binding', apiVersion: 'v1', metadata: { name: 'n0' }, target: { kind: 'Node', name: chance.of(['n1', '', 1]) } },
      eviction: { kind: 'Eviction', apiVersion: chance.of(['policy/v1', 'policy/v1beta1', 'x']), metadata: { name: chance.of(['n0', 'n1']) }, deleteOptions: chance.of([{}, null, 1, { dryRun: ['All'] }, { preconditions: { uid: 1 } }]) },
      token: { kind: 'TokenRequest', apiVersion: 'authentication.k8s.io/v1', spec: { audiences: chance.of([['a'], null, 1]), expirationSeconds: chance.of([600, -1, 1e30, 'x']), boundObjectRef: chance.of([{}, { kind: 'Pod', name: 'running' }, { kind: 1 }]) } },
    };
    const body = bodies[subresource] ?? this.#object(resource);
    if (chance.oneIn(3)) this.#values.mutate(body);
    return this.#finish('subresource', chance.of(['POST', 'PUT', 'PUT']), path, ...this.#encoded(body));
  }

  #oddPath(): FuzzedRequest {
    const chance = this.#chance;
    const path = this.#pathOf(this.#resource(), chance.oneIn(2));
    const odd = [path.replaceAll('/', '//'), `${path}/`, `${path}/..`, `/..${path}`, `${path}/%2e%2e/x`, `${path}%00`, `${path}/%ff`, `${path}/%`, `${path}/%zz`, `${path}/${'x'.repeat(7000)}`, path.replace('/api', '/API'), `${path}/a/b/c/d`, `${path};a=b`, `${path}/%2F`, `${path}/ü`, path.replace('v1', 'v9'), `${path}/status/status`, '/api//pods', '/apis///', '/api/v1/namespaces//pods', '/api/v1/namespaces/%20/pods', '/apis/%2e/v1/x', `/api/v1/watch${path.slice(7)}?timeoutSeconds=1`, `${path}?${'a&'.repeat(2000)}`, `${path}?%=%&=&==`, `/api/v1/nodes/n1/proxy/${chance.of(['healthz', '..', '%2e%2e', 'x?y'])}`, '*', `${path}#x`, '/api/v1/namespaces/default/pods/running/log?follow=true&tailLines=1', '/api/v1/namespaces/__proto__/pods/constructor'];
    return this.#finish('path', chance.of(['GET', 'GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS', 'CONNECTX', 'PURGE']), chance.of(odd), {}, undefined);
  }

  #finish(what: string, method: string, path: string, headers: Record<string, string>, body: Buffer | undefined, given: Record<string, string> = {}): FuzzedRequest {
    const chance = this.#chance;
    const parameters = { ...given };
    for (let left = chance.of([0, 0, 0, 0, 1, 1, 2, 3]); left > 0; left--) {
      const name = chance.of(Object.keys(queries));
      parameters[name] = chance.of(queries[name]!);
    }
    const isWatch = method === 'GET' && chance.oneIn(12);
    if (isWatch) Object.assign(parameters, { watch: 'true', timeoutSeconds: '1' });
    const query = Object.entries(parameters).map(([name, value]) => `${name}=${chance.oneIn(20) ? value.replaceAll(/[^!-~]/g, '+') : encodeURIComponent(value)}`).join('&');
    const all: Record<string, string> = { ...headers };
    if (chance.oneIn(3)) all['accept'] = chance.of(accepts);
    if (chance.oneIn(8)) {
      const [name, values] = chance.of(oddHeaders);
      all[name] = chance.of(values);
    }
    return { what: isWatch ? 'watch' : what, method, path: query ? `${path}${path.includes('?') ? '&' : '?'}${query}` : path, headers: all, body };
  }
}
