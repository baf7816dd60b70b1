// The NetworkPolicy: which traffic may reach some Pods of a namespace, and leave them.
import { labelSelectorOf } from '../selectors.ts';
import type { NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort } from '../types.ts';
import { ageColumn, nameColumn, text } from './columns.ts';
import { defineKind } from './define-kind.ts';
import { cidrWarnings, isWithin, parseCidr } from './validation/cidr.ts';
import { present, Report } from './validation/report.ts';
import { checkCidr, checkLabelSelector, checkPortOrName } from './validation/rules.ts';

type Spec = NetworkPolicy['spec'];
type Rule = NonNullable<Spec['ingress']>[number] & NonNullable<Spec['egress']>[number];

const policyTypes = ['Ingress', 'Egress'];
const protocols = ['TCP', 'UDP', 'SCTP'];

export const networkPolicies = defineKind<NetworkPolicy>({
  kind: 'NetworkPolicy',
  group: 'networking.k8s.io',
  plural: 'networkpolicies',
  shortNames: ['netpol'],
  hasGeneration: true,
  defaults(draft) {
    draft.spec ??= { podSelector: {} };
    draft.spec.podSelector ??= {};
    if (!draft.spec.policyTypes?.length) draft.spec.policyTypes = draft.spec.egress?.length ? ['Ingress', 'Egress'] : ['Ingress'];
    for (const [, rule] of rulesOf(draft.spec)) for (const port of rule.ports ?? []) port.protocol ||= 'TCP';
  },
  validate({ spec }) {
    const report = new Report();
    checkLabelSelector(report, 'spec.podSelector', spec.podSelector);
    for (const [field, rule, peers] of rulesOf(spec)) {
      rule.ports?.forEach((port, at) => checkPort(report, `${field}.ports[${at}]`, port));
      (rule[peers] ?? []).forEach((peer, at) => checkPeer(report, `${field}.${peers}[${at}]`, peer));
    }
    const types = spec.policyTypes ?? [];
    if (types.length > policyTypes.length) report.invalid('spec.policyTypes', types, 'may not specify more than two policyTypes');
    else types.forEach((type, at) => report.word(`spec.policyTypes[${at}]`, type, policyTypes));
    return report.causes;
  },
  warnings({ spec }) {
    const blocks = rulesOf(spec).flatMap(([field, rule, peers]) => (rule[peers] ?? []).flatMap(({ ipBlock }, at) => (ipBlock ? [[`${field}.${peers}[${at}].ipBlock`, ipBlock] as const] : [])));
    return blocks.flatMap(([field, { cidr, except = [] }]) => [...cidrWarnings(`${field}.cidr`, cidr), ...except.flatMap((one, at) => cidrWarnings(`${field}.except[${at}]`, one))]);
  },
  columns: [
    nameColumn,
    text('Pod-Selector', 'The labels of the Pods that it is about.', ({ spec }) => labelSelectorOf(spec.podSelector ?? {}).toString() || '<none>'),
    ageColumn,
  ],
});

/** Every rule with its path and the name of its list of peers. */
function rulesOf({ ingress, egress }: Spec): (readonly [field: string, rule: Rule, peers: 'from' | 'to'])[] {
  return [
    ...(ingress ?? []).map((rule, at) => [`spec.ingress[${at}]`, rule as Rule, 'from'] as const),
    ...(egress ?? []).map((rule, at) => [`spec.egress[${at}]`, rule as Rule, 'to'] as const),
  ];
}

function checkPort(report: Report, field: string, { protocol, port, endPort }: NetworkPolicyPort): void {
  report.word(`${field}.protocol`, protocol, protocols);
  if (!present(port)) {
    if (present(endPort)) report.invalid(`${field}.endPort`, endPort, 'may not be specified when `port` is not specified');
    return;
  }
  if (typeof port === 'string') {
    if (present(endPort)) report.invalid(`${field}.endPort`, endPort, 'may not be specified when `port` is non-numeric');
    checkPortOrName(report, `${field}.port`, port);
    return;
  }
  report.port(`${field}.port`, port);
  if (!present(endPort)) return;
  if (endPort < port) report.invalid(`${field}.endPort`, endPort, 'must be greater than or equal to `port`');
  report.port(`${field}.endPort`, endPort);
}

function checkPeer(report: Report, field: string, { podSelector, namespaceSelector, ipBlock }: NetworkPolicyPeer): void {
  if (present(podSelector)) checkLabelSelector(report, `${field}.podSelector`, podSelector);
  if (present(namespaceSelector)) checkLabelSelector(report, `${field}.namespaceSelector`, namespaceSelector);
  if (present(ipBlock)) checkBlock(report, `${field}.ipBlock`, ipBlock);
  if (!present(podSelector) && !present(namespaceSelector) && !present(ipBlock)) report.required(field, 'must specify a peer');
  else if (present(ipBlock) && (present(podSelector) || present(namespaceSelector))) report.forbidden(field, 'may not specify both ipBlock and another peer');
}

function checkBlock(report: Report, field: string, { cidr, except }: NonNullable<NetworkPolicyPeer['ipBlock']>): void {
  if (!cidr) return report.required(`${field}.cidr`);
  checkCidr(report, `${field}.cidr`, cidr);
  const whole = parseCidr(cidr);
  if (!whole) return;
  except?.forEach((text, at) => {
    checkCidr(report, `${field}.except[${at}]`, text);
    const part = parseCidr(text);
    if (part && (!isWithin(part, whole) || part.bits <= whole.bits)) report.invalid(`${field}.except[${at}]`, text, 'must be a strict subset of `cidr`');
  });
}
