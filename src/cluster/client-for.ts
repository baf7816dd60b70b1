// A client for a running cluster, by the kubeconfig that it wrote.
import { readFileSync } from 'node:fs';
import { systemClock } from '../base/clock.ts';
import { systemRandom } from '../base/random.ts';
import { Client } from '../client/client.ts';
import { HttpTransport } from '../client/http-transport.ts';
import { version } from './version.ts';

export interface Connection extends AsyncDisposable {
  readonly client: Client;
}

/** Reads only what `buildKubeconfig` writes: one cluster, one user, everything embedded. */
export function clientFor(kubeconfig: string): Connection {
  const text = readFileSync(kubeconfig, 'utf8');
  const field = (name: string) => new RegExp(`^ *${name}: "?([^"\\n]+)"?$`, 'm').exec(text)?.[1] ?? '';
  const pem = (name: string) => Buffer.from(field(name), 'base64').toString();
  const transport = new HttpTransport({
    server: field('server'),
    ca: pem('certificate-authority-data'),
    cert: pem('client-certificate-data'),
    key: pem('client-key-data'),
    userAgent: `peapod/${version}`,
    clock: systemClock,
    random: systemRandom,
  });
  return { client: new Client(transport), [Symbol.asyncDispose]: async () => transport.close() };
}
