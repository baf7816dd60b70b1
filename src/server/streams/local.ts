// exec, attach and port-forward in process: no sockets, no handshake, the same channels.
import { duplexPair, type Duplex } from 'node:stream';
import { Channels } from './channels.ts';
import { serveChannelCommand } from './channel-command.ts';
import { queriedPorts, serveChannelPortForward } from './port-forward.ts';
import { commandOptions } from './remote-command.ts';
import type { StreamTarget } from './streams.ts';

/**
 * The client's end of a connection that speaks v5.channel.k8s.io. It is in object mode: each chunk is one message, a
 * Buffer. Ending it leaves the session; to close only stdin, write the message 255, 0. Throws ApiError BadRequest.
 */
export function openLocal(target: StreamTarget, signal: AbortSignal): Duplex {
  const [ours, theirs] = duplexPair({ objectMode: true });
  ours.on('error', () => {});
  if (target.kind === 'portforward') void serveChannelPortForward(ours, 'binary', queriedPorts(target.query), target, signal);
  else void serveChannelCommand(new Channels(ours), 'status', target, commandOptions(target), signal);
  return theirs;
}
