// The cluster's certificates on disk: made at the first start, renewed at a start when they have little time left.
import { X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseTime, type Clock } from '../base/clock.ts';
import type { CertificateRequest, KeyedCertificate } from '../server/auth/certificates.ts';
import { kubeletClientName } from '../server/auth/default-roles.ts';
import { createSigningKey } from '../server/auth/service-account-tokens.ts';

export interface Pki {
  readonly authority: KeyedCertificate;
  readonly server: KeyedCertificate;
  /** Of system:masters. */
  readonly admin: KeyedCertificate;
  /** By which nodes in other processes know the API server. */
  readonly kubeletClient: KeyedCertificate;
  /** Signs only the next one: by it servers of other APIs know the API server when it says who asks. */
  readonly frontProxyAuthority: KeyedCertificate;
  readonly frontProxyClient: KeyedCertificate;
}

/** As kubeadm names it. */
export const frontProxyName = 'front-proxy-client';

const leafDays = 365;
const renewBeforeMs = 30 * 86_400_000;

/** `addresses`: IPs beyond loopback at which the API server is to be trusted; a new one means a new certificate. */
/** What the API server is called. */
export const dnsNames: readonly string[] = ['localhost', 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc', 'kubernetes.default.svc.cluster.local'];

export async function ensurePki(folder: string, addresses: readonly string[], clock: Clock): Promise<Pki> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const authorityNamed = async (name: string, commonName: string) => read(folder, name) ?? write(folder, name, await (await issuing()).createAuthority(commonName, clock));
  const [authority, frontProxyAuthority] = await Promise.all([authorityNamed('ca', 'peapod-ca'), authorityNamed('front-proxy-ca', 'front-proxy-ca')]);
  const ensure = async (name: string, request: CertificateRequest, by = authority) => {
    const kept = read(folder, name);
    if (kept && stillGood(kept, by, request, clock)) return kept;
    return write(folder, name, await (await issuing()).issueCertificate(by, request, clock));
  };
  const ipAddresses = [...new Set(['127.0.0.1', '::1', ...addresses])];
  const [server, admin, kubeletClient, frontProxyClient] = await Promise.all([
    ensure('apiserver', { commonName: 'kube-apiserver', dnsNames, ipAddresses, days: leafDays, usages: ['server'] }),
    ensure('admin', { commonName: 'kubernetes-admin', organizations: ['system:masters'], days: leafDays, usages: ['client'] }),
    ensure('apiserver-kubelet-client', { commonName: kubeletClientName, days: leafDays, usages: ['client'] }),
    ensure('front-proxy-client', { commonName: frontProxyName, days: leafDays, usages: ['client'] }, frontProxyAuthority),
  ]);
  return { authority, server, admin, kubeletClient, frontProxyAuthority, frontProxyClient };
}

/** What signs the tokens of service accounts, PKCS #8 in PEM; named as kubeadm names it. It lives as long as the cluster: with another key all tokens would be worth nothing. */
export function ensureServiceAccountKey(folder: string): string {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = join(folder, 'sa.key');
  if (!existsSync(file)) writeFile(file, createSigningKey());
  return readFileSync(file, 'utf8');
}

/** Loaded only when something must be issued: a warm start does without. */
function issuing() {
  return import('../server/auth/certificates.ts');
}

function stillGood(kept: KeyedCertificate, authority: KeyedCertificate, request: CertificateRequest, clock: Clock): boolean {
  const certificate = new X509Certificate(kept.certPem);
  return (
    parseTime(certificate.validTo) - clock.wallMs() > renewBeforeMs &&
    certificate.checkIssued(new X509Certificate(authority.certPem)) &&
    (request.ipAddresses ?? []).every((address) => certificate.checkIP(address) !== undefined)
  );
}

function read(folder: string, name: string): KeyedCertificate | undefined {
  const [cert, key] = [join(folder, `${name}.crt`), join(folder, `${name}.key`)];
  if (!existsSync(cert) || !existsSync(key)) return undefined;
  return { certPem: readFileSync(cert, 'utf8'), keyPem: readFileSync(key, 'utf8') };
}

/** The key first: a certificate is never there without its key. */
function write(folder: string, name: string, pair: KeyedCertificate): KeyedCertificate {
  for (const [ending, text] of [['key', pair.keyPem], ['crt', pair.certPem]] as const) writeFile(join(folder, `${name}.${ending}`), text);
  return pair;
}

function writeFile(file: string, text: string): void {
  writeFileSync(`${file}.new`, text, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}
