// Which form of an answer the client wants: the Accept header, read once for each text of it.
import { ApiError } from '../../api/error.ts';

export type Form = 'object' | 'table' | 'partial';

export interface Wanted {
  readonly encoding: 'json' | 'yaml' | 'protobuf';
  readonly form: Form;
  /** Of meta.k8s.io, for tables and partial objects. */
  readonly version: 'v1' | 'v1beta1';
  /** Discovery in one document: `v2` or `v2beta1` of apidiscovery.k8s.io. */
  readonly discovery: 'v2' | 'v2beta1' | undefined;
}

const json: Wanted = { encoding: 'json', form: 'object', version: 'v1', discovery: undefined };
const offeredAsText = ['application/json', 'application/yaml'] as const;
const offered = [...offeredAsText, 'application/vnd.kubernetes.protobuf'] as const;
const encodings: Readonly<Record<string, Wanted['encoding']>> = {
  'application/json': 'json', '*/*': 'json', 'application/*': 'json', 'application/yaml': 'yaml', 'application/vnd.kubernetes.protobuf': 'protobuf',
};

const known = new Map<string, Wanted>();
/** The same for objects that are text only. */
const knownAsText = new Map<string, Wanted>();
/** Clients send few different headers; a flood of made-up ones starts the memory afresh. */
const knownAtMost = 1000;

/** `isTextOnly`: of a kind whose objects have no protobuf, but for their metadata. Throws ApiError NotAcceptable. */
export function wantedBy(accept: string | undefined, isTextOnly = false): Wanted {
  if (accept === undefined || accept === '' || accept === '*/*' || accept === 'application/json') return json;
  const memory = isTextOnly ? knownAsText : known;
  let wanted = memory.get(accept);
  if (!wanted) {
    wanted = parse(accept, isTextOnly);
    if (memory.size >= knownAtMost) memory.clear();
    memory.set(accept, wanted);
  }
  return wanted;
}

function parse(accept: string, isTextOnly: boolean): Wanted {
  const clauses = accept.split(',').map(clauseOf).filter((clause) => clause.quality > 0);
  clauses.sort((a, b) => b.quality - a.quality); // stable: the order counts among equals
  for (const { type, parameters } of clauses) {
    const encoding = Object.hasOwn(encodings, type) ? encodings[type]! : undefined;
    if (!encoding) continue;
    const as = parameters.get('as');
    if (as === undefined) {
      if (encoding === 'protobuf' && isTextOnly) continue;
      return { ...json, encoding };
    }
    const group = parameters.get('g');
    const version = parameters.get('v');
    if (as === 'APIGroupDiscoveryList' && group === 'apidiscovery.k8s.io' && (version === 'v2' || version === 'v2beta1')) return { ...json, encoding, discovery: version };
    if (group !== 'meta.k8s.io' || (version !== 'v1' && version !== 'v1beta1')) continue;
    if (as === 'Table' && encoding !== 'protobuf') return { ...json, encoding, form: 'table', version };
    if (as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList') return { ...json, encoding, form: 'partial', version };
  }
  throw ApiError.notAcceptable(isTextOnly ? offeredAsText : offered);
}

function clauseOf(text: string): { readonly type: string; readonly quality: number; readonly parameters: ReadonlyMap<string, string> } {
  const [type = '', ...rest] = text.split(';').map((part) => part.trim());
  const parameters = new Map(rest.map((part) => part.split('=', 2).map((side) => side.trim()) as [string, string]));
  const quality = Number(parameters.get('q') ?? 1);
  return { type: type.toLowerCase(), quality: Number.isNaN(quality) ? 0 : quality, parameters };
}
