// exec, attach and port-forward over the streaming server of a CRI runtime: a URL on loopback that is upgraded to
// SPDY/3.1, with one stream for each of stdin, stdout, stderr, terminal sizes and the outcome.
import { request } from 'node:http';
import { Transform, type Duplex, type Readable, type Writable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { SpdyConnection } from '../../base/spdy/connection.ts';
import type { SpdyStream } from '../../base/spdy/stream.ts';
import { RuntimeError, type ExecStreams, type TerminalSize } from '../runtime.ts';

/**
 * Runs the command that `url` stands for; resolves with its exit code once all its output has been written. Which
 * streams there are must agree with what the Exec call asked for, or the runtime waits for them in vain. `otherwise` may
 * know the exit code when all output has come but the runtime has hung up on our input before we could read the outcome.
 */
export async function streamExec(url: string, streams: ExecStreams, otherwise: () => Promise<number | undefined>, signal: AbortSignal): Promise<number> {
  const outcome = await command(url, streams, otherwise, signal);
  return outcome.type === 'exited' ? outcome.code : fail(outcome.message);
}

/** Joins the main process's streams until its output ends. */
export async function streamAttach(url: string, streams: ExecStreams, signal: AbortSignal): Promise<void> {
  const outcome = await command(url, streams, async () => undefined, signal);
  if (outcome.type === 'failed') fail(outcome.message);
}

/** Joins `stream` with a TCP port in the sandbox; resolves when the far side has closed. */
export async function streamPortForward(url: string, port: number, stream: Duplex, signal: AbortSignal): Promise<void> {
  await connected(url, 'portforward.k8s.io', signal, async (connection) => {
    const open = (streamType: string) => connection.openStream(new Map([['streamtype', streamType], ['port', String(port)], ['requestid', '0']]), signal);
    const [error, data] = await Promise.all([open('error'), open('data')]);
    error.end();
    const report = readText(error);
    // When the client leaves first, nobody waits for it: that is no reason to fail.
    report.catch(() => {});
    feed(stream, data);
    await pipeline(data, stream).catch((cause: unknown) => {
      // The near side has gone: there is nobody left to tell.
      if (!stream.destroyed) throw cause;
    });
    const message = stream.errored ? '' : await report;
    if (message) fail(message.replace(ownPrefix, '').trim());
  });
}

/** The runtime says it of its sandbox; our caller says it of the Pod. */
const ownPrefix = /^error forwarding port \d+ to pod \S*, uid ?\S*: /;

type Outcome = { readonly type: 'exited'; readonly code: number } | { readonly type: 'failed'; readonly message: string };

function command(url: string, streams: ExecStreams, otherwise: () => Promise<number | undefined>, signal: AbortSignal): Promise<Outcome> {
  return connected(url, 'v4.channel.k8s.io', signal, async (connection) => {
    const open = (streamType: string, wanted: unknown) => (wanted ? connection.openStream(new Map([['streamtype', streamType]]), signal) : undefined);
    const [error, stdin, stdout, stderr, resize] = await Promise.all([
      open('error', true),
      open('stdin', streams.stdin),
      open('stdout', streams.stdout),
      open('stderr', streams.stderr && !streams.tty),
      open('resize', streams.tty),
    ]);
    const stopFeeding = stdin && feed(streams.stdin!, stdin);
    if (resize && streams.resize) sendSizes(streams.resize, resize).catch(() => resize.destroy());
    // A runtime that hangs up while we still write cuts every stream; how the command ended may be known all the same.
    let cut: unknown;
    const onCut = (reason: unknown) => void (cut ??= reason);
    const [report] = await Promise.all([readText(error!).catch(() => ''), drain(stdout, streams.stdout).catch(onCut), drain(stderr, streams.stderr).catch(onCut)]);
    stopFeeding?.();
    const code = report === '' ? await otherwise() : undefined;
    if (report === '' && code === undefined && cut !== undefined) throw cut;
    return code === undefined ? outcomeOf(report) : { type: 'exited', code };
  });
}

/** Runs `use` on an upgraded connection, and closes it in order, or at once when aborted. */
async function connected<T>(url: string, protocol: string, signal: AbortSignal, use: (connection: SpdyConnection) => Promise<T>): Promise<T> {
  const connection = await upgrade(url, protocol, signal);
  const onAbort = () => connection.destroy(signal.reason as Error);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    if (signal.aborted) onAbort();
    return await use(connection);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof RuntimeError) throw error;
    throw new RuntimeError('unavailable', 'the stream to the container runtime was cut', { cause: error });
  } finally {
    signal.removeEventListener('abort', onAbort);
    connection.end();
  }
}

function upgrade(url: string, protocol: string, signal: AbortSignal): Promise<SpdyConnection> {
  return new Promise((resolve, reject) => {
    const headers = { Connection: 'Upgrade', Upgrade: 'SPDY/3.1', 'X-Stream-Protocol-Version': protocol };
    const asking = request(url, { method: 'POST', headers, signal, agent: false });
    asking.once('upgrade', (_answer, socket, head) => resolve(new SpdyConnection(readToItsEnd(socket), { side: 'client' }, head)));
    asking.once('response', (answer) => {
      readText(answer)
        .catch(() => '')
        .then((body) => reject(new RuntimeError('failed', `unable to upgrade connection: ${body.trim() || answer.statusMessage}`)));
    });
    asking.once('error', (cause) => reject(signal.aborted ? signal.reason : new RuntimeError('unavailable', 'the container runtime\'s streaming server cannot be reached', { cause })));
    asking.end();
  });
}

/**
 * A runtime that has done says so and closes, though we may still be writing. Node.js then ends the socket at the first
 * write that fails, and with it what has come and is not read yet: the last output, and how the command ended. So a failed
 * write ends nothing here: reading goes on until it comes to its own end, which the runtime's closing brings.
 */
function readToItsEnd(socket: Duplex): Duplex {
  const [destroy, push] = [socket.destroy.bind(socket), socket.push.bind(socket)];
  let failed: Error | undefined;
  let ended = false;
  // A Duplex whose write has failed takes nothing in and gives nothing out any more by itself.
  const give = (part: unknown) => void (part !== null && socket.emit('data', part));
  socket.destroy = (error?: NodeJS.ErrnoException) => {
    if (error?.syscall !== 'write' || failed) return destroy(error);
    failed = error;
    give(socket.read());
    return ended ? destroy(error) : socket;
  };
  socket.push = (part, encoding) => {
    ended ||= part === null;
    if (!failed) return push(part, encoding);
    give(part);
    if (ended) destroy(failed);
    return true;
  };
  return socket;
}

/** Source to stream with back-pressure; the source's end, or its failure, closes our half. The source stays its owner's, and is left by the function given back. */
function feed(source: Readable, into: SpdyStream): () => void {
  // A runtime that has done says so and closes, though we may still be writing: the next write then fails and takes along
  // what has not been read. So after each part there is time to read.
  const part = new Transform({ transform: (chunk, _encoding, done) => void setImmediate(done, null, chunk) });
  source.pipe(part).pipe(into);
  finished(source, { writable: false }).catch(() => part.end());
  // Nothing comes back on stdin, and on a data stream there is another reader.
  into.on('error', () => source.unpipe(part).resume());
  return () => void source.unpipe(part);
}

/** All of a stream's output, written but not ended: the writable stays its owner's. */
async function drain(from: SpdyStream | undefined, into: Writable | undefined): Promise<void> {
  if (from && into) await pipeline(from, into, { end: false });
}

async function sendSizes(sizes: AsyncIterable<TerminalSize>, stream: SpdyStream): Promise<void> {
  for await (const { width, height } of sizes) {
    if (stream.destroyed || stream.wasReset) return;
    stream.write(JSON.stringify({ Width: width, Height: height }));
  }
}

/** What a runtime has to say about an outcome is short; the rest is read over. */
const mostTextBytes = 64 * 1024;

async function readText(stream: Readable): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of stream as AsyncIterable<Buffer>) {
    if (bytes < mostTextBytes) parts.push(part.subarray(0, mostTextBytes - bytes));
    bytes += part.length;
  }
  return Buffer.concat(parts).toString();
}

interface StatusReport {
  readonly status?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly details?: { readonly causes?: readonly { readonly reason?: string; readonly message?: string }[] };
}

/** Reads the Status of the error stream. None at all: the connection ended before the process did. */
function outcomeOf(report: string): Outcome {
  if (report === '') throw new RuntimeError('unavailable', 'the stream to the container runtime ended without an outcome');
  let status: StatusReport;
  try {
    status = JSON.parse(report) as StatusReport;
  } catch {
    return { type: 'failed', message: report };
  }
  if (status.status === 'Success') return { type: 'exited', code: 0 };
  if (status.reason === 'NonZeroExitCode') {
    const code = Number(status.details?.causes?.find((cause) => cause.reason === 'ExitCode')?.message);
    if (Number.isInteger(code)) return { type: 'exited', code };
  }
  return { type: 'failed', message: status.message ?? 'unknown error' };
}

function fail(message: string): never {
  throw new RuntimeError('failed', message);
}
