// /openapi/v2 and /openapi/v3.
import type { Kind } from '../../api/kind.ts';
import type { Document } from './documents.ts';

export function openApi(_path: string, _accept: string | undefined, _kinds: readonly Kind[]): Document | undefined {
  return undefined;
}
