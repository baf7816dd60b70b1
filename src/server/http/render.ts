// From an answer to bytes. Objects and lists that are asked for as they are stored go out as they are stored.
import { gzip } from 'node:zlib';
import { promisify } from 'node:util';
import { ApiError } from '../../api/error.ts';
import { isScale, scaleColumns } from '../../api/kinds/scale.ts';
import { apiVersionOf } from '../registry/receive.ts';
import type { Answer, ItemList } from '../registry/registry.ts';
import type { Wanted } from './accept.ts';
import type { Headers, Pieces } from './exchange.ts';
import { ListBody } from './list-body.ts';
import { partialOf, tableOf } from './table.ts';
import type { Query } from './query.ts';

export interface Rendered {
  readonly code: number;
  readonly headers: Headers;
  readonly body: Buffer | Pieces;
}

export interface RenderOptions {
  readonly wanted: Wanted;
  readonly query: Query;
  readonly isPretty: boolean;
  readonly nowMs: number;
}

export async function render(answer: Answer, options: RenderOptions): Promise<Rendered> {
  const code = answer.type === 'list' ? 200 : answer.code;
  const headers: Headers = {};
  if (answer.type !== 'list' && answer.warnings.length > 0) headers['warning'] = warningsOf(answer.warnings);
  const { wanted, isPretty } = options;
  if (wanted.encoding === 'protobuf') {
    const { protobufBody, protobufType } = await import('./protobuf.ts'); // loaded with the first client that speaks it
    return { code, headers: withType(headers, protobufType), body: await protobufBody(answer, wanted) };
  }
  const isPlain = wanted.encoding === 'json' && !isPretty;
  if (isPlain && (wanted.form === 'object' || (answer.type === 'object' && !isScale(answer.object)))) return { code, headers: withType(headers, 'application/json'), body: plainBody(answer) };
  const object = objectOf(answer, options);
  return { code, ...(await renderObject(object, wanted, isPretty, headers)) };
}

/** Any object in the encoding that is wanted. */
export async function renderObject(object: unknown, { encoding }: Pick<Wanted, 'encoding'>, isPretty: boolean, headers: Headers = {}): Promise<{ headers: Headers; body: Buffer }> {
  if (encoding === 'yaml') {
    const { writeYaml } = await import('./yaml.ts');
    return { headers: withType(headers, 'application/yaml'), body: Buffer.from(writeYaml(JSON.parse(JSON.stringify(object)))) };
  }
  return { headers: withType(headers, 'application/json'), body: Buffer.from(isPretty ? `${JSON.stringify(object, null, 2)}\n` : JSON.stringify(object)) };
}

export function renderError(error: ApiError): Rendered & { readonly body: Buffer } {
  return { code: error.code, headers: errorHeaders(error, 'application/json'), body: Buffer.from(JSON.stringify(error.toStatus())) };
}

export async function renderErrorInProtobuf(error: ApiError): Promise<Rendered & { readonly body: Buffer }> {
  const { protobufObject, protobufType } = await import('./protobuf.ts');
  return { code: error.code, headers: errorHeaders(error, protobufType), body: protobufObject(error.toStatus()) };
}

function errorHeaders({ details }: ApiError, type: string): Headers {
  const headers = withType({}, type);
  if (details?.retryAfterSeconds) headers['retry-after'] = String(details.retryAfterSeconds);
  return headers;
}

const compress = promisify(gzip);
/** Below this, compressing costs more than it saves. */
const smallestCompressed = 128 * 1024;

/** Compresses a large body for a client that takes it. */
export async function compressed(rendered: Rendered, acceptEncoding: string | string[] | undefined): Promise<Rendered> {
  if (rendered.body.length < smallestCompressed || !String(acceptEncoding ?? '').includes('gzip')) return rendered;
  const body = await compress(Buffer.isBuffer(rendered.body) ? rendered.body : rendered.body.whole(), { level: 1 });
  return { ...rendered, headers: { ...rendered.headers, 'content-encoding': 'gzip', vary: 'accept-encoding' }, body };
}

function withType(headers: Headers, type: string): Headers {
  headers['content-type'] = type;
  headers['cache-control'] = 'no-cache, private';
  return headers;
}

/** As kube-apiserver bounds them: beyond so many characters in all, each is cut, and what is still too much is left out. */
const mostWarningCharacters = 4096;
const mostCharactersOfOne = 256;

function warningsOf(texts: readonly string[]): string[] {
  const distinct = [...new Set(texts)];
  const areMany = distinct.reduce((sum, { length }) => sum + length, 0) > mostWarningCharacters;
  const headers: string[] = [];
  let left = mostWarningCharacters;
  for (const text of distinct) {
    const header = warningHeader(areMany ? text.slice(0, mostCharactersOfOne) : text);
    left -= header.length;
    if (left < 0 && headers.length > 0) break;
    headers.push(header);
  }
  return headers;
}

/** As RFC 7234 has it, from no agent in particular. A header is bytes: other letters go out as UTF-8. */
export function warningHeader(text: string): string {
  return `299 - ${Buffer.from(JSON.stringify(text).replaceAll('\x7f', '\\u007f')).toString('latin1')}`;
}

function plainBody(answer: Answer): Buffer | Pieces {
  switch (answer.type) {
    case 'item':
      return answer.item.encode();
    case 'object':
      return Buffer.from(JSON.stringify(answer.object));
    case 'list': {
      const { kind, list } = answer;
      return new ListBody(`{"kind":"${kind.listKind}","apiVersion":"${apiVersionOf(kind)}","metadata":${JSON.stringify(listMetadata(list))},"items":[`, list.items);
    }
  }
}

export function listMetadata({ revision, continue: token, remainingItemCount }: ItemList): object {
  return { resourceVersion: String(revision), continue: token, remainingItemCount };
}

function objectOf(answer: Answer, { wanted, query, nowMs }: RenderOptions): object {
  const { form, version } = wanted;
  if (answer.type === 'object') {
    if (form !== 'table' || !isScale(answer.object)) return answer.object;
    const { resourceVersion } = answer.object.metadata;
    return tableOf({ columns: scaleColumns }, [{ object: answer.object }], { resourceVersion }, { includeObject: query.includeObject, version, nowMs, withColumns: true });
  }
  const { kind } = answer;
  const items = answer.type === 'list' ? answer.list.items : [answer.item];
  if (form === 'table') {
    const metadata = answer.type === 'list' ? listMetadata(answer.list) : { resourceVersion: String(answer.item.revision) };
    return tableOf(kind, items, metadata, { includeObject: query.includeObject, version, nowMs, withColumns: true });
  }
  const objects = items.map(({ object }) => (form === 'partial' ? partialOf(object, version) : object));
  if (answer.type === 'item') return objects[0]!;
  const head = form === 'partial' ? { kind: 'PartialObjectMetadataList', apiVersion: `meta.k8s.io/${version}` } : { kind: kind.listKind, apiVersion: apiVersionOf(kind) };
  return { ...head, metadata: listMetadata(answer.list), items: objects };
}
