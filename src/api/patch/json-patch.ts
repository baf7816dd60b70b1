// JSON patch (RFC 6902), with the bounds that Kubernetes sets and the words of the library that it uses.
// Written here because a patch is hostile input: paths through prototypes, indexes that are none, and copies that
// double what was copied before must all end in an error.
import { ApiError } from '../error.ts';
import { cloneJson, isObject, jsonSize, sameJson, setOwn, type JsonObject } from './json.ts';

const operationsLimit = 10_000;
/** For all copies of one patch together. */
const copyLimitBytes = 3 * 1024 * 1024;

/** Throws BadRequest for what is no patch, RequestEntityTooLarge past 10,000 operations, Invalid where one fails. */
export function applyJsonPatch(document: unknown, patch: unknown): unknown {
  if (!Array.isArray(patch)) throw ApiError.badRequest(`error decoding patch: json: cannot unmarshal ${isObject(patch) ? 'object' : typeof patch} into Go value of type jsonpatch.Patch`);
  if (patch.length > operationsLimit) {
    throw new ApiError(413, 'RequestEntityTooLarge', `Request entity too large: The allowed maximum operations in a JSON patch is ${operationsLimit}, got ${patch.length}`);
  }
  const state: State = { root: cloneJson(document), copiedBytes: 0 };
  try {
    for (const operation of patch) perform(state, operation);
  } catch (error) {
    if (error instanceof Failure) throw rejected(error.message);
    throw error;
  }
  return state.root;
}

interface State {
  root: unknown;
  copiedBytes: number;
}

/** An operation that cannot be performed. */
class Failure extends Error {}

function perform(state: State, operation: unknown): void {
  if (!isObject(operation)) throw new Failure(`Unexpected kind: ${typeof operation}`);
  const { op, path, from } = operation;
  if (typeof path !== 'string') throw new Failure(`${String(op)} operation: failed to decode path: missing value`);
  switch (op) {
    case 'add':
      return put(state, path, cloneJson(valueOf(operation)), 'add');
    case 'remove':
      return take(state, path, 'remove');
    case 'replace': {
      const target = locate(state, path);
      if (!target) throw new Failure(`replace operation does not apply: doc is missing path: ${path}: missing value`);
      if (!has(target)) throw new Failure(`replace operation does not apply: doc is missing key: ${path}: missing value`);
      return set(state, target, cloneJson(valueOf(operation)));
    }
    case 'move': {
      const source = requireSource(state, from, 'move');
      const value = get(source);
      if (path.startsWith(`${String(from)}/`)) throw new Failure(`error in move for path: '${path}': cannot move a value into itself`);
      take(state, String(from), 'move');
      return put(state, path, value, 'move');
    }
    case 'copy': {
      const value = get(requireSource(state, from, 'copy'));
      state.copiedBytes += jsonSize(value, copyLimitBytes);
      if (state.copiedBytes > copyLimitBytes) {
        throw new Failure(`Unable to complete the copy, the accumulated size increase of copy is ${state.copiedBytes}, exceeding the limit ${copyLimitBytes}`);
      }
      return put(state, path, cloneJson(value), 'copy');
    }
    case 'test': {
      const target = locate(state, path);
      if (!target) throw new Failure(`test operation does not apply: is missing path: ${path}: missing value`);
      const actual = has(target) ? get(target) : null;
      if (!sameJson(actual, operation['value'] ?? null)) throw new Failure(`testing value ${path} failed: test failed`);
      return;
    }
    default:
      throw new Failure(`Unexpected kind: ${String(op)}`);
  }
}

/** Where a path leads: a place in a list, a field of an object, or the whole document. */
type Target =
  | { readonly in: 'document'; readonly state: State }
  | { readonly in: 'object'; readonly parent: JsonObject; readonly key: string }
  | { readonly in: 'list'; readonly parent: unknown[]; readonly key: string };

/** Undefined when the parent of what the path names is missing. */
function locate(state: State, path: string): Target | undefined {
  if (path === '') return { in: 'document', state };
  if (!path.startsWith('/')) return undefined;
  const keys = path.slice(1).split('/').map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
  const last = keys.pop()!;
  let parent = state.root;
  for (const key of keys) {
    const target = targetIn(parent, key);
    if (!target || !has(target)) return undefined;
    parent = get(target);
  }
  return targetIn(parent, last);
}

function targetIn(parent: unknown, key: string): Target | undefined {
  if (Array.isArray(parent)) return { in: 'list', parent, key };
  return isObject(parent) ? { in: 'object', parent, key } : undefined;
}

function has(target: Target): boolean {
  if (target.in === 'document') return true;
  if (target.in === 'object') return Object.hasOwn(target.parent, target.key);
  return indexOf(target.key) < target.parent.length;
}

function get(target: Target): unknown {
  if (target.in === 'document') return target.state.root;
  return target.in === 'object' ? target.parent[target.key] : target.parent[indexOf(target.key)];
}

/** Writes over what is there, or sets a new field. */
function set(state: State, target: Target, value: unknown): void {
  if (target.in === 'document') state.root = value;
  else if (target.in === 'object') setOwn(target.parent, target.key, value);
  else target.parent[indexOf(target.key)] = value;
}

/** Sets a field, or inserts into a list. */
function put(state: State, path: string, value: unknown, op: string): void {
  const target = locate(state, path);
  if (!target) throw new Failure(`${op} operation does not apply: doc is missing ${op === 'add' ? 'path' : 'destination path'}: ${JSON.stringify(path)}: missing value`);
  if (target.in !== 'list') return set(state, target, value);
  const index = target.key === '-' ? target.parent.length : indexOf(target.key);
  if (!(index <= target.parent.length)) throw new Failure(`error in ${op} for path: '${path}': Unable to access invalid index: ${target.key}: invalid index referenced`);
  target.parent.splice(index, 0, value);
}

function take(state: State, path: string, op: string): void {
  const target = locate(state, path);
  if (!target) throw new Failure(`${op} operation does not apply: doc is missing path: ${JSON.stringify(path)}: missing value`);
  if (!has(target)) {
    const why = target.in === 'list' ? `Unable to access invalid index: ${target.key}: invalid index referenced` : `Unable to remove nonexistent key: ${target.in === 'object' ? target.key : ''}: missing value`;
    throw new Failure(`error in ${op} for path: '${path}': ${why}`);
  }
  if (target.in === 'document') state.root = null;
  else if (target.in === 'object') delete target.parent[target.key];
  else target.parent.splice(indexOf(target.key), 1);
}

function requireSource(state: State, from: unknown, op: string): Target {
  const source = typeof from === 'string' ? locate(state, from) : undefined;
  if (!source || !has(source)) throw new Failure(`${op} operation does not apply: doc is missing from path: ${String(from)}: missing value`);
  return source;
}

function valueOf(operation: JsonObject): unknown {
  if (!Object.hasOwn(operation, 'value')) throw new Failure(`${String(operation['op'])} operation: missing value`);
  return operation['value'];
}

/** Infinity for a key that is no index (RFC 6901: digits without leading zeros). */
function indexOf(key: string): number {
  return /^(0|[1-9]\d{0,9})$/.test(key) ? Number(key) : Infinity;
}

/** The words that Kubernetes has for it; what went wrong stands in the cause. */
function rejected(why: string): ApiError {
  return new ApiError(422, 'Invalid', 'the server rejected our request due to an error in our request', { causes: [{ reason: 'UnexpectedServerResponse', message: why }] });
}
