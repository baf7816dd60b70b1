// The Endpoints of a Service: the addresses behind it, ready or not. The older form of EndpointSlices.
import { dnsLabel, dnsSubdomain, qualifiedName } from '../names.ts';
import type { Endpoints } from '../types.ts';
import { ageColumn, nameColumn, text } from './columns.ts';
import { defineKind } from './define-kind.ts';
import { deprecationOf } from './lifecycles.ts';
import { firstOf } from './list-text.ts';
import { Report } from './validation/report.ts';
import { checkIp, checkOrdinaryIp, protocols } from './validation/rules.ts';

type Subset = NonNullable<Endpoints['subsets']>[number];
type Address = NonNullable<Subset['addresses']>[number];
type Port = NonNullable<Subset['ports']>[number];

export const endpoints = defineKind<Endpoints>({
  kind: 'Endpoints',
  listKind: 'EndpointsList',
  plural: 'endpoints',
  shortNames: ['ep'],
  allowCreateOnUpdate: true,
  deprecation: deprecationOf('', 'v1', 'Endpoints'),
  defaults(draft) {
    for (const { ports } of draft.subsets ?? []) for (const port of ports ?? []) port.protocol ||= 'TCP';
  },
  validate({ subsets }) {
    const report = new Report();
    subsets?.forEach((subset, index) => checkSubset(report, `subsets[${index}]`, subset));
    return report.causes;
  },
  columns: [nameColumn, text('Endpoints', 'The first ready addresses with their ports.', listed), ageColumn],
});

function checkSubset(report: Report, field: string, { addresses = [], notReadyAddresses = [], ports = [] }: Subset): void {
  if (addresses.length + notReadyAddresses.length === 0) report.required(field, 'must specify `addresses` or `notReadyAddresses`');
  addresses.forEach((address, index) => checkAddress(report, `${field}.addresses[${index}]`, address));
  notReadyAddresses.forEach((address, index) => checkAddress(report, `${field}.notReadyAddresses[${index}]`, address));
  ports.forEach((port, index) => checkPort(report, `${field}.ports[${index}]`, port, ports.length > 1));
}

function checkAddress(report: Report, field: string, { ip, hostname, nodeName }: Address): void {
  checkIp(report, `${field}.ip`, ip);
  if (hostname) report.follows(`${field}.hostname`, hostname, dnsLabel);
  if (nodeName) report.follows(`${field}.nodeName`, nodeName, dnsSubdomain);
  checkOrdinaryIp(report, `${field}.ip`, ip);
}

function checkPort(report: Report, field: string, { name, port, protocol, appProtocol }: Port, needsName: boolean): void {
  if (name) report.follows(`${field}.name`, name, dnsLabel);
  else if (needsName) report.required(`${field}.name`);
  report.port(`${field}.port`, port);
  report.requiredWord(`${field}.protocol`, protocol, protocols);
  if (appProtocol) report.follows(`${field}.appProtocol`, appProtocol, qualifiedName);
}

function listed({ subsets = [] }: Endpoints): string {
  const all = subsets.flatMap(({ addresses = [], ports = [] }) =>
    ports.length === 0 ? addresses.map(({ ip }) => ip) : ports.flatMap(({ port }) => addresses.map(({ ip }) => (ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`))),
  );
  return firstOf(all, 3, '<none>');
}
