// What containers without a network answer, as their health is; in the words that those with one would use.
import type { Health } from '../../runtime/runtime.ts';
import type { ActionResult } from './action.ts';
import type { HttpAnswer, HttpRequest } from './http-get.ts';

export function httpAnswer(health: Health | undefined, { secure, host, port, path }: HttpRequest): HttpAnswer {
  if (health === 'well') return { status: 200, body: 'ok' };
  if (health === 'ill') return { status: 503, body: '' };
  return { error: `Get ${JSON.stringify(`http${secure ? 's' : ''}://${host}:${port}${path}`)}: dial tcp ${host}:${port}: connect: connection refused` };
}

/** A port of one that is not well is open all the same. */
export function tcpAnswer(health: Health | undefined, host: string, port: number): ActionResult {
  if (health === 'well' || health === 'ill') return { outcome: 'success', output: '' };
  return { outcome: 'failure', output: `dial tcp ${host}:${port}: connect: connection refused` };
}

export function grpcAnswer(health: Health | undefined, host: string, port: number): ActionResult {
  if (health === 'well') return { outcome: 'success', output: 'service healthy' };
  if (health === 'ill') return { outcome: 'failure', output: 'service unhealthy (responded with "NOT_SERVING")' };
  return { outcome: 'failure', output: `timeout: failed to connect service "${host}:${port}" within 1s: connect: connection refused` };
}
