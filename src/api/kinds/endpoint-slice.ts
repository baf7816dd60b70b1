// The EndpointSlice: some of the addresses behind a Service, and what they are good for.
import { dnsLabel, qualifiedName } from '../names.ts';
import type { EndpointSlice } from '../types.ts';
import { ageColumn, nameColumn, text } from './columns.ts';
import { defineKind } from './define-kind.ts';
import { firstOf } from './list-text.ts';
import { present, Report } from './validation/report.ts';
import { checkFqdn, checkIp, checkOrdinaryIp, protocols } from './validation/rules.ts';

const mostEndpoints = 1000;
const mostAddresses = 100;
const mostPorts = 100;

export const endpointSlices = defineKind<EndpointSlice>({
  kind: 'EndpointSlice',
  group: 'discovery.k8s.io',
  hasGeneration: true,
  defaults(draft) {
    for (const port of draft.ports ?? []) {
      port.name ??= '';
      port.protocol ??= 'TCP';
    }
  },
  validate(slice) {
    const report = new Report();
    report.requiredWord('addressType', slice.addressType, ['FQDN', 'IPv4', 'IPv6']);
    checkEndpoints(report, slice);
    checkPorts(report, slice.ports ?? []);
    return report.causes;
  },
  validateUpdate(slice, before) {
    const report = new Report();
    report.immutable('addressType', slice.addressType, before.addressType);
    return report.causes;
  },
  columns: [
    nameColumn,
    text('AddressType', 'IPv4, IPv6 or FQDN.', ({ addressType }) => addressType),
    text('Ports', 'The first ports.', ({ ports }) => firstOf((ports ?? []).map(({ port, name }) => String(port ?? name ?? '*')), 3, '<unset>')),
    text('Endpoints', 'The first addresses.', ({ endpoints }) => firstOf((endpoints ?? []).flatMap(({ addresses }) => addresses ?? []), 3, '<unset>')),
    ageColumn,
  ],
});

function checkEndpoints(report: Report, { endpoints = [], addressType }: EndpointSlice): void {
  if (endpoints.length > mostEndpoints) return report.tooMany('endpoints', endpoints.length, mostEndpoints);
  endpoints?.forEach(({ addresses = [], hostname }, index) => {
    const at = `endpoints[${index}]`;
    if (addresses.length === 0) report.required(`${at}.addresses`, 'must contain at least 1 address');
    if (addresses.length > mostAddresses) report.tooMany(`${at}.addresses`, addresses.length, mostAddresses);
    addresses.forEach((address, addressIndex) => {
      const field = `${at}.addresses[${addressIndex}]`;
      if (addressType === 'FQDN') return checkFqdn(report, field, address);
      if (addressType !== 'IPv4' && addressType !== 'IPv6') return;
      checkIp(report, field, address, addressType);
      checkOrdinaryIp(report, field, address);
    });
    if (present(hostname)) report.follows(`${at}.hostname`, hostname, dnsLabel);
  });
}

function checkPorts(report: Report, ports: NonNullable<EndpointSlice['ports']>): void {
  if (ports.length > mostPorts) return report.tooMany('ports', ports.length, mostPorts);
  const names = new Set<string>();
  ports.forEach(({ name = '', port, protocol, appProtocol }, index) => {
    const at = `ports[${index}]`;
    if (name) report.follows(`${at}.name`, name, dnsLabel);
    if (names.has(name)) report.duplicate(`${at}.name`, name);
    names.add(name);
    if (present(port)) report.port(`${at}.port`, port);
    report.requiredWord(`${at}.protocol`, protocol, protocols);
    if (appProtocol) report.follows(`${at}.appProtocol`, appProtocol, qualifiedName);
  });
}
