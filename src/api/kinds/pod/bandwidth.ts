// The annotations that limit a Pod's traffic. The API takes any value; the node refuses one that is none, when it makes the sandbox.
import { parseQuantity, quantityMessage, quantityToNumber } from '../../quantity.ts';
import type { Pod } from '../../types.ts';

export interface Bandwidth {
  /** To the Pod; bits a second. Undefined: no limit. */
  readonly ingressBits: number | undefined;
  /** From the Pod. */
  readonly egressBits: number | undefined;
}

const [leastBits, mostBits] = [1e3, 1e15];

/** Undefined: the Pod has no limits. Throws an Error in Kubernetes' words. */
export function podBandwidth({ metadata: { annotations = {} } }: Pick<Pod, 'metadata'>): Bandwidth | undefined {
  const ingressBits = bitsOf(annotations['kubernetes.io/ingress-bandwidth']);
  const egressBits = bitsOf(annotations['kubernetes.io/egress-bandwidth']);
  return ingressBits === undefined && egressBits === undefined ? undefined : { ingressBits, egressBits };
}

function bitsOf(written: string | undefined): number | undefined {
  if (written === undefined) return undefined;
  const parsed = parseQuantity(written);
  if (!parsed) throw new Error(quantityMessage);
  const bits = Math.ceil(quantityToNumber(parsed));
  if (bits < leastBits) throw new Error('resource is unreasonably small (< 1kbit)');
  if (bits > mostBits) throw new Error('resource is unreasonably large (> 1Pbit)');
  return bits;
}
