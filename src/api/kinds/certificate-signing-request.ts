// The CertificateSigningRequest: someone asks for a certificate, someone who may approves it, and a signer makes it.
import { readCertificateRequest } from '../certificates/request.ts';
import { allUsages, signerNames } from '../certificates/signers.ts';
import { formatTime } from '../../base/clock.ts';
import { sameJson } from '../meta.ts';
import { formatAge } from '../time.ts';
import type { CertificateSigningRequest } from '../types.ts';
import { ageColumn, nameColumn, text } from './columns.ts';
import { defineKind } from './define-kind.ts';
import { present, Report } from './validation/report.ts';
import { qualifiedName } from '../names.ts';
import { ApiError } from '../error.ts';

type Conditions = NonNullable<CertificateSigningRequest['status']['conditions']>;

const verdicts = ['Approved', 'Denied'] as const;
const shortestSeconds = 600;

export const certificateSigningRequests = defineKind<CertificateSigningRequest>({
  kind: 'CertificateSigningRequest',
  group: 'certificates.k8s.io',
  shortNames: ['csr'],
  namespaced: false,
  hasStatus: true,
  validateName: () => [],
  prepareCreate(draft, { user }) {
    const { spec } = draft;
    spec.username = user.username;
    spec.groups = [...user.groups];
    if (user.uid) spec.uid = user.uid;
    else delete spec.uid;
    if (user.extra) spec.extra = Object.fromEntries(Object.entries(user.extra).map(([key, values]) => [key, [...values]]));
    else delete spec.extra;
    draft.status = {};
  },
  // What was asked for stays as it was asked.
  prepareUpdate(draft, before) {
    draft.spec = before.spec;
    draft.status = before.status;
  },
  prepareStatus(draft, before, { nowMs }) {
    draft.spec = before.spec;
    // Whether it is approved is said through the other subresource.
    const given = (draft.status.conditions ?? []).filter(({ type }) => !isVerdict(type));
    const conditions = [...(before.status.conditions ?? []).filter(({ type }) => isVerdict(type)), ...given];
    if (conditions.length > 0) draft.status.conditions = timed(conditions, before.status.conditions, nowMs);
  },
  subresources: {
    approval: {
      group: 'certificates.k8s.io',
      version: 'v1',
      kind: 'CertificateSigningRequest',
      verbs: ['get', 'update', 'patch'],
      read: (parent) => parent,
      write(parent, body, { nowMs }) {
        const { conditions = [] } = (body as CertificateSigningRequest).status ?? {};
        const after: CertificateSigningRequest = { ...parent, status: { ...parent.status, conditions: timed(conditions, parent.status.conditions, nowMs) } };
        const report = new Report();
        checkConditions(report, after.status.conditions);
        for (const verdict of verdicts) checkKept(report, verdict, after.status.conditions, parent.status.conditions);
        if (report.causes.length > 0) throw ApiError.invalid({ group: 'certificates.k8s.io', kind: 'CertificateSigningRequest' }, parent.metadata.name, report.causes);
        return after;
      },
    },
  },
  validate({ spec, status }) {
    const report = new Report();
    try {
      readCertificateRequest(Buffer.from(spec.request ?? '', 'base64').toString());
    } catch (error) {
      report.invalid('spec.request', spec.request ?? '', (error as Error).message);
    }
    if (!spec.usages?.length) report.required('spec.usages');
    spec.usages?.forEach((usage, index) => {
      if (!allUsages.includes(usage)) report.notSupported(`spec.usages[${index}]`, usage, allUsages);
      if (spec.usages!.indexOf(usage) !== index) report.duplicate(`spec.usages[${index}]`, usage);
    });
    checkSignerName(report, spec.signerName);
    if (present(spec.expirationSeconds) && spec.expirationSeconds < shortestSeconds) {
      report.invalid('spec.expirationSeconds', spec.expirationSeconds, `may not specify a duration less than ${shortestSeconds} seconds (10 minutes)`);
    }
    checkConditions(report, status?.conditions);
    return report.causes;
  },
  validateStatus({ status }, before) {
    const report = new Report();
    checkConditions(report, status.conditions);
    const { certificate } = status;
    if (before.status.certificate) {
      if (certificate !== before.status.certificate) report.forbidden('status.certificate', 'updates may not modify existing certificate content');
    } else if (certificate && !/-----BEGIN CERTIFICATE-----/.test(Buffer.from(certificate, 'base64').toString())) {
      report.invalid('status.certificate', '<certificate data>', 'must contain one or more PEM blocks');
    }
    return report.causes;
  },
  selectableFields: { 'spec.signerName': ({ spec }) => spec.signerName },
  columns: [
    nameColumn,
    ageColumn,
    text('SignerName', 'Who is to sign it.', ({ spec }) => spec.signerName),
    text('Requestor', 'Who asked for it.', ({ spec }) => spec.username ?? ''),
    text('RequestedDuration', 'For how long it is asked for.', ({ spec }) => (present(spec.expirationSeconds) ? formatAge(spec.expirationSeconds * 1000) : '<none>')),
    text('Condition', 'What has become of it.', conditionText),
  ],
});

function isVerdict(type: string): boolean {
  return type === 'Approved' || type === 'Denied';
}

/** Each condition with its times; one that was there keeps its own. */
function timed(conditions: Conditions, before: Conditions | undefined, nowMs: number): Conditions {
  const now = formatTime(nowMs);
  return conditions.map((condition) => {
    const old = before?.find(({ type }) => type === condition.type);
    const lastTransitionTime = condition.lastTransitionTime ?? (old?.status === condition.status ? old.lastTransitionTime : undefined) ?? now;
    return { ...condition, lastTransitionTime, lastUpdateTime: condition.lastUpdateTime ?? old?.lastUpdateTime ?? now };
  });
}

function checkSignerName(report: Report, name: string | undefined): void {
  const field = 'spec.signerName';
  if (!name) return report.required(field);
  if (name === signerNames.legacyUnknown) return report.invalid(field, name, 'the legacy signerName is not allowed via this API version');
  const [domain = '', path] = [name.slice(0, Math.max(0, name.indexOf('/'))), name.includes('/') ? name.slice(name.indexOf('/') + 1) : undefined];
  if (path === undefined || domain === '') return report.invalid(field, name, "must be a fully qualified domain and path of the form 'example.com/signer-name'");
  if (!domain.includes('.')) report.invalid(field, domain, 'should be a domain with at least two segments separated by dots');
  for (const part of path.split('.')) for (const why of qualifiedName(part)) report.invalid(field, part, why);
}

function checkConditions(report: Report, conditions: Conditions = []): void {
  const types = conditions.map(({ type }) => type);
  conditions.forEach(({ type, status }, index) => {
    const at = `status.conditions[${index}]`;
    if (!type) report.required(`${at}.type`);
    if (!status) report.required(`${at}.status`);
    else if (['Approved', 'Denied', 'Failed'].includes(type)) report.word(`${at}.status`, status, ['True']);
    else report.word(`${at}.status`, status, ['True', 'False', 'Unknown']);
    if (types.indexOf(type) !== index) report.duplicate(`${at}.type`, type);
    if (isVerdict(type) && verdicts.every((verdict) => types.includes(verdict)) && types.findIndex(isVerdict) !== index) report.invalid(`${at}.type`, type, 'Approved and Denied conditions are mutually exclusive');
  });
}

/** A verdict once given is not taken back. */
function checkKept(report: Report, verdict: string, after: Conditions = [], before: Conditions = []): void {
  const [was, is] = [before.find(({ type }) => type === verdict), after.find(({ type }) => type === verdict)];
  if (was && !is) report.forbidden('status.conditions', `updates may not remove a condition of type ${JSON.stringify(verdict)}`);
  else if (was && !sameJson(was, is)) report.forbidden('status.conditions', `updates may not modify a condition of type ${JSON.stringify(verdict)}`);
}

function conditionText({ status }: CertificateSigningRequest): string {
  const types = (status.conditions ?? []).map(({ type }) => type);
  const words = [types.includes('Denied') ? 'Denied' : types.includes('Approved') ? 'Approved' : 'Pending', ...(types.includes('Failed') ? ['Failed'] : []), ...(status.certificate ? ['Issued'] : [])];
  return words.join(',');
}
