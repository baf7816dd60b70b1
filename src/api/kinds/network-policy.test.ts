import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseTime } from '../../base/clock.ts';
import type { NetworkPolicy } from '../types.ts';
import { networkPolicies } from './network-policy.ts';
import { formatIpRange } from '../../base/ip.ts';
import { parseCidr } from './validation/cidr.ts';

function made(spec: object | undefined): NetworkPolicy {
  const policy = structuredClone({ metadata: { name: 'x', namespace: 'default', creationTimestamp: '2026-01-01T00:00:00Z' }, spec }) as unknown as NetworkPolicy;
  networkPolicies.defaults!(policy);
  return policy;
}
const wrong = (spec: object) => networkPolicies.validate!(made(spec)).map(({ field, message }) => `${field}: ${message}`);

test('defaults: Ingress, and Egress where it has rules; TCP', () => {
  assert.deepEqual(made(undefined).spec, { podSelector: {}, policyTypes: ['Ingress'] });
  assert.deepEqual(made({ podSelector: {}, egress: [] }).spec.policyTypes, ['Ingress']);
  assert.deepEqual(made({ podSelector: {}, policyTypes: ['Egress'] }).spec.policyTypes, ['Egress']);
  const { spec } = made({ podSelector: {}, egress: [{ ports: [{ port: 53 }, { port: 53, protocol: 'UDP' }] }] });
  assert.deepEqual([spec.policyTypes, spec.egress], [['Ingress', 'Egress'], [{ ports: [{ port: 53, protocol: 'TCP' }, { port: 53, protocol: 'UDP' }] }]]);
});

test('what is refused, in which words', () => {
  const block = (cidr: unknown, except?: string[]) => ({ podSelector: {}, ingress: [{ from: [{ ipBlock: { cidr, except } }] }] });
  const port = (fields: object) => ({ podSelector: {}, egress: [{ ports: [fields] }] });
  const table: [object, string[]][] = [
    [{ podSelector: { matchLabels: { '-': 'a' } } }, ["spec.podSelector.matchLabels: Invalid value: \"-\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"]],
    [{ podSelector: {}, ingress: [{ from: [{}] }] }, ['spec.ingress[0].from[0]: Required value: must specify a peer']],
    [{ podSelector: {}, egress: [{ to: [{ podSelector: {}, ipBlock: { cidr: '10.0.0.0/8' } }] }] }, ['spec.egress[0].to[0]: Forbidden: may not specify both ipBlock and another peer']],
    [block(''), ['spec.ingress[0].from[0].ipBlock.cidr: Required value']],
    [block('10.0.0.0'), ['spec.ingress[0].from[0].ipBlock.cidr: Invalid value: "10.0.0.0": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)']],
    [block('10.0.0.0/8', ['11.0.0.0/16']), ['spec.ingress[0].from[0].ipBlock.except[0]: Invalid value: "11.0.0.0/16": must be a strict subset of `cidr`']],
    [block('10.0.0.0/8', ['10.0.0.0/8']), ['spec.ingress[0].from[0].ipBlock.except[0]: Invalid value: "10.0.0.0/8": must be a strict subset of `cidr`']],
    [block('2001:db8::/32', ['2001:db8:1::/48', 'fe80::/64']), ['spec.ingress[0].from[0].ipBlock.except[1]: Invalid value: "fe80::/64": must be a strict subset of `cidr`']],
    [port({ port: 0 }), ['spec.egress[0].ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive']],
    [port({ port: 80, endPort: 79 }), ['spec.egress[0].ports[0].endPort: Invalid value: 79: must be greater than or equal to `port`']],
    [port({ port: 80, endPort: 65536 }), ['spec.egress[0].ports[0].endPort: Invalid value: 65536: must be between 1 and 65535, inclusive']],
    [port({ port: 'http', endPort: 90 }), ['spec.egress[0].ports[0].endPort: Invalid value: 90: may not be specified when `port` is non-numeric']],
    [port({ endPort: 90 }), ['spec.egress[0].ports[0].endPort: Invalid value: 90: may not be specified when `port` is not specified']],
    [port({ port: 'a'.repeat(16) }), ['spec.egress[0].ports[0].port: Invalid value: "aaaaaaaaaaaaaaaa": must be no more than 15 characters']],
    [port({ port: 80, protocol: 'ICMP' }), ['spec.egress[0].ports[0].protocol: Unsupported value: "ICMP": supported values: "TCP", "UDP", "SCTP"']],
    [{ podSelector: {}, policyTypes: ['Both'] }, ['spec.policyTypes[0]: Unsupported value: "Both": supported values: "Ingress", "Egress"']],
    [{ podSelector: {}, policyTypes: ['Ingress', 'Egress', 'Ingress'] }, ['spec.policyTypes: Invalid value: ["Ingress","Egress","Ingress"]: may not specify more than two policyTypes']],
  ];
  for (const [spec, causes] of table) assert.deepEqual(wrong(spec), causes, JSON.stringify(spec));
});

test('what is accepted, with a warning where a range may not mean what it seems to', () => {
  const spec = { podSelector: {}, ingress: [{ from: [{ ipBlock: { cidr: '10.0.0.5/8', except: ['10.1.0.0/16'] } }, { podSelector: {}, namespaceSelector: {} }], ports: [{ port: 80, endPort: 90 }, { port: 'http' }, {}] }, {}] };
  assert.deepEqual(wrong(spec), []);
  assert.deepEqual(networkPolicies.warnings!(made(spec)), ['spec.ingress[0].from[0].ipBlock.cidr: CIDR value "10.0.0.5/8" is ambiguous in this context (should be "10.0.0.0/8" or "10.0.0.5/32"?)']);
});

test('the table that kubectl prints', () => {
  const cells = (spec: object) => networkPolicies.columns!.map(({ name, cell }) => [name, cell(made(spec), parseTime('2026-01-01T01:00:00Z'))]);
  assert.deepEqual(cells({ podSelector: {} }), [['Name', 'x'], ['Pod-Selector', '<none>'], ['Age', '60m']]);
  assert.deepEqual(cells({ podSelector: { matchLabels: { b: '1' }, matchExpressions: [{ key: 'a', operator: 'Exists' }] } })[1], ['Pod-Selector', 'a,b=1']);
});

test('ranges of both families', () => {
  const table = { '10.1.2.3/8': '10.0.0.0/8', '2001:db8::1/32': '2001:db8::/32', '::/0': '::/0', '1:0:0:2:0:0:0:3/128': '1:0:0:2::3/128', '::1/128': '::1/128', '1::/16': '1::/16', '::ffff:10.0.0.0/104': '10.0.0.0/8', '0:1::2/128': '0:1::2/128' };
  for (const [text, written] of Object.entries(table)) assert.equal(formatIpRange(parseCidr(text)!), written, text);
  for (const text of ['10.0.0.0/33', '10.0.0/8', '::/129', 'fe80::1%eth0/64', '10.0.0.0', '']) assert.equal(parseCidr(text), undefined, text);
});
