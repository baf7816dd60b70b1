// Issues the cluster's certificates: ECDSA P-256, as Kubernetes' own tools make them. The library behind it is loaded
// only when something must be issued, so a warm start never pays for it.
import { createHash, X509Certificate, type webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import type * as x509 from '@peculiar/x509';
import type { RequestedCertificate } from '../../api/certificates/request.ts';
import { dateOf, type Clock } from '../../base/clock.ts';

export interface KeyedCertificate {
  readonly certPem: string;
  /** PKCS #8. */
  readonly keyPem: string;
}

export interface CertificateRequest {
  /** A user's name, for a client. */
  readonly commonName: string;
  /** A user's groups, for a client. */
  readonly organizations?: readonly string[];
  readonly dnsNames?: readonly string[];
  readonly ipAddresses?: readonly string[];
  readonly days: number;
  readonly usages: readonly ('server' | 'client')[];
}

/** Long enough that a laptop's cluster outlives its owner's interest; kubeadm's authorities live as long. */
const authorityDays = 3650;
/** Machines' clocks differ: what we issue is valid from a little before now. */
const backdateMs = 5 * 60_000;
const dayMs = 86_400_000;
const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/** A self-signed authority that may sign certificates but no further authorities. */
export async function createAuthority(commonName: string, clock: Clock): Promise<KeyedCertificate> {
  const lib = await load();
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const cert = await lib.X509CertificateGenerator.createSelfSigned({
    serialNumber: randomSerial(),
    name: [{ CN: [commonName] }],
    ...validity(clock, authorityDays),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new lib.BasicConstraintsExtension(true, 0, true),
      new lib.KeyUsagesExtension(lib.KeyUsageFlags.digitalSignature | lib.KeyUsageFlags.keyCertSign | lib.KeyUsageFlags.cRLSign, true),
      await lib.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certPem: toPem(cert), keyPem: await exportKey(lib, keys.privateKey) };
}

/** A certificate with a new key, signed by `authority`. */
export async function issueCertificate(authority: KeyedCertificate, request: CertificateRequest, clock: Clock): Promise<KeyedCertificate> {
  const lib = await load();
  const issuer = new lib.X509Certificate(authority.certPem);
  const [signingKey, keys] = await Promise.all([
    crypto.subtle.importKey('pkcs8', lib.PemConverter.decodeFirst(authority.keyPem), algorithm, false, ['sign']),
    crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']),
  ]);
  const purposes = request.usages.map((usage) => (usage === 'server' ? lib.ExtendedKeyUsage.serverAuth : lib.ExtendedKeyUsage.clientAuth));
  const names = alternativeNames(request);
  const cert = await lib.X509CertificateGenerator.create({
    serialNumber: randomSerial(),
    subject: subjectOf(request),
    issuer: issuer.subjectName,
    ...validity(clock, request.days),
    signingAlgorithm: algorithm,
    publicKey: keys.publicKey,
    signingKey,
    extensions: [
      new lib.BasicConstraintsExtension(false, undefined, true),
      new lib.KeyUsagesExtension(lib.KeyUsageFlags.digitalSignature | lib.KeyUsageFlags.keyEncipherment, true),
      new lib.ExtendedKeyUsageExtension(purposes),
      await lib.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await lib.AuthorityKeyIdentifierExtension.create(await issuer.publicKey.export()),
      ...(names.length ? [new lib.SubjectAlternativeNameExtension(names)] : []),
    ],
  });
  return { certPem: toPem(cert), keyPem: await exportKey(lib, keys.privateKey) };
}

/** Of the API's words for usages: bits of the key usage, and purposes of the extended one. */
const keyUsages: Readonly<Record<string, keyof typeof x509.KeyUsageFlags>> = {
  signing: 'digitalSignature', 'digital signature': 'digitalSignature', 'content commitment': 'nonRepudiation', 'key encipherment': 'keyEncipherment', 'key agreement': 'keyAgreement',
  'data encipherment': 'dataEncipherment', 'encipher only': 'encipherOnly', 'decipher only': 'decipherOnly',
};
const purposes: Readonly<Record<string, string>> = {
  any: '2.5.29.37.0', 'server auth': '1.3.6.1.5.5.7.3.1', 'client auth': '1.3.6.1.5.5.7.3.2', 'code signing': '1.3.6.1.5.5.7.3.3', 'email protection': '1.3.6.1.5.5.7.3.4', 's/mime': '1.3.6.1.5.5.7.3.4',
  'ipsec end system': '1.3.6.1.5.5.7.3.5', 'ipsec tunnel': '1.3.6.1.5.5.7.3.6', 'ipsec user': '1.3.6.1.5.5.7.3.7', timestamping: '1.3.6.1.5.5.7.3.8', 'ocsp signing': '1.3.6.1.5.5.7.3.9',
  'microsoft sgc': '1.3.6.1.4.1.311.10.3.3', 'netscape sgc': '2.16.840.1.113730.4.1',
};

/** The certificate that was asked for, of the asker's own key; PEM. Never of an authority, nor longer than ours. */
export async function signRequest(authority: KeyedCertificate, request: RequestedCertificate, usages: readonly string[], lastsSeconds: number, clock: Clock): Promise<string> {
  const lib = await load();
  const issuer = new lib.X509Certificate(authority.certPem);
  const signingKey = await crypto.subtle.importKey('pkcs8', lib.PemConverter.decodeFirst(authority.keyPem), algorithm, false, ['sign']);
  const publicKey = new lib.PublicKey(Uint8Array.from(request.publicKey));
  const bits = usages.reduce((sum, usage) => sum | (keyUsages[usage] ? lib.KeyUsageFlags[keyUsages[usage]] : 0), 0);
  const wanted = usages.flatMap((usage) => purposes[usage] ?? []);
  const { dnsNames, ipAddresses, emailAddresses, uris } = request;
  const names: x509.JsonGeneralNames = [...alternativeNames({ dnsNames, ipAddresses }), ...emailAddresses.map((value) => ({ type: 'email' as const, value })), ...uris.map((value) => ({ type: 'url' as const, value }))];
  const nowMs = clock.wallMs();
  const cert = await lib.X509CertificateGenerator.create({
    serialNumber: randomSerial(),
    subject: new lib.Name(Uint8Array.from(request.subject)),
    issuer: issuer.subjectName,
    notBefore: dateOf(nowMs - backdateMs),
    notAfter: dateOf(Math.min(nowMs + lastsSeconds * 1000, issuer.notAfter.getTime())),
    signingAlgorithm: algorithm,
    publicKey,
    signingKey,
    extensions: [
      new lib.BasicConstraintsExtension(false, undefined, true),
      ...(bits ? [new lib.KeyUsagesExtension(bits, true)] : []),
      ...(wanted.length ? [new lib.ExtendedKeyUsageExtension(wanted)] : []),
      await lib.AuthorityKeyIdentifierExtension.create(await issuer.publicKey.export()),
      ...(names.length ? [new lib.SubjectAlternativeNameExtension(names)] : []),
    ],
  });
  return toPem(cert);
}

/** As kubeadm tells one authority from another: `sha256:` and the digest of its public key. */
export function authorityHash(certPem: string): string {
  const key = new X509Certificate(certPem).publicKey.export({ type: 'spki', format: 'der' });
  return `sha256:${createHash('sha256').update(key).digest('hex')}`;
}

type Library = typeof x509;

async function load(): Promise<Library> {
  await import('reflect-metadata');
  return import('@peculiar/x509');
}

/** Groups first, then the user, as `openssl req -subj "/O=…/CN=…"` would write them. */
function subjectOf(request: CertificateRequest): x509.JsonName {
  return [...(request.organizations ?? []).map((organization) => ({ O: [organization] })), { CN: [request.commonName] }];
}

function alternativeNames(request: Pick<CertificateRequest, 'dnsNames' | 'ipAddresses'>): x509.JsonGeneralNames {
  for (const address of request.ipAddresses ?? []) {
    if (!isIP(address)) throw new TypeError(`not an IP address: ${JSON.stringify(address)}`);
  }
  return [
    ...(request.dnsNames ?? []).map((value) => ({ type: 'dns' as const, value })),
    ...(request.ipAddresses ?? []).map((value) => ({ type: 'ip' as const, value })),
  ];
}

function validity(clock: Clock, days: number): { notBefore: Date; notAfter: Date } {
  const nowMs = clock.wallMs();
  return { notBefore: dateOf(nowMs - backdateMs), notAfter: dateOf(nowMs + days * dayMs) };
}

/** 127 random bits: positive, and never with a leading zero byte, which strict parsers refuse. */
function randomSerial(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[0] = (bytes[0]! & 0x7f) | 0x40;
  return Buffer.from(bytes).toString('hex');
}

async function exportKey(lib: Library, key: webcrypto.CryptoKey): Promise<string> {
  return lib.PemConverter.encode(await crypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY') + '\n';
}

function toPem(cert: x509.X509Certificate): string {
  return cert.toString('pem') + '\n';
}
