// Runs a container's postStart or preStop.
import type { LifecycleHandler } from '../../api/types.ts';
import { perform, type ActionTarget } from '../actions/action.ts';

/** A hook has no time limit of its own; its caller's signal ends it. */
const noLimitMs = 2 ** 31 - 1;

export class HookError extends Error {
  override readonly name = 'HookError';
}

/** Throws HookError when the hook fails. A hook over HTTP that fails over TLS is tried in plain, as upstream does. */
export async function runHook(handler: LifecycleHandler, target: ActionTarget, signal: AbortSignal): Promise<void> {
  if (handler.sleep) return target.clock.sleep(handler.sleep.seconds * 1000, signal);
  const result = await perform(handler, target, noLimitMs, 'kube-lifecycle', signal);
  if (result.outcome === 'success') return;
  if (handler.httpGet && (handler.httpGet.scheme ?? '').toUpperCase() === 'HTTPS' && /wrong version number|EPROTO/.test(result.output)) {
    const plain = await perform({ httpGet: { ...handler.httpGet, scheme: 'HTTP' } }, target, noLimitMs, 'kube-lifecycle', signal);
    if (plain.outcome === 'success') return;
  }
  throw new HookError(result.output);
}
