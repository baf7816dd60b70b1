// A SPDY/3.1 connection over any Duplex, for either side.
//
// The peers are Go programs (moby/spdystream), which leave out :method and :path, and neither keep nor grant windows. So
// we send without windows, held back only by the socket. Nor do we grant any: a runtime that closes its socket while our
// grants lie unread in it makes the kernel reset the connection, and the last of its output is lost. A stream whose reader
// is behind stops the whole connection's reading, as it does in Go: so memory stays bounded.
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { systemClock } from '../clock.ts';
import { SpdyError } from './error.ts';
import { FrameReader, goAwayStatus, largestFrameBytes, resetStatus, writeFrame, type Frame } from './frame.ts';
import { HeaderCompressor, type SpdyHeaders } from './header-block.ts';
import { SpdyStream, type StreamPort } from './stream.ts';

export interface SpdyOptions {
  readonly side: 'client' | 'server';
  /**
   * Called for each stream that the peer opens, before it is accepted with an empty reply. Throwing refuses it.
   * Absent: all are refused.
   */
  readonly onStream?: (stream: SpdyStream) => void;
}

/** Streams open at once; more are refused. */
const mostStreams = 4096;
/** Answers (replies, resets, pongs) that may wait for a peer that does not read; beyond it the connection ends. */
const mostWaitingBytes = 8 * 1024 * 1024;
/** How long the peer may take to close its side after we have closed ours. */
const lingerMs = 2_000;

const noHeaders: SpdyHeaders = new Map();
const nothing = Buffer.alloc(0);

/**
 *   open ──GOAWAY from peer──► peer-leaving        no new streams; those that are open go on
 *    └───────end()─────┬───────────┘
 *                      ▼
 *                    ended                         what we wrote goes out, what comes in is passed over
 *                      ▼  socket closed, or destroy() from any state
 *                    closed
 */
type State = 'open' | 'peer-leaving' | 'ended' | 'closed';

export class SpdyConnection {
  /** Resolves when the connection is over, with the error that ended it if one did. Never rejects. */
  readonly closed: Promise<Error | undefined>;

  readonly #socket: Duplex;
  readonly #options: SpdyOptions;
  readonly #reader = new FrameReader();
  readonly #compressor = new HeaderCompressor();
  readonly #streams = new Map<number, SpdyStream>();
  readonly #opening = new Map<number, { resolve: () => void; reject: (error: Error) => void }>();
  readonly #behind = new Set<SpdyStream>();
  #nextId: number;
  #lastPeerId = 0;
  #state: State = 'open';
  #error: Error | undefined;

  /** `head`: bytes that were read from the socket together with the upgrade. */
  constructor(socket: Duplex, options: SpdyOptions, head: Buffer = Buffer.alloc(0)) {
    this.#socket = socket;
    this.#options = options;
    this.#nextId = options.side === 'client' ? 1 : 2;
    this.closed = new Promise((resolve) => {
      const onClose = () => resolve(this.#onClose());
      if (socket.closed) queueMicrotask(onClose);
      else socket.once('close', onClose);
    });
    if (head.length) socket.unshift(head);
    // Frames are small and answered: waiting to fill a packet would cost 40 ms each time.
    if ('setNoDelay' in socket) (socket as Socket).setNoDelay(true);
    socket.on('error', (error: Error) => (this.#error ??= error));
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    socket.on('end', () => socket.end());
  }

  /** Resolves once the peer has accepted the stream; rejects with SpdyError when it refuses. */
  async openStream(headers: SpdyHeaders, signal: AbortSignal): Promise<SpdyStream> {
    signal.throwIfAborted();
    if (this.#state !== 'open') throw this.#gone();
    const id = this.#nextId;
    this.#nextId += 2;
    const stream = this.#track(id, headers);
    const onAbort = () => this.#opening.get(id)?.reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await new Promise<void>((resolve, reject) => {
        this.#opening.set(id, { resolve, reject });
        this.#answer(writeFrame.synStream(id, headers, this.#compressor));
      });
      return stream;
    } catch (error) {
      stream.destroy();
      throw error;
    } finally {
      this.#opening.delete(id);
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** Says goodbye, and closes the socket once what was written is out. */
  end(): void {
    if (this.#state === 'ended' || this.#state === 'closed') return;
    this.#state = 'ended';
    if (this.#socket.writable) this.#socket.end(writeFrame.goAway(this.#lastPeerId, goAwayStatus.ok));
    // The peer's end is seen only by reading on. To close at once could cost it our last bytes: unread data makes a reset.
    this.#behind.clear();
    this.#socket.resume();
    const timer = systemClock.schedule(lingerMs, () => this.#socket.destroy());
    void this.closed.then(() => timer[Symbol.dispose]());
  }

  destroy(error?: Error): void {
    this.#error ??= error;
    this.#state = 'closed';
    this.#socket.destroy();
  }

  readonly #port: StreamPort = {
    send: (stream, chunks, fin, done) => this.#send(stream.id, chunks, fin, done),
    wanted: (stream) => this.#caughtUp(stream),
    closed: (stream) => this.#forget(stream.id),
    dropped: (stream) => this.#onDropped(stream),
  };

  #onData(chunk: Buffer): void {
    if (this.#state === 'closed') return;
    try {
      for (const frame of this.#reader.read(chunk)) this.#onFrame(frame);
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  #onFrame(frame: Frame): void {
    switch (frame.type) {
      case 'syn-stream':
        return this.#onSynStream(frame.streamId, frame.headers, frame.fin);
      case 'syn-reply':
        this.#opening.get(frame.streamId)?.resolve();
        if (frame.fin) this.#streams.get(frame.streamId)?.receiveEnd();
        return;
      case 'headers':
        if (frame.fin) this.#streams.get(frame.streamId)?.receiveEnd();
        return;
      case 'data':
        return this.#onStreamData(frame.streamId, frame.bytes, frame.fin);
      case 'rst-stream':
        this.#opening.get(frame.streamId)?.reject(new SpdyError(`the peer has refused the stream (status ${frame.status})`));
        return this.#forget(frame.streamId)?.receiveReset();
      case 'ping':
        // Ours have the parity of our streams; we send none, so an answer to one is passed over.
        if (frame.id % 2 !== this.#nextId % 2) this.#answer(writeFrame.ping(frame.id));
        return;
      case 'goaway':
        if (this.#state === 'open') this.#state = 'peer-leaving';
        return;
      case 'settings':
      case 'window-update':
        return;
    }
  }

  #onSynStream(id: number, headers: SpdyHeaders, fin: boolean): void {
    if (id % 2 === this.#nextId % 2 || id <= this.#lastPeerId) throw new SpdyError(`stream ${id} is out of turn`);
    this.#lastPeerId = id;
    const { onStream } = this.#options;
    if (this.#state !== 'open' || this.#streams.size >= mostStreams || !onStream) return this.#answer(writeFrame.rstStream(id, resetStatus.refusedStream));
    const stream = this.#track(id, headers);
    try {
      onStream(stream);
    } catch {
      this.#forget(id);
      stream.receiveReset();
      stream.destroy();
      return this.#answer(writeFrame.rstStream(id, resetStatus.refusedStream));
    }
    if (!stream.destroyed) this.#answer(writeFrame.synReply(id, noHeaders, this.#compressor));
    if (fin) stream.receiveEnd();
  }

  #onStreamData(id: number, bytes: Buffer, fin: boolean): void {
    const stream = this.#streams.get(id);
    // It may have crossed our reset, or our goodbye.
    if (!stream || stream.remoteEnded || this.#state === 'ended') return;
    if (!stream.receive(bytes)) {
      this.#behind.add(stream);
      this.#socket.pause();
    }
    if (fin) stream.receiveEnd();
  }

  #onDropped(stream: SpdyStream): void {
    if (this.#forget(stream.id)) this.#answer(writeFrame.rstStream(stream.id, resetStatus.cancel));
    this.#caughtUp(stream);
  }

  #caughtUp(stream: SpdyStream): void {
    if (this.#behind.delete(stream) && this.#behind.size === 0) this.#socket.resume();
  }

  #send(id: number, chunks: readonly Buffer[], fin: boolean, done: (error?: Error | null) => void): void {
    const socket = this.#socket;
    if (!socket.writable) return done(this.#gone());
    const pieces = chunks.flatMap((chunk) => split(chunk, largestFrameBytes));
    socket.cork();
    for (const piece of pieces) {
      socket.write(writeFrame.dataHead(id, piece.length, false));
      socket.write(piece);
    }
    // What calls back comes last: then all before it is out too.
    if (fin) socket.write(writeFrame.dataHead(id, 0, true), done);
    else socket.write(nothing, done);
    socket.uncork();
  }

  /** Writes a control frame. */
  #answer(frame: Buffer): void {
    if (this.#socket.writableLength > mostWaitingBytes) return this.destroy(new SpdyError('the peer does not read'));
    if (this.#socket.writable) this.#socket.write(frame);
  }

  #track(id: number, headers: SpdyHeaders): SpdyStream {
    const stream = new SpdyStream(id, headers, this.#port);
    this.#streams.set(id, stream);
    return stream;
  }

  /** The stream, when it was still known. */
  #forget(id: number): SpdyStream | undefined {
    const stream = this.#streams.get(id);
    this.#streams.delete(id);
    return stream;
  }

  #fail(error: Error): void {
    this.#error ??= error;
    if (this.#socket.writable) this.#socket.write(writeFrame.goAway(this.#lastPeerId, goAwayStatus.protocolError));
    this.destroy(error);
  }

  #onClose(): Error | undefined {
    this.#state = 'closed';
    for (const opening of this.#opening.values()) opening.reject(this.#gone());
    for (const stream of this.#streams.values()) {
      this.#forget(stream.id);
      // What has arrived is still to be read: a runtime that closes in haste resets the connection behind its last words.
      if (this.#error && stream.readableLength === 0 && !stream.remoteEnded) stream.destroy(this.#error);
      else stream.receiveReset();
    }
    return this.#error;
  }

  #gone(): SpdyError {
    return new SpdyError('the connection is closed', { cause: this.#error });
  }
}

function split(chunk: Buffer, size: number): Buffer[] {
  if (chunk.length <= size) return chunk.length ? [chunk] : [];
  return Array.from({ length: Math.ceil(chunk.length / size) }, (_, index) => chunk.subarray(index * size, (index + 1) * size));
}
