// How many requests of each priority level are served at once: its share of what the server does at all.
import type { PriorityLevelConfiguration } from '../../api/types.ts';

export interface LevelLimits {
  readonly name: string;
  readonly uid: string;
  readonly isExempt: boolean;
  /** Its share. */
  readonly nominal: number;
  /** What it lends to nobody. */
  readonly least: number;
  /** What it may come to with what others lend. */
  readonly most: number;
  /** What one request may take of it. */
  readonly mostOfOne: number;
  /** Undefined: what is too much is refused at once. */
  readonly queuing: { readonly queues: number; readonly handSize: number; readonly queueLengthLimit: number } | undefined;
}

export function limitsOf(levels: readonly PriorityLevelConfiguration[], total: number): readonly LevelLimits[] {
  const sum = levels.reduce((shares, { spec }) => shares + sharesOf(spec), 0);
  return levels.map(({ metadata, spec }) => {
    const { limited } = spec;
    const nominal = sum === 0 ? 0 : Math.ceil((total * sharesOf(spec)) / sum);
    const part = (percent: number) => Math.round((nominal * percent) / 100);
    const queuing = limited?.limitResponse?.type === 'Queue' ? limited.limitResponse.queuing : undefined;
    return {
      name: metadata.name,
      uid: metadata.uid ?? '',
      isExempt: spec.type === 'Exempt',
      nominal,
      least: nominal - part(limited?.lendablePercent ?? 0),
      most: nominal + (limited?.borrowingLimitPercent === undefined ? total : part(limited.borrowingLimitPercent)),
      mostOfOne: Math.max(1, Math.ceil(nominal * largestPart)),
      queuing: queuing && { queues: queuing.queues ?? 64, handSize: queuing.handSize ?? 8, queueLengthLimit: queuing.queueLengthLimit ?? 50 },
    };
  });
}

/** Of a level's seats, for one request. */
const largestPart = 0.15;

function sharesOf({ limited, exempt }: PriorityLevelConfiguration['spec']): number {
  return limited?.nominalConcurrencyShares ?? exempt?.nominalConcurrencyShares ?? (limited ? 30 : 0);
}
