// How much work a request makes, as seats: pure. A list takes one for each hundred objects that are looked at, up to ten, and a write one
// for each ten who watch, which it keeps a little longer than it takes: telling them goes on after its answer. What a level can give
// at once (`mostSeats`) bounds both, so that none waits for ever; a write that would need more keeps them the longer.
//
// Upstream reckons with all objects that are stored of a kind; here a list looks at no more than those of its namespace, or, page by page, at a page.
import type { ApiRequest } from '../../api/request.ts';

export interface Work {
  readonly seats: number;
  /** For how long they are kept after the answer. */
  readonly lingersMs: number;
}

/** Of what the requests are about. */
export interface Amounts {
  /** Objects that a list without names would look at. */
  objects(request: ApiRequest): number;
  /** Who would be told of a write. */
  watchers(request: ApiRequest): number;
}

const mostOfAny = 10;
const objectsPerSeat = 100;
const watchersPerSeat = 10;
const perEventMs = 5;

export const oneSeat: Work = Object.freeze({ seats: 1, lingersMs: 0 });
const lists: readonly Work[] = Array.from({ length: mostOfAny + 1 }, (_, seats) => Object.freeze({ seats, lingersMs: 0 }));

export function workOf(request: ApiRequest, mostSeats: number, amounts: Amounts): Work {
  switch (request.verb) {
    case 'watch':
      // Only where all that is there is told first.
      return request.options.sendInitialEvents === true ? workOfList(request, mostSeats, amounts) : oneSeat;
    case 'list':
      return workOfList(request, mostSeats, amounts);
    case 'create':
    case 'update':
    case 'patch':
    case 'delete':
      return request.subresource === undefined || request.subresource === 'status' ? workOfWrite(amounts.watchers(request), mostSeats) : oneSeat;
    default:
      return oneSeat;
  }
}

function workOfList(request: ApiRequest, mostSeats: number, amounts: Amounts): Work {
  const { verb, name, options: { fieldSelector, labelSelector, limit } } = request;
  if (name !== undefined || (fieldSelector && /(?:^|,)metadata\.name==?[^=]/.test(fieldSelector))) return oneSeat;
  const stored = amounts.objects(request);
  const isPage = verb === 'list' && !!limit && !labelSelector && !fieldSelector;
  const seats = Math.min(Math.ceil((isPage ? Math.min(limit, stored) : stored) / objectsPerSeat), mostSeats, mostOfAny);
  return seats <= 1 ? oneSeat : lists[seats]!;
}

function workOfWrite(watchers: number, mostSeats: number): Work {
  if (watchers < watchersPerSeat) return oneSeat;
  const wanted = Math.ceil(watchers / watchersPerSeat);
  const seats = Math.max(1, Math.min(wanted, mostSeats, mostOfAny));
  return { seats, lingersMs: (wanted * perEventMs) / seats };
}
