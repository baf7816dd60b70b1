// The behavior of a HorizontalPodAutoscaler in the annotation of older versions. Upstream writes its internal struct there, whose
// fields have Go's names and are told apart by letters of either case; so it is written, and so it may be read.
import type { HorizontalPodAutoscaler, ScalingRules } from '../../types.ts';

type Behavior = NonNullable<HorizontalPodAutoscaler['spec']['behavior']>;

export function behaviorText({ scaleUp, scaleDown }: Behavior): string {
  return JSON.stringify({ ScaleUp: goRules(scaleUp), ScaleDown: goRules(scaleDown) });
}

/** Undefined: there is none, or it cannot be read. */
export function behaviorOf(text: string | undefined): Behavior | undefined {
  if (text === undefined) return undefined;
  try {
    const { scaleup, scaledown } = lowered(JSON.parse(text));
    const [scaleUp, scaleDown] = [rulesOf(scaleup), rulesOf(scaledown)];
    return scaleUp || scaleDown ? { ...(scaleUp ? { scaleUp } : {}), ...(scaleDown ? { scaleDown } : {}) } : undefined;
  } catch {
    return undefined;
  }
}

function goRules(rules: ScalingRules | undefined): object | null {
  if (!rules) return null;
  const { stabilizationWindowSeconds, selectPolicy, policies, tolerance } = rules;
  return {
    StabilizationWindowSeconds: stabilizationWindowSeconds ?? null,
    SelectPolicy: selectPolicy ?? null,
    Policies: policies?.map(({ type, value, periodSeconds }) => ({ Type: type, Value: value, PeriodSeconds: periodSeconds })) ?? null,
    Tolerance: tolerance ?? null,
  };
}

function rulesOf(value: unknown): ScalingRules | undefined {
  if (value === null || value === undefined) return undefined;
  const { stabilizationwindowseconds, selectpolicy, policies, tolerance } = lowered(value);
  const list = policies as unknown[] | null | undefined;
  const rules = {
    stabilizationWindowSeconds: stabilizationwindowseconds ?? undefined,
    selectPolicy: selectpolicy ?? undefined,
    policies: list?.map((one) => {
      const { type, value: amount, periodseconds } = lowered(one);
      return { type, value: amount, periodSeconds: periodseconds };
    }),
    tolerance: tolerance ?? undefined,
  };
  return Object.fromEntries(Object.entries(rules).filter(([, one]) => one !== undefined)) as ScalingRules;
}

/** Throws TypeError for what is no object. */
function lowered(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) throw new TypeError('no object');
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name.toLowerCase(), one]));
}
