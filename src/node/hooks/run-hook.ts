// Runs a container's postStart or preStop.
import type { LifecycleHandler } from '../../api/types.ts';
import type { EventRecorder } from '../../client/event-recorder.ts';
import { execAction } from '../actions/exec-action.ts';
import { httpRequestOf, type ActionTarget } from '../actions/action.ts';
import { httpGet } from '../actions/http-get.ts';

/** A hook has no time limit of its own; its caller's signal ends it. */
const noLimitMs = 2 ** 31 - 1;
const userAgent = 'kube-lifecycle/1.36';

export class HookError extends Error {
  override readonly name = 'HookError';
}

/** Throws HookError when the hook fails. */
export async function runHook(handler: LifecycleHandler, target: ActionTarget, events: EventRecorder, signal: AbortSignal): Promise<void> {
  if (handler.sleep) return target.clock.sleep((handler.sleep.seconds ?? 0) * 1000, signal);
  if (handler.exec) {
    const { outcome, output, cause } = await execAction(handler.exec.command ?? [], target, noLimitMs, signal);
    if (outcome !== 'success') throw new HookError(output, { cause });
    return;
  }
  if (handler.httpGet) return runHttp(handler.httpGet, target, events, signal);
  // The API keeps tcpSocket here for old objects' sake, and says that such a hook fails when it is run.
  throw new HookError('cannot run handler');
}

/** Any answer will do, whatever its status. A server that turns out not to speak TLS is asked in plain, as upstream does. */
async function runHttp(get: NonNullable<LifecycleHandler['httpGet']>, target: ActionTarget, events: EventRecorder, signal: AbortSignal): Promise<void> {
  const request = httpRequestOf(get, target, userAgent);
  if (!request) throw new HookError(`couldn't find port: ${get.port}`);
  const answer = await httpGet(request, target.clock, noLimitMs, signal);
  if (!('error' in answer)) return;
  if (!request.secure || !/wrong version number|EPROTO|packet length too long/.test(answer.error)) throw new HookError(answer.error);
  const plain = await httpGet({ ...request, secure: false }, target.clock, noLimitMs, signal);
  if ('error' in plain) throw new HookError(answer.error);
  const { pod, container } = target;
  const message = `request to HTTPS lifecycle hook ${request.host}:${request.port} got HTTP response, retry with HTTP succeeded`;
  events.event({ apiVersion: 'v1', kind: 'Pod', metadata: pod.metadata }, 'Warning', 'LifecycleHTTPFallback', message, container.fieldPath);
}
