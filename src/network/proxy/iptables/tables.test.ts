// On real iptables, in network namespaces of the test's own: what the scripts of changes lead to is what the whole script makes, over
// whatever was there; and nothing is left when it is taken away.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import fc from '../../../base/testing/fast-check.ts';
import { chainPrefix, iptablesMasquerade, iptablesRemoval } from '../../pod-network/iptables-rules.ts';
import type { ServicePort } from '../service-ports.ts';
import { anyServicePort, anySteps, ownerOf, testFamilies } from '../testing/service-ports.ts';
import { iptablesRules } from './service-rules.ts';
import { IptablesTables } from './tables.ts';

const skip = process.getuid?.() === 0 ? false : 'needs root: it makes network namespaces';

for (const family of testFamilies) {
  const { plan } = family;
  const program = plan.family === 'ip' ? 'iptables' : 'ip6tables';

  describe(`the chains of Service rules, ${program}`, { skip }, () => {
    const [changing, whole] = [`peapod-ipt-a-${process.pid}`, `peapod-ipt-b-${process.pid}`];
    before(() => [changing, whole].forEach((name) => execFileSync('ip', ['netns', 'add', name])));
    after(() => [changing, whole].forEach((name) => execFileSync('ip', ['netns', 'delete', name])));

    const inside = (namespace: string, args: string[], input = '') => execFileSync('ip', ['netns', 'exec', namespace, ...args], { encoding: 'utf8', input, stdio: ['pipe', 'pipe', 'pipe'] });
    const saved = (namespace: string, table: string) => inside(namespace, [`${program}-save`, '-t', table]);
    const both = (namespace: string) => ({ nat: saved(namespace, 'nat'), filter: saved(namespace, 'filter') });
    const apply = (namespace: string, script: string) => inside(namespace, [`${program}-restore`, '-w', '--noflush'], script);
    /** Chains that all share hold their rules in any order; others have one. */
    const listing = (namespace: string) => {
      const lines = Object.values(both(namespace)).flatMap((text) => text.split('\n')).filter((line) => line !== '' && !line.startsWith('#')).map((line) => line.replace(/\[\d+:\d+\]/, ''));
      const isShared = (line: string) => /^-A PEAPOD99-(FRONTENDS|NODE-PORTS|HAIRPIN|NO-ENDPOINTS|NO-PORTS) /.test(line);
      const ordered = new Map<string, string[]>();
      for (const line of lines.filter((one) => one.startsWith('-A ') && !isShared(one))) ordered.set(line.split(' ')[1]!, [...(ordered.get(line.split(' ')[1]!) ?? []), line]);
      return { chains: lines.filter((line) => line.startsWith(':')).sort(), shared: lines.filter(isShared).sort(), ordered: [...ordered].sort(([a], [b]) => (a < b ? -1 : 1)) };
    };

    it('changes lead where the whole leads, whatever was there before', () => {
      fc.assert(fc.property(anySteps(family), (steps) => {
        const tables = new IptablesTables(plan);
        apply(changing, tables.takeWhole(both(changing)));
        let present = new Map<string, ServicePort>();
        for (const [ports, remove] of steps) {
          const next = new Map(ports.map((port) => [ownerOf(port), port]));
          for (const owner of [...present.keys()].filter((owner) => remove && !next.has(owner))) {
            tables.put(owner, undefined);
            present.delete(owner);
          }
          for (const [owner, port] of next) tables.put(owner, iptablesRules(port, plan));
          present = new Map([...present, ...next]);
          const script = tables.takeChanges();
          if (script) apply(changing, script);
          assert.equal(tables.takeChanges(), undefined);
        }
        const anew = new IptablesTables(plan);
        for (const [owner, port] of present) anew.put(owner, iptablesRules(port, plan));
        apply(whole, anew.takeWhole(both(whole)));
        assert.deepEqual(listing(changing), listing(whole));
      }), { numRuns: 12 });
    });

    it('asks nothing of iptables when nothing has changed', () => {
      const tables = new IptablesTables(plan);
      const [port] = fc.sample(anyServicePort(family), { numRuns: 1, seed: 1 });
      tables.put('a', iptablesRules(port!, plan));
      assert.notEqual(tables.takeChanges(), undefined);
      tables.put('a', iptablesRules(port!, plan));
      assert.equal(tables.takeChanges(), undefined);
    });

    it('goes whole, with the chain of the Pod network, and leaves the rules of others', () => {
      const others = '*nat\n:OTHERS - [0:0]\n-A OTHERS -p tcp -m tcp --dport 1 -j RETURN\n-A PREROUTING -j OTHERS\nCOMMIT\n';
      apply(changing, others);
      const podPlan = { bridge: plan.bridge, podRange: plan.podRange, clusterRange: plan.podRange, serviceRange: plan.serviceRange, podRange6: plan.podRange, serviceRange6: plan.serviceRange };
      for (let times = 0; times < 2; times++) apply(changing, iptablesMasquerade(podPlan, plan.family, saved(changing, 'nat')));
      assert.equal(saved(changing, 'nat').split('\n').filter((line) => line.endsWith('-j PEAPOD99-MASQUERADE')).length, 1);
      apply(changing, new IptablesTables(plan).takeWhole(both(changing)));
      assert.match(saved(changing, 'nat'), /-A PEAPOD99-MASQUERADE -j MASQUERADE/, 'Services leave the other chain alone');
      for (const table of ['filter', 'nat'] as const) apply(changing, iptablesRemoval(saved(changing, table), table, chainPrefix(plan)) ?? '');
      assert.doesNotMatch(Object.values(both(changing)).join(''), /PEAPOD/);
      assert.match(saved(changing, 'nat'), /-A PREROUTING -j OTHERS/);
      assert.equal(iptablesRemoval(saved(changing, 'nat'), 'nat', chainPrefix(plan)), undefined);
    });
  });
}
