// The Secret: bytes by key that only those who need them may read.
import { configKey } from '../names.ts';
import type { Secret } from '../types.ts';
import { ageColumn, integer, nameColumn, text } from './columns.ts';
import { defineKind } from './define-kind.ts';
import { checkBytes, checkFrozen, mostDataBytes } from './validation/data.ts';
import { Report } from './validation/report.ts';

export const secrets = defineKind<Secret>({
  kind: 'Secret',
  defaults(draft) {
    draft.type ||= 'Opaque';
    // `stringData` is for writing only: its texts join the data, over what was there.
    for (const key in draft.stringData) {
      draft.data ??= {};
      draft.data[key] = Buffer.from(draft.stringData[key]!).toString('base64');
    }
    delete draft.stringData;
    for (const key in draft.data) draft.data[key] ??= '';
  },
  validate(secret) {
    const report = new Report();
    let bytes = 0;
    for (const key in secret.data) {
      report.follows(`data[${key}]`, key, configKey);
      bytes += checkBytes(report, `data[${key}]`, secret.data[key]!);
    }
    if (bytes > mostDataBytes) report.tooLong('data', mostDataBytes);
    if (Object.hasOwn(types, secret.type ?? '')) types[secret.type!]!(report, secret);
    return report.causes;
  },
  validateUpdate(secret, before) {
    const report = new Report();
    report.immutable('type', secret.type, before.type);
    checkFrozen(report, secret, before, ['data']);
    return report.causes;
  },
  selectableFields: { type: ({ type }) => type ?? '' },
  columns: [
    nameColumn,
    text('Type', 'What the Secret is for, which says what keys it has.', ({ type }) => type ?? ''),
    integer('Data', 'How many keys there are.', ({ data }) => Object.keys(data ?? {}).length),
    ageColumn,
  ],
});

/** What each of the API's own types must hold. */
const types: Readonly<Record<string, (report: Report, secret: Secret) => void>> = {
  'kubernetes.io/service-account-token'(report, { metadata }) {
    const account = 'kubernetes.io/service-account.name';
    if (!metadata.annotations?.[account]) report.required(`metadata.annotations[${account}]`);
  },
  'kubernetes.io/dockercfg': (report, secret) => checkJson(report, secret, '.dockercfg'),
  'kubernetes.io/dockerconfigjson': (report, secret) => checkJson(report, secret, '.dockerconfigjson'),
  'kubernetes.io/basic-auth'(report, secret) {
    if (has(secret, 'username') || has(secret, 'password')) return;
    report.required('data[username]');
    report.required('data[password]');
  },
  'kubernetes.io/ssh-auth'(report, { data }) {
    if (!data?.['ssh-privatekey']) report.required('data[ssh-privatekey]');
  },
  'kubernetes.io/tls'(report, secret) {
    for (const key of ['tls.crt', 'tls.key']) if (!has(secret, key)) report.required(`data[${key}]`);
  },
};

function has({ data }: Secret, key: string): boolean {
  return data !== undefined && Object.hasOwn(data, key);
}

function checkJson(report: Report, secret: Secret, key: string): void {
  if (!has(secret, key)) return report.required(`data[${key}]`);
  try {
    JSON.parse(Buffer.from(secret.data![key]!, 'base64').toString());
  } catch (error) {
    report.invalid(`data[${key}]`, '<secret contents redacted>', (error as Error).message);
  }
}
