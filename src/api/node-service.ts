// What a node answers for the API server: logs and streams of its containers. In one process it is called directly.
import type { Duplex, Readable, Writable } from 'node:stream';

export interface PodTarget {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

export interface LogOptions {
  readonly follow: boolean;
  readonly previous: boolean;
  readonly timestamps: boolean;
  readonly sinceSeconds?: number;
  /** RFC 3339. */
  readonly sinceTime?: string;
  readonly tailLines?: number;
  readonly limitBytes?: number;
  /** Undefined or All: both. */
  readonly stream?: 'All' | 'Stdout' | 'Stderr';
}

export interface StreamSet {
  readonly stdin?: Readable;
  readonly stdout?: Writable;
  readonly stderr?: Writable;
  readonly tty: boolean;
  readonly resize?: AsyncIterable<{ readonly width: number; readonly height: number }>;
}

/** What was used over a window of time that has just ended. */
export interface Usage {
  readonly endMs: number;
  readonly windowMs: number;
  /** On average over the window. */
  readonly cpuNanoCores: number;
  /** At its end. */
  readonly memoryBytes: number;
}

/** Pods of which not all running containers can be told yet are left out. */
export interface NodeUsage {
  readonly node: Usage | undefined;
  readonly pods: readonly { readonly pod: PodTarget; readonly containers: readonly (Usage & { readonly name: string })[] }[];
}

/** A page as a kubelet serves it. */
export interface NodePage {
  readonly code: number;
  readonly type: string;
  readonly body: Uint8Array | AsyncIterable<Uint8Array>;
}

/** Errors are ApiErrors in the kubelet's words. */
export interface NodeService {
  /** Chunks of the log as text lines. */
  logs(pod: PodTarget, container: string, options: LogOptions, signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** Resolves with the command's exit code. */
  exec(pod: PodTarget, container: string, command: readonly string[], streams: StreamSet, signal: AbortSignal): Promise<number>;
  attach(pod: PodTarget, container: string, streams: StreamSet, signal: AbortSignal): Promise<void>;
  /** Throws ApiError when the container does not run, so that nothing can be streamed to or from it. */
  checkRunning(pod: PodTarget, container: string): void;
  usage(signal: AbortSignal): Promise<NodeUsage>;
  /** What a kubelet serves beside the streams: /healthz, /metrics, /stats/summary, /logs/ … Throws ApiError NotFound. */
  page(path: string, query: URLSearchParams, signal: AbortSignal): Promise<NodePage>;
  portForward(pod: PodTarget, port: number, stream: Duplex, signal: AbortSignal): Promise<void>;
}

/** The service of a node by its name; undefined when it cannot be reached. */
export type NodeServices = (nodeName: string) => NodeService | undefined;
