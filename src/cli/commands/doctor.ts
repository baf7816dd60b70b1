// `peapod doctor`: what this machine has and lacks, and the line that mends it.
import { examine } from '../../cluster/requirements.ts';
import { printFinding } from '../output.ts';

/** The exit code: 0 when nothing is lacking. */
export function runDoctor(output: 'text' | 'json'): number {
  const findings = examine();
  if (output === 'json') process.stdout.write(`${JSON.stringify(findings, null, 2)}\n`);
  else findings.forEach(printFinding);
  return findings.every((finding) => finding.ok || finding.remedy === undefined) ? 0 : 1;
}
