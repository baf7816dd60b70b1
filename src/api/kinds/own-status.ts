// Most kinds with a status keep it apart from the rest: it begins empty, and whoever writes the one leaves the other as it was.
import type { KubeObject } from '../types.ts';

interface WithStatus extends KubeObject {
  spec?: object;
  status?: object;
}

/** For a kind's table, where nothing more is to be done. */
export const ownStatus = {
  hasStatus: true,
  prepareCreate(draft: WithStatus): void {
    draft.status = {};
  },
  prepareUpdate(draft: WithStatus, before: WithStatus): void {
    draft.status = before.status;
  },
  prepareStatus(draft: WithStatus, before: WithStatus): void {
    draft.spec = before.spec;
  },
} as const;
