// /openapi/v2 (JSON, and protobuf for kubectl up to 1.26) and /openapi/v3.
import type { Kind } from '../../api/kind.ts';
import { openApiV2Document } from '../../api/schema/openapi/v2.ts';
import { encodeOpenApiV2, openApiV2ProtobufAccepts, openApiV2ProtobufType } from '../../api/schema/openapi/v2-protobuf.ts';
import { openApiV3Document, openApiV3Index } from '../../api/schema/openapi/v3.ts';
import { documentOf, documentOfBytes, type Document } from './documents.ts';

export type OpenApiForm = 'json' | 'protobuf';

/** Which of a path's forms the client wants: documents are kept by it. */
export function openApiForm(path: string, accept = ''): OpenApiForm {
  return path === '/openapi/v2' && openApiV2ProtobufAccepts.some((type) => accept.includes(type)) ? 'protobuf' : 'json';
}

/** Undefined: no such document. */
export function openApi(path: string, form: OpenApiForm, kinds: readonly Kind[], version: string): Document | undefined {
  if (path === '/openapi/v2') {
    const document = openApiV2Document(kinds, version);
    return form === 'protobuf' ? documentOfBytes(Buffer.from(encodeOpenApiV2(document)), openApiV2ProtobufType, true) : documentOf(document, 'application/json', true);
  }
  if (path === '/openapi/v3') return documentOf(openApiV3Index(kinds, version), 'application/json', true);
  const [, , , root, group, groupVersion] = path.split('/');
  if (!path.startsWith('/openapi/v3/') || !group) return undefined;
  const found = root === 'api' ? openApiV3Document('', group, kinds, version) : root === 'apis' && groupVersion ? openApiV3Document(group, groupVersion, kinds, version) : undefined;
  return found && documentOf(found, 'application/json', true);
}
