// How a server behind this one failed, as clients are told.
import type { NotAnswered, Upstream } from '../../base/reverse-proxy/forward.ts';

/** In the words of Go's net package, by which people know them. */
export function wordsOf({ code, phase, cause }: NotAnswered, { host, port }: Upstream): string {
  const dialed = `dial tcp ${host.includes(':') ? `[${host}]` : host}:${port}`;
  const connect: Readonly<Record<string, string>> = { ECONNREFUSED: 'connection refused', EHOSTUNREACH: 'no route to host', ENETUNREACH: 'network is unreachable', ECONNRESET: 'connection reset by peer' };
  if (code === 'ETIMEDOUT') return `${dialed}: i/o timeout`;
  if (phase === 'connecting' && connect[code]) return `${dialed}: connect: ${connect[code]}`;
  if (code === 'ECONNRESET' || code === 'EPIPE') return 'EOF';
  if (/^ERR_SSL_WRONG_VERSION|EPROTO/.test(code)) return 'http: server gave HTTP response to HTTPS client';
  if (code.startsWith('HPE_')) return `net/http: HTTP/1.x transport connection broken: malformed HTTP response`;
  return (cause as Error | undefined)?.message ?? code;
}
