// Who owns which fields after a write that is no apply: kept in the words of the version in which the write spoke.
import { trackUpdate } from '../../api/patch/server-side-apply.ts';
import { turningOf } from '../../api/kinds/versions.ts';
import type { KubeObject } from '../../api/types.ts';
import type { WriteRequest } from './registry.ts';

/** Sets the draft's managedFields; \`old\` is what it replaces. */
export function track({ kind, as, options: { fieldManager }, subresource }: WriteRequest, old: KubeObject | undefined, draft: KubeObject, nowMs: number): void {
  // Few objects were ever applied; of all others there is nothing to keep.
  if (!draft.metadata.managedFields && !old?.metadata.managedFields) return;
  const options = { fieldManager, subresource, nowMs, turning: turningOf(kind, as ?? kind) };
  if (!as) return trackUpdate(kind, old, draft, options);
  const shown = as.storedAs!.fromStored(draft);
  trackUpdate(as, old && as.storedAs!.fromStored(old), shown, options);
  const { managedFields } = shown.metadata;
  if (managedFields) draft.metadata.managedFields = managedFields;
  else delete draft.metadata.managedFields;
}
