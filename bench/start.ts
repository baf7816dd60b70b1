// (c) From the command to an API that answers and a node that is Ready, on data that is there already.
import type { Figure } from './main.ts';
import type { Subject } from './subject.ts';
import { median } from './statistics.ts';

const rounds = 5;

export async function benchStart(subject: Subject): Promise<Figure[]> {
  const runs = [];
  for (let round = 0; round < rounds; round++) runs.push(await subject.restart());
  return [
    { name: 'start: API ready', value: median(runs.map((run) => run.apiReadyMs)), unit: 'ms', note: `median of ${rounds} warm starts, from the start of ./peapod` },
    { name: 'start: node Ready', value: median(runs.map((run) => run.nodeReadyMs)), unit: 'ms' },
  ];
}
