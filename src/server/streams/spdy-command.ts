// exec and attach over SPDY/3.1: the client opens one stream for each channel, error first.
import type { Clock } from '../../base/clock.ts';
import { SpdyConnection } from '../../base/spdy/connection.ts';
import type { SpdyStream } from '../../base/spdy/stream.ts';
import type { Duplex } from 'node:stream';
import { serveCommand, type CommandOptions } from './remote-command.ts';
import type { StreamTarget } from './streams.ts';

/** In order of age; a v5 over SPDY is a v4. */
export const commandProtocols: readonly string[] = ['v5.channel.k8s.io', 'v4.channel.k8s.io', 'v3.channel.k8s.io', 'v2.channel.k8s.io', 'channel.k8s.io'];

/** How long the client may take to open its streams, as in the kubelet. */
const streamCreationMs = 30_000;

export async function serveSpdyCommand(socket: Duplex, head: Buffer, protocol: string, target: StreamTarget, options: CommandOptions, clock: Clock, signal: AbortSignal): Promise<void> {
  const resizes = options.tty && !['channel.k8s.io', 'v2.channel.k8s.io'].includes(protocol);
  const expected = ['error', options.stdin && 'stdin', options.stdout && 'stdout', options.stderr && 'stderr', resizes && 'resize'].filter((name) => name !== false);
  const streams = new Map<string, SpdyStream>();
  const allOpen = Promise.withResolvers<void>();
  const gone = new AbortController();
  const connection = new SpdyConnection(socket, {
    side: 'server',
    onStream: (stream) => {
      const type = stream.headers.get('streamtype') ?? '';
      if (!expected.includes(type) || streams.has(type)) throw new Error(`unexpected stream type: ${JSON.stringify(type)}`);
      streams.set(type, stream);
      if (streams.size === expected.length) allOpen.resolve();
    },
  }, head);
  void connection.closed.then(() => {
    gone.abort(new Error('the client has left'));
    allOpen.reject(gone.signal.reason);
  });
  const timer = clock.schedule(streamCreationMs, () => allOpen.reject(new Error('timed out waiting for client to create streams')));
  try {
    await allOpen.promise;
    await serveCommand(target, options, {
      stdin: streams.get('stdin'),
      stdout: streams.get('stdout'),
      stderr: streams.get('stderr'),
      resize: streams.get('resize'),
      error: streams.get('error')!,
      errorFormat: protocol.startsWith('v5') || protocol.startsWith('v4') ? 'status' : 'text',
      gone: gone.signal,
    }, signal);
  } catch {
    // The client has left or never opened its streams: there is no channel to tell it on.
  } finally {
    timer[Symbol.dispose]();
    connection.end();
    await connection.closed;
  }
}
