// A request for a certificate (PKCS #10, RFC 2986): what it asks for, read from PEM, and made for a key. Pure.
import { createPublicKey, sign, verify, type KeyObject } from 'node:crypto';
import { isIP } from 'node:net';
import { bitsOf, childrenOf, der, derObjectId, derTag, objectIdOf, readDer, textOfDer, type DerNode } from '../../base/der.ts';

export interface CertificateSubject {
  readonly commonName: string;
  readonly organizations: readonly string[];
}

export interface AlternativeNames {
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
  readonly emailAddresses: readonly string[];
  readonly uris: readonly string[];
}

export interface RequestedCertificate extends CertificateSubject, AlternativeNames {
  /** The name as it stands, to be the certificate's: DER. */
  readonly subject: Buffer;
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Buffer;
}

const oid = { commonName: '2.5.4.3', organization: '2.5.4.10', extensionRequest: '1.2.840.113549.1.9.14', alternativeName: '2.5.29.17', ecdsaSha256: '1.2.840.10045.4.3.2' } as const;

/** By the object identifiers of signatures: the digest, for `verify`; Ed25519 has none. */
const digests: Readonly<Record<string, string | null>> = {
  '1.2.840.113549.1.1.11': 'sha256', '1.2.840.113549.1.1.12': 'sha384', '1.2.840.113549.1.1.13': 'sha512',
  '1.2.840.10045.4.3.2': 'sha256', '1.2.840.10045.4.3.3': 'sha384', '1.2.840.10045.4.3.4': 'sha512',
  '1.3.101.112': null,
};

/** Throws an Error, in Kubernetes' words where it has some, for what is no request or is not signed by its own key. */
export function readCertificateRequest(pem: string): RequestedCertificate {
  const match = /-----BEGIN ([^-]+)-----([A-Za-z0-9+/=\s]*)-----END \1-----/.exec(pem);
  if (match?.[1] !== 'CERTIFICATE REQUEST') throw new Error('PEM block type must be CERTIFICATE REQUEST');
  const [info, algorithm, signature] = childrenOf(readDer(Buffer.from(match[2]!, 'base64')), derTag.sequence);
  if (!info || !algorithm || !signature) throw new Error('asn1: structure error: sequence truncated');
  const [, subject, publicKey, attributes] = childrenOf(info);
  if (!subject || !publicKey) throw new Error('asn1: structure error: sequence truncated');
  checkSignature(info, objectIdOf(childrenOf(algorithm, derTag.sequence)[0]!), bitsOf(signature), publicKey);
  const names = namesOf(subject);
  return {
    commonName: names(oid.commonName).at(-1) ?? '',
    organizations: names(oid.organization),
    ...alternativeNamesOf(attributes),
    subject: subject.whole,
    publicKey: publicKey.whole,
  };
}

/** PEM; `key` is an EC key on P-256. */
export function makeCertificateRequest(key: KeyObject, wanted: CertificateSubject & Partial<AlternativeNames>): string {
  const name = (type: string, text: string) => der(derTag.set, der(derTag.sequence, derObjectId(type), der(derTag.utf8String, Buffer.from(text))));
  const subject = der(derTag.sequence, ...wanted.organizations.map((organization) => name(oid.organization, organization)), name(oid.commonName, wanted.commonName));
  const publicKey = createPublicKey(key).export({ type: 'spki', format: 'der' });
  const alternatives = [...(wanted.dnsNames ?? []).map((dns) => der(0x82, Buffer.from(dns))), ...(wanted.ipAddresses ?? []).map((ip) => der(0x87, bytesOfAddress(ip)))];
  const extension = der(derTag.sequence, derObjectId(oid.alternativeName), der(derTag.octetString, der(derTag.sequence, ...alternatives)));
  const attribute = der(derTag.sequence, derObjectId(oid.extensionRequest), der(derTag.set, der(derTag.sequence, extension)));
  const info = der(derTag.sequence, der(derTag.integer, Buffer.of(0)), subject, publicKey, der(0xa0, ...(alternatives.length > 0 ? [attribute] : [])));
  const signature = sign('sha256', info, key);
  const whole = der(derTag.sequence, info, der(derTag.sequence, derObjectId(oid.ecdsaSha256)), der(derTag.bitString, Buffer.of(0), signature));
  return `-----BEGIN CERTIFICATE REQUEST-----\n${whole.toString('base64').replace(/.{64}(?=.)/g, '$&\n')}\n-----END CERTIFICATE REQUEST-----\n`;
}

function checkSignature(info: DerNode, algorithm: string, signature: Buffer, publicKey: DerNode): void {
  const digest = digests[algorithm];
  if (digest === undefined) throw new Error('x509: cannot verify signature: algorithm unimplemented');
  const key = createPublicKey({ key: publicKey.whole, type: 'spki', format: 'der' });
  if (!verify(digest, info.whole, key, signature)) throw new Error('x509: the signature of the request is not that of its key');
}

function namesOf(subject: DerNode): (type: string) => string[] {
  const pairs = childrenOf(subject).flatMap((node) => childrenOf(node)).map((pair) => {
    const [type, value] = childrenOf(pair);
    return [objectIdOf(type!), value!] as const;
  });
  return (type) => pairs.filter(([one]) => one === type).map(([, value]) => textOfDer(value));
}

function alternativeNamesOf(attributes: DerNode | undefined): AlternativeNames {
  const found = { dnsNames: [] as string[], ipAddresses: [] as string[], emailAddresses: [] as string[], uris: [] as string[] };
  for (const attribute of attributes ? childrenOf(attributes) : []) {
    const [type, values] = childrenOf(attribute);
    if (objectIdOf(type!) !== oid.extensionRequest) continue;
    for (const extension of childrenOf(values!).flatMap((node) => childrenOf(node))) {
      const parts = childrenOf(extension);
      if (objectIdOf(parts[0]!) !== oid.alternativeName) continue;
      for (const { tag, content } of childrenOf(readDer(parts.at(-1)!.content))) {
        if (tag === 0x81) found.emailAddresses.push(content.toString());
        else if (tag === 0x82) found.dnsNames.push(content.toString());
        else if (tag === 0x86) found.uris.push(content.toString());
        else if (tag === 0x87) found.ipAddresses.push(addressOfBytes(content));
      }
    }
  }
  return found;
}

function bytesOfAddress(ip: string): Buffer {
  if (isIP(ip) === 4) return Buffer.from(ip.split('.').map(Number));
  if (isIP(ip) !== 6) throw new TypeError(`not an IP address: ${JSON.stringify(ip)}`);
  const [head = '', tail] = new URL(`http://[${ip}]`).hostname.slice(1, -1).split('::');
  const groups = (text: string) => (text === '' ? [] : text.split(':'));
  const filled = tail === undefined ? groups(head) : [...groups(head), ...Array.from({ length: 8 - groups(head).length - groups(tail).length }, () => '0'), ...groups(tail)];
  return Buffer.from(filled.map((group) => group.padStart(4, '0')).join(''), 'hex');
}

function addressOfBytes(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.');
  if (bytes.length !== 16) throw new Error('x509: cannot parse IP address');
  return new URL(`http://[${bytes.toString('hex').replace(/.{4}(?=.)/g, '$&:')}]`).hostname.slice(1, -1);
}
