// On real nftables, in network namespaces of the test's own: what the scripts of changes lead to is what the whole script makes.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import fc from '../../../base/testing/fast-check.ts';
import type { ServicePort } from '../service-ports.ts';
import { anyServicePort, anySteps, ownerOf, testFamilies } from '../testing/service-ports.ts';
import { serviceRules } from './service-rules.ts';
import { serviceSkeleton } from './skeleton.ts';
import { Table } from './table.ts';

const skip = process.getuid?.() === 0 ? false : 'needs root: it makes network namespaces';

for (const family of testFamilies) {
  const { plan } = family;
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
      fc.assert(fc.property(anySteps(family), (steps) => {
        const table = new Table(serviceSkeleton(plan));
        apply(changing, table.takeWhole());
        let present = new Map<string, ServicePort>();
        for (const [ports, remove] of steps) {
          const next = new Map(ports.map((port) => [ownerOf(port), port]));
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
      const [port] = fc.sample(anyServicePort(family), { numRuns: 1, seed: 1 });
      table.put('a', serviceRules(port!, plan));
      assert.notEqual(table.takeChanges(), undefined);
      assert.equal(table.put('a', serviceRules(port!, plan)), false);
      assert.equal(table.takeChanges(), undefined);
    });
  });
}
