// The streams of a process on one connection with the engine.
import { once } from 'node:events';
import { finished } from 'node:stream/promises';
import { addAbortSignal, type Duplex, type Writable } from 'node:stream';
import { RuntimeError, type ExecStreams, type TerminalSize } from '../runtime.ts';
import { FrameReader, type Frame } from './frames.ts';

/** Resolves once the engine has closed the connection and all output is written. The streams stay their owner's. */
export async function joinStreams(connection: Duplex, streams: ExecStreams, resize: (size: TerminalSize, signal: AbortSignal) => Promise<unknown>, signal: AbortSignal): Promise<void> {
  addAbortSignal(signal, connection);
  const over = new AbortController();
  // An error also ends the reading below.
  connection.on('error', () => {});
  const { stdin } = streams;
  if (stdin) {
    stdin.pipe(connection, { end: false });
    finished(stdin, { writable: false }).catch(() => {}).then(() => connection.end());
  }
  if (streams.tty && streams.resize) void sendSizes(streams.resize, resize, over.signal).catch(() => {});
  try {
    const frames = new FrameReader({ whole: false });
    for await (const part of connection as AsyncIterable<Buffer>) {
      const found: Iterable<Frame> = streams.tty ? [{ stream: 'stdout', content: part }] : frames.read(part);
      for (const { stream, content } of found) await write(streams[stream], content);
    }
  } catch (cause) {
    signal.throwIfAborted();
    // A process that ends with input unread resets the connection: all it said has been read by then.
    if ((cause as NodeJS.ErrnoException).code !== 'ECONNRESET' && (cause as NodeJS.ErrnoException).code !== 'EPIPE') throw new RuntimeError('unavailable', 'the stream to Docker was cut', { cause });
  } finally {
    over.abort();
    stdin?.unpipe(connection);
    connection.destroy();
  }
}

/** What nobody listens to any more is read over. */
async function write(into: Writable | undefined, content: Buffer): Promise<void> {
  if (!into || into.destroyed || into.writableEnded) return;
  if (!into.write(content)) await Promise.race([once(into, 'drain'), once(into, 'close')]).catch(() => {});
}

async function sendSizes(sizes: AsyncIterable<TerminalSize>, resize: (size: TerminalSize, signal: AbortSignal) => Promise<unknown>, over: AbortSignal): Promise<void> {
  for await (const size of sizes) {
    if (over.aborted) return;
    // The process may not have begun, or have ended.
    await resize(size, over).catch(() => {});
  }
}
