// Knocks on a TCP port.
import { connect } from 'node:net';
import type { Clock } from '../../base/clock.ts';
import type { ActionResult } from './action.ts';
import { TimedOut, within } from './deadline.ts';

export async function tcpConnect(host: string, port: number, clock: Clock, timeoutMs: number, signal: AbortSignal): Promise<ActionResult> {
  const socket = connect({ host, port });
  try {
    await within(timeoutMs, clock, signal, () => new Promise<void>((resolve, reject) => socket.once('connect', () => resolve()).once('error', reject)));
    return { outcome: 'success', output: '' };
  } catch (error) {
    if (signal.aborted) throw error;
    return { outcome: 'failure', output: error instanceof TimedOut ? `dial tcp ${address(host, port)}: i/o timeout` : dialError(error, host, port) };
  } finally {
    socket.on('error', () => {});
    socket.destroy();
  }
}

/** A failed connection in Go's words, which people search for. */
export function dialError(error: unknown, host: string, port: number): string {
  const { code, message } = error as NodeJS.ErrnoException;
  const words: Readonly<Record<string, string>> = {
    ECONNREFUSED: 'connect: connection refused',
    EHOSTUNREACH: 'connect: no route to host',
    ENETUNREACH: 'connect: network is unreachable',
    ETIMEDOUT: 'i/o timeout',
  };
  if (code && words[code]) return `dial tcp ${address(host, port)}: ${words[code]}`;
  if (code === 'ENOTFOUND') return `dial tcp: lookup ${host}: no such host`;
  if (code === 'ECONNRESET') return message === 'socket hang up' ? 'EOF' : `read tcp ${address(host, port)}: read: connection reset by peer`;
  return message;
}

function address(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
