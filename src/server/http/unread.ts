// A request that has its answer before all of it has come: refused, or out of time. What still comes is read for a moment, since a socket closed
// on unread data loses the answer; whoever goes on sending after that is cut off.
import { constants } from 'node:http2';
import type { Clock } from '../../base/clock.ts';
import { isHttp2, type Incoming } from './exchange.ts';

const lingerMs = 5000;

export function isUnread(incoming: Incoming): boolean {
  const { headers } = incoming;
  if (isHttp2(incoming)) return headers['content-length'] !== undefined || incoming.method !== 'GET' ? !incoming.stream.readableEnded && !incoming.stream.endAfterHeaders : false;
  return !incoming.complete && (headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined);
}

export function dropUnread(incoming: Incoming, clock: Clock): void {
  const timer = clock.schedule(lingerMs, () => {
    if (!isUnread(incoming)) return;
    if (isHttp2(incoming)) incoming.stream.close(constants.NGHTTP2_NO_ERROR);
    else incoming.destroy();
  });
  incoming.once('close', () => timer[Symbol.dispose]());
}
