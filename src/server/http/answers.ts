// How an answer goes out: counted, with what the filters have to say in its head, compressed where the client likes it so.
import type { Clock } from '../../base/clock.ts';
import { send, type Headers, type Pieces } from './exchange.ts';
import type { Passing } from './passing.ts';
import { compressed, warningHeader, type Rendered } from './render.ts';
import { dropUnread, isUnread } from './unread.ts';

export interface Answers {
  /** All of an answer. `headers` become its own. */
  answerWith(passing: Passing, code: number, headers: Headers, body: Buffer | Pieces): void;
  /** The same, compressed where that helps, and without its body for HEAD. */
  reply(rendered: Rendered, passing: Passing): Promise<void>;
}

export function createAnswers(clock: Clock): Answers {
  function answerWith({ incoming, outgoing, measuring, headers: added, deprecation }: Passing, code: number, headers: Headers, body: Buffer | Pieces): void {
    measuring.end(code, body.length);
    if (deprecation) headers['warning'] = [warningHeader(deprecation.warning), ...((headers['warning'] ?? []) as readonly string[])];
    send(outgoing!, code, added ? Object.assign(headers, added) : headers, body);
    if (isUnread(incoming)) dropUnread(incoming, clock);
  }

  return {
    answerWith,
    async reply(rendered, passing) {
      const { code, headers, body } = await compressed(rendered, passing.incoming.headers['accept-encoding']);
      answerWith(passing, code, headers, passing.method === 'HEAD' ? Buffer.alloc(0) : body);
    },
  };
}

/** The same for an answer that begins before it is known how it ends. */
export function setHeaders({ outgoing, headers = {}, deprecation }: Passing): void {
  if (deprecation) outgoing!.setHeader('warning', warningHeader(deprecation.warning));
  for (const name in headers) outgoing!.setHeader(name, headers[name]!);
}
