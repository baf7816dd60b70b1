// What is served beside the objects: health, version, discovery, OpenAPI, metrics. Built when first asked for, kept as bytes.
import { createHash } from 'node:crypto';
import { ApiError } from '../../api/error.ts';
import type { Kind } from '../../api/kind.ts';
import { discoveryMediaType, aggregatedDiscovery } from '../../api/discovery/aggregated.ts';
import { apiGroup, apiGroupList, apiResourceList, apiVersions } from '../../api/discovery/legacy.ts';
import { versionInfo } from '../../api/version-info.ts';
import { keySetPath } from '../auth/service-account-tokens.ts';
import { metricsTextType } from '../../base/metrics-text.ts';
import { wantedBy } from './accept.ts';
import type { Aggregation } from '../aggregation/aggregation.ts';
import type { OpenApiForm } from './openapi.ts';
import { HealthChecks, type Checks } from './health.ts';
import type { Route } from './route.ts';

export interface Document {
  readonly code: number;
  readonly type: string;
  readonly body: Buffer;
  /** Present: the client may keep it and ask whether it has changed. */
  readonly etag?: string;
}

export interface DocumentSources {
  /** Those that are served now: `changed` is to be called when they have changed. */
  readonly kinds: () => readonly Kind[];
  /** What other servers serve. */
  readonly aggregation: Pick<Aggregation, 'versions' | 'openApi' | 'ask'>;
  /** `v1.36.0`. */
  readonly version: string;
  /** `HOST:PORT` as clients reach it. */
  readonly address: () => string;
  readonly checks: Checks;
  readonly metrics: () => string;
  /** How those who rely on service accounts' tokens check them. */
  readonly openId: { readonly configuration: object; readonly keySet: object };
}

export class Documents {
  readonly #sources: DocumentSources;
  /** By path and form: as many as there are documents. */
  readonly #kept = new Map<string, Document>();

  readonly #health: HealthChecks;

  constructor(sources: DocumentSources) {
    this.#sources = sources;
    this.#health = new HealthChecks(sources.checks);
  }

  /** The kinds have changed: what was made of them is forgotten. */
  changed(): void {
    this.#kept.clear();
  }

  /** Throws ApiError NotFound for a path with nothing at it. */
  async get({ path, query }: Extract<Route, { type: 'path' }>, accept: string | undefined): Promise<Document> {
    const bare = path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
    const checked = await this.#health.at(bare, query.isVerbose, query.parameters.getAll('exclude'));
    if (checked) return { code: checked.isHealthy ? 200 : 500, type: 'text/plain; charset=utf-8', body: Buffer.from(checked.text) };
    if (bare === '/metrics') return { code: 200, type: metricsTextType, body: Buffer.from(this.#sources.metrics()) };
    if (bare === '/metrics/slis') return { code: 200, type: metricsTextType, body: Buffer.from(this.#health.metrics()) };
    if (bare.startsWith('/openapi')) {
      const { openApi, openApiForm } = await import('./openapi.ts'); // large, and asked for by few: loaded with the first of them
      const form = openApiForm(bare, accept);
      if (this.#sources.aggregation.openApi.size > 0) return this.#openApiOfAll(bare, form);
      return this.#keep(`${bare} ${form}`, () => openApi(bare, form, this.#sources.kinds(), this.#sources.version));
    }
    if (bare === keySetPath) return this.#keep(bare, () => documentOf(this.#sources.openId.keySet, 'application/jwk-set+json', false));
    const isRoot = bare === '/api' || bare === '/apis';
    const { discovery, encoding } = isRoot || (accept?.includes('protobuf') && /^\/apis?\//.test(bare)) ? wantedBy(accept) : { discovery: undefined, encoding: 'json' };
    const inProtobuf = encoding === 'protobuf' ? await import('./protobuf.ts') : undefined;
    return this.#keep(`${bare} ${discovery} ${encoding}`, () => {
      const found = isRoot && discovery ? aggregatedDiscovery(bare, discovery, this.#sources.kinds(), this.#sources.aggregation.versions) : this.#plain(bare);
      const type = discovery ? discoveryMediaType(discovery, inProtobuf?.protobufType) : (inProtobuf?.protobufType ?? 'application/json');
      if (found && inProtobuf) return documentOfBytes(inProtobuf.protobufObject(found), type, discovery !== undefined);
      return found && documentOf(found, type, discovery !== undefined);
    });
  }

  /** With those of the servers behind this one. */
  async #openApiOfAll(path: string, form: OpenApiForm): Promise<Document> {
    const { aggregation, version } = this.#sources;
    const { openApiWithOthers } = await import('./openapi-of-others.ts');
    const key = `${path} ${form}`;
    const kept = this.#kept.get(key);
    if (kept) return kept;
    const made = await openApiWithOthers(path, form, this.#sources.kinds(), version, aggregation);
    return this.#keep(key, () => made);
  }

  #keep(key: string, make: () => Document | undefined): Document {
    const kept = this.#kept.get(key);
    if (kept) return kept;
    const made = make();
    if (!made) throw ApiError.noSuchResource();
    if (this.#kept.size < keptAtMost) this.#kept.set(key, made);
    return made;
  }

  #plain(path: string): object | undefined {
    const { version, address } = this.#sources;
    const kinds = this.#sources.kinds();
    const parts = path.split('/');
    if (path === '/version') return versionInfo(version);
    if (path === openIdPath) return this.#sources.openId.configuration;
    if (path === '/api') return apiVersions(address());
    if (path === '/apis') return apiGroupList(kinds, this.#sources.aggregation.versions);
    if (path === '' || path === '/') return { paths: [...rootPaths(kinds, this.#sources.aggregation.versions)] };
    if (parts[1] === 'api' && parts.length === 3) return apiResourceList('', parts[2]!, kinds);
    if (parts[1] === 'apis' && parts.length === 3) return apiGroup(parts[2]!, kinds, this.#sources.aggregation.versions);
    if (parts[1] === 'apis' && parts.length === 4) return apiResourceList(parts[2]!, parts[3]!, kinds);
    return undefined;
  }
}

const keptAtMost = 500;
const openIdPath = '/.well-known/openid-configuration';

export function documentOf(object: object, type: string, withEtag: boolean): Document {
  return documentOfBytes(Buffer.from(JSON.stringify(object)), type, withEtag);
}

export function documentOfBytes(body: Buffer, type: string, withEtag: boolean): Document {
  return { code: 200, type, body, ...(withEtag ? { etag: `"${createHash('sha512').update(body).digest('hex').toUpperCase()}"` } : {}) };
}

function rootPaths(kinds: readonly Kind[], remotes: readonly { readonly group: string; readonly version: string }[]): ReadonlySet<string> {
  const groups = [...kinds, ...remotes].filter(({ group }) => group).flatMap(({ group, version }) => [`/apis/${group}`, `/apis/${group}/${version}`]);
  return new Set([openIdPath, '/api', '/api/v1', '/apis', ...groups.sort(), '/healthz', '/livez', '/metrics', '/metrics/slis', '/openapi/v2', '/openapi/v3', keySetPath, '/readyz', '/version']);
}
