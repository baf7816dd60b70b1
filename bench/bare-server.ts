// An HTTPS server that does nothing but answer the same bytes: what this machine, Node.js and wrk can do at this minute.
import { readFileSync } from 'node:fs';
import { createSecureServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

export interface BareServer extends AsyncDisposable {
  readonly url: string;
}

export async function startBareServer(dataDir: string, body: Buffer): Promise<BareServer> {
  const pem = (name: string) => readFileSync(join(dataDir, 'pki', name));
  const server = createSecureServer({ allowHTTP1: true, key: pem('apiserver.key'), cert: pem('apiserver.crt') }, (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length });
    response.end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => void server.close(),
  };
}
