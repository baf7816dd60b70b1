// Asks a gRPC server for its health (grpc.health.v1.Health/Check). Loaded only when a Pod has such a probe.
import { Client, credentials, status, type ServiceError } from '@grpc/grpc-js';
import type { Clock } from '../../base/clock.ts';
import type { ActionResult } from './action.ts';
import { secondsText, TimedOut, within } from './deadline.ts';

const statuses = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'];

export async function grpcHealth(host: string, port: number, service: string, clock: Clock, timeoutMs: number, signal: AbortSignal): Promise<ActionResult> {
  const address = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  const client = new Client(address, credentials.createInsecure());
  try {
    const answer = await within(timeoutMs, clock, signal, () => check(client, service));
    const word = statuses[answer] ?? 'UNKNOWN';
    if (word === 'SERVING') return { outcome: 'success', output: 'service healthy' };
    return { outcome: 'failure', output: `service unhealthy (responded with ${JSON.stringify(word)})` };
  } catch (error) {
    if (signal.aborted) throw error;
    if (error instanceof TimedOut) return { outcome: 'failure', output: `timeout: failed to connect service ${JSON.stringify(address)} within ${secondsText(timeoutMs)}: context deadline exceeded` };
    const { code, details } = error as ServiceError;
    if (code === status.UNIMPLEMENTED) return { outcome: 'failure', output: `error: this server does not implement the grpc health protocol (grpc.health.v1.Health): ${details}` };
    if (code === status.UNAVAILABLE) return { outcome: 'failure', output: `timeout: failed to connect service ${JSON.stringify(address)} within ${secondsText(timeoutMs)}: ${details}` };
    return { outcome: 'failure', output: `error: health rpc probe failed: ${details}` };
  } finally {
    client.close();
  }
}

function check(client: Client, service: string): Promise<number> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest('/grpc.health.v1.Health/Check', encodeRequest, decodeStatus, service, (error, answer) => (error ? reject(error) : resolve(answer ?? 0)));
  });
}

/** HealthCheckRequest { string service = 1 }. */
function encodeRequest(service: string): Buffer {
  const text = Buffer.from(service);
  if (text.length === 0) return Buffer.alloc(0);
  const length: number[] = [];
  for (let rest = text.length; ; rest >>>= 7) {
    if (rest < 128) {
      length.push(rest);
      break;
    }
    length.push((rest & 127) | 128);
  }
  return Buffer.concat([Buffer.from([0x0a, ...length]), text]);
}

/** HealthCheckResponse { ServingStatus status = 1 }. */
function decodeStatus(bytes: Buffer): number {
  return bytes[0] === 0x08 ? (bytes[1] ?? 0) : 0;
}
