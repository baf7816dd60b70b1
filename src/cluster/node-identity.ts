// Who a joined node is: its certificates, in its data directory, and getting the first one.
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isReason } from '../api/error.ts';
import type { BootstrapToken } from '../api/certificates/bootstrap-token.ts';
import { signerNames } from '../api/certificates/signers.ts';
import { nodes } from '../api/kinds/node.ts';
import { isTrue } from '../api/meta.ts';
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import { Client } from '../client/client.ts';
import { HttpTransport } from '../client/http-transport.ts';
import { nodeSubject, requestCertificate, type CertificatePair, type WantedCertificate } from '../node/certificates/request-certificate.ts';
import { newToken } from './discover.ts';
import { UserError } from './user-error.ts';
import { userAgentOf } from './version.ts';

export type CertificateName = 'node-client' | 'node-serving';

export class NodeIdentity {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  }

  get authority(): string | undefined {
    return this.#read('ca.crt');
  }

  keepAuthority(pem: string): void {
    this.#write('ca.crt', pem);
  }

  read(name: CertificateName): CertificatePair | undefined {
    const [cert, key] = [this.#read(`${name}.crt`), this.#read(`${name}.key`)];
    return cert && key ? { cert, key } : undefined;
  }

  keep(name: CertificateName, { cert, key }: CertificatePair): void {
    // The key first: a certificate is never there with another's.
    this.#write(`${name}.key`, key);
    this.#write(`${name}.crt`, cert);
  }

  #read(file: string): string | undefined {
    const path = join(this.#folder, file);
    return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
  }

  #write(file: string, text: string): void {
    const path = join(this.#folder, file);
    writeFileSync(`${path}.new`, text, { mode: 0o600 });
    renameSync(`${path}.new`, path);
  }
}

export function wantedClientCertificate(nodeName: string): WantedCertificate {
  return { ...nodeSubject(nodeName), signerName: signerNames.kubeletClient, usages: ['digital signature', 'client auth'] };
}

export function wantedServingCertificate(nodeName: string, address: string): WantedCertificate {
  return { ...nodeSubject(nodeName), dnsNames: [nodeName], ipAddresses: [address], signerName: signerNames.kubeletServing, usages: ['digital signature', 'server auth'] };
}

/** So long an approval is waited for: it comes at once, unless someone has taken it into their own hands. */
const approvalMs = 60_000;

/** With a token, the node's first certificate. Throws UserError. */
export async function firstCertificate(
  { server, ca, token, nodeName, clock, random }: { readonly server: string; readonly ca: string; readonly token: BootstrapToken; readonly nodeName: string; readonly clock: Clock; readonly random: Random },
  signal: AbortSignal,
): Promise<CertificatePair> {
  const transport = new HttpTransport({ server, ca, token: () => `${token.id}.${token.secret}`, userAgent: userAgentOf('kubelet'), clock, random });
  const giveUp = new AbortController();
  using _timer = clock.schedule(approvalMs, () => giveUp.abort());
  const either = AbortSignal.any([signal, giveUp.signal]);
  try {
    const client = new Client(transport);
    await refuseTakenName(client, nodeName, either);
    return await requestCertificate(wantedClientCertificate(nodeName), client, either);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof UserError) throw error;
    if (giveUp.signal.aborted) throw new UserError(`nobody has approved the certificate of the node ${nodeName}`, 'approve it on the cluster with: peapod kubectl get csr, peapod kubectl certificate approve NAME');
    if (isReason(error, 'Unauthorized')) throw new UserError(`the cluster at ${server} does not take the token ${token.id}`, newToken, { cause: error });
    throw new UserError(`the cluster at ${server} gives this machine no certificate: ${(error as Error).message}`, 'check the token and the address', { cause: error });
  } finally {
    transport.close();
  }
}

async function refuseTakenName(client: Client, name: string, signal: AbortSignal): Promise<void> {
  try {
    const { status } = await client.get(nodes, { namespace: '', name }, signal);
    if (isTrue(status.conditions, 'Ready')) throw new UserError(`a node ${name} is in the cluster already, and Ready`, 'give another --node-name, or delete that node first');
  } catch (error) {
    if (!isReason(error, 'NotFound')) throw error;
  }
}
