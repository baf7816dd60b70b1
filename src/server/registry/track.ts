// Who owns which fields after a write that is no apply: kept in the words of the version in which the write spoke.
//
// Book is kept of what comes with a manager's name, as all does that comes over the wire. The parts of this process give none:
// of what they make there is no book, which costs nothing, and what they change of others' objects goes under the names
// that upstream's have.
import { trackUpdate } from '../../api/patch/track-update.ts';
import { turningOf } from '../../api/kinds/versions.ts';
import type { UserInfo } from '../../api/kind.ts';
import { draftOf } from '../../api/meta.ts';
import { isObject } from '../../api/patch/json.ts';
import type { KubeObject } from '../../api/types.ts';
import type { WriteRequest } from './registry.ts';

/** Sets the draft's managedFields; `old` is what it replaces. */
export function track({ kind, as, user, options: { fieldManager }, subresource }: WriteRequest, old: KubeObject | undefined, draft: KubeObject, nowMs: number): void {
  const { metadata } = draft;
  if (fieldManager === undefined && !metadata.managedFields && !old?.metadata.managedFields) return;
  if (fieldManager === undefined && !old) {
    delete metadata.managedFields;
    return;
  }
  const options = { fieldManager: fieldManager ?? partOf(user), subresource, nowMs, turning: turningOf(kind, as ?? kind) };
  if (!as) return trackUpdate(kind, old, draft, options);
  const { fromStored } = as.storedAs!;
  const shown = fromStored(draft);
  trackUpdate(as, old && fromStored(old), shown, options);
  const { managedFields } = shown.metadata;
  if (managedFields) metadata.managedFields = managedFields;
  else delete metadata.managedFields;
}

/** The object without its managedFields, for what has no need to look at them: they are as large as all else. */
export function withoutOwners<T extends KubeObject | undefined>(object: T): T {
  if (!object?.metadata?.managedFields) return object;
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}

/** A draft of it; the managedFields are shared, which nobody changes in place. */
export function draftSharingOwners(object: KubeObject): KubeObject {
  const draft = draftOf(withoutOwners(object));
  const { managedFields } = object.metadata;
  if (managedFields) draft.metadata.managedFields = managedFields;
  return draft;
}

/** Whether a patch may have to do with managedFields; false: certainly not. */
export function speaksOfOwners(patch: unknown): boolean {
  if (Array.isArray(patch)) return !patch.every((operation) => isElsewhere((operation as { path?: unknown } | null)?.path) && isElsewhere((operation as { from?: unknown } | null)?.from ?? '/x'));
  if (!isObject(patch) || patch['$patch'] !== undefined) return true;
  const { metadata } = patch;
  return metadata !== undefined && (!isObject(metadata) || Object.keys(metadata).some((key) => key === 'managedFields' || key.startsWith('$')));
}

function isElsewhere(pointer: unknown): boolean {
  return typeof pointer === 'string' && pointer !== '' && pointer !== '/metadata' && !pointer.startsWith('/metadata/managedFields');
}

/** The program of upstream's that does what this part does. */
function partOf({ username }: UserInfo): string {
  if (username.startsWith('system:node:')) return 'kubelet';
  if (username.startsWith('system:kube-')) return username.slice('system:'.length);
  return names[username] ?? 'peapod';
}

const names: Readonly<Record<string, string | undefined>> = { 'system:apiserver': 'kube-apiserver', 'system:coredns': 'coredns' };
