// What the API server needs of the room that upgrades connections for exec, attach and port-forward.
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { NodeService, PodTarget } from '../../api/node-service.ts';

export type StreamKind = 'exec' | 'attach' | 'portforward';

export interface StreamTarget {
  readonly kind: StreamKind;
  readonly pod: PodTarget;
  /** The container, defaulted and known to exist; absent for portforward. */
  readonly container?: string;
  readonly service: NodeService;
  readonly query: URLSearchParams;
}

export interface Streams {
  /** Takes over the socket; resolves when the streams have ended. Refusals before the upgrade are answered as HTTP. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, target: StreamTarget, signal: AbortSignal): Promise<void>;
  /** The same in process, without sockets: a Duplex speaking the v5.channel.k8s.io framing. */
  open(target: StreamTarget, signal: AbortSignal): Duplex;
}
