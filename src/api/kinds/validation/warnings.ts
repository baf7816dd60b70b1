// What several kinds tell their writers of fields that are accepted, and are not as they were meant: in upstream's words.
import { dnsLabel } from '../../names.ts';
import { canonicalQuantity, parseQuantity } from '../../quantity.ts';
import { formatIp, parseIp } from '../../../base/ip.ts';

/** Labels of nodes that have newer names. */
const oldLabels: ReadonlyMap<string, string> = new Map(Object.entries({
  'beta.kubernetes.io/arch': 'deprecated since v1.14; use "kubernetes.io/arch" instead',
  'beta.kubernetes.io/os': 'deprecated since v1.14; use "kubernetes.io/os" instead',
  'failure-domain.beta.kubernetes.io/region': 'deprecated since v1.17; use "topology.kubernetes.io/region" instead',
  'failure-domain.beta.kubernetes.io/zone': 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
  'beta.kubernetes.io/instance-type': 'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead',
}));

/** Undefined: the label is as good as any. */
export function oldLabel(key: string): string | undefined {
  return oldLabels.get(key);
}

/** A workload's name is part of its Pods' names, and so of their host names. */
export function nameWarnings(name: string | undefined): string[] {
  const wrong = name ? dnsLabel(name) : [];
  return wrong.length === 0 ? [] : [`metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended: [${wrong.join(' ')}]`];
}

/** What a claim for storage asks for, in whole bytes. */
export function claimWarnings(field: string, resources: { readonly requests?: Readonly<Record<string, string>>; readonly limits?: Readonly<Record<string, string>> } | undefined): string[] {
  return (['requests', 'limits'] as const).flatMap((which) => {
    const written = resources?.[which]?.['storage'];
    const amount = written === undefined ? undefined : parseQuantity(written);
    return amount && amount.nano % 1_000_000_000n !== 0n ? [`${field}.resources.${which}[storage]: fractional byte value ${JSON.stringify(canonicalQuantity(written!))} is invalid, must be an integer`] : [];
  });
}

export const oldClassAnnotation = 'volume.beta.kubernetes.io/storage-class';

/** Of claims and volumes that name their class as they did before there was a field for it. */
export function oldClassWarnings(annotations: Readonly<Record<string, string>> | undefined): string[] {
  return annotations?.[oldClassAnnotation] === undefined ? [] : [`metadata.annotations[${oldClassAnnotation}]: deprecated since v1.8; use "storageClassName" attribute instead`];
}

export function ipWarnings(field: string, text: string): string[] {
  const ip = text.includes(':') ? parseIp(text) : undefined;
  const canonical = ip && formatIp(ip);
  return canonical === undefined || canonical === text || text.includes('.') ? [] : [`${field}: IPv6 address ${JSON.stringify(text)} should be in RFC 5952 canonical format (${JSON.stringify(canonical)})`];
}
