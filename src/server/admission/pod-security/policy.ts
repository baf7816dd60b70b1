// Which level a namespace's labels ask for, in each of the three modes, and what a Pod has against it.
import type { FieldCause } from '../../../api/error.ts';
import { Report } from '../../../api/kinds/validation/report.ts';
import { baseline } from './baseline.ts';
import type { Check, Checked, Control, Violation } from './control.ts';
import { restricted } from './restricted.ts';

export const levels = ['privileged', 'baseline', 'restricted'] as const;
export type Level = (typeof levels)[number];

export interface Standard {
  readonly level: Level;
  /** `latest`, or the minor version of Kubernetes 1. */
  readonly version: 'latest' | number;
}

export interface Policy {
  readonly enforce: Standard;
  /** Told to the audit log. */
  readonly audit: Standard;
  readonly warn: Standard;
}

const nothing: Standard = { level: 'privileged', version: 'latest' };
const privileged: Policy = { enforce: nothing, audit: nothing, warn: nothing };

const prefix = 'pod-security.kubernetes.io/';

/** With what is wrong with the labels. Where the level of `enforce` cannot be read, the strictest holds. */
export function policyOf(labels: Readonly<Record<string, string>> | undefined): { readonly policy: Policy; readonly causes: readonly FieldCause[] } {
  let isAsked = false;
  for (const label in labels) if (label.startsWith(prefix)) isAsked = true;
  if (!labels || !isAsked) return { policy: privileged, causes: [] };
  const report = new Report();
  const enforce = standardOf(report, labels, 'enforce', 'restricted');
  const audit = standardOf(report, labels, 'audit', 'privileged');
  const warn = standardOf(report, labels, 'warn', 'privileged');
  // What will be refused is warned of in templates, unless the labels say otherwise.
  const level = labels[`${prefix}warn`] === undefined && levels.includes(labels[`${prefix}enforce`] as Level) ? enforce.level : warn.level;
  const version = labels[`${prefix}warn-version`] === undefined && level === enforce.level ? enforce.version : warn.version;
  return { policy: { enforce, audit, warn: { level, version } }, causes: report.causes };
}

function standardOf(report: Report, labels: Readonly<Record<string, string>>, mode: keyof Policy, fallback: Level): Standard {
  const [label, versionLabel] = [`${prefix}${mode}`, `${prefix}${mode}-version`];
  const level = labels[label] ?? 'privileged';
  const isLevel = levels.includes(level as Level);
  if (!isLevel) report.invalid(`metadata.labels[${label}]`, level, `must be one of ${levels.join(', ')}`);
  const version = labels[versionLabel] ?? 'latest';
  const minor = /^v1\.(\d|[1-9]\d+)$/.exec(version)?.[1];
  if (version !== 'latest' && minor === undefined) report.invalid(`metadata.labels[${versionLabel}]`, version, 'must be "latest" or "v1.x"');
  return { level: isLevel ? (level as Level) : fallback, version: minor === undefined ? 'latest' : Number(minor) };
}

/** `restricted:latest`, `baseline:v1.30`. */
export function named({ level, version }: Standard): string {
  return `${level}:${version === 'latest' ? version : `v1.${version}`}`;
}

export function isSame(a: Standard, b: Standard): boolean {
  return a.level === b.level && a.version === b.version;
}

/** Positive when `a` is the stricter level. */
export function compareLevels(a: Standard, b: Standard): number {
  return levels.indexOf(a.level) - levels.indexOf(b.level);
}

/** All that is wrong, baseline's controls first. */
export function violations({ level, version }: Standard, pod: Checked): Violation[] {
  if (level === 'privileged') return [];
  const minor = version === 'latest' ? Infinity : version;
  const strict = level === 'restricted' ? checksAt(restricted, minor) : [];
  const overridden = new Set(strict.map(({ control }) => control.overrides));
  const weak = checksAt(baseline, minor).filter(({ control }) => !overridden.has(control.id));
  return [...weak, ...strict].flatMap(({ check }) => check(pod) ?? []);
}

/** The newest check of each control that is not newer than the version. */
function checksAt(controls: readonly Control[], minor: number): { control: Control; check: Check }[] {
  return controls.flatMap((control) => {
    const check = control.since.findLast(([since]) => since <= minor)?.[1];
    return check ? [{ control, check }] : [];
  });
}

/** `privileged (container "c" must not set …), hostPort (…)`. */
export function told(violations: readonly Violation[]): string {
  return violations.map(({ reason, detail }) => (detail ? `${reason} (${detail})` : reason)).join(', ');
}
