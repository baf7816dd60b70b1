// One request to a server behind this one, and its whole answer: for what this server itself wants to know, and for those who call
// it in process. What comes over the wire is passed on without a look at it (forward-aggregated.ts).
import { request as httpsRequest } from 'node:https';
import type { IncomingMessage } from 'node:http';
import type { UserInfo } from '../../api/kind.ts';
import type { Clock } from '../../base/clock.ts';
import { timedOut, type Upstream } from '../../base/reverse-proxy/forward.ts';
import { wholeAnswer } from '../whole-answer.ts';
import { userHeaders } from './user-headers.ts';

export interface Asked {
  /** With its query. */
  readonly path: string;
  readonly user: UserInfo;
  readonly method?: string;
  readonly accept?: string;
  /** JSON, and what it is called. */
  readonly body?: { readonly text: string; readonly type: string };
  /** Until the head of the answer is there. Undefined: as long as it takes. */
  readonly timeoutMs?: number;
}

export interface Answered {
  readonly code: number;
  readonly body: Buffer;
  /** Undefined for what is no JSON. */
  json(): unknown;
}

/** An answer that is longer is cut off. */
const longestAnswer = 64 * 1024 * 1024;

export async function ask(to: Upstream, asked: Asked, clock: Clock, signal: AbortSignal): Promise<Answered> {
  const answer = await open(to, asked, clock, signal);
  const body = await wholeAnswer(answer, longestAnswer);
  return {
    code: answer.statusCode!,
    body,
    json() {
      try {
        return JSON.parse(body.toString()) as unknown;
      } catch {
        return undefined;
      }
    },
  };
}

/** The head of an answer, its body still to come. Throws Error. */
export function open({ host, port, agent, tls }: Upstream, { path, user, method = 'GET', accept = 'application/json', body, timeoutMs }: Asked, clock: Clock, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const headers = [...userHeaders(user), 'Host', tls?.servername ?? host, 'Accept', accept, ...(body ? ['Content-Type', body.type, 'Content-Length', String(Buffer.byteLength(body.text))] : [])];
    const outgoing = httpsRequest({ host, port, agent, path, method, headers, setHost: false, signal, ...tls } as never);
    const timer = timeoutMs === undefined ? undefined : clock.schedule(timeoutMs, () => outgoing.destroy(timedOut()));
    const over = () => timer?.[Symbol.dispose]();
    outgoing.once('error', (error) => (over(), reject(error)));
    outgoing.once('response', (answer) => (over(), resolve(answer)));
    outgoing.end(body?.text);
  });
}
