// Which form of an answer the client wants: the Accept header, read once for each text of it.
import { ApiError } from '../../api/error.ts';

export type Form = 'object' | 'table' | 'partial';

export interface Wanted {
  readonly encoding: 'json' | 'yaml';
  readonly form: Form;
  /** Of meta.k8s.io, for tables and partial objects. */
  readonly version: 'v1' | 'v1beta1';
  /** Discovery in one document: `v2` or `v2beta1` of apidiscovery.k8s.io. */
  readonly discovery: 'v2' | 'v2beta1' | undefined;
}

const json: Wanted = { encoding: 'json', form: 'object', version: 'v1', discovery: undefined };
const offered = ['application/json', 'application/yaml'] as const;

const known = new Map<string, Wanted>();
/** Clients send few different headers; a flood of made-up ones starts the memory afresh. */
const knownAtMost = 1000;

/** Throws ApiError NotAcceptable. */
export function wantedBy(accept: string | undefined): Wanted {
  if (accept === undefined || accept === '' || accept === '*/*' || accept === 'application/json') return json;
  let wanted = known.get(accept);
  if (!wanted) {
    wanted = parse(accept);
    if (known.size >= knownAtMost) known.clear();
    known.set(accept, wanted);
  }
  return wanted;
}

function parse(accept: string): Wanted {
  const clauses = accept.split(',').map(clauseOf).filter((clause) => clause.quality > 0);
  clauses.sort((a, b) => b.quality - a.quality); // stable: the order counts among equals
  for (const { type, parameters } of clauses) {
    const encoding = type === 'application/json' || type === '*/*' || type === 'application/*' ? 'json' : type === 'application/yaml' ? 'yaml' : undefined;
    if (!encoding) continue;
    const as = parameters.get('as');
    if (as === undefined) return { ...json, encoding };
    const group = parameters.get('g');
    const version = parameters.get('v');
    if (as === 'APIGroupDiscoveryList' && group === 'apidiscovery.k8s.io' && (version === 'v2' || version === 'v2beta1')) return { ...json, encoding, discovery: version };
    if (group !== 'meta.k8s.io' || (version !== 'v1' && version !== 'v1beta1')) continue;
    if (as === 'Table') return { ...json, encoding, form: 'table', version };
    if (as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList') return { ...json, encoding, form: 'partial', version };
  }
  throw ApiError.notAcceptable(offered);
}

function clauseOf(text: string): { readonly type: string; readonly quality: number; readonly parameters: ReadonlyMap<string, string> } {
  const [type = '', ...rest] = text.split(';').map((part) => part.trim());
  const parameters = new Map(rest.map((part) => part.split('=', 2).map((side) => side.trim()) as [string, string]));
  const quality = Number(parameters.get('q') ?? 1);
  return { type: type.toLowerCase(), quality: Number.isNaN(quality) ? 0 : quality, parameters };
}
