// A client that knows nothing of Kubernetes: one request over HTTPS, and what comes back.
import { request } from 'node:https';

export interface Answer {
  readonly code: number;
  readonly type: string;
  readonly text: string;
  /** Parsed where it is one JSON document; else its bytes. */
  readonly body: any;
  /** What its Warning headers say. */
  readonly warnings: readonly string[];
  readonly auditIds: readonly string[];
}

export interface Server {
  readonly port: number;
  readonly ca: string;
}

export interface Caller {
  readonly certPem: string;
  readonly keyPem: string;
}

export function callOverHttps({ port, ca }: Server, { certPem: cert, keyPem: key }: Caller, method: string, path: string, body?: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const text = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body);
    const ofBody = text === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) };
    const sent = request({ host: '127.0.0.1', port, method, path, ca, cert, key, headers: { ...ofBody, ...headers } }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const all = Buffer.concat(chunks);
        const type = response.headers['content-type'] ?? '';
        const isJson = type.startsWith('application/json') && !path.includes('watch=true');
        resolve({ code: response.statusCode!, type, text: all.toString(), warnings: (response.headersDistinct['warning'] ?? []).map((header) => JSON.parse(header.replace(/^299 - /, '')) as string), body: isJson ? JSON.parse(all.toString()) : all, auditIds: response.headersDistinct['audit-id'] ?? [] });
      });
    });
    sent.on('error', reject);
    sent.end(text);
  });
}
