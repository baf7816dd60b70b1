// Kubernetes' own signers, and what each of them signs. Pure.
import type { RequestedCertificate } from './request.ts';

export const signerNames = {
  apiServerClient: 'kubernetes.io/kube-apiserver-client',
  kubeletClient: 'kubernetes.io/kube-apiserver-client-kubelet',
  kubeletServing: 'kubernetes.io/kubelet-serving',
  legacyUnknown: 'kubernetes.io/legacy-unknown',
} as const;

export const allUsages: readonly string[] = [
  'any', 'cert sign', 'client auth', 'code signing', 'content commitment', 'crl sign', 'data encipherment', 'decipher only', 'digital signature', 'email protection', 'encipher only',
  'ipsec end system', 'ipsec tunnel', 'ipsec user', 'key agreement', 'key encipherment', 'microsoft sgc', 'netscape sgc', 'ocsp signing', 's/mime', 'server auth', 'signing', 'timestamping',
];

const nodesGroup = 'system:nodes';
const nodePrefix = 'system:node:';

/** Why the signer does not sign such a request; undefined: it does, or is none of Kubernetes' own. */
export function whyNotSigned(signer: string, request: RequestedCertificate, usages: readonly string[]): string | undefined {
  switch (signer) {
    case signerNames.kubeletClient:
      return whyNotOfNode(request) ?? (hasNames(request, ['dnsNames', 'ipAddresses', 'emailAddresses', 'uris'])) ?? whyNotUsages(usages, 'client auth');
    case signerNames.kubeletServing: {
      const why = whyNotOfNode(request);
      if (why) return why;
      if (request.dnsNames.length === 0 && request.ipAddresses.length === 0) return 'DNS or IP subjectAltName is required';
      return hasNames(request, ['emailAddresses', 'uris']) ?? whyNotUsages(usages, 'server auth');
    }
    case signerNames.apiServerClient: {
      const other = usages.find((usage) => !['digital signature', 'key encipherment', 'client auth'].includes(usage));
      return other === undefined && usages.includes('client auth') ? undefined : 'usages did not match [client auth digital signature key encipherment]';
    }
    default:
      return undefined;
  }
}

/** The node whose certificate it would be. */
export function nodeOf({ commonName }: Pick<RequestedCertificate, 'commonName'>): string {
  return commonName.slice(nodePrefix.length);
}

function whyNotOfNode({ organizations, commonName }: RequestedCertificate): string | undefined {
  if (organizations.length !== 1 || organizations[0] !== nodesGroup) return 'subject organization is not system:nodes';
  return commonName.startsWith(nodePrefix) && commonName.length > nodePrefix.length ? undefined : 'subject common name does not begin with system:node:';
}

const nameWords = { dnsNames: 'DNS', ipAddresses: 'IP', emailAddresses: 'Email', uris: 'URI' } as const;

function hasNames(request: RequestedCertificate, kinds: readonly (keyof typeof nameWords)[]): string | undefined {
  const found = kinds.find((kind) => request[kind].length > 0);
  return found && `${nameWords[found]} subjectAltNames are not allowed`;
}

/** With key encipherment or without: only RSA keys can have a use for it. */
function whyNotUsages(usages: readonly string[], auth: string): string | undefined {
  const rest = usages.filter((usage) => usage !== 'key encipherment');
  return rest.length === 2 && rest.includes('digital signature') && rest.includes(auth) ? undefined : `usages did not match [${['digital signature', 'key encipherment', auth].sort().join(' ')}]`;
}
