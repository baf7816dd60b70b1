// What of the machine is kept from Pods: the kubelet's --kube-reserved and --system-reserved. Pure.
import { parseQuantity, quantityToNumber } from '../../api/quantity.ts';
import type { Reserved } from '../node-settings.ts';

const fields = { cpu: 'milliCpu', memory: 'memoryBytes', 'ephemeral-storage': 'ephemeralStorageBytes', pid: 'processes' } as const;

/** Both together. Throws an Error that says what cannot be meant so. */
export function parseReserved(flags: { readonly kubeReserved?: string; readonly systemReserved?: string }): Reserved {
  const sum = { milliCpu: 0, memoryBytes: 0, ephemeralStorageBytes: 0, processes: 0 };
  for (const [flag, text] of [['kube-reserved', flags.kubeReserved], ['system-reserved', flags.systemReserved]] as const) {
    for (const part of (text ?? '').split(',').filter(Boolean)) {
      const [name = '', value = ''] = part.split('=').map((one) => one.trim());
      const field = fields[name as keyof typeof fields];
      if (!field) throw new Error(`--${flag}: cannot reserve ${JSON.stringify(name)} resource`);
      const quantity = parseQuantity(value);
      if (!quantity || quantity.nano < 0n) throw new Error(`--${flag}: ${JSON.stringify(part)} must be an amount, such as memory=1Gi`);
      sum[field] += quantityToNumber(quantity) * (name === 'cpu' ? 1000 : 1);
    }
  }
  return sum;
}
