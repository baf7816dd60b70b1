// Ports of Services by chance, for the tests of rules: of few names and addresses, so that they get in each other's way.
import fc from '../../../base/testing/fast-check.ts';
import type { ServicePort } from '../service-ports.ts';

const shared = { table: 'peapod-test', bridge: 'peapod99' };

export interface TestFamily {
  readonly plan: { readonly family: 'ip' | 'ip6'; readonly table: string; readonly bridge: string; readonly podRange: string; readonly serviceRange: string };
  readonly pod: string;
  readonly service: string;
  readonly outer: string;
  readonly sources: string;
}

export const testFamilies: readonly TestFamily[] = [
  { plan: { family: 'ip', ...shared, podRange: '10.85.0.0/24', serviceRange: '10.96.0.0/16' }, pod: '10.85.0.', service: '10.96.0.', outer: '192.0.2.', sources: '198.51.100.0/24' },
  { plan: { family: 'ip6', ...shared, podRange: 'fd00:10:85::/64', serviceRange: 'fd00:10:96::/112' }, pod: 'fd00:10:85::', service: 'fd00:10:96::', outer: '2001:db8::', sources: '2001:db8:1::/48' },
];

export function anyServicePort({ pod, service, outer, sources }: TestFamily): fc.Arbitrary<ServicePort> {
  const backend = fc.record({ ip: fc.integer({ min: 2, max: 6 }).map((n) => `${pod}${n}`), port: fc.constantFrom(80, 8080), isLocal: fc.boolean() });
  return fc.record({
    id: fc.integer({ min: 0, max: 3 }).map((n) => `default/s${n}/http`),
    protocol: fc.constantFrom('tcp' as const, 'udp' as const, 'sctp' as const),
    port: fc.constantFrom(80, 443),
    clusterIPs: fc.integer({ min: 1, max: 4 }).map((n) => [`${service}${n}`]),
    externalIPs: fc.constantFrom([], [`${outer}1`]),
    balancerIPs: fc.constantFrom([], [`${outer}1`], [`${outer}2`]),
    sourceRanges: fc.constantFrom([], [sources]),
    nodePort: fc.constantFrom(undefined, 30_080, 30_081),
    affinitySeconds: fc.constantFrom(undefined, 60, 120),
    internalPolicy: fc.constantFrom('Cluster' as const, 'Local' as const),
    externalPolicy: fc.constantFrom('Cluster' as const, 'Local' as const),
    cluster: fc.uniqueArray(backend, { maxLength: 20, selector: ({ ip, port }) => `${ip}:${port}` }),
  }).map((port): ServicePort => ({ ...port, local: port.cluster.filter(({ isLocal }) => isLocal), hasEndpoints: port.cluster.length > 0 }));
}

/** Steps of changes: what there is from then on, and whether all else goes. */
export function anySteps(family: TestFamily): fc.Arbitrary<readonly (readonly [readonly ServicePort[], boolean])[]> {
  return fc.array(fc.tuple(fc.array(anyServicePort(family), { maxLength: 5 }), fc.boolean()), { minLength: 2, maxLength: 4 });
}

export function ownerOf({ id, protocol }: ServicePort): string {
  return `${id}/${protocol}`;
}
