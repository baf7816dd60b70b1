// Server-side apply: a manager says which fields it wants and how, and owns them from then on. Another manager's field
// of another value is a conflict, unless forced; a field that the manager applied before and now leaves out goes, if
// nobody else owns it. Semantics: structured-merge-diff, and apimachinery pkg/util/managedfields.
//
// Of an object that was made without a manager's name, as the parts of this process make theirs, nobody keeps book. With its
// first apply what is there goes to the manager `before-first-apply`, but for what kubectl has applied client-side, which its
// last-applied annotation tells; and from then on updates are tracked too (track-update.ts).
import { ApiError } from '../error.ts';
import { checkShape } from '../schema/check-fields.ts';
import { typeOf, type Field } from '../schema/schema.ts';
import { formatTime } from '../../base/clock.ts';
import { apiVersionOf, type Of, type TrackOptions, type Turn } from './differences-by-version.ts';
import { difference, emptySet, equalSets, formatPath, intersection, isEmpty, pathsOf, union, type FieldSet } from './field-set.ts';
import { cloneJson, isObject, setOwn, type JsonObject } from './json.ts';
import { checkManager, isSameOwner, ownable, readOwners, withOwner, writeOwners, type Owner } from './managed-fields.ts';
import { compare, fieldsOf, mergeTyped, removeGivenUp, type Differences } from './typed-values.ts';

export interface ApplyOptions extends TrackOptions {
  /** Take over what others own instead of a conflict. */
  readonly force?: boolean;
}

/** The object as it is after the apply: an own copy. `live` is undefined when the apply creates. Throws Conflict, BadRequest, Invalid. */
export function applyServerSide(of: Of, live: object | undefined, applied: unknown, options: ApplyOptions): JsonObject {
  const manager = checkManager(options.fieldManager);
  const config = checkedConfig(of, applied, options.subresource);
  const type = typeOf(of);
  const apiVersion = apiVersionOf(of);
  const { subresource = '', nowMs, force = false } = options;
  const before = withoutManagedFields((live ?? {}) as JsonObject);
  const id = { manager, operation: 'Apply', apiVersion, subresource } as const;

  const owners = (live && (readOwners((live as JsonObject)['metadata']) ?? ownersBeforeFirstApply(of, before, type, subresource, nowMs))) || [];
  const own = owners.find((owner) => isSameOwner(owner, id));
  const given = own?.fields ?? emptySet;
  const others = owners.filter((owner) => !isSameOwner(owner, id));
  const wanted = ownable(fieldsOf(config, type), subresource);
  const versions = new Versions(of, options.turning);

  const after = versions.giveUp(mergeTyped(before, config, type) as JsonObject, given, own?.apiVersion ?? apiVersion, [...others, { ...id, fields: wanted, time: undefined }]);
  const differencesFor = versions.comparing(before, after);
  const { changed, removed } = differencesFor(apiVersion);
  const conflicts = others.map((owner) => ({ owner, fields: intersection(owner.fields, differencesFor(owner.apiVersion).changed) })).filter(({ fields }) => !isEmpty(fields));
  if (conflicts.length > 0 && !force && !(manager === 'kubectl' && areLastApplied(of, before, type, conflicts.map(({ fields }) => fields)))) throw conflict(conflicts);

  const left = others.map((owner) => ({ ...owner, fields: difference(difference(owner.fields, differencesFor(owner.apiVersion).changed), differencesFor(owner.apiVersion).removed) }));
  renewLastApplied(manager, before, after, config);
  const isSame = isEmpty(changed) && isEmpty(removed) && equalSets(given, wanted);
  return withManagedFields(after, withOwner(left, { ...id, fields: wanted, time: own && isSame ? own.time : timeOf(nowMs) }));
}

/** What fields are in the versions in which their owners have spoken of them. */
class Versions {
  readonly #of: Of;
  readonly #turning: ApplyOptions['turning'];

  constructor(of: Of, turning: ApplyOptions['turning']) {
    this.#of = of;
    this.#turning = turning;
  }

  /** How two objects of the own version differ in any other. */
  comparing(before: JsonObject, after: JsonObject): (apiVersion: string) => Differences {
    const known = new Map<string, Differences>();
    return (apiVersion) => {
      let found = known.get(apiVersion);
      if (!found) {
        const turn = this.#to(apiVersion);
        found = turn ? compare(turn.there(before), turn.there(after), typeOf(turn.of)) : compare(before, after, typeOf(this.#of));
        known.set(apiVersion, found);
      }
      return found;
    };
  }

  /** Takes from `merged` what is in `given`, of that version, and what nobody owns. */
  giveUp(merged: JsonObject, given: FieldSet, apiVersion: string, owners: readonly Owner[]): JsonObject {
    const owned = new Map<string, FieldSet>();
    for (const owner of owners) {
      const version = this.#to(owner.apiVersion) ? owner.apiVersion : apiVersionOf(this.#of);
      owned.set(version, union(owned.get(version) ?? emptySet, owner.fields));
    }
    if (isEmpty(given)) return merged;
    const at = this.#to(apiVersion);
    const start = at ? apiVersion : apiVersionOf(this.#of);
    const there = at ? at.there(merged) : merged;
    let left = removeGivenUp(cloneJson(there), given, owned.get(start) ?? emptySet, typeOf(at?.of ?? this.#of)) as JsonObject;
    left = at ? (at.back(left) as JsonObject) : left;
    for (const [version, fields] of owned) {
      if (version === start) continue;
      const turn = this.#to(version);
      const [type, whole] = [typeOf(turn?.of ?? this.#of), turn ? turn.there(merged) : merged];
      const { removed } = compare(whole, turn ? turn.there(left) : left, type);
      if (isEmpty(intersection(removed, fields))) continue;
      const kept = removeGivenUp(cloneJson(whole), removed, fields, type) as JsonObject;
      left = turn ? (turn.back(kept) as JsonObject) : kept;
    }
    return left;
  }

  /** Undefined: the own one. */
  #to(apiVersion: string): Turn | undefined {
    return apiVersion === apiVersionOf(this.#of) ? undefined : this.#turning?.(apiVersion);
  }
}

function timeOf(nowMs: number | undefined): string | undefined {
  return nowMs === undefined ? undefined : formatTime(nowMs);
}

function checkedConfig(of: Of, applied: unknown, subresource = ''): JsonObject {
  if (!isObject(applied)) throw ApiError.badRequest(`error decoding YAML: cannot unmarshal ${Array.isArray(applied) ? 'array' : typeof applied} into Go value of type map[string]interface {}`);
  const config = cloneJson(applied);
  if (!config['kind'] || !config['apiVersion']) throw ApiError.badRequest(`Object '${config['kind'] ? 'apiVersion' : 'Kind'}' is missing in the applied configuration`);
  if (config['apiVersion'] !== apiVersionOf(of)) {
    throw ApiError.badRequest(`Incorrect version specified in apply patch. Specified patch version: ${String(config['apiVersion'])}, expected: ${apiVersionOf(of)}`);
  }
  if (config['kind'] !== of.kind) throw ApiError.badRequest(`the kind of the applied configuration (${String(config['kind'])}) does not match the resource's (${of.kind})`);
  const { unknown, typeErrors } = checkShape(of, config);
  const metadata = isObject(config['metadata']) ? config['metadata'] : {};
  if (metadata['managedFields'] !== undefined) throw ApiError.badRequest('metadata.managedFields must be nil');
  const wrong = [...unknown.map((path) => `.${path}: field not declared in schema`), ...typeErrors];
  if (wrong.length > 0) {
    const where = `${String(metadata['namespace'] ?? '')}/${String(metadata['name'] ?? '')}; ${apiVersionOf(of)}, Kind=${of.kind}`;
    throw ApiError.badRequest(`failed to create typed patch object (${where}): ${wrong.length === 1 ? wrong[0] : `errors:\n  ${wrong.join('\n  ')}`}`);
  }
  if (subresource === '') delete config['status'];
  if (subresource === 'status') delete config['spec'];
  return config;
}

/** Subresources that are another kind's view of the object have no owners of their own to begin with. */
function ownersBeforeFirstApply(of: Of, live: JsonObject, type: Field, subresource: string, nowMs: number | undefined): Owner[] {
  if (subresource !== '' && subresource !== 'status') return [];
  const all = fieldsOf(live, type);
  const clientSide = ownable(clientSideApplied(of, live, type), '');
  const owner = (manager: string, through: string, fields: FieldSet): Owner => ({ manager, operation: 'Update', apiVersion: apiVersionOf(of), subresource: through, time: timeOf(nowMs), fields });
  return [
    owner('kubectl-client-side-apply', '', clientSide),
    owner('before-first-apply', '', difference(ownable(all, ''), clientSide)),
    owner('before-first-apply', 'status', ownable(all, 'status')),
  ];
}

function withoutManagedFields(object: JsonObject): JsonObject {
  if (!isObject(object['metadata']) || object['metadata']['managedFields'] === undefined) return object;
  const { managedFields: _, ...metadata } = object['metadata'];
  return { ...object, metadata };
}

function withManagedFields(object: JsonObject, owners: readonly Owner[]): JsonObject {
  const metadata = (object['metadata'] ??= {}) as JsonObject;
  const entries = writeOwners(owners);
  if (entries.length > 0) metadata['managedFields'] = entries;
  return object;
}

const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration';

function lastAppliedOf(object: JsonObject): string | undefined {
  const annotations = isObject(object['metadata']) ? object['metadata']['annotations'] : undefined;
  const text = isObject(annotations) ? annotations[lastApplied] : undefined;
  return typeof text === 'string' ? text : undefined;
}

/** What kubectl has applied client-side and nobody has changed since, with what was defaulted in it; and the annotation that tells. */
function clientSideApplied(of: Of, live: JsonObject, type: Field): FieldSet {
  const config = lastConfigOf(of, live);
  if (!config) return emptySet;
  of.defaults?.(config as never);
  const annotations = { ...(isObject(live['metadata']) ? (live['metadata']['annotations'] as JsonObject) : {}) };
  const marked = { ...config, metadata: { ...(config['metadata'] as JsonObject), annotations: { ...((config['metadata'] as JsonObject)['annotations'] as JsonObject | undefined), [lastApplied]: annotations[lastApplied] } } };
  return unchangedOf(marked, live, type);
}

/** Whether all conflicts are over what kubectl itself applied client-side and nobody changed since: then it may go on. */
function areLastApplied(of: Of, live: JsonObject, type: Field, conflicts: readonly FieldSet[]): boolean {
  const config = lastConfigOf(of, live);
  return config !== undefined && isEmpty(difference(conflicts.reduce(union, emptySet), unchangedOf(config, live, type)));
}

/** What `config` sets and `live` still has. */
function unchangedOf(config: JsonObject, live: JsonObject, type: Field): FieldSet {
  const { changed, removed } = compare(live, config, type);
  return difference(difference(fieldsOf(config, type), changed), removed);
}

/** Undefined when kubectl has left none, or none that can be read. */
function lastConfigOf(of: Of, live: JsonObject): JsonObject | undefined {
  const text = lastAppliedOf(live);
  if (text === undefined) return undefined;
  try {
    const config: unknown = JSON.parse(text);
    if (!isObject(config) || !isObject(config['metadata'])) return undefined;
    const { typeErrors } = checkShape(of, config);
    return typeErrors.length === 0 ? config : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** So that a later client-side apply of kubectl finds what was applied last. */
function renewLastApplied(manager: string, before: JsonObject, after: JsonObject, config: JsonObject): void {
  const annotations = isObject(after['metadata']) ? after['metadata']['annotations'] : undefined;
  if (manager !== 'kubectl' || lastAppliedOf(before) === undefined || !isObject(annotations)) return;
  setOwn(annotations, lastApplied, `${JSON.stringify(config)}\n`);
}

function conflict(conflicts: readonly { owner: Owner; fields: FieldSet }[]): ApiError {
  const all = conflicts.flatMap(({ owner, fields }) => pathsOf(fields).map((path) => ({ owner: nameOf(owner), field: formatPath(path) })));
  const causes = all.map(({ owner, field }) => ({ reason: 'FieldManagerConflict', message: `conflict with ${owner}`, field }));
  return new ApiError(409, 'Conflict', `Apply failed with ${messageOf(all)}`, { causes });
}

function messageOf(all: readonly { owner: string; field: string }[]): string {
  if (all.length === 1) return `1 conflict: conflict with ${all[0]!.owner}: ${all[0]!.field}`;
  const owners = [...new Set(all.map(({ owner }) => owner))].sort();
  const lines = owners.flatMap((name) => [`conflicts with ${name}:`, ...all.filter(({ owner }) => owner === name).map(({ field }) => `- ${field}`)]);
  return `${all.length} conflicts: ${lines.join('\n')}`;
}

/** `"kubectl-edit" with subresource "scale" using apps/v1`. */
function nameOf({ manager, operation, apiVersion, subresource }: Owner): string {
  const through = subresource ? ` with subresource ${JSON.stringify(subresource)}` : '';
  return `${JSON.stringify(manager)}${through}${operation === 'Update' ? ` using ${apiVersion}` : ''}`;
}
