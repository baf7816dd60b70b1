// OpenAPI documents in which the servers behind this one have their part: v3 in documents of their own, v2 in the one of all.
import type { Kind } from '../../api/kind.ts';
import { sameJson } from '../../api/meta.ts';
import { openApiV2Document } from '../../api/schema/openapi/v2.ts';
import { encodeOpenApiV2, openApiV2ProtobufType } from '../../api/schema/openapi/v2-protobuf.ts';
import { openApiV3Index } from '../../api/schema/openapi/v3.ts';
import { ownUser, type Aggregation, type Remote } from '../aggregation/aggregation.ts';
import { documentOf, documentOfBytes, type Document } from './documents.ts';
import { openApi, type OpenApiForm } from './openapi.ts';

type Sources = Pick<Aggregation, 'openApi' | 'ask'>;
type Definitions = Record<string, unknown>;

const timeoutMs = 5_000;
const never = new AbortController().signal;

/** Undefined: no such document. */
export async function openApiWithOthers(path: string, form: OpenApiForm, kinds: readonly Kind[], version: string, sources: Sources): Promise<Document | undefined> {
  if (path === '/openapi/v2') return mergedV2(form, kinds, version, sources);
  if (path === '/openapi/v3') {
    const { paths } = openApiV3Index(kinds, version) as { paths: object };
    const others = [...sources.openApi].filter(([, { hash }]) => hash !== undefined).map(([key, { hash }]) => [`apis/${key}`, { serverRelativeURL: `/openapi/v3/apis/${key}?hash=${hash}` }]);
    return documentOf({ paths: { ...paths, ...Object.fromEntries(others) } }, 'application/json', true);
  }
  const key = /^\/openapi\/v3\/apis\/([^/]+\/[^/]+)$/.exec(path)?.[1] ?? '';
  const other = sources.openApi.get(key);
  if (!other) return openApi(path, form, kinds, version);
  const document = await documentAt(path, other.remote, sources);
  return document && documentOf(document, 'application/json', true);
}

async function mergedV2(form: OpenApiForm, kinds: readonly Kind[], version: string, sources: Sources): Promise<Document> {
  const merged = openApiV2Document(kinds, version) as { paths: Definitions; definitions: Definitions };
  const servers = new Map([...sources.openApi.values()].map(({ remote }) => [JSON.stringify(remote.apiService.spec.service), remote]));
  for (const [service, remote] of servers) {
    const document = await documentAt('/openapi/v2', remote, sources);
    const own = [...sources.openApi].filter(([, one]) => JSON.stringify(one.remote.apiService.spec.service) === service).map(([key]) => `/apis/${key}/`);
    if (document) addV2(merged, document as { paths?: Definitions; definitions?: Definitions }, own);
  }
  return form === 'protobuf' ? documentOfBytes(Buffer.from(encodeOpenApiV2(merged as never)), openApiV2ProtobufType, true) : documentOf(merged, 'application/json', true);
}

/** Undefined where there is none: what a server does not describe is served all the same. */
async function documentAt(path: string, remote: Remote, sources: Sources): Promise<object | undefined> {
  try {
    const answer = await sources.ask(remote, { path, user: ownUser, timeoutMs }, never);
    const document = answer.code === 200 ? answer.json() : undefined;
    return typeof document === 'object' && document !== null ? document : undefined;
  } catch {
    return undefined;
  }
}

const reference = '#/definitions/';

/** Its paths, and what they lead to. A definition of a name that is taken by another gets a number. */
function addV2(to: { paths: Definitions; definitions: Definitions }, { paths = {}, definitions = {} }: { paths?: Definitions; definitions?: Definitions }, own: readonly string[]): void {
  const kept = Object.entries(paths).filter(([path]) => own.some((prefix) => `${path}/`.startsWith(prefix)));
  const needed = reachable(Object.fromEntries(kept), definitions);
  const names = new Map<string, string>();
  for (const name of needed) {
    let free = name;
    for (let number = 2; to.definitions[free] !== undefined && !sameJson(to.definitions[free], definitions[name]); number++) free = `${name}_v${number}`;
    names.set(name, free);
  }
  for (const [name, free] of names) to.definitions[free] ??= renamed(definitions[name], names);
  for (const [path, item] of kept) to.paths[path] ??= renamed(item, names);
}

function reachable(from: unknown, definitions: Definitions): ReadonlySet<string> {
  const found = new Set<string>();
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    for (const [key, inner] of Object.entries(value)) {
      const name = key === '$ref' && typeof inner === 'string' && inner.startsWith(reference) ? inner.slice(reference.length) : undefined;
      if (name === undefined) visit(inner);
      else if (!found.has(name) && definitions[name] !== undefined) {
        found.add(name);
        visit(definitions[name]);
      }
    }
  };
  visit(from);
  return found;
}

function renamed(value: unknown, names: ReadonlyMap<string, string>): unknown {
  if (Array.isArray(value)) return value.map((one) => renamed(one, names));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, key === '$ref' && typeof inner === 'string' && inner.startsWith(reference) ? reference + (names.get(inner.slice(reference.length)) ?? inner.slice(reference.length)) : renamed(inner, names)]));
}
