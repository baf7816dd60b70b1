// Asks the cluster for a certificate: makes a key, hands in the request, and waits for what becomes of it.
import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { makeCertificateRequest, type AlternativeNames, type CertificateSubject } from '../../api/certificates/request.ts';
import { certificateSigningRequests } from '../../api/kinds/certificate-signing-request.ts';
import type { CertificateSigningRequest, New } from '../../api/types.ts';
import type { Client } from '../../client/client.ts';

export interface WantedCertificate extends CertificateSubject, Partial<AlternativeNames> {
  readonly signerName: string;
  readonly usages: readonly string[];
}

export interface CertificatePair {
  /** PEM. */
  readonly cert: string;
  /** PKCS #8 in PEM. */
  readonly key: string;
}

/** The subject and the signers of a node, as the kubelet asks for them. */
export function nodeSubject(nodeName: string): CertificateSubject {
  return { commonName: `system:node:${nodeName}`, organizations: ['system:nodes'] };
}

/** Throws an Error when it is denied or fails; waits as long as nobody has decided, until the signal. */
export async function requestCertificate({ signerName, usages, ...wanted }: WantedCertificate, client: Client, signal: AbortSignal): Promise<CertificatePair> {
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
  const request = Buffer.from(makeCertificateRequest(createPrivateKey(key), wanted)).toString('base64');
  const asked = { metadata: { generateName: 'csr-' }, spec: { request, signerName, usages: [...usages] } };
  let seen = await client.create(certificateSigningRequests, asked as New<CertificateSigningRequest>, signal);
  const { name, uid } = seen.metadata;
  for (;;) {
    const cert = outcomeOf(seen);
    if (cert !== undefined) return { cert, key };
    for await (const event of client.watch(certificateSigningRequests, { fieldSelector: `metadata.name=${name}`, resourceVersion: seen.metadata.resourceVersion }, signal)) {
      if (event.type === 'BOOKMARK' || event.type === 'ERROR') continue;
      if (event.type === 'DELETED') throw new Error(`the certificate signing request ${name} was deleted before it was signed`);
      seen = event.object;
      const found = outcomeOf(seen);
      if (found !== undefined) return { cert: found, key };
    }
    signal.throwIfAborted();
    seen = await client.get(certificateSigningRequests, { namespace: '', name }, signal);
    if (seen.metadata.uid !== uid) throw new Error(`the certificate signing request ${name} was deleted before it was signed`);
  }
}

function outcomeOf({ metadata: { name }, status }: CertificateSigningRequest): string | undefined {
  const no = status.conditions?.find(({ type }) => type === 'Denied' || type === 'Failed');
  if (no) throw new Error(`the certificate signing request ${name} is ${no.type.toLowerCase()}: ${no.message || no.reason || 'no reason was given'}`);
  return status.certificate ? Buffer.from(status.certificate, 'base64').toString() : undefined;
}
