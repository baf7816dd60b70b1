// On real nftables, in network namespaces of the test's own: what the scripts of changes lead to is what the whole script makes.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import type { ServicePort } from '../service-ports.ts';
import { serviceRules } from './service-rules.ts';
import { serviceSkeleton } from './skeleton.ts';
import { Table } from './table.ts';

const shared = { table: 'peapod-test', bridge: 'peapod-none' };
const families = [
  { plan: { family: 'ip' as const, ...shared, podRange: '10.85.0.0/24', serviceRange: '10.96.0.0/16' }, pod: '10.85.0.', service: '10.96.0.', outer: '192.0.2.', sources: '198.51.100.0/24' },
  { plan: { family: 'ip6' as const, ...shared, podRange: 'fd00:10:85::/64', serviceRange: 'fd00:10:96::/112' }, pod: 'fd00:10:85::', service: 'fd00:10:96::', outer: '2001:db8::', sources: '2001:db8:1::/48' },
];

const skip = process.getuid?.() === 0 ? false : 'needs root: it makes network namespaces';

for (const { plan, pod, service, outer, sources } of families) {
  const backend = fc.record({ ip: fc.integer({ min: 2, max: 6 }).map((n) => `${pod}${n}`), port: fc.constantFrom(80, 8080), isLocal: fc.boolean() });
  const backends = fc.uniqueArray(backend, { maxLength: 20, selector: ({ ip, port }) => `${ip}:${port}` });
  const servicePort = fc.record({
    id: fc.integer({ min: 0, max: 3 }).map((n) => `default/s${n}/http`),
    protocol: fc.constantFrom('tcp' as const, 'udp' as const),
    port: fc.constantFrom(80, 443),
    clusterIPs: fc.integer({ min: 1, max: 4 }).map((n) => [`${service}${n}`]),
    externalIPs: fc.constantFrom([], [`${outer}1`]),
    balancerIPs: fc.constantFrom([], [`${outer}1`], [`${outer}2`]),
    sourceRanges: fc.constantFrom([], [sources]),
    nodePort: fc.constantFrom(undefined, 30_080, 30_081),
    affinitySeconds: fc.constantFrom(undefined, 60, 120),
    internalPolicy: fc.constantFrom('Cluster' as const, 'Local' as const),
    externalPolicy: fc.constantFrom('Cluster' as const, 'Local' as const),
    cluster: backends,
  }).map((port): ServicePort => ({ ...port, local: port.cluster.filter(({ isLocal }) => isLocal), hasEndpoints: port.cluster.length > 0 }));

  describe(`the table of Service rules, ${plan.family}`, { skip }, () => {
    const directory = mkdtempSync(join(tmpdir(), 'peapod-nft-'));
    const [changing, whole] = [`peapod-nft-a-${process.pid}`, `peapod-nft-b-${process.pid}`];
    before(() => [changing, whole].forEach((name) => execFileSync('ip', ['netns', 'add', name])));
    after(() => {
      for (const name of [changing, whole]) execFileSync('ip', ['netns', 'delete', name]);
      rmSync(directory, { recursive: true });
    });

    const nft = (namespace: string, ...args: string[]) => execFileSync('ip', ['netns', 'exec', namespace, 'nft', ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
    const apply = (namespace: string, script: string) => {
      const file = join(directory, 'script.nft');
      writeFileSync(file, script);
      nft(namespace, '-f', file);
    };
    /** Without the order in which things were added: each block's lines, sorted. */
    const listing = (namespace: string) => nft(namespace, '-s', 'list', 'table', plan.family, plan.table)
      .replace(/elements = \{([^}]*)\}/g, (_, elements: string) => `elements = ${elements.split(',').map((element) => element.trim()).sort().join(', ')}`)
      .split('\n\t}\n').map((block) => block.trim()).sort();

    it('changes lead where the whole leads', () => {
      fc.assert(fc.property(fc.array(fc.tuple(fc.array(servicePort, { maxLength: 5 }), fc.boolean()), { minLength: 2, maxLength: 4 }), (steps) => {
        const table = new Table(serviceSkeleton(plan));
        apply(changing, table.takeWhole());
        let present = new Map<string, ServicePort>();
        for (const [ports, remove] of steps) {
          const next = new Map(ports.map((port) => [`${port.id}/${port.protocol}`, port]));
          for (const owner of [...present.keys()].filter((owner) => remove && !next.has(owner))) {
            table.put(owner, undefined);
            present.delete(owner);
          }
          for (const [owner, port] of next) table.put(owner, serviceRules(port, plan));
          present = new Map([...present, ...next]);
          const script = table.takeChanges();
          if (script) apply(changing, script);
          assert.equal(table.takeChanges(), undefined);
        }
        const anew = new Table(serviceSkeleton(plan));
        for (const [owner, port] of present) anew.put(owner, serviceRules(port, plan));
        apply(whole, anew.takeWhole());
        assert.deepEqual(listing(changing), listing(whole));
      }), { numRuns: 15 });
    });

    it('asks nothing of nftables when nothing has changed', () => {
      const table = new Table(serviceSkeleton(plan));
      const [port] = fc.sample(servicePort, { numRuns: 1, seed: 1 });
      table.put('a', serviceRules(port!, plan));
      assert.notEqual(table.takeChanges(), undefined);
      assert.equal(table.put('a', serviceRules(port!, plan)), false);
      assert.equal(table.takeChanges(), undefined);
    });
  });
}
