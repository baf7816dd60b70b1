// The APIService: who serves a version of a group. Without a Service it is this server itself.
import type { FieldCause } from '../error.ts';
import { formatTime } from '../../base/clock.ts';
import { conditionOf } from '../meta.ts';
import { dns1035Label, dnsSubdomain, pathSegment } from '../names.ts';
import type { APIService } from '../types.ts';
import { ageColumn, nameColumn, text } from './columns.ts';
import { defineKind } from './define-kind.ts';
import { Report } from './validation/report.ts';

export const automanagedLabel = 'kube-aggregator.kubernetes.io/automanaged';
const states: readonly string[] = ['False', 'True', 'Unknown'];

export const apiServices = defineKind<APIService>({
  kind: 'APIService',
  group: 'apiregistration.k8s.io',
  plural: 'apiservices',
  namespaced: false,
  categories: ['api-extensions'],
  hasStatus: true,
  allowUnconditionalUpdate: false,
  schemaName: 'io.k8s.kube-aggregator.pkg.apis.apiregistration.v1.APIService',
  validateName: pathSegment,
  defaults(draft) {
    draft.spec ??= {} as APIService['spec'];
    draft.status ??= {};
    if (draft.spec.service) draft.spec.service.port ??= 443;
  },
  prepareCreate(draft, { nowMs }) {
    draft.status = draft.spec?.service ? {} : localStatus(undefined, nowMs);
  },
  prepareUpdate(draft, before, { nowMs }) {
    draft.status = draft.spec.service ? before.status : localStatus(before.status, nowMs);
  },
  prepareStatus(draft, before) {
    draft.spec = before.spec;
  },
  validate,
  validateStatus({ status }) {
    const report = new Report();
    (status.conditions ?? []).forEach((condition, index) => report.requiredWord(`status.conditions[${index}].status`, condition.status, states));
    return report.causes;
  },
  columns: [
    nameColumn,
    text('Service', 'Who serves it.', ({ spec: { service } }) => (service ? `${service.namespace}/${service.name}` : 'Local')),
    text('Available', 'Whether it can be reached.', ({ status }) => {
      const available = conditionOf(status?.conditions, 'Available');
      if (!available) return 'Unknown';
      return available.status !== 'True' && available.reason ? `${available.status} (${available.reason})` : available.status;
    }),
    ageColumn,
  ],
});

/** What this server serves itself is there from the first moment. */
function localStatus(before: APIService['status'] | undefined, nowMs: number): APIService['status'] {
  const known = conditionOf(before?.conditions, 'Available');
  if (known?.status === 'True' && known.reason === 'Local') return before!;
  return { conditions: [{ type: 'Available', status: 'True', lastTransitionTime: formatTime(nowMs), reason: 'Local', message: 'Local APIServices are always available' }] };
}

function validate({ metadata, spec }: APIService): FieldCause[] {
  const report = new Report();
  const { group = '', version = '', groupPriorityMinimum = 0, versionPriority = 0, service, caBundle, insecureSkipTLSVerify } = spec;
  const name = `${version}.${group}`;
  if (metadata.name !== name) report.invalid('metadata.name', metadata.name, `must be \`spec.version+"."+spec.group\`: ${JSON.stringify(name)}`);
  if (!group && version !== 'v1') report.required('spec.group', 'only v1 may have an empty group and it better be legacy kube');
  if (group) report.follows('spec.group', group, dnsSubdomain);
  report.follows('spec.version', version, dns1035Label);
  if (groupPriorityMinimum <= 0 || groupPriorityMinimum > 20_000) report.invalid('spec.groupPriorityMinimum', groupPriorityMinimum, 'must be positive and less than 20000');
  if (versionPriority <= 0 || versionPriority > 1000) report.invalid('spec.versionPriority', versionPriority, 'must be positive and less than 1000');
  if (!service) {
    if (caBundle) report.invalid('spec.caBundle', `${Buffer.from(caBundle, 'base64').length} bytes`, 'local APIServices may not have a caBundle');
    if (insecureSkipTLSVerify) report.invalid('spec.insecureSkipTLSVerify', insecureSkipTLSVerify, 'local APIServices may not have insecureSkipTLSVerify');
    return report.causes;
  }
  if (!service.namespace) report.required('spec.service.namespace');
  if (!service.name) report.required('spec.service.name');
  if (service.port !== undefined) report.port('spec.service.port', service.port);
  if (insecureSkipTLSVerify && caBundle) report.invalid('spec.insecureSkipTLSVerify', insecureSkipTLSVerify, 'may not be true if caBundle is present');
  return report.causes;
}
