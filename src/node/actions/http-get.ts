// One GET as the kubelet sends it: no certificate is checked, no connection is kept, redirects stay on the same host.
import { get as getPlain } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { get as getSecure } from 'node:https';
import type { Clock } from '../../base/clock.ts';
import { within, TimedOut } from './deadline.ts';
import { dialError } from './tcp-connect.ts';

export interface HttpRequest {
  readonly secure: boolean;
  readonly host: string;
  readonly port: number;
  /** With its query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string[]>>;
}

export type HttpAnswer = { readonly status: number; readonly body: string } | { readonly error: string };

const mostBodyBytes = 10 * 1024;
const mostRedirects = 10;

export async function httpGet(request: HttpRequest, clock: Clock, timeoutMs: number, signal: AbortSignal): Promise<HttpAnswer> {
  try {
    return await within(timeoutMs, clock, signal, async (inner) => {
      let current = request;
      for (let redirects = 0; ; redirects++) {
        const { status, body, location } = await once(current, inner);
        const next = status >= 301 && status <= 308 && status !== 304 && location ? follow(current, location) : undefined;
        if (!next) return { status, body };
        if (redirects === mostRedirects) throw new Error(`stopped after ${mostRedirects} redirects`);
        current = next;
      }
    });
  } catch (error) {
    if (signal.aborted) throw error;
    const why = error instanceof TimedOut ? 'context deadline exceeded (Client.Timeout exceeded while awaiting headers)' : dialError(error, request.host, request.port);
    return { error: `Get ${JSON.stringify(urlText(request))}: ${why}` };
  }
}

function once({ secure, host, port, path, headers }: HttpRequest, signal: AbortSignal): Promise<{ status: number; body: string; location: string | undefined }> {
  return new Promise((resolve, reject) => {
    const answered = (response: IncomingMessage) => {
      const chunks: Buffer[] = [];
      let size = 0;
      const done = () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString(), location: response.headers.location });
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk.subarray(0, Math.max(0, mostBodyBytes - size)));
        size += chunk.length;
        if (size >= mostBodyBytes) {
          done();
          response.destroy();
        }
      });
      response.on('end', done);
      response.on('error', reject);
    };
    const options = { host, port, path, headers, agent: false as const, signal };
    const request = secure ? getSecure({ ...options, rejectUnauthorized: false }, answered) : getPlain(options, answered);
    request.on('error', reject);
  });
}

/** Undefined when it leads to another host: that counts as an answer, not as something to follow. */
function follow(from: HttpRequest, location: string): HttpRequest | undefined {
  const url = URL.parse(location, urlText(from));
  if (!url || url.hostname.replace(/^\[|\]$/g, '') !== from.host) return undefined;
  const secure = url.protocol === 'https:';
  return { ...from, secure, port: Number(url.port) || (secure ? 443 : 80), path: `${url.pathname}${url.search}` };
}

function urlText({ secure, host, port, path }: HttpRequest): string {
  return `${secure ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${port}${path}`;
}
