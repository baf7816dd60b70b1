// Issues the cluster's certificates: ECDSA P-256, as Kubernetes' own tools make them. The library behind it is loaded
// only when something must be issued, so a warm start never pays for it.
import type { webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import type * as x509 from '@peculiar/x509';
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

type Library = typeof x509;

async function load(): Promise<Library> {
  await import('reflect-metadata');
  return import('@peculiar/x509');
}

/** Groups first, then the user, as `openssl req -subj "/O=…/CN=…"` would write them. */
function subjectOf(request: CertificateRequest): x509.JsonName {
  return [...(request.organizations ?? []).map((organization) => ({ O: [organization] })), { CN: [request.commonName] }];
}

function alternativeNames(request: CertificateRequest): x509.JsonGeneralNames {
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
