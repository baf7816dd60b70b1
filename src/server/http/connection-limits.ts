// What a connection may take, so that none holds anything for ever and all together no more than there is. The times are
// kube-apiserver's where it has them.
import type { SecureServerOptions } from 'node:http2';

export interface ConnectionLimits {
  /** At once; what comes beyond is closed as it comes. Those that are there go on. */
  readonly connections: number;
  /** For TLS to be agreed upon. */
  readonly handshakeMs: number;
  /** For the head of a request to come, over HTTP/1.1. */
  readonly headersMs: number;
  /** For a connection on which nothing is asked and nothing is answered. */
  readonly idleMs: number;
  /** How often connections are looked at: HTTP/1.1 for these times, all for being left (`connections.ts`). */
  readonly checkEveryMs: number;
  /** A connection that is silent for so long is asked by TCP whether the other side is still there; ten silent seconds later it is not. */
  readonly keepAliveMs: number;
  /** Of a request's head, its URL and its header fields together. Answered with 431; over HTTP/2 the stream is reset. */
  readonly headerBytes: number;
  /** Of HTTP/2, at once on one connection: a node follows each Secret of its Pods in one. */
  readonly streams: number;
  /** Of answers that one HTTP/2 connection may have waiting for its client. While there are more, its new requests are answered with 429. */
  readonly waitingBytes: number;
  /**
   * Streams that a client may begin and take back in one go, and for how many more each second (CVE-2023-44487). A connection that
   * takes back more is ended.
   */
  readonly resets: number;
  readonly resetsPerSecond: number;
}

export const defaultLimits: ConnectionLimits = {
  connections: 10_000,
  handshakeMs: 10_000,
  headersMs: 32_000,
  idleMs: 90_000,
  checkEveryMs: 5000,
  keepAliveMs: 15_000,
  headerBytes: 128 * 1024,
  streams: 1000,
  waitingBytes: 256 * 1024 * 1024,
  resets: 1000,
  resetsPerSecond: 33,
};

/** Floods of pings, settings and empty or broken frames are bounded by Node.js' own defaults: the connection is ended. */
export function serverOptions({ handshakeMs, keepAliveMs, headerBytes, streams, resets, resetsPerSecond }: ConnectionLimits): SecureServerOptions {
  return {
    handshakeTimeout: handshakeMs,
    keepAlive: true,
    keepAliveInitialDelay: keepAliveMs,
    settings: { maxConcurrentStreams: streams, maxHeaderListSize: headerBytes },
    maxSessionMemory: unboundedMegabytes,
    streamResetBurst: resets,
    streamResetRate: resetsPerSecond,
  } as SecureServerOptions;
}

/**
 * Node.js counts what was waiting for a client that took its request back as if it still were, for as long as the connection lives: with any
 * bound a client that takes back large answers now and then comes to have all that it asks refused. So waiting answers are counted here.
 */
const unboundedMegabytes = 2 ** 32 - 1;

/** What Node.js reads from the server itself, for the HTTP/1.1 side. A whole request has its time from `deadline.ts`. */
export function http1Limits({ connections, headersMs, idleMs, checkEveryMs, headerBytes }: ConnectionLimits): object {
  return { maxConnections: connections, headersTimeout: headersMs, requestTimeout: 0, keepAliveTimeout: idleMs, connectionsCheckingInterval: checkEveryMs, maxHeaderSize: headerBytes };
}
