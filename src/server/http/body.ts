// Request bodies: read up to the limit, and decoded as what their content type says.
import { ApiError } from '../../api/error.ts';
import type { PatchType } from '../../api/request.ts';
import { duplicateFields } from '../../api/schema/duplicate-fields.ts';
import type { Body } from '../registry/registry.ts';
import type { Incoming } from './exchange.ts';

/** As the API server limits it. */
export const largestBodyBytes = 3 * 1024 * 1024;

const largestDroppedBytes = 10 * largestBodyBytes;

export function readBody(request: Incoming): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    if (Number(request.headers['content-length'] ?? 0) > largestBodyBytes) reject(ApiError.tooLarge(largestBodyBytes));
    request.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length <= largestBodyBytes) return void chunks.push(chunk);
      // The rest is read and dropped, or the client would not see its answer; but not without end.
      chunks.length = 0;
      reject(ApiError.tooLarge(largestBodyBytes));
      if (length > largestDroppedBytes) request.destroy();
    });
    request.once('end', () => resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, length)));
    // Nothing but its client ends a request early: that is no failure of the server's.
    const gone = () => reject(ApiError.badRequest('the client went away before it had sent its request'));
    request.once('error', gone);
    request.once('close', gone);
  });
}

const patchTypes: Readonly<Record<string, PatchType>> = {
  'application/json-patch+json': 'json',
  'application/merge-patch+json': 'merge',
  'application/strategic-merge-patch+json': 'strategic',
  'application/apply-patch+yaml': 'apply',
};

export function patchTypeOf(contentType: string | undefined): PatchType {
  const type = patchTypes[mediaType(contentType)];
  if (!type) throw ApiError.unsupportedMediaType(Object.keys(patchTypes));
  return type;
}

/** `expected` is the kind that the path is about, for the error's words; `isTextOnly`: it has no protobuf. Needs duplicates only where fields are validated. */
export async function decodeBody(bytes: Buffer, contentType: string | undefined, expected: string, findDuplicates: boolean, isTextOnly = false): Promise<Body> {
  const type = mediaType(contentType);
  if (type === '' || type === 'application/json' || type === '*/*') {
    const text = bytes.toString();
    const value = parseJson(text, (why) => `the object provided is unrecognized (must be of type ${expected}): couldn't get version/kind; json parse error: ${why} (${hexOf(bytes)})`);
    return { value, isOwn: true, duplicates: findDuplicates ? duplicateFields(text, value) : [] };
  }
  if (type === 'application/yaml') return yamlBody(bytes.toString(), `the object provided is unrecognized (must be of type ${expected}): error parsing YAML`);
  if (type === 'application/vnd.kubernetes.protobuf' && !isTextOnly) return protobufBody(bytes, expected);
  throw ApiError.unsupportedMediaType(['application/json', 'application/yaml', ...(isTextOnly ? [] : ['application/vnd.kubernetes.protobuf'])]);
}

export async function decodePatch(bytes: Buffer, type: PatchType, findDuplicates: boolean): Promise<Body> {
  const text = bytes.toString();
  if (type === 'apply') return yamlBody(text, 'error decoding YAML');
  const value = parseJson(text, (why) => `error decoding patch: ${why}`);
  return { value, isOwn: true, duplicates: findDuplicates && type !== 'json' ? duplicateFields(text, value) : [] };
}

function mediaType(contentType = ''): string {
  const end = contentType.indexOf(';');
  return (end < 0 ? contentType : contentType.slice(0, end)).trim().toLowerCase();
}

function parseJson(text: string, words: (why: string) => string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(halfPair.test(text) ? whole(text) : text);
  } catch (error) {
    throw ApiError.badRequest(words(goWords(text, error as Error)));
  }
  if (isDeeper(value, deepest)) throw ApiError.badRequest(words('exceeded max depth'));
  return value;
}

const halfPair = /\\u[dD][89a-fA-F]/;

/** Half a surrogate pair is no character: as Go's decoder reads it, so that every name can stand in a path. */
function whole(text: string): string {
  return text.replace(/\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|[^])/g, (all, half?: string) => (half ? '\\ufffd' : all));
}

/** More than any real object, and less than the stack: what comes after this may recurse. */
const deepest = 300;

function isDeeper(value: unknown, levels: number): boolean {
  if (value === null || typeof value !== 'object') return false;
  if (levels === 0) return true;
  for (const key in value) if (isDeeper((value as Record<string, unknown>)[key], levels - 1)) return true;
  return false;
}

/** JSON.parse's complaint in the words of Go's decoder, as far as the position allows. */
function goWords(text: string, { message }: Error): string {
  if (text.trim() === '' || /end of JSON input|Unterminated/.test(message)) return 'unexpected end of JSON input';
  const position = Number(/at position (\d+)/.exec(message)?.[1] ?? NaN);
  const character = Number.isNaN(position) ? /token '(.)/u.exec(message)?.[1] : text[position];
  if (character === undefined) return 'unexpected end of JSON input';
  const where = /property name/.test(message) ? 'looking for beginning of object key string' : /after (?:property value|array element|JSON)/.test(message) ? 'after a value' : 'looking for beginning of value';
  return `invalid character ${character === "'" ? `'\\''` : `'${character}'`} ${where}`;
}

/** The first bytes, for whoever reads the error. */
function hexOf(bytes: Buffer): string {
  return bytes.length > 64 ? `${bytes.subarray(0, 64).toString('hex')} ...` : bytes.toString('hex');
}

async function protobufBody(bytes: Buffer, expected: string): Promise<Body> {
  const { BadObject, decodeObject } = await import('../../api/protobuf/envelope.ts');
  try {
    const value = decodeObject(bytes);
    if (isDeeper(value, deepest)) throw new Error('exceeded max depth');
    return { value, isOwn: true, duplicates: [] };
  } catch (error) {
    if (error instanceof BadObject) throw ApiError.badRequest(`${error.kind} in version ${JSON.stringify(error.version)} cannot be handled as a ${expected}: ${error.message}`);
    throw ApiError.badRequest(`the object provided is unrecognized (must be of type ${expected}): ${(error as Error).message} (${hexOf(bytes)})`);
  }
}

async function yamlBody(text: string, words: string): Promise<Body> {
  const { parseYaml } = await import('./yaml.ts'); // most clients send JSON: the parser is loaded when first needed
  try {
    const value = parseYaml(text);
    return { value: halfPair.test(text) ? JSON.parse(whole(JSON.stringify(value))) : value, isOwn: true, duplicates: [] };
  } catch (error) {
    throw ApiError.badRequest(`${words}: ${(error as Error).message.split('\n')[0]}`);
  }
}
