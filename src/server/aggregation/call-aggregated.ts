// What another server serves, for those who call the API in process: the same requests that a client would send.
import { StringDecoder } from 'node:string_decoder';
import { ApiError } from '../../api/error.ts';
import type { UserInfo } from '../../api/kind.ts';
import { methodOf, pathOf } from '../../api/request-path.ts';
import type { ApiRequest, WatchEvent } from '../../api/request.ts';
import type { Status } from '../../api/types.ts';
import type { Clock } from '../../base/clock.ts';
import { wordsOf } from '../proxy/words.ts';
import { NotAnswered, type Upstream } from '../../base/reverse-proxy/forward.ts';
import type { Aggregation, Remote } from './aggregation.ts';
import { ask, open } from './ask.ts';

const patchTypes = { json: 'application/json-patch+json', merge: 'application/merge-patch+json', strategic: 'application/strategic-merge-patch+json', apply: 'application/apply-patch+yaml' } as const;
/** Of a watch, one event; a longer line ends it. */
const longestLine = 16 * 1024 * 1024;

export class AggregatedCalls {
  readonly #aggregation: Aggregation;
  readonly #clock: Clock;

  constructor(aggregation: Aggregation, clock: Clock) {
    this.#aggregation = aggregation;
    this.#clock = clock;
  }

  /** Throws ApiError. */
  async call(remote: Remote, request: ApiRequest, user: UserInfo, signal: AbortSignal): Promise<unknown> {
    const { body, patchType } = request;
    const sent = body === undefined ? {} : { body: { text: JSON.stringify(body), type: patchType ? patchTypes[patchType] : 'application/json' } };
    const to = await this.#wayTo(remote);
    const answer = await ask(to, { path: pathOf(request), method: methodOf(request), user, ...sent }, this.#clock, signal).catch((error: unknown) => failed(error, to));
    const object = answer.json();
    if (answer.code >= 400) throw refusal(answer.code, object, answer.body.toString());
    return object;
  }

  async *watch<T>(remote: Remote, request: ApiRequest, user: UserInfo, signal: AbortSignal): AsyncGenerator<WatchEvent<T>> {
    const to = await this.#wayTo(remote);
    const answer = await open(to, { path: pathOf(request), user }, this.#clock, signal).catch((error: unknown) => failed(error, to));
    if (answer.statusCode !== 200) throw refusal(answer.statusCode!, undefined, '');
    const decoder = new StringDecoder('utf8');
    let rest = '';
    for await (const chunk of answer) {
      const lines = (rest + decoder.write(chunk as Buffer)).split('\n');
      rest = lines.pop()!;
      if (rest.length > longestLine) throw ApiError.unavailable('an event of the watch is too long');
      for (const line of lines) {
        if (line.trim() === '') continue;
        const event = JSON.parse(line) as WatchEvent<T>;
        if (event.type === 'ERROR') throw refusal((event.object as Status).code ?? 500, event.object, '');
        yield event;
      }
    }
  }

  async #wayTo(remote: Remote): Promise<Upstream> {
    const unavailable = () => ApiError.unavailable('the server is currently unable to handle the request');
    if (!remote.isAvailable) throw unavailable();
    return this.#aggregation.upstream(remote).catch(() => {
      throw unavailable();
    });
  }
}

function failed(error: unknown, to: Upstream): never {
  const { code = 'ERR' } = error as NodeJS.ErrnoException;
  throw ApiError.unavailable(`error trying to reach service: ${wordsOf(new NotAnswered('connecting', code, false, { cause: error }), to)}`);
}

function refusal(code: number, object: unknown, text: string): ApiError {
  const { kind, reason, message, details } = (object ?? {}) as Partial<Status>;
  if (kind === 'Status') return new ApiError(code, reason ?? '', message ?? '', details as ApiError['details']);
  const reasons: Readonly<Record<number, string>> = { 401: 'Unauthorized', 403: 'Forbidden', 404: 'NotFound', 409: 'Conflict', 410: 'Expired', 503: 'ServiceUnavailable' };
  return new ApiError(code, reasons[code] ?? 'InternalError', text.trim() || 'the server behind this one refused');
}
