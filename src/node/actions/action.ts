// What probes and hooks do: run a command in the container, ask it over HTTP or gRPC, knock on a port.
import { STATUS_CODES } from 'node:http';
import type { Pod, Probe } from '../../api/types.ts';
import type { Clock } from '../../base/clock.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import type { PodContainer } from '../pod/containers.ts';
import { execAction } from './exec-action.ts';
import { httpGet, type HttpAnswer, type HttpRequest } from './http-get.ts';
import { grpcAnswer, httpAnswer, tcpAnswer } from './simulated-answers.ts';
import { tcpConnect } from './tcp-connect.ts';

/** `unknown`: the action itself could not be done. */
export interface ActionResult {
  readonly outcome: 'success' | 'failure' | 'unknown';
  /** In the kubelet's words. */
  readonly output: string;
  /** Why it could not be done, where an error told. */
  readonly cause?: unknown;
  /** A success that people should hear of all the same. */
  readonly isDoubtful?: boolean;
}

/** The common part of a probe and a hook. */
export type Handler = Pick<Probe, 'exec' | 'httpGet' | 'tcpSocket' | 'grpc'>;

export interface ActionTarget {
  readonly runtime: Runtime;
  readonly clock: Clock;
  readonly pod: Pod;
  readonly container: PodContainer;
  readonly containerId: string;
  readonly podIP: string;
}

/** Does the one action that is set; takes no longer than `timeoutMs`. */
export async function perform(handler: Handler, target: ActionTarget, timeoutMs: number, userAgent: string, signal: AbortSignal): Promise<ActionResult> {
  if (handler.exec) return execAction(handler.exec.command ?? [], target, timeoutMs, signal);
  const health = target.runtime.health?.bind(target.runtime);
  if (handler.httpGet) {
    const request = httpRequestOf(handler.httpGet, target, userAgent);
    if (!request) return { outcome: 'unknown', output: `couldn't find port: ${handler.httpGet.port}` };
    return judgeHttp(health ? httpAnswer(health(target.containerId), request) : await httpGet(request, target.clock, timeoutMs, signal));
  }
  if (handler.tcpSocket) {
    const port = portNumber(handler.tcpSocket.port, target.container);
    if (!port) return { outcome: 'unknown', output: `couldn't find port: ${handler.tcpSocket.port}` };
    if (health) return tcpAnswer(health(target.containerId), handler.tcpSocket.host || target.podIP, port);
    return tcpConnect(handler.tcpSocket.host || target.podIP, port, target.clock, timeoutMs, signal);
  }
  if (handler.grpc) {
    if (health) return grpcAnswer(health(target.containerId), target.podIP, handler.grpc.port);
    const { grpcHealth } = await import('./grpc-health.ts');
    return grpcHealth(target.podIP, handler.grpc.port, handler.grpc.service ?? '', target.clock, timeoutMs, signal);
  }
  return { outcome: 'unknown', output: 'missing probe handler' };
}

export function httpRequestOf(get: NonNullable<Handler['httpGet']>, { container, podIP }: Pick<ActionTarget, 'container' | 'podIP'>, userAgent: string): HttpRequest | undefined {
  const port = portNumber(get.port, container);
  if (!port) return undefined;
  const headers: Record<string, string[]> = {};
  for (const { name, value } of get.httpHeaders ?? []) (headers[name.toLowerCase()] ??= []).push(value);
  headers['user-agent'] ??= [userAgent];
  headers.accept ??= ['*/*'];
  // Named and left empty, it is not sent.
  if (headers.accept[0] === '') delete headers.accept;
  const path = get.path || '/';
  return { secure: (get.scheme ?? 'HTTP').toUpperCase() === 'HTTPS', host: get.host || podIP, port, path: path.startsWith('/') ? path : `/${path}`, headers };
}

/** A number, or the name of one of the container's ports. */
export function portNumber(port: unknown, container: PodContainer): number | undefined {
  const number = Number(port);
  if (Number.isInteger(number)) return number > 0 && number < 65_536 ? number : undefined;
  return container.spec.ports?.find(({ name }) => name === port)?.containerPort;
}

function judgeHttp(answer: HttpAnswer): ActionResult {
  if ('error' in answer) return { outcome: 'failure', output: answer.error };
  // It led to another host, where we do not go.
  if (answer.status >= 300 && answer.status < 400) return { outcome: 'success', isDoubtful: true, output: `Probe terminated redirects, Response body: ${answer.body}` };
  if (answer.status >= 200 && answer.status < 300) return { outcome: 'success', output: answer.body || (STATUS_CODES[answer.status] ?? '') };
  return { outcome: 'failure', output: `HTTP probe failed with statuscode: ${answer.status}` };
}
