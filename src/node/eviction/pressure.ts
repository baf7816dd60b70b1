// Under which pressure the node is: written by the evictor, read by who tells the API and by who takes Pods in.
import { tolerates } from '../../api/taints.ts';
import type { Pod } from '../../api/types.ts';
import type { Refusal } from '../admission.ts';
import { qosClassOf } from '../spec/resources.ts';
import { conditionMessage } from './messages.ts';
import { isCritical } from './rank.ts';
import type { PressureCondition } from './signals.ts';

const memoryTaint = { key: 'node.kubernetes.io/memory-pressure', effect: 'NoSchedule' } as const;

export class NodePressure {
  #conditions: ReadonlySet<PressureCondition> = new Set();
  readonly #listeners = new Set<() => void>();

  get conditions(): ReadonlySet<PressureCondition> {
    return this.#conditions;
  }

  set(conditions: ReadonlySet<PressureCondition>): void {
    const isSame = conditions.size === this.#conditions.size && [...conditions].every((one) => this.#conditions.has(one));
    this.#conditions = conditions;
    if (!isSame) for (const listener of this.#listeners) listener();
  }

  onChange(listener: () => void): void {
    this.#listeners.add(listener);
  }

  /** Why a Pod that comes now is not taken. What reserves memory may come while only memory is short. */
  refusalOf(pod: Pod): Refusal | undefined {
    const conditions = this.#conditions;
    if (conditions.size === 0 || isCritical(pod)) return undefined;
    const onlyMemory = conditions.size === 1 && conditions.has('MemoryPressure');
    if (onlyMemory && (qosClassOf(pod) !== 'BestEffort' || tolerates(pod.spec.tolerations ?? [], memoryTaint))) return undefined;
    return { reason: 'Evicted', message: `Pod was rejected: ${conditionMessage(conditions)}` };
  }
}
